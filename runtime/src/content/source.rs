//! From texts to single definitions, so that a mistake in one does not hide those in others.

use super::check::{At, Check};
use super::closest;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Kinds with named definitions, in the order in which they are listed to people.
pub(super) const KINDS: [&str; 14] = [
    "zone",
    "class",
    "ability",
    "status",
    "item",
    "npc",
    "loot",
    "shop",
    "recipe",
    "quest",
    "dialog",
    "announcement",
    "encounter",
    "event",
];
/// Definitions without a name, of which there is one each.
pub(super) const PROGRESSION: &str = "progression";
pub(super) const CHAT: &str = "chat";
pub(super) const DUEL: &str = "duel";
pub(super) const PROOF: &str = "proof";
pub(super) const SINGLE: [&str; 4] = [PROGRESSION, CHAT, DUEL, PROOF];

/// Mistakes looked for in one definition.
const MISTAKES: usize = 50;

/// One definition, not looked into yet.
pub(super) struct Definition<'a> {
    pub(super) name: String,
    pub(super) at: At,
    value: Spanned<DeValue<'a>>,
}

impl<'a> Definition<'a> {
    /// Looks into it. Everything that does not fit is recorded: what one look finds is taken out before the
    /// next one. Without the keys that nobody knows it is as good as any, and is looked into further.
    pub(super) fn read<T: Deserialize<'a>>(mut self, check: &mut Check<'_>) -> Option<T> {
        let whole = self.value.span().start;
        let (mut taken_out, mut is_whole) = (Vec::new(), true);
        for _ in 0..MISTAKES {
            let error = match T::deserialize(self.value.clone().into_deserializer()) {
                Ok(raw) => return is_whole.then_some(raw),
                Err(error) => error,
            };
            let (offset, message) = (error.span().map_or(whole, |span| span.start), error.message());
            let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
            let is_missing = message.starts_with("missing field");
            // What was taken out is missing now, and that is no mistake of its own.
            if !(is_missing && named.first().is_some_and(|name| taken_out.iter().any(|out| out == name))) {
                let hint = did_you_mean(message, &named);
                check.error_with(At { file: self.at.file, offset }, message, hint);
            }
            is_whole &= message.starts_with("unknown field");
            if is_missing || !take_out(&mut self.value, offset, &mut taken_out) {
                return None;
            }
        }
        None
    }
}

/// What somebody may have meant who wrote what is not known: the message names it first, then all that are.
fn did_you_mean(message: &str, named: &[&str]) -> Option<String> {
    let (wrong, known) = named.split_first().filter(|_| message.starts_with("unknown"))?;
    closest(wrong, known.iter().copied()).map(|close| format!("did you mean `{close}`?"))
}

/// Takes the innermost entry out that stands at this place, key or value; false if there is none.
fn take_out(value: &mut Spanned<DeValue<'_>>, offset: usize, taken_out: &mut Vec<String>) -> bool {
    match value.get_mut() {
        DeValue::Table(table) => {
            let mut own = None;
            for (key, value) in table.iter_mut() {
                let is_key = key.span().contains(&offset);
                if !is_key && take_out(value, offset, taken_out) {
                    return true;
                }
                if is_key || value.span().contains(&offset) {
                    own = Some(key.get_ref().to_string());
                    break;
                }
            }
            let Some(name) = own else { return false };
            table.remove(name.as_str());
            taken_out.push(name);
            true
        }
        DeValue::Array(array) => array.iter_mut().any(|value| take_out(value, offset, taken_out)),
        _ => false,
    }
}

/// All definitions by kind. Those without a name have one entry if they were found.
pub(super) type Definitions<'a> = BTreeMap<&'static str, Vec<Definition<'a>>>;

/// Parses all files; makes all names known.
pub(super) fn parse<'a>(files: &'a BTreeMap<String, String>, check: &mut Check<'a>) -> Definitions<'a> {
    check.files = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut definitions = Definitions::new();
    for (file, text) in files.values().enumerate() {
        let (table, errors) = DeTable::parse_recoverable(text);
        let broken = !errors.is_empty();
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            check.error(At { file, offset }, error.message());
        }
        for (key, value) in table.into_inner() {
            let at = At { file, offset: key.span().start };
            file_away(key.get_ref(), at, value, check, &mut definitions);
        }
        if broken {
            // Its names count, so that others may refer to them; its bodies would only mislead.
            definitions.values_mut().for_each(|all| all.retain(|definition| definition.at.file != file));
        }
    }
    definitions
}

fn file_away<'a>(
    key: &str,
    at: At,
    value: Spanned<DeValue<'a>>,
    check: &mut Check<'_>,
    definitions: &mut Definitions<'a>,
) {
    if let Some(single) = SINGLE.into_iter().find(|single| *single == key) {
        let all = definitions.entry(single).or_default();
        if !all.is_empty() {
            check.error(at, format!("`{single}` is defined twice"));
        }
        return all.push(Definition { name: String::new(), at, value });
    }
    let Some(kind) = KINDS.into_iter().find(|kind| *kind == key) else {
        let kinds = KINDS.into_iter().chain(SINGLE);
        let hint = closest(key, kinds.clone()).map(|close| format!("did you mean `{close}`?"));
        let all: Vec<&str> = kinds.collect();
        return check.error_with(at, format!("`{key}` is none of {}", all.join(", ")), hint);
    };
    let DeValue::Table(named) = value.into_inner() else {
        return check.error(at, format!("write `[{kind}.NAME]`"));
    };
    for (name, value) in named {
        let at = At { file: at.file, offset: name.span().start };
        check.register(kind, name.get_ref(), at);
        let name = name.into_inner().into_owned();
        definitions.entry(kind).or_default().push(Definition { name, at, value });
    }
}
