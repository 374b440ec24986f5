//! Which line of the author's files a line of the bundle came from, as a table the bundle carries.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

#[derive(Default, Deserialize)]
struct Map {
    sources: Vec<String>,
    mappings: String,
}

/// The table: `files`, and by line of the bundle (from 1) triples of a column (from 0) where something
/// begins, the file it came from (-1: not the author's) and the line there (from 1).
///
/// `folder` is where the bundle lies, `authors` the script's folder. A map that cannot be read gives an
/// empty table: a failure then has no line, and nothing else is lost.
pub(super) fn places(map: &str, folder: &Path, authors: &Path) -> Value {
    let Map { sources, mappings } = serde_json::from_str(map).unwrap_or_default();
    let above = authors.parent().and_then(Path::parent).unwrap_or(authors);
    let mut files = Vec::new();
    let number: Vec<i64> = sources
        .iter()
        .map(|source| {
            let path = plain(&folder.join(source));
            if !path.starts_with(authors) {
                return -1;
            }
            files.push(path.strip_prefix(above).unwrap_or(&path).display().to_string());
            files.len() as i64 - 1
        })
        .collect();
    let (mut source, mut line) = (0_i64, 0_i64);
    let mut lines: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (index, segments) in mappings.split(';').enumerate() {
        let mut column = 0;
        let mut known = None;
        for segment in segments.split(',') {
            let fields = numbers(segment);
            let [along, from, down, ..] = fields.as_slice() else { continue };
            column += along;
            source += from;
            line += down;
            let file = usize::try_from(source).ok().and_then(|at| number.get(at)).copied().unwrap_or(-1);
            let place = (file, line);
            if known != Some(place) {
                known = Some(place);
                lines.entry((index + 1).to_string()).or_default().extend([column, file, line + 1]);
            }
        }
    }
    json!({ "files": files, "lines": lines })
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The base-64 numbers of one segment.
fn numbers(segment: &str) -> Vec<i64> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut numbers = Vec::new();
    let (mut value, mut shift) = (0_i64, 0);
    for byte in segment.bytes() {
        let Some(digit) = DIGITS.iter().position(|known| *known == byte) else { return Vec::new() };
        value |= (digit as i64 & 31) << shift;
        if digit & 32 != 0 && shift < 50 {
            shift += 5;
        } else {
            numbers.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            (value, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_format() {
        assert_eq!(numbers("AAgBC"), [0, 0, 16, 1]);
        assert_eq!(numbers("D"), [-1]);
        assert!(numbers("a!").is_empty());
    }

    #[test]
    fn lines_lead_to_the_authors_files_only() {
        // Two lines of the door, then line 3 of the script from column 2 on.
        let map = r#"{"sources":["entry.js","../../../wolf/script.ts"],"mappings":"AAAA;AACA;ECCA,EAAE"}"#;
        let (folder, authors) = (Path::new("/w/scripts/target/lore/ts"), Path::new("/w/scripts/wolf"));
        let places = places(map, folder, authors);
        assert_eq!(places["files"], json!(["scripts/wolf/script.ts"]));
        assert_eq!(places["lines"]["1"], json!([0, -1, 1]));
        assert_eq!(places["lines"]["3"], json!([2, 0, 3]));
        assert_eq!(super::places("{}", folder, authors), json!({"files": [], "lines": {}}));
    }
}
