//! Generates the types of the messages from the schema, with the names that they have in JSON.

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Lists and maps that are left out of the JSON when they are empty.
const LEFT_OUT_WHEN_EMPTY: [&str; 6] = [
    "InventoryUpdate.slots",
    "InventoryUpdate.equipment",
    "WorldDelta.enter",
    "WorldDelta.update",
    "WorldDelta.leave",
    "WorldDelta.events",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=lore");
    let schema = protox::compile(["lore/v1/frame.proto"], ["."])?;
    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    config.type_attribute(".", "#[derive(::serde::Serialize, ::serde::Deserialize)]");
    let asked = params(&schema);
    for file in schema.file.iter().filter(|file| file.package() == "lore.v1") {
        for message in &file.message_type {
            describe(&mut config, message);
            // A typing error of a client shall be seen; a client shall not mind what newer servers tell.
            let path = format!(".lore.v1.{}", message.name());
            if asked.contains(&path) {
                config.message_attribute(path, "#[serde(deny_unknown_fields)]");
            }
        }
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("names.rs"), names(&schema)?)?;
    std::fs::write(out.join("lore.v1.bin"), schema.encode_to_vec())?;
    config.compile_fds(schema)?;
    Ok(())
}

/// The messages that are params of a method.
fn params(schema: &FileDescriptorSet) -> Vec<String> {
    let messages = schema.file.iter().flat_map(|file| &file.message_type);
    let calls = messages.filter(|message| message.name() == "Call").flat_map(|message| &message.field);
    calls.map(|field| field.type_name().to_owned()).collect()
}

/// How the fields of a message look in JSON.
fn describe(config: &mut prost_build::Config, message: &DescriptorProto) {
    let name = message.name();
    let path = format!(".lore.v1.{name}");
    for field in &message.field {
        let at = format!("{path}.{}", field.name());
        if field.name() == "self" {
            config.field_attribute(&at, "#[serde(rename = \"self\")]");
        }
        let optional = field.proto3_optional()
            || (field.r#type() == Type::Message
                && field.label() != Label::Repeated
                && field.oneof_index.is_none());
        if field.r#type() == Type::Enum {
            let of = field.type_name().rsplit('.').next().unwrap_or_default();
            let how = if optional { "optional_name" } else { "name" };
            let attribute = format!(
                "#[serde(serialize_with = \"crate::{how}::serialize::<{of}, _>\", \
                 deserialize_with = \"crate::{how}::deserialize::<{of}, _>\")]"
            );
            config.field_attribute(&at, attribute);
        }
        if optional {
            config.field_attribute(&at, "#[serde(default, skip_serializing_if = \"Option::is_none\")]");
        }
        if field.label() == Label::Repeated && name != "Statuses" {
            let skip = LEFT_OUT_WHEN_EMPTY.contains(&format!("{name}.{}", field.name()).as_str());
            let is_map = message.nested_type.iter().any(|nested| {
                nested.options.as_ref().is_some_and(|options| options.map_entry())
                    && field.type_name().ends_with(nested.name())
            });
            let attribute = match (skip, is_map) {
                (false, _) => "#[serde(default)]",
                (true, false) => "#[serde(default, skip_serializing_if = \"Vec::is_empty\")]",
                (true, true) => {
                    "#[serde(default, skip_serializing_if = \"::std::collections::BTreeMap::is_empty\")]"
                }
            };
            config.field_attribute(&at, attribute);
        }
    }
    match name {
        "Call" | "Notification" => {
            let tag = "#[serde(tag = \"method\", content = \"params\")]";
            config.enum_attribute(format!("{path}.method"), tag);
            for variant in &message.field {
                let rename = format!("#[serde(rename = \"{}\")]", dotted(variant));
                config.field_attribute(format!("{path}.method.{}", variant.name()), rename);
            }
        }
        "Response" => {
            config.enum_attribute(format!("{path}.outcome"), "#[serde(untagged)]");
        }
        "Event" => {
            config.message_attribute(&path, "#[serde(transparent)]");
            let tag = "#[serde(tag = \"type\", rename_all = \"snake_case\")]";
            config.enum_attribute(format!("{path}.type"), tag);
        }
        "Statuses" => {
            config.message_attribute(path, "#[serde(transparent)]");
        }
        _ => {}
    }
}

/// `world_join` is `world.join`, unless the schema names it otherwise. The compiler writes a name for every field; those
/// that it makes up have no dots.
fn dotted(field: &FieldDescriptorProto) -> String {
    match field.json_name() {
        name if name.contains('.') => name.to_owned(),
        _ => field.name().replacen('_', ".", 1),
    }
}

fn upper_camel(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(capital).collect()
}

