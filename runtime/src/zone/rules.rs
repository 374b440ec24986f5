//! What a zone needs of its rules beyond the decisions: their names, failures and costs.

use crate::replay::ModuleRef;
use host_api::{ExportStats, Kind, Module, Recording, ScriptFailure, ScriptRules};
use sim::rules::Rules;
use sim::state::{Migrated, OldState, Schemas};
use sim::{DefId, ModuleStamp};
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

    /// Which modules answer, for the replay log.
    fn modules(&self) -> Vec<ModuleRef>;

    /// The schemas in which the scripts read and write their state.
    fn schemas(&self) -> Schemas;

    /// State in these schemas. One answer each, but for what has them already.
    fn migrate(&self, old: &[OldState]) -> Vec<Migrated>;

    /// A copy of what one module was asked lately, at most so many views of each function.
    fn recording(&self, kind: Kind, script: DefId, most: usize) -> Recording;

    /// Gives all that was recorded to the rules that come after.
    fn take_recording(&mut self) -> Recording;

    /// Goes on with what the rules before have recorded.
    fn adopt_recording(&mut self, recording: Recording);
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

    fn modules(&self) -> Vec<ModuleRef> {
        let generation = self.generation();
        let named = |module: &Module| ModuleRef {
            name: module.name().to_owned(),
            label: module.label().to_owned(),
            digest: module.digest(),
            rests: generation.rests(module),
        };
        generation.modules().map(named).collect()
    }

    fn schemas(&self) -> Schemas {
        self.generation().schemas()
    }

    fn migrate(&self, old: &[OldState]) -> Vec<Migrated> {
        self.generation().migrate(self.former(), old)
    }

    fn recording(&self, kind: Kind, script: DefId, most: usize) -> Recording {
        self.recording_of(kind, script, most)
    }

    fn take_recording(&mut self) -> Recording {
        ScriptRules::take_recording(self)
    }

    fn adopt_recording(&mut self, recording: Recording) {
        ScriptRules::adopt_recording(self, recording);
    }
}
