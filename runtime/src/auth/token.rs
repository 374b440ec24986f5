//! Access tokens: JSON web tokens, HS256 and nothing else.

use super::keys::KeyRing;
use crate::store::{Account, AccountId, unix_seconds};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const ISSUER: &str = "lore";
const AUDIENCE: &str = "lore-players";
/// Longest token looked at, bytes: ours are under 1 KiB.
const TOKEN_BYTES: usize = 4_096;

/// What an access token says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub account: AccountId,
    /// Name of the account.
    pub username: String,
    /// The login session; ends with logout.
    pub session: String,
    /// What the account may do.
    pub roles: Vec<String>,
    /// End, unix seconds.
    pub expires_at: i64,
}

/// Why an access token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Not a token of ours, or tampered with; log in.
    #[error("the access token is not valid; log in")]
    Invalid,
    /// Over; refresh it.
    #[error("the access token has expired; spend the refresh token for another")]
    Expired,
    /// Its session was ended by logout, ban or a reused refresh token; log in.
    #[error("the access token was revoked; log in again")]
    Revoked,
}

/// The claims on the wire.
#[derive(Deserialize, Serialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    sid: String,
    name: String,
    roles: Vec<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// A new token of an account, and its end in unix seconds.
pub(super) fn issue(
    account: &Account,
    session: &str,
    ttl: Duration,
    keys: &KeyRing,
) -> Result<(String, i64), jsonwebtoken::errors::Error> {
    let now = unix_seconds();
    let expires_at = end_after(now, ttl);
    let wire = Wire {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: account.id.to_string(),
        jti: super::login::random_text::<12>(),
        sid: session.to_owned(),
        name: account.username.clone(),
        roles: account.roles.clone(),
        iat: now,
        nbf: now,
        exp: expires_at,
    };
    let header = Header { kid: Some(keys.current.kid.clone()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(&keys.current.secret);
    Ok((jsonwebtoken::encode(&header, &wire, &key)?, expires_at))
}

/// Checks everything about a token but revocation.
pub(super) fn decode(token: &str, keys: &KeyRing) -> Result<Claims, AuthError> {
    if token.len() > TOKEN_BYTES {
        return Err(AuthError::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Invalid)?;
    let key = header.kid.as_deref().and_then(|kid| keys.find(kid)).ok_or(AuthError::Invalid)?;
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = 0;
    // A token ends on the second it names (RFC 7519, 4.1.4), not after it.
    rules.reject_tokens_expiring_in_less_than = 1;
    rules.validate_nbf = true;
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    let decoded = jsonwebtoken::decode::<Wire>(token, &DecodingKey::from_secret(&key.secret), &rules);
    let wire = decoded.map_err(|error| match error.kind() {
        ErrorKind::ExpiredSignature => AuthError::Expired,
        _ => AuthError::Invalid,
    })?;
    let wire = wire.claims;
    Ok(Claims {
        account: AccountId(wire.sub.parse().map_err(|_| AuthError::Invalid)?),
        username: wire.name,
        session: wire.sid,
        roles: wire.roles,
        expires_at: wire.exp,
    })
}

/// `ttl` after `now`, unix seconds.
pub(super) fn end_after(now: i64, ttl: Duration) -> i64 {
    now.saturating_add(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX))
}
