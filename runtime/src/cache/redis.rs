//! The cache of a Redis server, shared by several nodes.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, RedisError};
use std::time::Duration;

/// A cache that takes longer than this is slower than the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);

/// One multiplexed connection that is made when first used and again when lost.
#[derive(Clone)]
pub struct RedisCache(ConnectionManager);

impl RedisCache {
    pub(super) fn new(url: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_number_of_retries(1);
        Ok(Self(ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?))
    }

    pub(super) async fn load(&self, key: &str) -> Result<Option<String>, RedisError> {
        self.0.clone().get(prefixed(key)).await
    }

    pub(super) async fn keep(&self, key: &str, value: &str, ttl: Duration) -> Result<(), RedisError> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        self.0.clone().pset_ex(prefixed(key), value, ttl_ms).await
    }

    pub(super) async fn forget(&self, key: &str) -> Result<(), RedisError> {
        self.0.clone().del(prefixed(key)).await
    }
}

/// Redis is often shared with others.
fn prefixed(key: &str) -> String {
    format!("lore:{key}")
}
