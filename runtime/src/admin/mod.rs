//! The operators' HTTP interface, on a listener of its own. Everything asks for the bearer token,
//! but for reading the status, from the same machine, on a developer's server.

mod bans;
mod changes;
pub mod client;
mod costs;
mod events;
mod limits;
mod logs;
mod messages;
mod note;
mod status;
pub mod stream;
mod token;

pub use costs::{Costs, ExportCost, Share, Shares, Spent, SubjectCost, ZoneCost, ZoneShare, definition};
pub use messages::{Level, Said};
pub use note::TokenNote;
pub use status::{ModuleRow, Status, ZoneRow, script_stats};
pub use token::{AdminToken, TokenError};

use crate::abuse::Abuse;
use crate::bus::Bus;
use crate::gateway::Gateway;
use crate::http::Problem;
use crate::reload::{Author, ContentFiles, ContentReport, MODULE_BYTES, Pipeline, Plan, PushError, Report};
use crate::store::Store;
use crate::zone::Zones;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What handlers work with.
#[derive(Clone)]
pub struct AdminState {
    /// Where changes go.
    pub pipeline: Arc<Pipeline>,
    /// What is asked about.
    pub zones: Arc<Zones>,
    /// Who is spoken to.
    pub gateway: Arc<Gateway>,
    /// What happens.
    pub bus: Bus,
    /// Limits and bans.
    pub abuse: Abuse,
    /// Whom bans are about.
    pub store: Store,
    /// Ends the event streams.
    pub stop: CancellationToken,
    /// Who may.
    pub token: Arc<AdminToken>,
    /// Whether the status may be read from the same machine without the token.
    pub open_status: bool,
}

/// All routes.
pub fn router(state: AdminState) -> Router {
    Router::new()
        .route("/admin/v1/status", get(status))
        .route("/v1/status", get(status))
        .route("/admin/v1/costs", get(costs))
        .route("/admin/v1/modules", post(push_module))
        .route("/admin/v1/plan", post(plan))
        .route("/admin/v1/plan/content", post(plan_content))
        .route("/admin/v1/content", post(push_content))
        .route("/admin/v1/rollback", post(rollback))
        .route("/admin/v1/history", get(history))
        .route("/admin/v1/changes", get(changes::list))
        .route("/admin/v1/changes/{id}", get(changes::show))
        .route("/admin/v1/changes/{id}/proof", get(changes::proof))
        .route("/admin/v1/changes/{id}/approve", post(changes::approve))
        .route("/admin/v1/changes/{id}/reject", post(changes::reject))
        .route("/admin/v1/limits", get(limits::show).put(limits::replace).delete(limits::reset))
        .route("/admin/v1/bans", get(bans::list).post(bans::ban).delete(bans::lift))
        .route("/admin/v1/events", get(events::events))
        .route("/admin/v1/logs", get(logs::logs))
        .route("/admin/v1/messages", post(messages::say))
        .layer(DefaultBodyLimit::max(MODULE_BYTES))
        .layer(from_fn_with_state(state.clone(), authenticate))
        .with_state(state)
}

async fn authenticate(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    // A page in a browser on this machine is not the operator: it sends an origin.
    let local =
        peer.is_some_and(|peer| peer.ip().is_loopback()) && !request.headers().contains_key(header::ORIGIN);
    let (path, reads) = (request.uri().path(), request.method() == Method::GET);
    let open = match path {
        "/v1/status" | "/admin/v1/status" => state.open_status,
        _ => false,
    };
    let known = bearer.is_some_and(|bearer| state.token.is(bearer));
    if known || (reads && local && open) {
        return next.run(request).await;
    }
    let detail = "the operator's token is needed: `Authorization: Bearer TOKEN`";
    Problem::unauthorized("unauthorized", detail).into_response()
}

/// How far back figures go, in the query.
#[derive(Deserialize)]
struct Lately {
    /// Of the last ticks; all that are remembered if missing.
    ticks: Option<usize>,
}

async fn status(State(state): State<AdminState>, Query(lately): Query<Lately>) -> Json<Status> {
    let ticks = lately.ticks.unwrap_or(usize::MAX);
    Json(Status::collect(&state.pipeline, &state.zones, ticks).await)
}

/// `GET /admin/v1/costs`: sums; what two readings differ in was spent between them.
async fn costs(State(state): State<AdminState>) -> Json<Costs> {
    Json(Costs::collect(&state.pipeline, &state.zones).await)
}

/// The body, or that it is too long or was cut off.
fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("a body has at most {MODULE_BYTES} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        }
        status => Problem::new(status, "invalid_body", rejection.body_text()),
    })
}

/// Who and why, in the query.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    who: String,
    #[serde(default)]
    why: String,
}

/// How a push shall become live, in the query.
#[derive(Deserialize)]
struct Wish {
    /// Names of zones, with commas between, or a share of all: `25%`.
    #[serde(default)]
    canary: String,
    #[serde(default)]
    hold: bool,
    #[serde(default)]
    skip_proof: bool,
}

