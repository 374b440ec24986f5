//! Token buckets. Time is an argument: nothing here reads a clock.

use crate::client::limits::Rate;
use std::time::Duration;

/// Counts tokens in millionths of a minute's worth, so that whole numbers never lose a fraction.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate: Rate,
    micro_tokens: u64,
    filled_at: Duration,
}

const MICRO: u64 = 60_000_000;

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, micro_tokens: u64::from(rate.burst) * MICRO, filled_at: Duration::ZERO }
    }

    /// Takes one token at `now` (since any fixed moment).
    ///
    /// # Errors
    /// Without a token: how long until there is one.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let elapsed = now.saturating_sub(self.filled_at).as_micros().min(u128::from(u32::MAX)) as u64;
        self.filled_at = self.filled_at.max(now);
        let full = u64::from(self.rate.burst) * MICRO;
        self.micro_tokens = (self.micro_tokens + elapsed * u64::from(self.rate.per_minute)).min(full);
        if self.micro_tokens >= MICRO {
            self.micro_tokens -= MICRO;
            return Ok(());
        }
        let missing = MICRO - self.micro_tokens;
        Err(Duration::from_micros(missing.div_ceil(u64::from(self.rate.per_minute).max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_its_burst_then_its_rate() {
        let mut bucket = TokenBucket::new(Rate { per_minute: 120, burst: 2 });
        let second = Duration::from_secs(1);
        assert_eq!(bucket.take(second), Ok(()));
        assert_eq!(bucket.take(second), Ok(()));
        assert_eq!(bucket.take(second), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(second + Duration::from_millis(499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(second + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn a_long_pause_fills_it_no_further_than_the_burst() {
        let mut bucket = TokenBucket::new(Rate { per_minute: 60, burst: 1 });
        let late = Duration::from_secs(1_000_000);
        assert_eq!(bucket.take(late), Ok(()));
        assert!(bucket.take(late).is_err());
    }
}
