//! What running scenarios showed: for people, for programs, for build servers.

use super::outcome::{CaseFailure, CaseReport, StepReport};
use super::run::notable;
use host_api::Module;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

/// Characters of a view or answer shown to people.
const SHOWN: usize = 2_000;

/// Everything about one script.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptReport {
    /// Its name.
    pub script: String,
    /// `combat@0.1.0+1a2b3c4d`.
    pub label: String,
    /// The component.
    pub component: PathBuf,
    /// Its files.
    pub files: Vec<FileReport>,
}

/// Everything about one file.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// Which.
    pub path: PathBuf,
    /// Why it could not be read, with the line.
    pub error: Option<String>,
    /// Its cases, in order.
    pub cases: Vec<CaseReport>,
}

impl ScriptReport {
    /// Of a module without files yet.
    pub fn new(module: &Module, component: PathBuf) -> Self {
        let (script, label) = (module.name().to_owned(), module.label().to_owned());
        Self { script, label, component, files: Vec::new() }
    }

    /// Cases, and how many failed; a file that cannot be read is one failed case.
    pub fn count(&self) -> (usize, usize) {
        let unread = self.files.iter().filter(|file| file.error.is_some()).count();
        let cases = || self.files.iter().flat_map(|file| &file.cases);
        (cases().count() + unread, cases().filter(|case| case.failure.is_some()).count() + unread)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.label);
        for file in &self.files {
            let _ = writeln!(text, "  {}", file.path.display());
            if let Some(error) = &file.error {
                let _ = writeln!(text, "    FAIL {error}");
            }
            for case in &file.cases {
                let mark = if case.failure.is_some() { "FAIL" } else { "ok  " };
                let steps = match case.steps.len() {
                    0 => String::new(),
                    steps => format!("{steps} step{}, ", if steps == 1 { "" } else { "s" }),
                };
                let _ = writeln!(
                    text,
                    "    {mark} {}  ({steps}{} view{}, {} fuel each, {:.0} ms)",
                    case.name,
                    case.views,
                    if case.views == 1 { "" } else { "s" },
                    case.fuel,
                    case.ms
                );
                if let Some(failure) = &case.failure {
                    self.explain(&mut text, file, case, failure);
                }
            }
        }
        text
    }

    fn explain(&self, text: &mut String, file: &FileReport, case: &CaseReport, failure: &CaseFailure) {
        let at = failure.line.unwrap_or(case.line);
        line(text, "", &format!("{}:{at}: {}", file.path.display(), failure.what));
        failure.log.iter().for_each(|said| line(text, "log", &shown(said)));
        if let Some(view) = &failure.view {
            line(text, "view", &shown(&notable(view).to_string()));
        }
        for (name, value) in [("answer", &failure.answer), ("wanted", &failure.expected)] {
            if let Some(value) = value {
                line(text, name, &shown(&value.to_string()));
            }
        }
        if let Some(minimal) = &failure.minimal {
            // Whole, whatever its length: it is there to be pasted.
            line(text, "minimal", &format!("{}\n{}", minimal.what, minimal.case.trim_end()));
        }
        self.again(case, failure).iter().for_each(|command| line(text, "again", &shown(command)));
    }

    /// Commands that repeat what failed.
    pub fn again(&self, case: &CaseReport, failure: &CaseFailure) -> Vec<String> {
        let seed = case.seed.map(|seed| format!(" --seed {seed}")).unwrap_or_default();
        let mut commands = vec![format!("lore test {} --case {}{seed}", self.script, quoted(&case.name))];
        if let Some(view) = &failure.view {
            commands.push(call(
                &self.component.display().to_string(),
                failure.function.as_deref().unwrap_or(&case.function),
                failure.context.as_ref().or(case.context.as_ref()),
                view,
            ));
        }
        commands
    }

    /// As JUnit's XML, one suite a file.
    pub fn junit(&self, xml: &mut String) {
        for file in &self.files {
            let failed = file.cases.iter().filter(|case| case.failure.is_some()).count();
            let unread = usize::from(file.error.is_some());
            let seconds: f64 = file.cases.iter().map(|case| case.ms / 1_000.0).sum();
            let name = file.path.display().to_string();
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{seconds:.3}\">",
                escaped(&name),
                file.cases.len() + unread,
                failed + unread
            );
            if let Some(error) = &file.error {
                let _ = writeln!(
                    xml,
                    "    <testcase classname=\"{}\" name=\"{}\"><failure message=\"{}\"/></testcase>",
                    escaped(&self.script),
                    escaped(&name),
                    escaped(error)
                );
            }
            file.cases.iter().for_each(|case| self.junit_case(xml, file, case));
            xml.push_str("  </testsuite>\n");
        }
    }

    fn junit_case(&self, xml: &mut String, file: &FileReport, case: &CaseReport) {
        let _ = write!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
            escaped(&self.script),
            escaped(&case.name),
            escaped(&file.path.display().to_string()),
            case.line,
            case.ms / 1_000.0
        );
        let mut inner = String::new();
        if let Some(failure) = &case.failure {
            let mut more = String::new();
            self.explain(&mut more, file, case, failure);
            let (what, more) = (escaped(&failure.what), escaped(&more));
            let _ = writeln!(inner, "      <failure message=\"{what}\">{more}</failure>");
        }
        if !case.steps.is_empty() {
            let steps: String = case.steps.iter().map(told).collect();
            let _ = writeln!(inner, "      <system-out>{}</system-out>", escaped(&steps));
        }
        match inner.as_str() {
            "" => xml.push_str("/>\n"),
            inner => {
                let _ = writeln!(xml, ">\n{inner}    </testcase>");
            }
        }
    }
}

/// What belongs to a case that failed, with the name of what it is.
fn line(text: &mut String, name: &str, value: &str) {
    let value = value.replace('\n', "\n                 ");
    let _ = writeln!(text, "         {name:<8}{value}");
}

/// As much as people read.
fn shown(value: &str) -> String {
    value.chars().take(SHOWN).collect()
}

/// One question of a case with steps, in one line.
fn told(step: &StepReport) -> String {
    let name = step.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    let answer = step.answer.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    let StepReport { step, function, tick, view, .. } = step;
    format!("step {step}{name}, tick {tick}: {function} {} => {answer}\n", notable(view))
}

/// All of it as one JUnit document.
pub fn junit(reports: &[ScriptReport]) -> String {
    let (mut tests, mut failures) = (0, 0);
    for (cases, failed) in reports.iter().map(ScriptReport::count) {
        tests += cases;
        failures += failed;
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"lore test\" tests=\"{tests}\" failures=\"{failures}\">");
    reports.iter().for_each(|report| report.junit(&mut xml));
    xml.push_str("</testsuites>\n");
    xml
}

/// The command that asks a component about one view.
pub fn call(component: &str, function: &str, context: Option<&Value>, view: &Value) -> String {
    let context = context.map(|told| format!(" --context {}", quoted(&told.to_string()))).unwrap_or_default();
    format!("lore call {} {function}{context} --view {}", quoted(component), quoted(&view.to_string()))
}

/// As one word of a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// As text of XML, without what XML cannot hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell_and_xml() {
        assert_eq!(quoted("target/a.wasm"), "target/a.wasm");
        assert_eq!(quoted("it's {1}"), r"'it'\''s {1}'");
        assert_eq!(escaped("a<b & \"c\"\u{1}"), "a&lt;b &amp; &quot;c&quot;?");
    }
}
