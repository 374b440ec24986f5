//! How often one address may try to log in, and what is told to who asks too often. The counts are in `crate::abuse`.

use super::AppState;
use super::problem::Problem;
use crate::abuse::{Address, Offence};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;

/// Lets requests of one address through at the rate of logins.
pub(super) async fn per_address(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = request.extensions().get::<Address>().copied();
    if let Some(address) = address {
        let counted = state.abuse.count_login(address);
        counted.map_err(|wait| too_many("login", "attempts from this address", wait))?;
    }
    let response = next.run(request).await;
    if let (StatusCode::UNAUTHORIZED, Some(address)) = (response.status(), address) {
        state.abuse.offend_from(address, Offence::BadToken);
    }
    Ok(response)
}

/// 429: too many of these, for so long; counted by whose rate it was.
pub(super) fn too_many(by: &'static str, what: &str, wait: Duration) -> Problem {
    metrics::counter!("http_requests_refused_total", "by" => by).increment(1);
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", format!("too many {what}"));
    problem.retry_after(wait.as_secs() + 1)
}
