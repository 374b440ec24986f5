//! From texts to single definitions, so that a mistake in one does not hide those in others.

use super::check::{At, Check};
use super::closest;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Kinds with named definitions, in the order in which they are listed to people.
pub(super) const KINDS: [&str; 11] =
    ["zone", "class", "ability", "status", "item", "npc", "loot", "shop", "quest", "dialog", "announcement"];
/// Definitions without a name, of which there is one each.
pub(super) const PROGRESSION: &str = "progression";
pub(super) const CHAT: &str = "chat";
const SINGLE: [&str; 2] = [PROGRESSION, CHAT];

/// One definition, not looked into yet.
pub(super) struct Definition<'a> {
    pub(super) name: String,
    pub(super) at: At,
    value: Spanned<DeValue<'a>>,
}

impl<'a> Definition<'a> {
    /// Looks into it. The first thing that does not fit is recorded.
    pub(super) fn read<T: Deserialize<'a>>(self, check: &mut Check<'_>) -> Option<T> {
        let whole = self.value.span().start;
        match T::deserialize(self.value.into_deserializer()) {
            Ok(raw) => Some(raw),
            Err(error) => {
                let offset = error.span().map_or(whole, |span| span.start);
                check.error(At { file: self.at.file, offset }, error.message());
                None
            }
        }
    }
}

/// All definitions by kind. `progression` and `chat` have one entry if they were found.
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
