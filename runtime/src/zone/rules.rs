//! What a zone needs of its rules beyond the decisions: their names, failures and costs.

use host_api::{ExportStats, ScriptFailure, ScriptRules};
use sim::ModuleStamp;
use sim::rules::Rules;
use std::sync::Arc;

/// Rules with provenance: the scripts of a generation, or, in tests, rules in Rust.
pub trait ZoneRules: Rules + Send {
    /// What to call the module with this stamp: `combat@0.1.0+1a2b3c4d`.
    fn label(&self, stamp: ModuleStamp) -> Arc<str>;

    /// The failures since the last call. Called between ticks, so that spare instances can be
    /// made for those used up.
    fn drain_failures(&mut self) -> Vec<ScriptFailure>;

    /// What the scripts have cost.
    fn stats(&self) -> Vec<ExportStats>;
}

impl ZoneRules for ScriptRules {
    fn label(&self, stamp: ModuleStamp) -> Arc<str> {
        Arc::from(self.generation().label(stamp).unwrap_or("unknown"))
    }

    fn drain_failures(&mut self) -> Vec<ScriptFailure> {
        let failures = ScriptRules::drain_failures(self);
        if !failures.is_empty() {
            self.restock();
        }
        failures
    }

    fn stats(&self) -> Vec<ExportStats> {
        ScriptRules::stats(self).collect()
    }
}
