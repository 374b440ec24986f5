//! The cache of one process: a bounded map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Values kept at once; at a few hundred bytes each some megabytes.
const ENTRIES: usize = 10_000;

/// A map with an end for every entry. A mutex, because nobody holds it for longer than one look.
#[derive(Clone, Default)]
pub struct MemoryCache(Arc<Mutex<HashMap<String, Entry>>>);

struct Entry {
    value: String,
    until: Instant,
}

impl MemoryCache {
    pub(super) fn load(&self, key: &str) -> Option<String> {
        let mut entries = self.entries();
        let entry = entries.get(key)?;
        if entry.until <= Instant::now() {
            entries.remove(key);
            return None;
        }
        Some(entry.value.clone())
    }

    pub(super) fn keep(&self, key: &str, value: String, ttl: Duration) {
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= ENTRIES && !entries.contains_key(key) {
            entries.retain(|_, entry| entry.until > now);
            // Still full of fresh values: what does not fit is not cached.
            if entries.len() >= ENTRIES {
                return;
            }
        }
        entries.insert(key.to_owned(), Entry { value, until: now + ttl });
    }

    pub(super) fn forget(&self, key: &str) {
        self.entries().remove(key);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
