//! How often one address may try to log in, and one account may ask: token buckets in memory.

use super::AppState;
use super::problem::Problem;
use crate::abuse::{Address, Network, Offence};
use crate::auth::AccountId;
use crate::config::Config;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses or accounts remembered at once, about 4 MiB.
const BUCKETS: usize = 50_000;
const MINUTE: Duration = Duration::from_secs(60);

/// The counts. Cheap to clone.
#[derive(Clone)]
pub struct RateLimits(Arc<Inner>);

struct Inner {
    by_address: Buckets<Network>,
    by_account: Buckets<AccountId>,
}

impl RateLimits {
    /// With the limits of the settings.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(Inner {
            by_address: Buckets::per_minute(config.auth_attempts_per_minute),
            by_account: Buckets::per_minute(config.requests_per_minute),
        }))
    }

    /// Counts a request of an account; refused, it says for how many seconds.
    pub(super) fn count_account(&self, account: AccountId) -> Result<(), u64> {
        self.0.by_account.take(account, Instant::now())
    }

    fn count_address(&self, address: Network) -> Result<(), u64> {
        self.0.by_address.take(address, Instant::now())
    }
}

/// Lets requests of one address through at the rate of logins.
pub(super) async fn per_address(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = request.extensions().get::<Address>().copied().filter(|address| address.counted);
    if let Some(Err(wait_s)) = address.map(|address| state.limits.count_address(address.network)) {
        let detail = "too many attempts from this address";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(wait_s));
    }
    let response = next.run(request).await;
    if let (StatusCode::UNAUTHORIZED, Some(address)) = (response.status(), address) {
        state.abuse.offend_from(address, Offence::BadToken);
    }
    Ok(response)
}

/// One bucket per key: full at first, refilled evenly within a minute.
struct Buckets<K> {
    /// Time in which one token comes back.
    interval: Duration,
    buckets: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> Buckets<K> {
    fn per_minute(tokens: u32) -> Self {
        Self { interval: MINUTE / tokens.max(1), buckets: Mutex::default() }
    }

    /// A bucket is the time at which it will be full again: in the past means full, more than a
    /// minute ahead means empty.
    fn take(&self, key: K, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, full_at| *full_at > now);
            if buckets.len() >= BUCKETS {
                // So many keys at once are an attack that counting each does not stop.
                tracing::warn!("rate limits forget their {BUCKETS} keys");
                buckets.clear();
            }
        }
        let full_at = buckets.entry(key).or_insert(now);
        let after = (*full_at).max(now) + self.interval;
        let beyond = (after - now).saturating_sub(MINUTE);
        if beyond > Duration::ZERO {
            return Err(beyond.as_secs() + 1);
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let buckets = Buckets::per_minute(60);
        let now = Instant::now();
        for _ in 0..60 {
            assert_eq!(buckets.take(1, now), Ok(()));
        }
        assert_eq!(buckets.take(1, now), Err(2));
        assert_eq!(buckets.take(2, now), Ok(()), "others have their own");
        let later = now + Duration::from_secs(2);
        assert_eq!([(); 3].map(|()| buckets.take(1, later)), [Ok(()), Ok(()), Err(2)]);
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let buckets = Buckets::per_minute(1);
        let now = Instant::now();
        for key in 0..=BUCKETS {
            assert_eq!(buckets.take(key, now), Ok(()));
        }
        assert!(buckets.buckets.lock().unwrap().len() <= BUCKETS);
    }
}
