//! Whole answers kept in a file beside the scenarios: `tests/golden/FILE.CASE.json`.

use super::expect::same;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Answers kept for one case; more would be a file nobody reads.
pub(super) const ANSWERS: usize = 100;

/// The file of one case.
pub(super) struct Golden {
    path: PathBuf,
}

/// How answers differ from those kept.
pub(super) struct Differs {
    pub(super) what: String,
    /// Which answer.
    pub(super) at: Option<usize>,
}

impl Golden {
    pub(super) fn of(file: &Path, case: &str) -> Self {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let slug: String = case.chars().take(80).map(letter).collect();
        Self { path: file.with_file_name("golden").join(format!("{stem}.{slug}.json")) }
    }

    /// Compares, or writes what is not the same.
    pub(super) fn compare(&self, answers: &[Value], bless: bool) -> Result<(), Differs> {
        let whole = |what: String| Differs { what, at: None };
        let shown = self.path.display();
        if answers.len() > ANSWERS {
            return Err(whole(format!(
                "{} answers, at most {ANSWERS} are kept; lower `repeat`",
                answers.len()
            )));
        }
        let kept = match std::fs::read_to_string(&self.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(whole(format!("{shown}: {error}"))),
        };
        let parsed: Option<Vec<Value>> = kept.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let equal = parsed.as_ref().is_some_and(|kept| {
            kept.len() == answers.len() && kept.iter().zip(answers).all(|(a, b)| same(a, b))
        });
        if equal {
            return Ok(());
        }
        if bless {
            return self.write(answers).map_err(|error| whole(format!("{shown}: {error}")));
        }
        let Some(parsed) = parsed else {
            let state = if kept.is_some() { "cannot be read" } else { "does not exist" };
            return Err(whole(format!("{shown} {state}; run with --bless to write it")));
        };
        let at = parsed.iter().zip(answers).position(|(a, b)| !same(a, b));
        let what = match at {
            Some(at) => {
                format!("not as in {shown}: {}; --bless takes it over", difference(&parsed[at], &answers[at]))
            }
            None => {
                format!("{} answers, {} in {shown}; --bless takes them over", answers.len(), parsed.len())
            }
        };
        Err(Differs { what, at })
    }

    fn write(&self, answers: &[Value]) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_string_pretty(answers)?;
        text.push('\n');
        std::fs::write(&self.path, text)
    }
}

/// The fields that are not the same.
fn difference(kept: &Value, answer: &Value) -> String {
    let (Value::Object(kept), Value::Object(now)) = (kept, answer) else {
        return format!("{answer} instead of {kept}");
    };
    let names = kept.keys().chain(now.keys().filter(|name| !kept.contains_key(*name)));
    let nothing = Value::Null;
    let differs: Vec<String> = names
        .map(|name| (name, kept.get(name).unwrap_or(&nothing), now.get(name).unwrap_or(&nothing)))
        .filter(|(_, kept, now)| !same(kept, now))
        .map(|(name, kept, now)| format!("{name} is {now}, was {kept}"))
        .collect();
    differs.join(", ")
}
