//! What clients rely on, compared with what was promised: fields keep their numbers, names and types, methods the names
//! that they have in JSON, and what a client sends already needs nothing more than it did. What is new is added to
//! `lore/v1.lock` with `UPDATE_EXPECT=1`; what breaks clients is refused whatever is set.
//!
//! What does not live here: the codes of errors, which the server promises beside (`lore/v1.codes.lock`).

use super::DESCRIPTOR;
use super::v1::{LEFT_OUT_WHEN_EMPTY, call, notification};
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is promised of what: `ChatSend 1` is `string text`.
type Promises = BTreeMap<String, String>;

fn schema() -> FileDescriptorSet {
    FileDescriptorSet::decode(DESCRIPTOR).expect("a schema")
}

fn messages(schema: &FileDescriptorSet) -> impl Iterator<Item = &DescriptorProto> {
    schema.file.iter().filter(|file| file.package() == "lore.v1").flat_map(|file| &file.message_type)
}

fn short(type_name: &str) -> String {
    type_name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// One line for every field, value and rpc: what it is, and what it promises.
fn promises(schema: &FileDescriptorSet) -> Promises {
    let mut all = Promises::new();
    for message in messages(schema) {
        all.insert(message.name().to_owned(), "message".to_owned());
        all.extend(message.field.iter().map(|field| field_of(message.name(), field)));
        for entry in &message.nested_type {
            // What a map maps to what.
            let name = format!("{}.{}", message.name(), entry.name());
            all.extend(entry.field.iter().map(|field| field_of(&name, field)));
        }
    }
    for file in schema.file.iter().filter(|file| file.package() == "lore.v1") {
        for values in &file.enum_type {
            for value in &values.value {
                all.insert(format!("{} {}", values.name(), value.number()), value.name().to_owned());
            }
        }
        for rpc in file.service.iter().flat_map(|service| &service.method) {
            all.insert(format!("rpc {}", short(rpc.input_type())), short(rpc.output_type()));
        }
    }
    all
}

fn field_of(message: &str, field: &FieldDescriptorProto) -> (String, String) {
    let named = match field.r#type() {
        Type::Message | Type::Enum => short(field.type_name()),
        plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let label = match (field.label(), field.proto3_optional()) {
        (Label::Repeated, _) => "repeated ",
        (_, true) => "optional ",
        (_, false) => "",
    };
    (format!("{message} {}", field.number()), format!("{label}{named} {}", field.name()))
}

/// What only JSON has: the names of methods and notifications, and whether a list or a map of the server is there when
/// it is empty.
fn promises_in_json(schema: &FileDescriptorSet) -> Promises {
    let (plain, mut all) = (promises(schema), Promises::new());
    for (kind, choice, names) in [
        ("method", "Call", call::Method::NAMES),
        ("notification", "Notification", notification::Method::NAMES),
    ] {
        let choice = messages(schema).find(|message| message.name() == choice).expect("it is in the schema");
        let fields = choice.field.iter().filter(|field| field.r#type() == Type::Message);
        let taken: Vec<String> = fields.map(|field| short(field.type_name())).collect();
        assert_eq!(taken.len(), names.len(), "every {kind} has a name");
        all.extend(names.iter().zip(taken).map(|(name, params)| (format!("{kind} {name}"), params)));
    }
    let mut told = contained(&plain, "Response");
    told.extend(contained(&plain, "Notification"));
    for message in messages(schema).filter(|message| told.contains(message.name())) {
        for field in message.field.iter().filter(|field| field.label() == Label::Repeated) {
            let name = format!("{}.{}", message.name(), field.name());
            let is_left_out = LEFT_OUT_WHEN_EMPTY.contains(&name.as_str());
            let when_empty = if is_left_out { "left out" } else { "written" };
            all.insert(format!("empty {name}"), when_empty.to_owned());
        }
    }
    all
}

/// Fields of what clients send already without which their calls would be refused, and what to do about each.
fn burdens(schema: &FileDescriptorSet, promised: &Promises) -> Vec<String> {
    let sent = contained(promised, "Call");
    let mut all = Vec::new();
    for message in messages(schema).filter(|message| sent.contains(message.name())) {
        for field in message.field.iter().filter(|field| is_required(field)) {
            if !promised.contains_key(&format!("{} {}", message.name(), field.number())) {
                let name = format!("{}.{}", message.name(), field.name());
                all.push(format!("`{name}` is new and no client sends it yet: make it `optional`"));
            }
        }
    }
    all
}

/// Whether JSON without it is refused: `build.rs` gives it no default, and serde knows none of its own.
fn is_required(field: &FieldDescriptorProto) -> bool {
    let may_be_missing = field.label() == Label::Repeated
        || field.proto3_optional()
        || field.oneof_index.is_some()
        || field.r#type() == Type::Message;
    !may_be_missing
}

/// A message and those that it contains.
fn contained<'a>(promised: &'a Promises, message: &'a str) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut next = vec![message];
    while let Some(name) = next.pop() {
        if !promised.contains_key(name) || !all.insert(name) {
            continue;
        }
        let is_field = |what: &str| what.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
        let fields = promised.iter().filter(|(what, _)| is_field(what.as_str()));
        next.extend(fields.filter_map(|(_, promise)| promise.rsplit(' ').nth(1)));
    }
    all
}

#[test]
fn nothing_that_clients_rely_on_has_changed() {
    let schema = schema();
    let mut have = promises(&schema);
    have.extend(promises_in_json(&schema));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("lore/v1.lock");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let promised: Promises = lines.map(|(what, promise)| (what.to_owned(), promise.to_owned())).collect();
    for (what, promise) in &promised {
        assert_eq!(
            have.get(what),
            Some(promise),
            "{what} was promised: a client would break; add something new beside it"
        );
    }
    let burdens = burdens(&schema, &promised);
    assert!(burdens.is_empty(), "a client of before would be refused: {}", burdens.join("; "));
    let written: String = have.iter().map(|(what, promise)| format!("{what}: {promise}\n")).collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &written).expect("the lock can be written");
    } else {
        let new: Vec<&String> = have.keys().filter(|what| !promised.contains_key(*what)).collect();
        assert!(new.is_empty(), "{new:?} are not in lore/v1.lock: UPDATE_EXPECT=1 cargo test -p protocol");
    }
}

