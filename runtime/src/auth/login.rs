//! Registering, logging in, refreshing, logging out.

use super::fields::{FieldError, check_email, check_password, check_username};
use super::token::{end_after, issue};
use super::{Auth, Busy, Claims};
use crate::store::{Account, NewAccount, NewSession, Rotation, StoreError, unix_seconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::sync::PoisonError;

/// Tries to find a free guest name; two in a row are never taken by chance.
const GUEST_NAME_TRIES: usize = 4;

/// What a login gives.
#[derive(Clone)]
pub struct Tokens {
    /// For the `Authorization` header.
    pub access_token: String,
    /// Seconds until it ends.
    pub expires_in: u64,
    /// For one refresh.
    pub refresh_token: String,
    /// Whose.
    pub account: Account,
}

/// What an account is registered with.
pub struct Registration {
    /// See [`check_email`].
    pub email: String,
    /// See [`check_username`].
    pub username: String,
    /// See [`check_password`].
    pub password: String,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// A field is not acceptable.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Somebody has that `email` or `username`.
    #[error("that {0} is taken")]
    Taken(&'static str),
    /// Too many at once.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed: a defect.
    #[error("no token could be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// Why somebody was not logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown login or wrong password; it is not said which.
    #[error("unknown login or wrong password")]
    BadCredentials,
    /// Too many at once.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed: a defect.
    #[error("no token could be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// Why a session was not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Never issued, expired, or of a session that ended.
    #[error("the refresh token is not valid")]
    Refused,
    /// It had been used before: the session is revoked, log in again.
    #[error("the refresh token was used before; the session has been ended")]
    Reused,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed: a defect.
    #[error("no token could be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl Auth {
    /// Makes an account and logs it in.
    ///
    /// # Errors
    /// [`RegisterError`], by cause.
    pub async fn register(&self, new: Registration) -> Result<Tokens, RegisterError> {
        check_email(&new.email)?;
        check_username(&new.username)?;
        check_password(&new.password)?;
        let hash = self.0.passwords.hash(new.password).await?;
        let account = NewAccount {
            email: Some(&new.email),
            username: &new.username,
            password_hash: Some(&hash),
        };
        match self.0.store.create_account(account).await {
            Ok(account) => self.begin_session(account).await,
            Err(StoreError::Conflict(field)) => Err(RegisterError::Taken(field)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an account without a password, good for as long as its session is refreshed.
    ///
    /// # Errors
    /// [`RegisterError::Store`], [`RegisterError::Signing`].
    pub async fn register_guest(&self) -> Result<Tokens, RegisterError> {
        for _ in 0..GUEST_NAME_TRIES {
            let username = format!("Guest_{:08x}", rand::random::<u32>());
            let guest = NewAccount { email: None, username: &username, password_hash: None };
            match self.0.store.create_account(guest).await {
                Ok(account) => return self.begin_session(account).await,
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegisterError::Taken("username"))
    }

    /// Logs in with a username or an email.
    ///
    /// # Errors
    /// [`LoginError`], by cause.
    pub async fn login(&self, login: &str, password: String) -> Result<Tokens, LoginError> {
        // What cannot have been registered is not looked for, but answered as slowly.
        let plausible = check_email(login).is_ok() || check_username(login).is_ok();
        let account = if plausible { self.0.store.account_by_login(login).await? } else { None };
        let hash = account.as_ref().and_then(|account| account.password_hash.clone());
        let password = if check_password(&password).is_ok() { password } else { String::new() };
        if !self.0.passwords.verify(password, hash).await? {
            return Err(LoginError::BadCredentials);
        }
        let account = account.ok_or(LoginError::BadCredentials)?;
        self.begin_session(account).await
    }

    /// Spends a refresh token: new tokens, same session.
    ///
    /// # Errors
    /// [`RefreshError`], by cause.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens, RefreshError> {
        let next = random_text::<32>();
        let now = unix_seconds();
        let rotation = self
            .0
            .store
            .rotate_session(
                &token_hash(refresh_token),
                &token_hash(&next),
                end_after(now, self.0.refresh_ttl),
                end_after(now, self.0.access_ttl),
            )
            .await?;
        let session = match rotation {
            Rotation::Rotated(session) => session,
            Rotation::Refused => return Err(RefreshError::Refused),
            Rotation::Reused { session, access_expires_s } => {
                self.0.revocations.add(&session.id, access_expires_s);
                tracing::warn!(account = %session.account, "a refresh token was used twice; session revoked");
                return Err(RefreshError::Reused);
            }
        };
        let account = self.0.store.account(session.account).await?.ok_or(RefreshError::Refused)?;
        let access_token = self.sign(&account, &session.id)?.0;
        Ok(Tokens {
            access_token,
            expires_in: self.0.access_ttl.as_secs(),
            refresh_token: next,
            account,
        })
    }

    /// Ends the session of a token: all its tokens are refused from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then nothing has changed.
    pub async fn logout(&self, claims: &Claims) -> Result<(), StoreError> {
        self.0.store.revoke_session(&claims.session, "logout").await?;
        // A refresh may have issued a later token than this one.
        let latest = end_after(unix_seconds(), self.0.access_ttl).max(claims.expires_at);
        self.0.revocations.add(&claims.session, latest);
        Ok(())
    }

    async fn begin_session<E>(&self, account: Account) -> Result<Tokens, E>
    where
        E: From<StoreError> + From<jsonwebtoken::errors::Error>,
    {
        let (id, refresh_token) = (random_text::<16>(), random_text::<32>());
        let (access_token, access_expires_s) = self.sign(&account, &id)?;
        let session = NewSession {
            id: &id,
            account: account.id,
            refresh_hash: &token_hash(&refresh_token),
            expires_s: end_after(unix_seconds(), self.0.refresh_ttl),
            access_expires_s,
        };
        self.0.store.create_session(session).await?;
        Ok(Tokens { access_token, expires_in: self.0.access_ttl.as_secs(), refresh_token, account })
    }

    fn sign(&self, account: &Account, session: &str) -> Result<(String, i64), jsonwebtoken::errors::Error> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        issue(account, session, self.0.access_ttl, &keys)
    }
}

/// `N` random bytes as text.
pub(super) fn random_text<const N: usize>() -> String {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the store keeps of a refresh token. Plain SHA-256: the token is 256 random bits.
fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}
