//! `Idempotency-Key`: a mutating request of an account that is sent again is answered again, not
//! carried out again.
//!
//! Routes that give out tokens are not covered: their answers are secrets, which are never stored.

use super::AppState;
use super::extract::refused_bytes;
use super::problem::Problem;
use crate::auth::Claims;
use crate::store::{Claimed, StoredResponse};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::fmt::Write as _;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, bytes: a UUID has 36.
const KEY_BYTES: usize = 128;
/// Largest answer that is kept, bytes; ours are under 4 KiB.
const ANSWER_BYTES: usize = 64 * 1024;

pub(super) async fn once_per_key(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = key_of(request.headers())? else { return Ok(next.run(request).await) };
    if request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    let Some(account) = request.extensions().get::<Claims>().map(|claims| claims.account) else {
        return Err(Problem::internal());
    };
    let route = format!("{} {}", request.method(), request.uri().path());
    let (parts, body) = request.into_parts();
    let limited = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(limited, &()).await.map_err(|error| refused_bytes(&error))?;
    match state.store.claim_idempotency_key(account, &key, &route, &hash(&body)).await? {
        Claimed::Fresh => {}
        Claimed::Answered(answer) => return replay(answer),
        Claimed::Running => {
            let detail = "the first request with this key is still being carried out";
            return Err(Problem::new(StatusCode::CONFLICT, "idempotency_running", detail).retry_after(1));
        }
        Claimed::Mismatch => {
            let detail = "this Idempotency-Key was used for another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail));
        }
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS {
        // Not carried out: the same key may try again.
        state.store.release_idempotency_key(account, &key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES).await else { return Err(Problem::internal()) };
    let text = String::from_utf8_lossy(&body).into_owned();
    let answer = StoredResponse { status: parts.status.as_u16(), body: text };
    if let Err(error) = state.store.keep_response(account, &key, &answer).await {
        // It was carried out and must be answered; a retry is told that it is running until then.
        tracing::warn!(%error, "an answer was not kept for its idempotency key");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let detail = "Idempotency-Key must be 1 to 128 visible ASCII characters";
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail))
        }
    }
}

fn replay(answer: StoredResponse) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|_| Problem::internal())?;
    let mut response = (status, answer.body).into_response();
    let content_type = match status {
        StatusCode::NO_CONTENT => None,
        _ if status.is_success() => Some("application/json"),
        _ => Some("application/problem+json"),
    };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn hash(body: &[u8]) -> String {
    blake3::hash(body).as_bytes().iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
