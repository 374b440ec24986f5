//! The cache: answers that may be forgotten at any time and are at most a TTL old. Losing it costs
//! speed, never correctness: every failure reads as "not cached".
//!
//! What does not live here: anything that must be remembered (`crate::store`).

mod memory;
mod redis;

pub use memory::MemoryCache;
pub use redis::RedisCache;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Largest value kept, bytes: lists of a few rows, not documents.
pub const VALUE_BYTES: usize = 64 * 1024;

/// The clonable front of one cache.
#[derive(Clone)]
pub struct Cache {
    kind: Kind,
    /// Whether the last call failed, so that an outage is logged once and not per request.
    down: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Kind {
    Memory(MemoryCache),
    Redis(RedisCache),
}

impl Cache {
    /// Of this process.
    pub fn memory() -> Self {
        Self::of(Kind::Memory(MemoryCache::default()))
    }

    /// Of a Redis server, which need not be there yet.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn redis(url: &str) -> Result<Self, ::redis::RedisError> {
        Ok(Self::of(Kind::Redis(RedisCache::new(url)?)))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, down: Arc::default() }
    }

    /// The value under a key, if it is there.
    pub async fn load(&self, key: &str) -> Option<String> {
        match &self.kind {
            Kind::Memory(cache) => cache.load(key),
            Kind::Redis(cache) => self.noted(cache.load(key).await).flatten(),
        }
    }

    /// Keeps a value for `ttl`; values over [`VALUE_BYTES`] are not kept.
    pub async fn keep(&self, key: &str, value: String, ttl: Duration) {
        if value.len() > VALUE_BYTES {
            return;
        }
        match &self.kind {
            Kind::Memory(cache) => cache.keep(key, value, ttl),
            Kind::Redis(cache) => {
                self.noted(cache.keep(key, &value, ttl).await);
            }
        }
    }

    /// Forgets a value, because what it was made from has changed.
    pub async fn forget(&self, key: &str) {
        match &self.kind {
            Kind::Memory(cache) => cache.forget(key),
            Kind::Redis(cache) => {
                self.noted(cache.forget(key).await);
            }
        }
    }

    /// Counts failures and logs the first of an outage and its end.
    fn noted<T>(&self, result: Result<T, ::redis::RedisError>) -> Option<T> {
        match result {
            Ok(value) => {
                if self.down.swap(false, Ordering::Relaxed) {
                    tracing::info!("the cache answers again");
                }
                Some(value)
            }
            Err(error) => {
                metrics::counter!("lore_cache_failures_total").increment(1);
                if !self.down.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the cache does not answer; going on without it");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same for every cache; Redis is passed over when it is not there, but not where `CI` is set.
    async fn on_every_cache(test: impl AsyncFn(Cache)) {
        test(Cache::memory()).await;
        let url =
            std::env::var("LORE_TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        let cache = Cache::redis(&url).unwrap();
        cache.keep("lore-contract-probe", "1".to_owned(), Duration::from_secs(5)).await;
        if cache.load("lore-contract-probe").await.is_none() {
            assert!(std::env::var_os("CI").is_none(), "Redis must be tested here");
            eprintln!("skipped Redis: nothing answers at {url}");
            return;
        }
        test(cache).await;
    }

    fn key(name: &str) -> String {
        format!("lore-contract-{}-{name}", std::process::id())
    }

    #[tokio::test]
    async fn keeps_and_forgets() {
        on_every_cache(async |cache: Cache| {
            let (key, minute) = (key("keeps"), Duration::from_secs(60));
            assert_eq!(cache.load(&key).await, None);
            cache.keep(&key, "a".to_owned(), minute).await;
            cache.keep(&key, "b".to_owned(), minute).await;
            assert_eq!(cache.load(&key).await.as_deref(), Some("b"));
            cache.forget(&key).await;
            cache.forget(&key).await;
            assert_eq!(cache.load(&key).await, None);
            cache.keep(&key, "x".repeat(VALUE_BYTES + 1), minute).await;
            assert_eq!(cache.load(&key).await, None);
        })
        .await;
    }

    #[tokio::test]
    async fn forgets_by_itself() {
        on_every_cache(async |cache: Cache| {
            let key = key("expires");
            cache.keep(&key, "a".to_owned(), Duration::from_millis(1)).await;
            let gone = async {
                while cache.load(&key).await.is_some() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn an_outage_reads_as_not_cached() {
        // Nothing listens on port 1.
        let cache = Cache::redis("redis://127.0.0.1:1").unwrap();
        cache.keep("k", "v".to_owned(), Duration::from_secs(60)).await;
        assert_eq!(cache.load("k").await, None);
        cache.forget("k").await;
    }
}
