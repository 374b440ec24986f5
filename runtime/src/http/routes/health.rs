//! `/healthz`, `/readyz`, `/metrics`

use crate::http::AppState;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::atomic::Ordering;
use utoipa::ToSchema;

/// Good news.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// `ok`.
    status: &'static str,
}

/// Whether the process lives. No need to restart it while this answers.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "operation",
    responses((status = 200, description = "It lives.", body = StatusBody)))]
pub(crate) async fn healthz() -> Json<StatusBody> {
    Json(StatusBody { status: "ok" })
}

/// Whether to send players here.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operation",
    responses(
        (status = 200, description = "Yes.", body = StatusBody),
        (status = 503, description = "`draining`, or `unavailable`: the store does not answer or falls behind."),
    ))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<StatusBody>, Problem> {
    if state.is_draining() {
        let detail = "the server is going down";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail).retry_after(5));
    }
    if !state.store.reachable().load(Ordering::Relaxed) {
        let detail = "the store does not take what happens in the world";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(5));
    }
    state.store.ping().await?;
    Ok(Json(StatusBody { status: "ok" }))
}

/// Measurements in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operation",
    responses((status = 200, description = "Measurements.", body = String,
        content_type = "text/plain; version=0.0.4")))]
pub(crate) async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render())
}
