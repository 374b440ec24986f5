//! Counters per module and export: what a script costs, and for what. Read by telemetry, reset by nobody.

use crate::limits::CallLimits;
use crate::manifest::{Export, Kind};
use serde::{Deserialize, Serialize};
use sim::DefId;

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
    /// What its calls may cost.
    pub limits: CallLimits,
    /// Fuel of the whole module in one tick.
    pub tick_fuel: TickFuel,
    /// The same by what its views are about, by id; empty where they are about nothing that has a name.
    pub subjects: Vec<SubjectStats>,
}

/// The fuel that all functions of a module have together in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickFuel {
    /// Its share of a tick; none where nobody limits ticks.
    pub limit: Option<u64>,
    /// Most that was used in one tick.
    pub peak: u64,
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
    /// Of the fuel it was given, what the call that used most of it used, of 1,000: not a sum.
    pub fuel_peak_permille: u64,
    /// Calls that failed: trapped, ran out of something, or answered with the wrong length.
    pub failed_calls: u64,
    /// Views that were answered with the fallback; all of them while the module rests.
    pub fallbacks: u64,
    /// Nanoseconds inside the component and at its border. Of calls about few views one of several is clocked
    /// and stands for the others.
    pub time_ns: u64,
    /// Lines written to the log.
    pub log_lines: u64,
    /// Lines dropped because the call, or the module in this second, had written its share.
    pub log_dropped: u64,
}

impl Counters {
    /// Notes how much of its fuel a call has used.
    pub(crate) fn note_peak(&mut self, fuel: u64, allowed: u64) {
        let used = fuel.saturating_mul(1_000);
        // A division only where that is more than ever before.
        if used >= (self.fuel_peak_permille + 1).saturating_mul(allowed) {
            self.fuel_peak_permille = self.fuel_peak_permille.max(used / allowed.max(1));
        }
    }
}

/// What views about one definition have cost. A call is divided among its views by count: the definitions
/// of one batch differ only in how many views they had, unless a call was about one of them alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubjectStats {
    /// `npc/NAME`, `quest/NAME`, `dialog/NAME`, `ability/NAME` or `status/NAME`;
    /// [`DefId::NONE`] for all beyond the number that is told apart.
    pub subject: DefId,
    /// Views the simulation asked about.
    pub items: u64,
    /// Their part of the fuel.
    pub fuel: u64,
    /// Their part of the nanoseconds.
    pub time_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_the_highest_share_of_the_fuel_rounded_down() {
        let mut counters = Counters::default();
        let mut peak = |fuel, allowed| {
            counters.note_peak(fuel, allowed);
            counters.fuel_peak_permille
        };
        assert_eq!(
            [peak(0, 7), peak(1, 3_000), peak(2, 3), peak(1, 3), peak(2_001, 3_000)],
            [0, 0, 666, 666, 667]
        );
        assert_eq!([peak(u64::MAX, u64::MAX), peak(0, 0)].map(|peak| peak >= 667), [true, true]);
    }
}