/// The tables of names: methods, what they take and return; values of enums.
fn names(schema: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let files: Vec<_> = schema.file.iter().filter(|file| file.package() == "lore.v1").collect();
    let message = |name: &str| {
        let mut messages = files.iter().flat_map(|file| &file.message_type);
        messages.find(|message| message.name() == name).ok_or_else(|| format!("the schema has no {name}"))
    };
    let services: Vec<_> = files.iter().flat_map(|file| &file.service).flat_map(|it| &it.method).collect();
    let outcomes = message("Response")?;
    let (mut called, mut parsed, mut answered) = (String::new(), String::new(), String::new());
    let (mut methods, mut notifications) = (String::new(), String::new());
    let call = message("Call")?;
    for field in call.field.iter().filter(|field| field.r#type() == Type::Message) {
        let (name, variant) = (dotted(field), upper_camel(field.name()));
        let rpc = services.iter().find(|rpc| rpc.input_type() == field.type_name());
        let rpc = rpc.ok_or_else(|| format!("no rpc takes {}", field.type_name()))?;
        let outcome = outcomes.field.iter().find(|outcome| outcome.type_name() == rpc.output_type());
        let outcome = outcome.ok_or_else(|| format!("no outcome is {}", rpc.output_type()))?;
        write!(methods, "\"{name}\", ")?;
        writeln!(called, "            Self::{variant}(_) => \"{name}\",")?;
        writeln!(parsed, "            \"{name}\" => crate::params(params).map(Self::{variant}),")?;
        writeln!(
            answered,
            "            \"{name}\" => crate::params(result).map(Self::{}),",
            upper_camel(outcome.name())
        )?;
    }
    let (mut told, mut heard) = (String::new(), String::new());
    for field in &message("Notification")?.field {
        let (name, variant) = (dotted(field), upper_camel(field.name()));
        write!(notifications, "\"{name}\", ")?;
        writeln!(told, "            Self::{variant}(_) => \"{name}\",")?;
        writeln!(heard, "            \"{name}\" => crate::params(params).map(Self::{variant}),")?;
    }
    let mut enums = String::new();
    for values in files.iter().flat_map(|file| &file.enum_type) {
        enums.push_str(&enum_names(values)?);
    }
    Ok(format!(
        "/// Lists and maps that are left out of the JSON when they are empty.
#[cfg(test)]
pub(crate) const LEFT_OUT_WHEN_EMPTY: &[&str] = &{LEFT_OUT_WHEN_EMPTY:?};

impl call::Method {{
    /// All of them.
    pub const NAMES: &[&str] = &[{methods}];

    /// `world.join`.
    pub fn name(&self) -> &'static str {{
        match self {{
{called}        }}
    }}

    /// The call of this method with these params, a JSON object; `None` if there is no such method.
    pub fn from_json(method: &str, params: &str) -> Option<Result<Self, crate::JsonError>> {{
        Some(match method {{
{parsed}            _ => return None,
        }})
    }}
}}

impl response::Outcome {{
    /// What this method was answered, from the JSON of its result; `None` if there is no such method.
    pub fn from_json(method: &str, result: &str) -> Option<Result<Self, crate::JsonError>> {{
        Some(match method {{
{answered}            _ => return None,
        }})
    }}
}}

impl notification::Method {{
    /// All of them.
    pub const NAMES: &[&str] = &[{notifications}];

    /// `world.delta`.
    pub fn name(&self) -> &'static str {{
        match self {{
{told}        }}
    }}

    /// The notification of this name with these params, a JSON object; `None` if there is none.
    pub fn from_json(method: &str, params: &str) -> Option<Result<Self, crate::JsonError>> {{
        Some(match method {{
{heard}            _ => return None,
        }})
    }}
}}

{enums}"
    ))
}

/// The names of an enum's values in JSON: `NPC_STATE_RETURN_HOME` is `return_home`.
fn enum_names(values: &EnumDescriptorProto) -> Result<String, Box<dyn Error>> {
    let name = values.name();
    let mut prefix = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            prefix.push('_');
        }
        prefix.extend(letter.to_uppercase());
    }
    prefix.push('_');
    let (mut to, mut from) = (String::new(), String::new());
    for value in &values.value {
        let short =
            value.name().strip_prefix(&prefix).ok_or_else(|| format!("{} without {prefix}", value.name()))?;
        let (json, variant) = (short.to_lowercase(), upper_camel(&short.to_lowercase()));
        writeln!(to, "            Self::{variant} => \"{json}\",")?;
        writeln!(from, "            \"{json}\" => Self::{variant},")?;
    }
    Ok(format!(
        "impl crate::JsonName for {name} {{
    fn json_name(self) -> &'static str {{
        match self {{
{to}        }}
    }}
    fn from_json_name(name: &str) -> Option<Self> {{
        Some(match name {{
{from}            _ => return None,
        }})
    }}
}}

"
    ))
}
