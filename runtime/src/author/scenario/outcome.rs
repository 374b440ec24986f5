//! What came of a case, as reports have it.

use serde::Serialize;
use serde_json::Value;

/// What came of one case.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Line it begins in.
    pub line: usize,
    /// `combat.resolve`; empty if that could not be told.
    pub function: String,
    /// Views asked about.
    pub views: usize,
    /// Fuel per view.
    pub fuel: u64,
    /// Milliseconds it took.
    pub ms: f64,
    /// Seed of a case in which something is drawn.
    pub seed: Option<u64>,
    /// What the call was told, if the file says anything about it.
    pub context: Option<Value>,
    /// What was asked in the steps of the first run, or of the one that failed.
    pub steps: Vec<StepReport>,
    /// What is wrong, or nothing.
    pub failure: Option<CaseFailure>,
}

/// One question of a case with steps.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Its step, from 1.
    pub step: usize,
    /// Name of the step.
    pub name: Option<String>,
    /// How often the step has been taken, from 1.
    pub time: usize,
    /// `encounter.direct`
    pub function: String,
    /// Tick of the zone.
    pub tick: u64,
    /// Fuel of the call.
    pub fuel: u64,
    /// What was asked.
    pub view: Value,
    /// None where the call failed.
    pub answer: Option<Value>,
}

/// Why a case failed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CaseFailure {
    /// In words, got and wanted, with the step.
    pub what: String,
    /// What the script wrote to its log, a panic's message among it.
    pub log: Vec<String>,
    /// The step it failed in, from 1.
    pub step: Option<usize>,
    /// Line of that step.
    pub line: Option<usize>,
    /// The function asked there.
    pub function: Option<String>,
    /// What that call was told.
    pub context: Option<Value>,
    /// The view it failed for.
    pub view: Option<Value>,
    /// The answer to it.
    pub answer: Option<Value>,
    /// What was expected of the answer, if it was given field by field.
    pub expected: Option<Value>,
    /// Of what was drawn: the simplest that fails in the same way.
    pub minimal: Option<Minimal>,
}

/// The simplest that fails.
#[derive(Clone, Debug, Serialize)]
pub struct Minimal {
    /// In words, got and wanted.
    pub what: String,
    /// The views, one after the other; it fails for the last one.
    pub views: Vec<Value>,
    /// The answer to that.
    pub answer: Option<Value>,
    /// It as a case, to be pasted into the file.
    pub case: String,
}

impl CaseFailure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }
}

impl From<String> for Box<CaseFailure> {
    fn from(what: String) -> Self {
        Self::new(CaseFailure::new(what))
    }
}
