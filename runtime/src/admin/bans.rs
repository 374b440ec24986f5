//! Bans: to look at, to say, to lift.

use super::{AdminState, Asked, whole};
use crate::abuse::{Ban, BanError, Network, Subject};
use crate::auth::AccountId;
use crate::http::Problem;
use crate::reload::Author;
use crate::store::Store;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Whom to ban, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// A name or an email of an account, `#` and its key, or an address.
    whom: String,
    /// Seconds; for good if missing.
    #[serde(default)]
    for_s: Option<u64>,
}

/// Whose ban to lift, in the query.
#[derive(Deserialize)]
pub(super) struct Whose {
    whom: String,
}

/// `GET /admin/v1/bans`: those in force, the latest first.
pub(super) async fn list(State(state): State<AdminState>) -> Json<Value> {
    Json(json!({"bans": state.abuse.bans()}))
}

/// `POST /admin/v1/bans`: in force at once.
pub(super) async fn ban(
    State(state): State<AdminState>,
    Query(asked): Query<Asked>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Ban>, Problem> {
    let Wanted { whom, for_s } = serde_json::from_slice(&whole(body)?).map_err(|error| {
        let detail = format!("the body is {{\"whom\": \"ada\", \"for_s\": 3600}}: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail)
    })?;
    if for_s == Some(0) {
        let detail = "a ban lasts at least a second; without `for_s` it is for good";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail));
    }
    let (subject, name) = find(&state.store, &whom).await?;
    let Author { who, why } = asked.into();
    let ban = state.abuse.ban(subject, name, for_s.map(Duration::from_secs), why, who).await;
    ban.map(Json).map_err(|error| match error {
        BanError::Store(error) => error.into(),
        BanError::Full => Problem::new(StatusCode::CONFLICT, "too_many_bans", error.to_string()),
    })
}

/// `DELETE /admin/v1/bans?whom=...`: what was lifted.
pub(super) async fn lift(
    State(state): State<AdminState>,
    Query(Whose { whom }): Query<Whose>,
) -> Result<Json<Ban>, Problem> {
    let (subject, name) = find(&state.store, &whom).await?;
    let lifted = state.abuse.lift(subject).await?;
    lifted.map(Json).ok_or_else(|| {
        let detail = format!("{name} is not banned; `lore bans` lists who is");
        Problem::new(StatusCode::NOT_FOUND, "not_banned", detail)
    })
}

/// Who is meant, and the name of that.
async fn find(store: &Store, whom: &str) -> Result<(Subject, String), Problem> {
    if let Ok(network) = whom.parse::<Network>() {
        return Ok((Subject::Address(network), network.to_string()));
    }
    let account = match whom.strip_prefix('#').map(str::parse) {
        Some(Ok(id)) => store.account(AccountId(id)).await?,
        Some(Err(_)) => None,
        None => store.account_by_login(whom).await?,
    };
    let Some(account) = account else {
        let whom: String = whom.chars().take(60).collect();
        let detail = format!("`{whom}` is neither an address nor the name, email or #key of an account");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_account", detail));
    };
    Ok((Subject::Account(account.id), account.username))
}
