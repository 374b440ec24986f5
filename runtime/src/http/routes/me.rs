//! `/v1/me`, `/v1/classes`

use crate::http::AppState;
use crate::http::extract::Caller;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The caller's account.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeBody {
    /// Its key.
    account: i64,
    /// Its name.
    username: String,
    /// What it may do: `player`, `moderator`, `designer`, `operator`, `admin`.
    roles: Vec<String>,
    /// Whether it has no password.
    guest: bool,
}

/// What a character can be.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassesBody {
    /// By name.
    classes: Vec<ClassBody>,
}

/// A class.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClassBody {
    /// For `POST /v1/characters`.
    name: String,
    /// For people.
    title: String,
}

/// Who am I.
#[utoipa::path(get, path = "/v1/me", operation_id = "me", tag = "auth", security(("bearer" = [])),
    responses((status = 200, description = "The account of the token.", body = MeBody)))]
pub(crate) async fn me(State(state): State<AppState>, Caller(claims): Caller) -> Result<Json<MeBody>, Problem> {
    let account = state.store.account(claims.account).await?;
    let account = account.ok_or_else(|| Problem::unauthorized("invalid_token", "the account is gone"))?;
    let guest = account.password_hash.is_none();
    Ok(Json(MeBody { account: account.id.0, username: account.username, roles: account.roles, guest }))
}

/// The classes a character can have.
#[utoipa::path(get, path = "/v1/classes", operation_id = "listClasses", tag = "content",
    responses((status = 200, description = "All classes.", body = ClassesBody)))]
pub(crate) async fn classes(State(state): State<AppState>) -> Json<ClassesBody> {
    let content = state.content();
    let classes = content.classes.values();
    let mut classes: Vec<_> =
        classes.map(|class| ClassBody { name: class.name.clone(), title: class.title.clone() }).collect();
    classes.sort_by(|a, b| a.name.cmp(&b.name));
    Json(ClassesBody { classes })
}
