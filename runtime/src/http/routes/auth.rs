//! `/v1/auth/...`

use crate::auth::{LoginError, RefreshError, RegisterError, Registration, Tokens};
use crate::http::AppState;
use crate::http::admission::admit_account;
use crate::http::extract::{Body, Caller};
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBody {
    /// An address such as ada@example.org.
    #[schema(max_length = 254)]
    email: String,
    /// Letters, digits and underscores.
    #[schema(min_length = 3, max_length = 24, pattern = "^[A-Za-z0-9_]+$")]
    username: String,
    /// Anything.
    #[schema(min_length = 8, max_length = 128)]
    password: String,
}

/// Nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuestBody {}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// Username or email.
    login: String,
    /// The password.
    password: String,
}

/// What is refreshed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshBody {
    /// The refresh token of the last login or refresh.
    refresh_token: String,
}

/// What a login gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensBody {
    /// For the Authorization header.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
    /// For one refresh.
    refresh_token: String,
    /// Key of the account.
    account: i64,
    /// Its name.
    username: String,
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
            account: tokens.account.id.0,
            username: tokens.account.username,
        }
    }
}

/// Make an account and log in.
#[utoipa::path(post, path = "/v1/auth/register", operation_id = "register", tag = "auth",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "Made.", body = TokensBody),
        (status = 409, description = "`username_taken` or `email_taken`."),
        (status = 429, description = "Too many attempts from this address."),
        (status = 503, description = "`busy`: too many passwords at once; or `unavailable`."),
    ))]
pub(crate) async fn register(
    State(state): State<AppState>,
    Body(body): Body<RegisterBody>,
) -> Result<(StatusCode, Json<TokensBody>), Problem> {
    let RegisterBody { email, username, password } = body;
    let tokens = state.auth.register(Registration { email, username, password }).await?;
    Ok((StatusCode::CREATED, Json(tokens.into())))
}

/// Play without an account of one's own.
#[utoipa::path(post, path = "/v1/auth/guest", operation_id = "registerGuest", tag = "auth",
    request_body = GuestBody,
    responses(
        (status = 201, description = "Made.", body = TokensBody),
        (status = 403, description = "`guests_refused`: this server has none."),
        (status = 429, description = "Too many attempts from this address."),
        (status = 503, description = "`unavailable`."),
    ))]
pub(crate) async fn guest(
    State(state): State<AppState>,
    Body(GuestBody {}): Body<GuestBody>,
) -> Result<(StatusCode, Json<TokensBody>), Problem> {
    if !state.config.guests {
        return Err(Problem::new(StatusCode::FORBIDDEN, "guests_refused", "this server has no guests"));
    }
    Ok((StatusCode::CREATED, Json(state.auth.register_guest().await?.into())))
}

/// Log in.
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "login", tag = "auth",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Logged in.", body = TokensBody),
        (status = 401, description = "`bad_credentials`."),
        (status = 403, description = "`banned`."),
        (status = 429, description = "Too many attempts from this address."),
        (status = 503, description = "`busy`: too many passwords at once; or `unavailable`."),
    ))]
pub(crate) async fn login(
    State(state): State<AppState>,
    Body(body): Body<LoginBody>,
) -> Result<Json<TokensBody>, Problem> {
    let tokens = state.auth.login(&body.login, body.password).await?;
    admit_account(&state.abuse, tokens.account.id)?;
    Ok(Json(tokens.into()))
}

/// Spend a refresh token for new tokens.
#[utoipa::path(post, path = "/v1/auth/refresh", operation_id = "refresh", tag = "auth",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "Refreshed.", body = TokensBody),
        (status = 401, description = "`bad_refresh_token`, or `refresh_token_reused`: the session was ended."),
        (status = 429, description = "Too many attempts from this address."),
        (status = 503, description = "`unavailable`."),
    ))]
pub(crate) async fn refresh(
    State(state): State<AppState>,
    Body(body): Body<RefreshBody>,
) -> Result<Json<TokensBody>, Problem> {
    Ok(Json(state.auth.refresh(&body.refresh_token).await?.into()))
}

/// End this session: its tokens are refused from now on.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "logout", tag = "auth",
    security(("bearer" = [])),
    responses((status = 204, description = "Logged out.")))]
pub(crate) async fn logout(
    State(state): State<AppState>,
    Caller(claims): Caller,
) -> Result<StatusCode, Problem> {
    state.auth.logout(&claims).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Field(error) => error.into(),
            RegisterError::Taken(field) => {
                let code = match field {
                    "email" => "email_taken",
                    _ => "username_taken",
                };
                Self::new(StatusCode::CONFLICT, code, error.to_string())
            }
            RegisterError::Busy(_) => Self::busy(),
            RegisterError::Store(error) => error.into(),
            RegisterError::Signing(error) => not_signed(&error),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::BadCredentials => Self::unauthorized("bad_credentials", error.to_string()),
            LoginError::Busy(_) => Self::busy(),
            LoginError::Store(error) => error.into(),
            LoginError::Signing(error) => not_signed(&error),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Refused => Self::unauthorized("bad_refresh_token", error.to_string()),
            RefreshError::Reused => Self::unauthorized("refresh_token_reused", error.to_string()),
            RefreshError::Store(error) => error.into(),
            RefreshError::Signing(error) => not_signed(&error),
        }
    }
}

fn not_signed(error: &jsonwebtoken::errors::Error) -> Problem {
    tracing::error!(%error, "no token could be signed");
    Problem::internal()
}
