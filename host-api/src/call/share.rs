//! The share of a tick that one module may use, of fuel and, by not letting it miss a second deadline, of
//! time. Whoever calls outside of ticks, a proof or a test, sets no limit.

use crate::failure::FailureKind;

/// What a module has used of the tick at hand.
#[derive(Default)]
pub(super) struct Share {
    /// Fuel of a tick.
    limit: Option<u64>,
    tick: u64,
    used: u64,
    /// The deadline it missed in this tick. Fuel does not see such time, so nobody waits for it twice.
    missed: Option<FailureKind>,
}

impl Share {
    /// From now on a tick has this much fuel.
    pub(super) fn limit(&mut self, fuel: u64) {
        *self = Self { limit: Some(fuel), ..Self::default() };
    }

    /// A question of this tick comes: with the first one, the share is whole again.
    pub(super) fn begin(&mut self, tick: u64) {
        if self.tick != tick {
            *self = Self { limit: self.limit, tick, ..Self::default() };
        }
    }

    /// Counts a call.
    pub(super) fn spend(&mut self, fuel: u64, failure: Option<&FailureKind>) {
        self.used = self.used.saturating_add(fuel);
        if let Some(missed @ FailureKind::Deadline { .. }) = failure {
            self.missed = Some(missed.clone());
        }
    }

    /// Why a call that is entitled to this much fuel is not made in this tick. What is used is counted in
    /// fuel, so that the same calls are refused wherever a tick is repeated.
    pub(super) fn refuses(&self, fuel: u64) -> Option<FailureKind> {
        let share = self.limit?;
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

    #[test]
    fn a_share_is_used_up_and_whole_again_in_the_next_tick() {
        let mut share = Share::default();
        share.spend(u64::MAX, None);
        assert_eq!(share.refuses(u64::MAX), None, "nobody set a limit");
        share.limit(100);
        share.begin(7);
        share.spend(60, None);
        assert_eq!(share.refuses(40), None);
        assert_eq!(share.refuses(41), Some(FailureKind::OverShare { used: 60, share: 100 }));
        share.begin(7);
        assert!(share.refuses(41).is_some(), "another question of the same tick");
        share.begin(8);
        assert_eq!(share.refuses(100), None);
        let missed = FailureKind::Deadline { frames: Vec::new() };
        share.spend(1, Some(&missed));
        assert_eq!(share.refuses(1), Some(missed));
        share.begin(9);
        assert_eq!(share.refuses(1), None);
    }
}
