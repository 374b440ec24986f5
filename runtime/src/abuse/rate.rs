//! Rates, and the token buckets that keep them. Time is an argument: nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How often something may happen. Written `2/s burst 4` or `30/min burst 5`; without a burst it is 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// Times a minute in the long run, at least 1.
    pub per_minute: u32,
    /// Times at once after a pause, at least 1.
    pub burst: u32,
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate; write \"2/s burst 4\" or \"30/min burst 5\", with numbers from 1 on")]
pub struct RateError(String);

impl Rate {
    /// So many a second.
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self { per_minute: count * 60, burst }
    }

    /// So many a minute.
    pub const fn per_minute(count: u32, burst: u32) -> Self {
        Self { per_minute: count, burst }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (count, unit) = words.next()?.split_once('/')?;
        let count: u32 = count.parse().ok()?;
        let per_minute = match unit {
            "s" => count.checked_mul(60)?,
            "min" => count,
            _ => return None,
        };
        let burst = match (words.next(), words.next(), words.next()) {
            (None, ..) => 1,
            (Some("burst"), Some(burst), None) => burst.parse().ok()?,
            _ => return None,
        };
        (per_minute > 0 && burst > 0).then_some(Self { per_minute, burst })
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        Self::parse(text).ok_or_else(|| RateError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_minute, burst } = self;
        match per_minute % 60 {
            0 => write!(f, "{}/s burst {burst}", per_minute / 60),
            _ => write!(f, "{per_minute}/min burst {burst}"),
        }
    }
}

/// A token bucket, full at first. It holds what is missing, so that a new rate holds for it at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// In millionths of a minute's worth of a token, so that whole numbers never lose a fraction.
    missing: u64,
    filled_at: Duration,
}

const MICRO: u64 = 60_000_000;

impl Bucket {
    /// Takes one token at `now` (since any fixed moment).
    ///
    /// # Errors
    /// Without a token: how long until there is one.
    pub fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        self.take_many(1, rate, now)
    }

    /// Takes so many tokens at once, or none.
    ///
    /// # Errors
    /// Without all of them: how long until there are. For more than the burst there never are.
    pub fn take_many(&mut self, count: u32, rate: Rate, now: Duration) -> Result<(), Duration> {
        let filled = now.saturating_sub(self.filled_at).as_micros() * u128::from(rate.per_minute);
        self.filled_at = self.filled_at.max(now);
        let full = u64::from(rate.burst) * MICRO;
        let missing = self.missing.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX));
        self.missing = missing.min(full);
        let after = self.missing + u64::from(count) * MICRO;
        if after <= full {
            self.missing = after;
            return Ok(());
        }
        Err(Duration::from_micros((after - full).div_ceil(u64::from(rate.per_minute).max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_allows_its_burst_then_its_rate() {
        let (mut bucket, rate) = (Bucket::default(), Rate::per_second(2, 2));
        assert_eq!(bucket.take(rate, SECOND), Ok(()));
        assert_eq!(bucket.take(rate, SECOND), Ok(()));
        assert_eq!(bucket.take(rate, SECOND), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(rate, SECOND + Duration::from_millis(499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(rate, SECOND + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn a_long_pause_fills_it_no_further_than_the_burst() {
        let (mut bucket, rate) = (Bucket::default(), Rate::per_minute(60, 1));
        let late = Duration::from_secs(1_000_000);
        assert_eq!(bucket.take(rate, late), Ok(()));
        assert!(bucket.take(rate, late).is_err());
    }

    #[test]
    fn a_large_burst_is_back_after_a_long_pause() {
        let (mut bucket, rate) = (Bucket::default(), Rate::per_minute(1, 500));
        let minutes = |count: u64| SECOND + Duration::from_secs(60 * count);
        assert_eq!(bucket.take_many(500, rate, minutes(0)), Ok(()));
        assert_eq!(bucket.take_many(300, rate, minutes(300)), Ok(()));
        assert_eq!(bucket.take(rate, minutes(300)), Err(Duration::from_secs(60)));
        assert_eq!(bucket.take_many(500, rate, minutes(800)), Ok(()));
        assert!(bucket.take(rate, minutes(800)).is_err());
        assert_eq!(bucket.take_many(500, rate, Duration::MAX), Ok(()));
        assert!(bucket.take(rate, Duration::MAX).is_err());
    }

    #[test]
    fn a_new_rate_holds_at_once() {
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert_eq!(bucket.take(Rate::per_second(1, 10), SECOND), Ok(()));
        }
        assert!(bucket.take(Rate::per_second(1, 10), SECOND).is_err());
        assert_eq!(bucket.take_many(5, Rate::per_second(1, 20), SECOND), Ok(()));
        assert_eq!(bucket.take(Rate::per_second(1, 1), SECOND), Err(SECOND));
    }

    #[test]
    fn the_largest_rate_does_not_overflow() {
        let (mut bucket, rate) = (Bucket::default(), Rate { per_minute: u32::MAX, burst: u32::MAX });
        assert_eq!(bucket.take_many(u32::MAX, rate, SECOND), Ok(()));
        assert!(bucket.take_many(u32::MAX, rate, SECOND).is_err());
        assert_eq!(bucket.take_many(u32::MAX, rate, Duration::from_secs(u64::from(u32::MAX))), Ok(()));
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, rate) in [
            ("2/s burst 4", Rate::per_second(2, 4)),
            ("30/min burst 5", Rate::per_minute(30, 5)),
            ("1/s burst 1", Rate::per_minute(60, 1)),
        ] {
            assert_eq!(text.parse::<Rate>(), Ok(rate));
            assert_eq!(rate.to_string(), text);
        }
        assert_eq!("1/s".parse::<Rate>(), Ok(Rate::per_second(1, 1)));
        for wrong in
            ["", "2", "2/h", "0/s", "2/s burst 0", "2/s 4", "2/s burst 4 more", "-1/s", "99999999999/s"]
        {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
