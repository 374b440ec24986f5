//! Loreforge's script host: WebAssembly components called under limits.
//!
//! The only crate that says wasmtime. An [`Engine`] compiles; [`Module::load`] takes the bytes of a
//! component through scan, compile, link and smoke calls; a [`Generation`] is a consistent set of
//! modules; [`ScriptRules`] answers the simulation's questions with it, one component call per
//! batch, and contains whatever a script does wrong.
//!
//! What does not live here: when a generation is swapped and who may push one (`runtime`), what a
//! decision does to the world (`sim`), how a component is built (`runtime`, through
//! [`Manifest::embed`]).

mod account;
mod api;
mod bindings;
mod bulk;
mod cache;
mod call;
mod capability;
mod closest;
mod convert;
mod engine;
mod epochs;
mod failure;
mod generation;
mod harness;
mod instance;
mod limits;
mod log_budget;
mod made_up;
mod manifest;
mod migration;
mod module;
mod older;
mod prove;
mod record;
mod rehearse;
mod rules;
mod samples;
mod scan;
mod scope;
mod stats;
mod symbols;
mod translate;

pub use api::Api;
pub use capability::{Capability, Grants};
pub use closest::closest;
pub use engine::{Engine, EngineError, give_way};
pub use failure::{BadOutput, FailureKind, Frame, ScriptFailure};
pub use generation::{Generation, GenerationError};
pub use harness::{
    Called, Clocked, Domain, Harness, HarnessError, RecordedCall, Sequel, Told, ValueError, View,
};
pub use limits::{CallLimits, LimitTooHigh, Limits, MigrationLimits, ModuleLimits, RECORDED_VIEWS};
pub use manifest::{
    Export, ExportLimits, Kind, Manifest, ManifestError, ManifestLimits, ManifestProof, Thresholds,
    is_script_name,
};
pub use migration::Former;
pub use module::{LoadError, Module};
pub use prove::{Difference, ExportProof, Measure, Spread, prove};
pub use record::Recording;
pub use rehearse::{Rehearsal, rehearse};
pub use rules::{RulesError, ScriptRules};
pub use scan::ScanError;
pub use scope::{Scope, ScopeError};
pub use stats::{Counters, ExportStats, SubjectStats, TickFuel};
