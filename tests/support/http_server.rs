//! The HTTP side of the server on a free port, with its own database, and a client for it.

use super::content::small_content;
use reqwest::{Method, RequestBuilder, StatusCode};
use runtime::abuse::{Abuse, Rate};
use runtime::auth::Auth;
use runtime::cache::Cache;
use runtime::config::Config;
use runtime::http::{AppState, ServeLimits, router, serve};
use runtime::online::Online;
use runtime::store::Store;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running server. Stops with [`HttpServer::stop`], or with the test's runtime.
pub struct HttpServer {
    pub address: SocketAddr,
    pub state: AppState,
    client: reqwest::Client,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    _content: watch::Sender<Arc<sim::content::Content>>,
    folder: Arc<TempDir>,
}

/// A logged-in account.
#[derive(Clone)]
pub struct Player {
    pub access: String,
    pub refresh: String,
    pub account: i64,
}

impl HttpServer {
    pub async fn start() -> Self {
        // Tests ask more in a second than players in a minute.
        let mut config = Config::default();
        config.limits.http.requests = Rate::per_minute(10_000, 10_000);
        Self::start_with(config, ServeLimits::default()).await
    }

    pub async fn start_with(config: Config, limits: ServeLimits) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), config, limits).await
    }

    /// The same data folder, a new process so to speak.
    pub async fn restart(self) -> Self {
        let (folder, config) = (self.folder.clone(), (*self.state.config).clone());
        self.stop().await;
        Self::start_in(folder, config, ServeLimits::default()).await
    }

    async fn start_in(folder: Arc<TempDir>, config: Config, limits: ServeLimits) -> Self {
        let config = Config { data: folder.path().to_owned(), ..config };
        let store = Store::open_sqlite(folder.path()).await.unwrap();
        store.migrate().await.unwrap();
        let abuse = Abuse::open(&config, store.clone()).await.unwrap();
        let auth =
            Auth::open(store.clone(), folder.path(), config.access_ttl, config.refresh_ttl).await.unwrap();
        let (sender, content) = watch::channel(Arc::new(small_content()));
        let metrics = runtime::telemetry::metrics().unwrap();
        let state = AppState {
            store,
            cache: Cache::memory(),
            auth,
            online: Online::default(),
            content,
            abuse,
            config: Arc::new(config),
            metrics,
            draining: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router(state.clone()), shutdown.clone(), limits));
        let client = reqwest::Client::new();
        Self { address, state, client, shutdown, serving, _content: sender, folder }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        drop(self.client);
        self.serving.await.unwrap();
        self.state.store.close().await;
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str, player: Option<&Player>) -> Answer {
        self.send(Method::GET, path, player, None).await
    }

    pub async fn post(&self, path: &str, player: Option<&Player>, body: Value) -> Answer {
        self.send(Method::POST, path, player, Some(body)).await
    }

    pub async fn delete(&self, path: &str, player: Option<&Player>) -> Answer {
        self.send(Method::DELETE, path, player, None).await
    }

    async fn send(&self, method: Method, path: &str, player: Option<&Player>, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(player) = player {
            request = request.bearer_auth(&player.access);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request).await
    }

    pub async fn register(&self, username: &str) -> Player {
        let body = json!({
            "email": format!("{username}@example.org"), "username": username, "password": "correct horse",
        });
        let answer = self.post("/v1/auth/register", None, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        answer.player()
    }

    /// An account without the cost of a password.
    pub async fn guest(&self) -> Player {
        let answer = self.post("/v1/auth/guest", None, json!({})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        answer.player()
    }

    pub async fn character(&self, player: &Player, name: &str) -> i64 {
        let body = json!({"name": name, "class": "warrior"});
        let answer = self.post("/v1/characters", Some(player), body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        answer.body["id"].as_i64().unwrap()
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    /// Null when there is no body, text when it is not JSON.
    pub body: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        };
        Self { status, headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn player(&self) -> Player {
        let text = |name: &str| self.body[name].as_str().unwrap().to_owned();
        let account = self.body["account"].as_i64().unwrap();
        Player { access: text("access_token"), refresh: text("refresh_token"), account }
    }

    /// That this is the documented problem, as a whole document.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], "about:blank");
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{self:?}");
        if status == 401 {
            assert!(self.header("www-authenticate").starts_with("Bearer"), "{self:?}");
        }
        if matches!(status, 429 | 503) {
            assert!(self.header("retry-after").parse::<u64>().unwrap() >= 1, "{self:?}");
        }
    }
}
