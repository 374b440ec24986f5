//! What a zone needs of its rules beyond the decisions: their names and their failures.

use sim::ModuleStamp;
use sim::rules::Rules;
use std::sync::Arc;

/// A script failed during a tick; the views concerned got the declared fallback.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `combat@0.1.0+1a2b3c4d`.
    pub module: Arc<str>,
    /// Which module.
    pub stamp: ModuleStamp,
    /// What happened, with export, file and line.
    pub message: String,
}

/// Rules with provenance. The scripts of a generation, or rules in Rust for tests.
pub trait ZoneRules: Rules + Send {
    /// What to call the module with this stamp: `combat@0.1.0+1a2b3c4d`.
    fn label(&self, stamp: ModuleStamp) -> Arc<str>;

    /// Moves the failures since the last call into `out`.
    fn drain_failures(&mut self, out: &mut Vec<Failure>);
}
