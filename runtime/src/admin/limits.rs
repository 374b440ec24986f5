//! The policy of limits: to look at and to replace.

use super::{AdminState, whole};
use crate::abuse::{KeepError, Policy};
use crate::http::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Largest policy, bytes: a whole one has 3 KiB, and the longest list of proxies is short.
const POLICY_BYTES: usize = 64 * 1024;

/// `GET /admin/v1/limits`: the policy in force, and whether it is that of the settings.
pub(super) async fn show(State(state): State<AdminState>) -> Json<Value> {
    let (policy, is_replaced) = state.abuse.policy_and_origin().await;
    Json(told(&policy, is_replaced))
}

/// `PUT /admin/v1/limits`: what the body does not say is as in the settings.
pub(super) async fn replace(
    State(state): State<AdminState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let body = whole(body)?;
    if body.len() > POLICY_BYTES {
        let detail = format!("a policy has at most {POLICY_BYTES} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
    }
    let document = serde_json::from_slice(&body).map_err(|error| {
        let detail =
            format!("the body is a JSON object such as {{\"connection\": {{\"chat\": \"1/s\"}}}}: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail)
    })?;
    let policy = state.abuse.set_policy(document).await.map_err(|error| problem(&error))?;
    tracing::info!("the limits were replaced");
    Ok(Json(told(&policy, true)))
}

/// `DELETE /admin/v1/limits`: back to those of the settings.
pub(super) async fn reset(State(state): State<AdminState>) -> Result<Json<Value>, Problem> {
    let policy = state.abuse.reset_policy().await.map_err(|error| problem(&error))?;
    tracing::info!("the limits are those of the settings again");
    Ok(Json(told(&policy, false)))
}

fn told(policy: &Policy, is_replaced: bool) -> Value {
    let from = if is_replaced { "operator" } else { "settings" };
    json!({"from": from, "limits": policy.document()})
}

fn problem(error: &KeepError) -> Problem {
    let (status, code) = match error {
        KeepError::Mistakes(_) => (StatusCode::UNPROCESSABLE_ENTITY, "limits_refused"),
        KeepError::File { .. } => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
    };
    Problem::new(status, code, error.to_string())
}
