//! What clients rely on, compared with what was promised: fields keep their numbers, names and types. What is new
//! is added to `lore/v1.lock` with `UPDATE_EXPECT=1`; what breaks clients is refused whatever is set.

use super::DESCRIPTOR;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::BTreeMap;
use std::path::Path;

/// One line for every field, value and rpc: what it is, and what it promises.
fn promises(schema: &FileDescriptorSet) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in schema.file.iter().filter(|file| file.package() == "lore.v1") {
        for message in &file.message_type {
            all.insert(message.name().to_owned(), "message".to_owned());
            all.extend(message.field.iter().map(|field| field_of(message, field)));
        }
        for values in &file.enum_type {
            for value in &values.value {
                all.insert(format!("{} {}", values.name(), value.number()), value.name().to_owned());
            }
        }
        for rpc in file.service.iter().flat_map(|service| &service.method) {
            let short = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
            all.insert(format!("rpc {}", short(rpc.input_type())), short(rpc.output_type()));
        }
    }
    all
}

fn field_of(message: &DescriptorProto, field: &FieldDescriptorProto) -> (String, String) {
    let named = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().rsplit('.').next().unwrap_or_default().to_owned(),
        plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let label = match (field.label(), field.proto3_optional()) {
        (Label::Repeated, _) => "repeated ",
        (_, true) => "optional ",
        (_, false) => "",
    };
    (format!("{} {}", message.name(), field.number()), format!("{label}{named} {}", field.name()))
}

#[test]
fn nothing_that_clients_rely_on_has_changed() {
    let schema = FileDescriptorSet::decode(DESCRIPTOR).expect("a schema");
    let have = promises(&schema);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("lore/v1.lock");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let promised: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    for (what, promise) in &promised {
        let now = have.get(*what).map(String::as_str);
        assert_eq!(
            now,
            Some(*promise),
            "{what} was promised: a client would break; add something new beside it"
        );
    }
    let written: String = have.iter().map(|(what, promise)| format!("{what}: {promise}\n")).collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &written).expect("the lock can be written");
    } else {
        let new: Vec<&String> = have.keys().filter(|what| !promised.contains_key(what.as_str())).collect();
        assert!(new.is_empty(), "{new:?} are not in lore/v1.lock: UPDATE_EXPECT=1 cargo test -p protocol");
    }
}
