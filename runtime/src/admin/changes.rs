//! Changes and how far they have come: to look at, to wait for, to say yes or no to.

use super::{AdminState, Asked, problem};
use crate::http::Problem;
use crate::reload::{Change, Proof, PushError, Pushed};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use std::time::Duration;

/// How long a request may wait, seconds.
const WAIT: u64 = 60;

/// How long to wait for a change to be settled.
#[derive(Deserialize)]
pub(super) struct Patience {
    /// Seconds, at most [`WAIT`].
    #[serde(default)]
    wait: u64,
}

/// `GET /admin/v1/changes`: newest first.
pub(super) async fn list(State(state): State<AdminState>) -> Json<serde_json::Value> {
    Json(serde_json::json!({"changes": state.pipeline.changes()}))
}

/// `GET /admin/v1/changes/ID`: at once, or when it is settled.
pub(super) async fn show(
    State(state): State<AdminState>,
    Path(id): Path<u64>,
    Query(Patience { wait }): Query<Patience>,
) -> Result<Json<Change>, Problem> {
    let settled = state.pipeline.settled(id, Duration::from_secs(wait.min(WAIT)));
    let change = tokio::select! {
        change = settled => change,
        () = state.stop.cancelled() => state.pipeline.change(id),
    };
    change.map(Json).ok_or_else(|| problem(&PushError::NoChange(id)))
}

/// `GET /admin/v1/changes/ID/proof`: the report of `lore plan` as it was when it was pushed.
pub(super) async fn proof(
    State(state): State<AdminState>,
    Path(id): Path<u64>,
) -> Result<Json<Proof>, Problem> {
    state.pipeline.proof(id).await.map(Json).map_err(|error| problem(&error))
}

/// `POST /admin/v1/changes/ID/approve`
pub(super) async fn approve(
    State(state): State<AdminState>,
    Path(id): Path<u64>,
    Query(asked): Query<Asked>,
) -> Result<Json<Pushed>, Problem> {
    state.pipeline.approve(id, &asked.into()).await.map(Json).map_err(|error| problem(&error))
}

/// `POST /admin/v1/changes/ID/reject`
pub(super) async fn reject(
    State(state): State<AdminState>,
    Path(id): Path<u64>,
    Query(asked): Query<Asked>,
) -> Result<Json<Change>, Problem> {
    state.pipeline.reject(id, &asked.into()).await.map(Json).map_err(|error| problem(&error))
}