impl From<Wish> for Plan {
    fn from(wish: Wish) -> Self {
        let zones = wish.canary.split(',').map(str::trim).filter(|zone| !zone.is_empty());
        let canary = zones.map(ToOwned::to_owned).collect();
        Self { canary, hold: wish.hold, skip_proof: wish.skip_proof }
    }
}

impl From<Asked> for Author {
    fn from(asked: Asked) -> Self {
        let bounded = |text: String| text.chars().take(200).collect();
        Self { who: bounded(asked.who), why: bounded(asked.why) }
    }
}

/// The body of a request that brings a component.
fn component(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    let body = whole(body)?;
    let octets = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/octet-stream" || kind == "application/wasm");
    if octets {
        return Ok(body);
    }
    let detail = "send the component as application/octet-stream";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

/// `POST /admin/v1/plan`: what a component would change; nothing is changed.
async fn plan(
    State(state): State<AdminState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Report>, Problem> {
    let body = component(&headers, body)?;
    state.pipeline.plan(body.to_vec()).await.map(Json).map_err(|error| problem(&error))
}

/// The body of a request that brings content.
fn content_files(body: Result<Bytes, BytesRejection>) -> Result<ContentFiles, Problem> {
    serde_json::from_slice(&whole(body)?).map_err(|error| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            format!("the body is a JSON object of path and text: {error}"),
        )
    })
}

/// `POST /admin/v1/plan/content`: which definitions and numbers a content would change; nothing is changed.
async fn plan_content(
    State(state): State<AdminState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ContentReport>, Problem> {
    let files = content_files(body)?;
    state.pipeline.plan_content(files).await.map(Json).map_err(|error| problem(&error))
}

async fn push_module(
    State(state): State<AdminState>,
    Query(asked): Query<Asked>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = component(&headers, body)?;
    let pushed = state.pipeline.push_module(body.to_vec(), &wish.into(), &asked.into()).await;
    let pushed = pushed.map_err(|error| problem(&error))?;
    Ok(Json(pushed).into_response())
}

async fn push_content(
    State(state): State<AdminState>,
    Query(asked): Query<Asked>,
    Query(wish): Query<Wish>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let files = content_files(body)?;
    let pushed = state.pipeline.push_content(files, &wish.into(), &asked.into()).await;
    let pushed = pushed.map_err(|error| problem(&error))?;
    Ok(Json(pushed).into_response())
}

/// What to go back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    script: String,
}

async fn rollback(
    State(state): State<AdminState>,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Result<Response, Problem> {
    let Rollback { script } = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            format!("the body is {{\"script\": NAME}}: {error}"),
        )
    })?;
    let pushed = state.pipeline.rollback(&script, &asked.into()).await.map_err(|error| problem(&error))?;
    Ok(Json(pushed).into_response())
}

async fn history(State(state): State<AdminState>) -> Response {
    Json(
        serde_json::json!({"history": state.pipeline.history(), "quarantined": state.pipeline.quarantined()}),
    )
    .into_response()
}

fn problem(error: &PushError) -> Problem {
    let (status, code) = match error {
        PushError::Load(_) => (StatusCode::UNPROCESSABLE_ENTITY, "module_refused"),
        PushError::Generation(_) => (StatusCode::UNPROCESSABLE_ENTITY, "does_not_fit"),
        PushError::Misfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "content_mismatch"),
        PushError::Content(_) => (StatusCode::UNPROCESSABLE_ENTITY, "content_refused"),
        PushError::Quarantined { .. } => (StatusCode::CONFLICT, "quarantined"),
        PushError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "proof_refused"),
        PushError::OtherKind { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "other_kind"),
        PushError::NoZone { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "no_zone"),
        PushError::ContentCanary => (StatusCode::UNPROCESSABLE_ENTITY, "content_canary"),
        PushError::State { .. } => (StatusCode::CONFLICT, "state_refused"),
        PushError::StateCanary(_) => (StatusCode::UNPROCESSABLE_ENTITY, "state_canary"),
        PushError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        PushError::InProbation(_) => (StatusCode::CONFLICT, "in_probation"),
        PushError::NoChange(_) => (StatusCode::NOT_FOUND, "no_change"),
        PushError::NoProof(_) => (StatusCode::NOT_FOUND, "no_proof"),
        PushError::Impossible(_) => (StatusCode::CONFLICT, "not_in_this_state"),
        PushError::NothingBefore(_) | PushError::NotLive { .. } => (StatusCode::CONFLICT, "nothing_before"),
        PushError::Rests(_) => (StatusCode::CONFLICT, "rests"),
        PushError::Overtaken(_) => (StatusCode::CONFLICT, "overtaken"),
        PushError::Rules(_) | PushError::Zone(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        PushError::Archive(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
        PushError::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    // The whole chain: the innermost says the line.
    let mut detail = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !detail.contains(&text) {
            detail = format!("{detail}: {text}");
        }
        cause = inner.source();
    }
    Problem::new(status, code, detail)
}
