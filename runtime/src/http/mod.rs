//! The players' HTTP interface: routes, conduct, and the loop that accepts connections.
//!
//! A request passes, from outside in: request id and span, CORS, time limit, panic guard, the bans and the rate of its
//! address, body limit; routes of an account then check the token, the account's rate, and the idempotency key. What
//! does not live here: the world's socket (`crate::gateway`), the operators' interface (`crate::admin`).

mod admission;
mod assets;
mod conduct;
mod extract;
mod idempotency;
mod openapi;
mod problem;
mod rates;
mod routes;
mod serve;

pub use problem::Problem;
pub use serve::{ServeLimits, listen, serve};

use crate::abuse::Abuse;
use crate::auth::Auth;
use crate::cache::Cache;
use crate::config::Config;
use crate::online::Online;
use crate::store::Store;
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use sim::content::Content;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest request body, bytes: the longest real one is under 1 KiB.
pub const BODY_BYTES: usize = 64 * 1024;

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// Accounts and characters.
    pub store: Store,
    /// Lists that may be old.
    pub cache: Cache,
    /// Identity.
    pub auth: Auth,
    /// Characters in the world.
    pub online: Online,
    /// Definitions in force.
    pub content: watch::Receiver<Arc<Content>>,
    /// Settings.
    pub config: Arc<Config>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Set when the server is going down, so that `/readyz` says no.
    pub draining: Arc<AtomicBool>,
    /// How much may be asked, and who may not come in.
    pub abuse: Abuse,
}

impl AppState {
    /// The definitions of this moment.
    pub fn content(&self) -> Arc<Content> {
        self.content.borrow().clone()
    }

    /// Whether the server is going down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// All routes of `docs/protocol.md` but the socket, the web client at `/`, and the conduct of both.
pub fn router(state: AppState) -> Router {
    let (api, document) = api(&state).split_for_parts();
    let document = openapi::finish(document);
    let api = api.route("/openapi.json", get(move || std::future::ready(axum::Json(document.clone()))));
    let api = api.fallback(assets::serve).method_not_allowed_fallback(problem::method_not_allowed);
    let api = api.layer(from_fn_with_state(state.abuse.clone(), admission::admit));
    conduct::layer(api, state.abuse.clone()).with_state(state)
}

fn api(state: &AppState) -> OpenApiRouter<AppState> {
    let of_account = OpenApiRouter::new()
        .routes(routes!(routes::auth::logout))
        .routes(routes!(routes::me::me))
        .routes(routes!(routes::characters::list, routes::characters::create))
        .routes(routes!(routes::characters::show, routes::characters::delete))
        .routes(routes!(routes::characters::inventory))
        .routes(routes!(routes::characters::quests))
        .layer(from_fn_with_state(state.clone(), idempotency::once_per_key))
        .layer(from_fn_with_state(state.clone(), extract::authenticate));
    let of_anybody = OpenApiRouter::new()
        .routes(routes!(routes::auth::register))
        .routes(routes!(routes::auth::guest))
        .routes(routes!(routes::auth::login))
        .routes(routes!(routes::auth::refresh))
        .layer(from_fn_with_state(state.clone(), rates::per_address));
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(of_account)
        .merge(of_anybody)
        .routes(routes!(routes::me::classes))
        .routes(routes!(routes::health::healthz))
        .routes(routes!(routes::health::readyz))
        .routes(routes!(routes::health::metrics))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(conduct::no_store))
}
