//! The share of a tick that one module may use, of fuel and, by not letting it miss a second deadline, of
//! time. Whoever calls outside of ticks, a proof or a test, sets no limit.

use crate::failure::FailureKind;
use crate::stats::TickFuel;
use sim::rules::Context;

/// What a module has used of the tick at hand.
#[derive(Default)]
pub(super) struct Share {
    /// Fuel of each millisecond of a tick.
    per_ms: Option<u64>,
    tick: u64,
    tick_ms: u32,
    used: u64,
    /// The deadline it missed in this tick. Fuel does not see such time, so nobody waits for it twice.
    missed: Option<FailureKind>,
    /// Most that was used in one tick.
    peak: u64,
}

impl Share {
    /// From now on a tick has this much fuel for each of its milliseconds.
    pub(super) fn limit(&mut self, per_ms: u64) {
        *self = Self { per_ms: Some(per_ms), ..Self::default() };
    }

    /// A question comes: with the first one of a tick, the share is whole again. How long a tick is belongs to
    /// the world, so that a replay of it has the same share.
    pub(super) fn begin(&mut self, ctx: &Context) {
        if self.tick != ctx.tick {
            *self = Self { per_ms: self.per_ms, tick: ctx.tick, peak: self.peak, ..Self::default() };
        }
        self.tick_ms = ctx.tick_ms;
    }

    /// Fuel of the tick at hand.
    fn fuel(&self) -> Option<u64> {
        self.per_ms.map(|fuel| fuel.saturating_mul(self.tick_ms.into()))
    }

    /// The same for people, with the most that was ever used.
    pub(super) fn tick_fuel(&self) -> TickFuel {
        TickFuel { limit: self.fuel(), peak: self.peak }
    }

    /// Counts a call.
    pub(super) fn spend(&mut self, fuel: u64, failure: Option<&FailureKind>) {
        self.used = self.used.saturating_add(fuel);
        self.peak = self.peak.max(self.used);
        if let Some(missed @ FailureKind::Deadline { .. }) = failure {
            self.missed = Some(missed.clone());
        }
    }

    /// Why a call that is entitled to this much fuel is not made in this tick. What is used is counted in
    /// fuel, so that the same calls are refused wherever a tick is repeated.
    pub(super) fn refuses(&self, fuel: u64) -> Option<FailureKind> {
        let share = self.fuel()?;
        let over = || {
            let over = self.used.saturating_add(fuel) > share;
            over.then_some(FailureKind::OverShare { used: self.used, share })
        };
        self.missed.clone().or_else(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tick: u64, tick_ms: u32) -> Context {
        Context { tick, tick_ms, zone: sim::DefId(1), minute_of_day: 0 }
    }

    #[test]
    fn a_share_is_used_up_and_whole_again_in_the_next_tick() {
        let mut share = Share::default();
        share.begin(&at(6, 50));
        share.spend(u64::MAX, None);
        assert_eq!(share.refuses(u64::MAX), None, "nobody set a limit");
        share.limit(2);
        share.begin(&at(7, 50));
        share.spend(60, None);
        assert_eq!(share.refuses(40), None);
        assert_eq!(share.refuses(41), Some(FailureKind::OverShare { used: 60, share: 100 }));
        share.begin(&at(7, 50));
        assert!(share.refuses(41).is_some(), "another question of the same tick");
        share.begin(&at(8, 50));
        assert_eq!(share.refuses(100), None);
        let missed = FailureKind::Deadline { frames: Vec::new() };
        share.spend(1, Some(&missed));
        assert_eq!(share.refuses(1), Some(missed));
        share.begin(&at(9, 50));
        assert_eq!(share.refuses(1), None);
        assert_eq!(share.tick_fuel(), TickFuel { limit: Some(100), peak: 60 });
    }

    #[test]
    fn a_shorter_tick_has_a_smaller_share() {
        let mut share = Share::default();
        share.limit(2);
        for (tick, (tick_ms, fuel)) in [(50, 100), (20, 40), (1_000, 2_000)].into_iter().enumerate() {
            share.begin(&at(tick as u64, tick_ms));
            assert_eq!(share.refuses(fuel), None);
            assert_eq!(share.refuses(fuel + 1), Some(FailureKind::OverShare { used: 0, share: fuel }));
        }
    }
}
