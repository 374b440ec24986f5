//! Errors on the wire: `application/problem+json` (RFC 9457) with a stable `code`.

use crate::auth::fields::FieldError;
use crate::store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;

/// An answer that is not what was asked for.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable; clients decide by it.
    pub code: &'static str,
    /// For people; names the field when one is at fault.
    pub detail: Cow<'static, str>,
    /// Seconds after which to try again.
    pub retry_after_s: Option<u64>,
}

/// The document.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document<'a> {
    /// Always `about:blank`: the status and the code say it all.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The status in words.
    #[schema(example = "Conflict")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// Stable; decide by it.
    #[schema(example = "name_taken")]
    code: &'a str,
    /// For people.
    detail: &'a str,
}

impl Problem {
    /// A problem without a time to come back.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_s: None }
    }

    /// Says when to try again.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// 401; every one of them carries `WWW-Authenticate`.
    pub fn unauthorized(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 404.
    pub fn not_found(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 500. What went wrong is for the log, not for the client.
    pub fn internal() -> Self {
        let detail = "a defect of the server; it has been logged";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503 because of too many passwords at once.
    pub fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many logins at once").retry_after(2)
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", error.to_string())
    }
}

impl From<StoreError> for Problem {
    /// For errors that the route has no answer of its own to.
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "the store did not answer");
            let detail = "the store cannot be reached; nothing was changed";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(2);
        }
        tracing::error!(%error, "the store refused");
        Self::internal()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
        };
        let mut response = (self.status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = match self.code {
                "missing_token" => "Bearer realm=\"lore\"",
                _ => "Bearer realm=\"lore\", error=\"invalid_token\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route has other methods")
}
