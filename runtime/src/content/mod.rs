//! The content loader: TOML files to [`sim::content::Content`], checked as a whole.
//!
//! Every definition is a table `[KIND.NAME]` in any file below `content/`; which file is the
//! designer's business. All mistakes are reported at once, each with file, line and, where a name
//! is close to a known one, a hint. What the numbers mean stands in `docs/scripting.md`.

mod check;
mod convert;
mod diff;
mod figures;
mod raw;
mod source;
mod unit;

pub use check::{ContentError, ContentErrors};
pub use diff::{Comparison, changed_rows, compare};
pub use figures::{Figure, MoveLimits};
pub use host_api::closest;

use crate::client::craft::recipes;
use crate::client::frame::to_json;
use crate::client::limits::LIST_BYTES;
use sim::content::Content;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Most files, and most bytes of one file: far beyond any hand-written content.
const FILES_MAX: usize = 2_000;
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What was loaded, for people and for the check of scripts against content.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Files read.
    pub files: usize,
    /// Definitions by kind.
    pub definitions: BTreeMap<&'static str, usize>,
    /// Scripts that definitions name, as `(kind, name)`: a world needs them all.
    pub scripts: BTreeSet<(&'static str, String)>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.definitions.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        write!(f, "{} files: {}", self.files, counts.join(", "))
    }
}

/// Loads all `*.toml` below a folder.
///
/// # Errors
/// Everything that is wrong with the files, in order of file and line.
pub fn load(dir: &Path) -> Result<(Content, Summary), ContentErrors> {
    load_files(&read_files(dir)?)
}

/// Reads all `*.toml` below a folder, by path relative to it with `/` between the parts.
///
/// # Errors
/// If a file cannot be read, is no UTF-8 or is too large, or there are too many.
pub fn read_files(dir: &Path) -> Result<BTreeMap<String, String>, ContentErrors> {
    let mut files = BTreeMap::new();
    collect(dir, dir, &mut files).map_err(|(path, why)| {
        ContentErrors(vec![ContentError { file: path, line: 0, what: why, hint: None }])
    })?;
    Ok(files)
}

fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) -> Result<(), (String, String)> {
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut entries =
        std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| {
            let why = format!("cannot read the folder: {error}; name the content's with --content");
            (dir.display().to_string(), why)
        })?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let meta = entry.metadata().map_err(|error| (name(&path), format!("cannot read it: {error}")))?;
        if meta.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|end| end == "toml") {
            if meta.len() > FILE_BYTES_MAX || files.len() >= FILES_MAX {
                let (len, number) = (meta.len(), files.len() + 1);
                let why = format!(
                    "it has {len} bytes and is file {number}, at most {FILES_MAX} files of {FILE_BYTES_MAX} bytes are read; \
                     split or join files"
                );
                return Err((name(&path), why));
            }
            let text = std::fs::read_to_string(&path)
                .map_err(|error| (name(&path), format!("cannot read it: {error}")))?;
            files.insert(name(&path).replace('\\', "/"), text);
        }
    }
    Ok(())
}

/// Loads content from texts by relative path, as they come with a push.
///
/// # Errors
/// Everything that is wrong with the files, in order of file and line.
pub fn load_files(files: &BTreeMap<String, String>) -> Result<(Content, Summary), ContentErrors> {
    let mut check = check::Check::default();
    let definitions = source::parse(files, &mut check);
    let (mut content, mut summary) = convert::convert(definitions, &mut check);
    if check.errors.is_empty() {
        check_lists(&content, &mut check);
    }
    if !check.errors.is_empty() {
        return Err(check.into_errors());
    }
    content.digest = digest(files);
    summary.files = files.len();
    Ok((content, summary))
}

/// What clients are told in one answer has to fit into it.
fn check_lists(content: &Content, check: &mut check::Check<'_>) {
    let bytes = to_json(&recipes(content)).len();
    if bytes > LIST_BYTES {
        let number = content.recipes.len();
        let what = format!(
            "the {number} recipes are {bytes} bytes as `craft.list` tells them, at most {LIST_BYTES} fit into its answer"
        );
        let hint = "have fewer recipes, or shorter names and titles".to_owned();
        check.error_with(check::At::ALL, what, Some(hint));
    }
}

/// First eight bytes of the digest over paths and texts. Line ends do not count, so that a
/// checkout on another system is the same content.
fn digest(files: &BTreeMap<String, String>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (path, text) in files {
        let text = text.replace("\r\n", "\n");
        for part in [path.as_bytes(), text.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    let bytes = hasher.finalize();
    bytes.as_bytes().iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

/// What is told behind a name nobody knows: the one that was probably meant, as a question, or nothing.
pub fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    closest(wrong, known).map(|close| format!(" (did you mean `{close}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
