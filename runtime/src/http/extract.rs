//! From a request to typed values: the caller, the body, the id in the path. Everything that is
//! wrong with them ends here as a problem.

use super::AppState;
use super::admission::admit_account;
use super::problem::Problem;
use super::rates::too_many;
use crate::abuse::{Address, Offence};
use crate::auth::{AuthError, Claims};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sim::CharacterId;

/// Who asks; only on routes behind [`authenticate`].
pub(super) struct Caller(pub(super) Claims);

/// Lets requests with a good token through, at the rate of an account.
pub(super) async fn authenticate(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = bearer(request.headers()).ok_or_else(|| {
        Problem::unauthorized("missing_token", "send an access token: Authorization: Bearer TOKEN")
    })?;
    let claims = state.auth.verify(token).inspect_err(|error| {
        // An old one is no guess.
        if let (AuthError::Invalid, Some(address)) = (error, request.extensions().get::<Address>()) {
            state.abuse.offend_from(*address, Offence::BadToken);
        }
    })?;
    admit_account(&state.abuse, claims.account)?;
    let counted = state.abuse.count_request(claims.account);
    counted.map_err(|wait| too_many("account", "requests of this account", wait))?;
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = match error {
            AuthError::Invalid => "invalid_token",
            AuthError::Expired => "token_expired",
            AuthError::Revoked => "token_revoked",
        };
        Self::unauthorized(code, error.to_string())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Claims>().cloned().map(Self).ok_or_else(|| {
            tracing::error!("a route with a caller is not behind `authenticate`");
            Problem::internal()
        })
    }
}

/// A JSON body of a known shape.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the body as Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| refused_bytes(&error))?;
        match axum::Json::from_bytes(&bytes) {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refused_json(&rejection, &bytes)),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = declared.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn refused_json(rejection: &JsonRejection, body: &[u8]) -> Problem {
    // A wrong member may be found before the place where the text stops being JSON.
    let no_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).err();
    match (rejection, no_json) {
        (JsonRejection::JsonDataError(error), None) => {
            let detail = error.body_text();
            let detail = detail.split_once("target type: ").map_or(detail.clone(), |(_, why)| why.to_owned());
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail)
        }
        (_, Some(error)) => {
            let detail = format!("the body is not JSON: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
        }
        (_, None) => Problem::new(StatusCode::BAD_REQUEST, "malformed_json", "the body is not JSON"),
    }
}

pub(super) fn refused_bytes(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = "a body may have 64 KiB";
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
    }
    Problem::new(StatusCode::BAD_REQUEST, "bad_request", "the body cannot be read")
}

/// The character a path names. What is not a number names none.
pub(super) struct CharacterPath(pub(super) CharacterId);

impl<S: Send + Sync> FromRequestParts<S> for CharacterPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<i64>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(CharacterId(id))),
            Err(_) => Err(Problem::not_found("there is no such character")),
        }
    }
}

/// A problem as the answer of a middleware.
impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}
