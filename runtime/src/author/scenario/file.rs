//! Scenario files: what an author writes, with the lines it stands in. Nothing is run here.

use super::step::{ASKS, Step};
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Bytes of one file.
const FILE_BYTES: u64 = 1 << 20;
/// Files of one script.
const FILES: usize = 200;
/// Cases of one file.
const CASES: usize = 2_000;
/// Views of one case: a million are some seconds.
const VIEWS: u32 = 1_000_000;

/// One file of a script's `tests/`.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// As found.
    pub path: PathBuf,
    /// What its cases begin with.
    pub defaults: Defaults,
    /// In order.
    pub cases: Vec<Case>,
}

/// What the cases of a file have in common.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Function asked where a case names none.
    pub export: Option<String>,
    /// Fields of the context.
    pub context: Value,
    /// Fields of the view.
    pub view: Value,
}

/// One case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Line of the file it begins in, from 1.
    #[serde(skip)]
    pub line: usize,
    /// Function asked.
    pub export: Option<String>,
    /// Fields of the context.
    #[serde(default)]
    pub context: Value,
    /// Fields of the view.
    #[serde(default)]
    pub view: Value,
    /// How many views, each with a seed of its own.
    pub repeat: Option<u32>,
    /// Where the seeds of a repeated case come from; from its name if nothing is said.
    pub seed: Option<u64>,
    /// What every answer must be, field by field.
    #[serde(default)]
    pub expect: Value,
    /// Share of answers with a value, as `share.FIELD.VALUE = [least, most]`.
    #[serde(default)]
    pub share: Value,
    /// Average of a field, as `mean.FIELD = [least, most]`.
    #[serde(default)]
    pub mean: Value,
    /// Fields drawn at random: `[least, most]`, a list of values, or `"any"`.
    #[serde(default)]
    pub for_all: Value,
    /// Rules every answer must obey, such as `amount <= raw`.
    #[serde(default)]
    pub invariant: Vec<String>,
    /// Whether the whole answers are compared with those kept in a file.
    #[serde(default)]
    pub golden: bool,
    /// The call must fail, and say this.
    pub fails: Option<String>,
    /// Most fuel per view.
    pub max_fuel: Option<u64>,
    /// What the next view would show, field by field, when all is over.
    #[serde(default)]
    pub end: Value,
    /// Questions of which each follows from the answer before.
    #[serde(skip)]
    pub steps: Vec<Step>,
    #[serde(default, rename = "step")]
    written_steps: Vec<Spanned<Step>>,
}

impl Case {
    /// Whether it is more than one question about each of its views.
    pub(super) fn has_sequel(&self) -> bool {
        !self.steps.is_empty() || !self.end.is_null()
    }

