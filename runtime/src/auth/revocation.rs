//! Sessions whose access tokens are refused although they have not expired.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::broadcast;

/// Announcements a slow listener may be behind before it has to look for itself.
const ANNOUNCEMENTS: usize = 1_024;

/// Session ids with the end of their last access token. Bounded by expiry: after that the token
/// is refused anyway. Read at every request, written at logout.
pub(super) struct Revocations {
    sessions: RwLock<HashMap<String, i64>>,
    announce: broadcast::Sender<Arc<str>>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { sessions: RwLock::default(), announce: broadcast::channel(ANNOUNCEMENTS).0 }
    }
}

impl Revocations {
    pub(super) fn contains(&self, session: &str) -> bool {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).contains_key(session)
    }

    pub(super) fn add(&self, session: &str, access_expires_s: i64) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        if sessions.insert(session.to_owned(), access_expires_s).is_none() {
            // An error means that nobody listens, which is fine.
            let _ = self.announce.send(session.into());
        }
    }

    /// Adds what the store knows, for instance from other nodes.
    pub(super) fn load(&self, revoked: Vec<(String, i64)>) {
        for (session, access_expires_s) in revoked {
            self.add(&session, access_expires_s);
        }
    }

    pub(super) fn forget_before(&self, now_s: i64) {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).retain(|_, end| *end > now_s);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.announce.subscribe()
    }
}