/// The schema with one field more.
fn schema_with(message: &str, field: FieldDescriptorProto) -> FileDescriptorSet {
    let mut schema = schema();
    let mut messages = schema.file.iter_mut().flat_map(|file| &mut file.message_type);
    messages.find(|known| known.name() == message).expect("it is in the schema").field.push(field);
    schema
}

#[test]
fn what_clients_send_already_needs_nothing_new() {
    let before = promises(&schema());
    let new = |message, kind: Type| {
        let field = FieldDescriptorProto {
            name: Some("loudness".to_owned()),
            number: Some(99),
            label: Some(Label::Optional.into()),
            r#type: Some(kind.into()),
            ..FieldDescriptorProto::default()
        };
        (message, field)
    };
    let refused =
        |(message, field): (&str, FieldDescriptorProto)| burdens(&schema_with(message, field), &before);
    let told = "`ChatSend.loudness` is new and no client sends it yet: make it `optional`";
    assert_eq!(refused(new("ChatSend", Type::Uint32)), [told]);
    assert_eq!(refused(new("ChatSend", Type::Enum)), [told]);
    assert_eq!(refused(new("WorldMove", Type::Sint32)).len(), 1, "also what is inside of params");
    assert_eq!(refused(new("Pong", Type::Uint32)).len(), 0, "clients do not send it");
    assert_eq!(refused(new("ChatSend", Type::Message)).len(), 0, "a message may be missing");
    let (message, mut field) = new("ChatSend", Type::Uint32);
    field.proto3_optional = Some(true);
    assert_eq!(refused((message, field.clone())).len(), 0);
    (field.proto3_optional, field.label) = (None, Some(Label::Repeated.into()));
    assert_eq!(refused((message, field)).len(), 0);

    let mut unknown = before.clone();
    unknown.retain(|what, _| !what.starts_with("ChatSend"));
    let (message, field) = new("ChatSend", Type::Uint32);
    assert_eq!(
        burdens(&schema_with(message, field), &unknown).len(),
        0,
        "what is new may need what it likes"
    );
}
