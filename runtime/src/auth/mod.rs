//! Who somebody is: passwords, access tokens, refresh tokens, revocation.
//!
//! What does not live here: what one may do with a character (`crate::http`, `crate::gateway`),
//! rows (`crate::store`).

pub mod fields;
mod keys;
mod login;
mod password;
mod revocation;
mod token;

pub use crate::store::AccountId;
pub use keys::{KeyError, KeyRing};
pub use login::{LoginError, RefreshError, RegisterError, Registration, Tokens};
pub use password::{Busy, Passwords};
pub use token::{AuthError, Claims};

use crate::store::{Store, StoreError, unix_seconds};
use revocation::Revocations;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::broadcast;

/// The clonable front of everything about identity.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Store,
    /// Written only when keys rotate.
    keys: RwLock<KeyRing>,
    passwords: Passwords,
    revocations: Revocations,
    access_ttl: Duration,
    refresh_ttl: Duration,
}

/// Why identity cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The signing keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The sessions revoked before.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Passwords cannot be hashed.
    #[error("the threads that hash passwords cannot be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl Auth {
    /// Loads (or, at the first start, creates) the signing keys of the data folder and the sessions
    /// revoked before.
    ///
    /// # Errors
    /// [`OpenError`], by cause.
    pub async fn open(
        store: Store,
        data: &Path,
        access_ttl: Duration,
        refresh_ttl: Duration,
    ) -> Result<Self, OpenError> {
        let keys = KeyRing::open(data)?;
        let revocations = Revocations::default();
        revocations.load(store.revoked_sessions().await?);
        let passwords = Passwords::new()?;
        let keys = RwLock::new(keys);
        Ok(Self(Arc::new(Inner { store, keys, passwords, revocations, access_ttl, refresh_ttl })))
    }

    /// Who the bearer of an access token is. No I/O.
    ///
    /// # Errors
    /// [`AuthError`]: not ours, over, or revoked.
    pub fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let claims = {
            let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
            token::decode(token, &keys)?
        };
        if self.0.revocations.contains(&claims.session) {
            return Err(AuthError::Revoked);
        }
        Ok(claims)
    }

    /// Session ids as they are revoked, so that open sockets can be closed. A receiver that lags
    /// should verify its tokens again.
    pub fn revocations(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.revocations.subscribe()
    }

    /// Makes a new signing key and keeps the present one for checking what it signed.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be written, or when the keys come from the environment.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        self.0.keys.write().unwrap_or_else(PoisonError::into_inner).rotate()
    }

    /// What has to be done every minute or so: sessions that other nodes revoked are learnt,
    /// sessions that ended are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the next time will do.
    pub async fn upkeep(&self) -> Result<(), StoreError> {
        self.0.revocations.load(self.0.store.revoked_sessions().await?);
        self.0.revocations.forget_before(unix_seconds());
        self.0.store.forget_ended_sessions().await?;
        Ok(())
    }
}
