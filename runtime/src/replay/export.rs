//! A recorded tick as a test of a script: what it was asked there and what it answered, as a scenario for
//! `lore test`.

use crate::author::toml_of;
use host_api::{Called, FailureKind, Harness, HarnessError, RecordedCall, Recording};
use serde_json::Value;
use sim::content::Content;
use std::fmt::Write as _;

/// Cases of one file; more than anybody reads.
const CASES: usize = 1_000;

/// Why a tick does not become a test.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The module's interface is another one than the recording's.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// A value cannot be written.
    #[error("the test cannot be written as TOML: {0}")]
    Toml(#[from] toml::ser::Error),
}

/// A test.
#[derive(Clone, Debug)]
pub struct ExportedTest {
    /// Name of the script.
    pub script: String,
    /// Label of the module that answered.
    pub label: String,
    /// Views in it.
    pub cases: usize,
    /// Views beyond the limit.
    pub more: usize,
    /// The scenario file.
    pub text: String,
}

/// Writes what a module was asked in one tick as a test, with the answers it gives; `None` if it was not
/// asked, or only about others than those `wanted`. The answers are asked for again, one view at a time: a
/// replay has shown that they are those of the recording.
///
/// # Errors
/// [`ExportError`]
pub fn scenario(
    harness: &mut Harness,
    recording: &Recording,
    content: &Content,
    wanted: impl Fn(&RecordedCall) -> bool,
) -> Result<Option<ExportedTest>, ExportError> {
    harness.learn(names(content));
    let calls: Vec<RecordedCall> =
        harness.recorded(recording)?.into_iter().filter(|call| wanted(call)).collect();
    let Some(first) = calls.first() else { return Ok(None) };
    let tick = first.context["tick"].clone();
    let context = harness.context(first.function, &[&first.context])?;
    let context = harness.show_context(&context);
    let module = harness.module().clone();
    let mut text = format!(
        "# What {} was asked in tick {tick}, and what it answered.\n# Written by `lore replay LOG --export-test {tick}`.\n\n",
        module.label(),
    );
    text += &table("context", &context)?;
    for (number, call) in calls.iter().take(CASES).enumerate() {
        text += &case(harness, call, number)?;
    }
    let cases = calls.len().min(CASES);
    let (script, label) = (module.name().to_owned(), module.label().to_owned());
    Ok(Some(ExportedTest { script, label, cases, more: calls.len() - cases, text }))
}

fn case(harness: &mut Harness, call: &RecordedCall, number: usize) -> Result<String, ExportError> {
    let told = harness.context(call.function, &[&call.context])?;
    let view = harness.view(call.function, number as u64 + 1, &[&call.view])?;
    let shown = harness.show(&view);
    let Called { outcome, .. } = harness.ask(call.function, &told, &[view])?;
    let about = shown.get("id").map_or(Value::from(number), Clone::clone);
    let mut text = format!(
        "\n[[case]]\nname = \"tick {} {} of {about}, number {}\"\nexport = \"{}\"\n",
        call.context["tick"],
        call.function,
        number + 1,
        call.function,
    );
    match outcome {
        Ok(answers) => {
            text += &table("case.view", &shown)?;
            text += &table("case.expect", answers.first().unwrap_or(&Value::Null))?;
        }
        Err(failure) => {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "fails = \"{}\"", said(&failure));
            text += &table("case.view", &shown)?;
        }
    }
    Ok(text)
}

/// What the message of a failure holds wherever it happens.
fn said(failure: &FailureKind) -> &'static str {
    match failure {
        FailureKind::Trap { .. } => "trapped",
        FailureKind::OutOfFuel { .. } => "ran out of fuel",
        FailureKind::Deadline { .. } => "ran past its deadline",
        FailureKind::OutOfMemory { .. } => "ran out of memory",
        FailureKind::BadOutput(_) => "answered badly",
        _ => "",
    }
}

fn table(name: &str, value: &Value) -> Result<String, ExportError> {
    let Some(mut value) = toml_of(value) else { return Ok(String::new()) };
    for part in name.split('.').rev() {
        value = toml::Value::Table([(part.to_owned(), value)].into_iter().collect());
    }
    // The case itself has begun already; what is below it follows on.
    Ok(toml::to_string(&value)?)
}

/// Names of definitions that views and answers refer to by id.
fn names(content: &Content) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |kind: &str, name: &str| names.push(format!("{kind}/{name}"));
    content.zones.values().for_each(|zone| add("zone", &zone.name));
    content.npcs.values().for_each(|npc| add("npc", &npc.name));
    content.items.values().for_each(|item| add("item", &item.name));
    content.abilities.values().for_each(|ability| add("ability", &ability.name));
    content.statuses.values().for_each(|status| add("status", &status.name));
    content.quests.values().for_each(|quest| add("quest", &quest.name));
    content.recipes.values().for_each(|recipe| add("recipe", &recipe.name));
    content.announcements.values().for_each(|announcement| add("announcement", &announcement.name));
    content.events.values().for_each(|event| add("event", &event.name));
    content.encounters.values().for_each(|encounter| add("encounter", &encounter.name));
    for dialog in content.dialogs.values() {
        add("dialog", &dialog.name);
        for node in dialog.nodes.values() {
            add("dialog", &format!("{}/{}", dialog.name, node.name));
            for choice in node.choices.values() {
                add("dialog", &format!("{}/{}/{}", dialog.name, node.name, choice.name));
            }
        }
    }
    names
}