    /// Whether chance has a part in it beyond the seeds of its views.
    pub(super) fn is_drawn(&self) -> bool {
        let is_drawn = |step: &Step| !step.for_all.is_null() || step.times.least < step.times.most;
        !self.for_all.is_null() || self.steps.iter().any(is_drawn)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    export: Option<String>,
    #[serde(default)]
    context: Value,
    #[serde(default)]
    view: Value,
    #[serde(default)]
    case: Vec<Spanned<Case>>,
}

/// Why a file holds no cases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {reason}", path.display())]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// The scenario files of a script: all `*.toml` in its folder `tests`, by name.
///
/// # Errors
/// The folder cannot be read, or holds too many. No folder is no error.
pub fn files_of(script_folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let folder = script_folder.join("tests");
    let wrong = |reason: String| FileError { path: folder.clone(), line: 0, reason };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| wrong(error.to_string()))?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
        if files.len() > FILES {
            return Err(wrong(format!("more than {FILES} files; split the script or join files")));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file.
///
/// # Errors
/// It cannot be read, is no TOML, or has a field that does not exist; with the line.
pub fn read(path: &Path) -> Result<ScenarioFile, FileError> {
    let at = |line, reason: String| FileError { path: path.to_owned(), line, reason };
    let bytes = std::fs::metadata(path).map(|meta| meta.len()).map_err(|error| at(0, error.to_string()))?;
    if bytes > FILE_BYTES {
        return Err(at(0, format!("{bytes} bytes, at most {FILE_BYTES} are read; split the file")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| at(0, error.to_string()))?;
    let raw: Raw = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(&text, &span));
        at(line, error.message().to_owned())
    })?;
    if raw.case.len() > CASES {
        return Err(at(0, format!("{} cases, at most {CASES} are run; split the file", raw.case.len())));
    }
    let mut cases: Vec<Case> = Vec::with_capacity(raw.case.len());
    for case in raw.case {
        let line = line_of(&text, &case.span());
        let mut case = Case { line, ..case.into_inner() };
        let steps = std::mem::take(&mut case.written_steps).into_iter();
        case.steps =
            steps.map(|step| Step { line: line_of(&text, &step.span()), ..step.into_inner() }).collect();
        check(&case, &cases).map_err(|reason| at(line, format!("`{}`: {reason}", case.name)))?;
        cases.push(case);
    }
    let defaults = Defaults { export: raw.export, context: raw.context, view: raw.view };
    Ok(ScenarioFile { path: path.to_owned(), defaults, cases })
}

/// What a case alone can be wrong about.
fn check(case: &Case, before: &[Case]) -> Result<(), String> {
    if let Some(other) = before.iter().find(|other| other.name == case.name) {
        return Err(format!("the case in line {} has this name too", other.line));
    }
    if case.repeat.is_some_and(|repeat| repeat == 0 || repeat > VIEWS) {
        return Err(format!("repeat is 1 to {VIEWS}"));
    }
    let many = case.repeat.is_some() || case.is_drawn();
    let counts = !case.share.is_null() || !case.mean.is_null();
    if counts && !many {
        return Err("a share or mean of one answer says nothing; add repeat = 10000".to_owned());
    }
    let nothing = case.expect.is_null() && case.share.is_null() && case.mean.is_null();
    let nothing = nothing && case.invariant.is_empty() && !case.golden && case.fails.is_none();
    let nothing = nothing && case.end.is_null() && case.steps.iter().all(Step::expects_nothing);
    if nothing && case.max_fuel.is_none() {
        return Err(
            "it expects nothing; add expect, share, mean, invariant, golden, fails or max-fuel".to_owned()
        );
    }
    check_steps(case)
}

/// What the steps of a case can be wrong about.
fn check_steps(case: &Case) -> Result<(), String> {
    if !case.has_sequel() {
        return Ok(());
    }
    if case.fails.is_some() {
        return Err("what fails is one question: write `fails` in its step".to_owned());
    }
    if !case.end.is_null() && !case.end.is_object() {
        return Err(format!("end: write fields of the view, such as end.memory = 2, not {}", case.end));
    }
    let asks: u64 = case.steps.iter().map(|step| u64::from(step.times.most)).sum();
    if asks > ASKS {
        return Err(format!("up to {asks} questions, at most {ASKS} are asked; lower `times`"));
    }
    let all = asks.saturating_mul(case.repeat.unwrap_or(1).into());
    if all > u64::from(VIEWS) {
        return Err(format!("up to {all} questions in all, at most {VIEWS} are asked; lower `repeat`"));
    }
    for (number, step) in (1..).zip(&case.steps) {
        if step.fails.is_some() && !(step.expect.is_null() && step.invariant.is_empty()) {
            return Err(format!("step {number}: a question that fails has no answer to expect anything of"));
        }
    }
    Ok(())
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ScenarioFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, text).unwrap();
        let named = |error: FileError| format!("{}: {}", error.line, error.reason);
        read(&path).map_err(named)
    }

    #[test]
    fn cases_know_their_lines() {
        let text = "export = \"resolve\"\n\n[view]\nlevel = 3\n\n[[case]]\nname = \"a\"\nexpect.x = 1\n\n# b\n[[case]]\nname = \"b\"\nmax-fuel = 9\n";
        let file = parse(text).unwrap();
        let lines: Vec<usize> = file.cases.iter().map(|case| case.line).collect();
        assert_eq!(lines, [6, 11]);
        assert_eq!(file.defaults.view["level"], 3);
        assert_eq!(file.cases[0].expect["x"], 1);
    }

    #[test]
    fn steps_know_their_lines_too() {
        let text = "[[case]]\nname = \"a\"\nend.flags = 1\n\n[[case.step]]\nview.x = 1\n\n[[case.step]]\nafter = \"2s\"\ntimes = [1, 3]\nexpect.y = 2\n\n[[case]]\nname = \"b\"\nmax-fuel = 9\n";
        let file = parse(text).unwrap();
        let [a, b] = file.cases.as_slice() else { panic!("{file:?}") };
        assert!(a.has_sequel() && a.is_drawn() && !b.has_sequel() && !b.is_drawn());
        let lines: Vec<usize> = a.steps.iter().map(|step| step.line).collect();
        assert_eq!((lines, b.line), (vec![5, 8], 13));
        assert_eq!((&a.steps[0].view["x"], &a.steps[1].expect["y"]), (&1.into(), &2.into()));
    }

    #[test]
    fn mistakes_have_lines_and_say_what_to_do() {
        let says = |text: &str, says: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        says("[[case]]\nname = \"a\"\nexpct.x = 1\n", "3: unknown field `expct`");
        says("[[case]]\nname = \"a\"\n", "1: `a`: it expects nothing; add expect");
        says("[[case]]\nname = \"a\"\nshare.x.y = [0, 1]\n", "1: `a`: a share or mean of one answer");
        says("x = [\n", "1: ");
        let step = |step: &str| format!("[[case]]\nname = \"a\"\nmax-fuel = 1\n[[case.step]]\n{step}\n");
        says(&step("expct.x = 1"), "5: unknown field `expct`");
        says(&step("after = \"soon\""), "after: write a number of ticks, or a time");
        says(&step("times = [0, 1_000]\n[[case.step]]"), "1: `a`: up to 1001 questions");
        says(&step("fails = \"x\"\nexpect.y = 1"), "1: `a`: step 1: a question that fails has no answer");
        says("[[case]]\nname = \"a\"\n[[case.step]]\n", "1: `a`: it expects nothing; add expect");
        says("[[case]]\nname = \"a\"\nend = 2\n", "end: write fields of the view");
        says("[[case]]\nname = \"a\"\nfails = \"x\"\nend.y = 1\n", "write `fails` in its step");
        let twice = "[[case]]\nname = \"a\"\nmax-fuel = 1\n[[case]]\nname = \"a\"\nmax-fuel = 1\n";
        says(twice, "4: `a`: the case in line 1 has this name too");
    }
}
