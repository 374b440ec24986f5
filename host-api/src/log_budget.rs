//! How many lines a module may write to the server's log, all its instances together. Zones share it
//! without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A bucket of tokens, one a line, kept as the moment at which it will be full again.
pub(crate) struct LogBudget {
    begun: Instant,
    /// Nanoseconds after `begun`.
    full_at: AtomicU64,
    /// Nanoseconds in which one token comes back.
    token: u64,
    /// Nanoseconds in which an empty bucket becomes full.
    bucket: u64,
}

impl LogBudget {
    /// A full bucket of `burst` lines that gets `per_second` back each second.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let token = 1_000_000_000 / u64::from(per_second.max(1));
        Self { begun: Instant::now(), full_at: AtomicU64::new(0), token, bucket: token * u64::from(burst) }
    }

    /// Whether one more line may be written now.
    pub(crate) fn take(&self) -> bool {
        self.take_at(self.begun.elapsed())
    }

    fn take_at(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX / 2);
        let spend = |full_at: u64| {
            let after = full_at.max(now) + self.token;
            (after - now <= self.bucket).then_some(after)
        };
        self.full_at.fetch_update(Relaxed, Relaxed, spend).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_its_burst_then_its_rate() {
        let budget = LogBudget::new(10, 3);
        let at = |ms| budget.take_at(Duration::from_millis(ms));
        assert_eq!([at(5), at(5), at(5), at(5)], [true, true, true, false]);
        assert_eq!([at(104), at(105), at(105)], [false, true, false]);
        // However long it was silent, it has no more than its burst.
        assert_eq!([at(9_000), at(9_000), at(9_000), at(9_000)], [true, true, true, false]);
    }

    #[test]
    fn zones_share_what_a_module_has() {
        let budget = LogBudget::new(10, 100);
        let now = Duration::from_secs(1);
        let written = std::thread::scope(|scope| {
            let zones: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..50).filter(|_| budget.take_at(now)).count())).collect();
            zones.into_iter().map(|zone| zone.join().expect("no panic")).sum::<usize>()
        });
        assert_eq!(written, 100);
    }
}
