//! The collector of mistakes, and the register of names that references are checked against.

use super::closest;
use humantime_serde::re::humantime::format_duration;
use sim::{DefId, def_id};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// Names are at most this long: they are hashed, logged and sent to clients.
const NAME_BYTES: usize = 64;

/// One mistake in the content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct ContentError {
    /// Path below the content folder.
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// All mistakes of a set of files, by file and line; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentErrors(pub Vec<ContentError>);

impl fmt::Display for ContentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the content has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ContentErrors {}

/// A place in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) file: usize,
    /// Bytes from its start.
    pub(super) offset: usize,
}

impl At {
    /// For what is wrong with all files together.
    pub(super) const ALL: Self = Self { file: usize::MAX, offset: 0 };
}

/// Everything a check needs to know and to remember.
#[derive(Default)]
pub(super) struct Check<'a> {
    pub(super) files: Vec<(&'a str, &'a str)>,
    pub(super) errors: Vec<ContentError>,
    names: BTreeMap<&'static str, BTreeMap<String, At>>,
    hashes: BTreeMap<DefId, String>,
}

impl Check<'_> {
    /// Records a mistake.
    pub(super) fn error(&mut self, at: At, what: impl Into<String>) {
        self.error_with(at, what, None);
    }

    /// Records a mistake with what to do about it.
    pub(super) fn error_with(&mut self, at: At, what: impl Into<String>, hint: Option<String>) {
        let (file, line) = self.locate(at);
        self.errors.push(ContentError { file, line, what: what.into(), hint });
    }

    fn locate(&self, at: At) -> (String, usize) {
        let Some((path, text)) = self.files.get(at.file).copied() else {
            return ("all files".to_owned(), 0);
        };
        let before = text.as_bytes().get(..at.offset).unwrap_or_default();
        (path.to_owned(), 1 + before.iter().filter(|byte| **byte == b'\n').count())
    }

    /// All mistakes, by file and line.
    pub(super) fn into_errors(mut self) -> ContentErrors {
        self.errors.sort();
        self.errors.dedup();
        ContentErrors(self.errors)
    }

    /// Makes a name known; refuses a second one and one whose hash is taken.
    pub(super) fn register(&mut self, kind: &'static str, name: &str, at: At) -> DefId {
        let valid = (1..=NAME_BYTES).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !valid {
            self.error(at, format!("the name `{name}` must be 1 to {NAME_BYTES} of a-z, 0-9 and `_`"));
        }
        if let Some(first) = self.names.entry(kind).or_default().insert(name.to_owned(), at) {
            let (file, line) = self.locate(first);
            self.error(at, format!("{kind} `{name}` is defined twice, first in {file}:{line}"));
        }
        self.hash(&format!("{kind}/{name}"), at)
    }

    /// The id of a full name, which no other full name may share.
    pub(super) fn hash(&mut self, full: &str, at: At) -> DefId {
        let id = def_id(full);
        let other = self.hashes.insert(id, full.to_owned());
        if id == DefId::NONE {
            self.error(at, format!("`{full}` has the reserved id 0; choose another name"));
        } else if let Some(other) = other.filter(|other| other != full) {
            self.error(at, format!("`{full}` and `{other}` have the same id; rename one of them"));
        }
        id
    }

    /// The id a reference means.
    pub(super) fn reference(&mut self, kind: &'static str, name: &Spanned<String>, file: usize) -> DefId {
        let wanted = name.get_ref();
        let known = self.names.get(kind);
        if !known.is_some_and(|names| names.contains_key(wanted)) {
            let names = known.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
            let hint = closest(wanted, names).map(|close| format!("did you mean `{close}`?"));
            let at = At { file, offset: name.span().start };
            self.error_with(at, format!("there is no {kind} `{wanted}`"), hint);
        }
        def_id(&format!("{kind}/{wanted}"))
    }

    /// The same for a reference that may be missing.
    pub(super) fn optional(
        &mut self,
        kind: &'static str,
        name: Option<&Spanned<String>>,
        file: usize,
    ) -> DefId {
        name.map_or(DefId::NONE, |name| self.reference(kind, name, file))
    }

    /// Refuses a number outside its range.
    pub(super) fn range<N: Copy + PartialOrd + fmt::Display>(
        &mut self,
        at: At,
        what: &str,
        value: N,
        range: RangeInclusive<N>,
    ) {
        if !range.contains(&value) {
            self.error(at, format!("{what} is {value}, must be {} to {}", range.start(), range.end()));
        }
    }

    /// The same for a distance in millimetres, told in units as it is written.
    pub(super) fn distance<N: Copy + PartialOrd + Into<i64>>(
        &mut self,
        at: At,
        what: &str,
        mm: N,
        range: RangeInclusive<N>,
    ) {
        if !range.contains(&mm) {
            let units = |mm: N| Into::<i64>::into(mm) as f64 / 1_000.0;
            let (is, least, most) = (units(mm), units(*range.start()), units(*range.end()));
            self.error(at, format!("{what} is {is}, must be {least} to {most} units"));
        }
    }

    /// The same for a time in milliseconds, told as it is written.
    pub(super) fn span(&mut self, at: At, what: &str, ms: u32, range: RangeInclusive<u32>) {
        if !range.contains(&ms) {
            let [is, least, most] = [ms, *range.start(), *range.end()]
                .map(|ms| format_duration(Duration::from_millis(ms.into())).to_string());
            self.error(at, format!("{what} is {is}, must be {least} to {most}"));
        }
    }
}
