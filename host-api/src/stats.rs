//! Counters per module and export: what a script costs. Read by telemetry, reset by nobody.

use crate::manifest::{Export, Kind};

/// What one export of one module has cost since its instance was prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportStats {
    /// `combat@0.1.0+1a2b3c4d`.
    pub label: String,
    /// Kind of the module.
    pub kind: Kind,
    /// The function.
    pub export: Export,
    /// Counters of that function.
    pub counters: Counters,
}

/// Sums over all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls into the component, those made to isolate a culprit included.
    pub calls: u64,
    /// Views the simulation asked about.
    pub items: u64,
    /// Fuel used.
    pub fuel: u64,
    /// Calls that failed: trapped, ran out of something, or answered with the wrong length.
    pub failed_calls: u64,
    /// Views that were answered with the fallback.
    pub fallbacks: u64,
    /// Nanoseconds inside the component and at its border.
    pub time_ns: u64,
    /// Lines written to the log.
    pub log_lines: u64,
    /// Lines dropped because the call, or the module in this second, had written its share.
    pub log_dropped: u64,
}
