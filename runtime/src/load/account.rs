//! How a bot becomes somebody: a guest account and a character, over HTTP.

use futures_util::StreamExt;
use rand::RngExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use thiserror::Error;

/// Times a call is tried again when the server is busy: bounds how long a login storm can last.
const TRIES: u32 = 20;
/// Longest pause between two tries, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long one HTTP call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Guests on their way at once, each on a connection that is used again: keeps the server's store busy, not more.
const AT_ONCE: usize = 32;

/// Why there is no account or character.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The address of the socket names no server.
    #[error("`{url}` is not a ws:// address, such as ws://127.0.0.1:7777/v1/world/ws")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// The call did not come through, or its answer cannot be read.
    #[error("{route}: {source}; is the server of --url running?")]
    Call {
        /// What was called.
        route: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server counts registrations, and requests of any kind, by address, and this one has had its share.
    #[error(
        "{route}: still too many attempts from this address after {TRIES} tries; for the time of the test start the \
         server with LORE_LIMITS_HTTP_LOGINS and LORE_LIMITS_ADDRESS_REQUESTS=\"1000/s burst 10000\", or with the \
         development profile on the same machine"
    )]
    RateLimited {
        /// What was called.
        route: String,
    },
    /// The server said no.
    #[error("{route}: {status}: {problem}")]
    Refused {
        /// What was called.
        route: String,
        /// HTTP status.
        status: u16,
        /// The problem document.
        problem: String,
    },
    /// The server has no class to choose.
    #[error("the server offers no class; add a [class.NAME] to its content")]
    NoClass,
}

/// Who plays: what is needed to open the socket and to join.
#[derive(Clone, Debug)]
pub struct Player {
    /// Access token.
    pub token: String,
    /// Key of the character.
    pub character: i64,
    /// Name of the character.
    pub name: String,
}

/// The HTTP side of the server that a WebSocket address belongs to.
#[derive(Clone)]
pub struct Registrar {
    http: reqwest::Client,
    base: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

#[derive(Deserialize)]
struct Classes {
    classes: Vec<Class>,
}

#[derive(Deserialize)]
struct Class {
    name: String,
}

#[derive(Deserialize)]
struct Created {
    id: i64,
}

impl Registrar {
    /// The server behind `ws_url`: same host and port, HTTP instead of WebSocket.
    ///
    /// # Errors
    /// [`AccountError::BadUrl`] when it is not a `ws://` address; [`AccountError::Call`] when no
    /// HTTP client can be made.
    pub fn new(ws_url: &str) -> Result<Self, AccountError> {
        let authority = ws_url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split(['/', '?']).next())
            .filter(|authority| !authority.is_empty())
            .ok_or_else(|| AccountError::BadUrl { url: ws_url.to_owned() })?;
        let base = format!("http://{authority}");
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(AT_ONCE)
            .tcp_nodelay(true)
            .build()
            .map_err(|source| AccountError::Call { route: base.clone(), source })?;
        Ok(Self { http, base })
    }

    /// Names of the classes a character can have; never empty.
    ///
    /// # Errors
    /// [`AccountError`] when the server does not answer or offers none.
    pub async fn classes(&self) -> Result<Vec<String>, AccountError> {
        let guest: Tokens = self.post("/v1/auth/guest", None, &serde_json::json!({})).await?;
        let request = self.http.get(format!("{}/v1/classes", self.base)).bearer_auth(guest.access_token);
        let offered: Classes = self.send("/v1/classes", request).await?;
        if offered.classes.is_empty() {
            return Err(AccountError::NoClass);
        }
        Ok(offered.classes.into_iter().map(|class| class.name).collect())
    }

    /// A new guest account with one character.
    ///
    /// # Errors
    /// [`AccountError`] when the server refuses or stays busy.
    pub async fn guest(&self, name: &str, class: &str) -> Result<Player, AccountError> {
        let tokens: Tokens = self.post("/v1/auth/guest", None, &serde_json::json!({})).await?;
        let body = serde_json::json!({"name": name, "class": class});
        let created: Created = self.post("/v1/characters", Some(&tokens.access_token), &body).await?;
        Ok(Player { token: tokens.access_token, character: created.id, name: name.to_owned() })
    }

    /// So many of them, of these classes by turns; `progress` is told how many there are.
    ///
    /// # Errors
    /// [`AccountError`] when the server refuses one or stays busy.
    ///
    /// # Panics
    /// There are no classes.
    pub async fn guests(
        &self,
        count: usize,
        classes: &[String],
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Player>, AccountError> {
        let guest = |number: usize| {
            let class = &classes[number % classes.len()];
            async move { self.guest(&bot_name(), class).await }
        };
        let mut registering = futures_util::stream::iter(0..count).map(guest).buffer_unordered(AT_ONCE);
        let mut players = Vec::with_capacity(count);
        while let Some(player) = registering.next().await {
            players.push(player?);
            progress(players.len());
        }
        Ok(players)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        token: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<T, AccountError> {
        let mut request = self.http.post(format!("{}{route}", self.base)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.send(route, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        route: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, AccountError> {
        let failed = |source| AccountError::Call { route: route.to_owned(), source };
        for attempt in 1.. {
            let Some(this_try) = request.try_clone() else {
                break;
            };
            let response = this_try.send().await.map_err(failed)?;
            let status = response.status();
            if status.is_success() {
                return response.json().await.map_err(failed);
            }
            let busy = matches!(status.as_u16(), 429 | 503);
            if status.as_u16() == 429 && attempt == TRIES {
                return Err(AccountError::RateLimited { route: route.to_owned() });
            }
            if !busy || attempt == TRIES {
                let problem = response.text().await.map_err(failed)?;
                let problem = problem.chars().take(300).collect();
                return Err(AccountError::Refused {
                    route: route.to_owned(),
                    status: status.as_u16(),
                    problem,
                });
            }
            tokio::time::sleep(pause(response.headers())).await;
        }
        unreachable!("bodies are in memory, so a request can always be sent again");
    }
}

/// Names are unique in a world, so they do not follow from the seed of the run.
fn bot_name() -> String {
    let mut rng = rand::rng();
    let tail: String = (0..9).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
    format!("Bot{tail}")
}

fn pause(headers: &reqwest::header::HeaderMap) -> Duration {
    let asked = headers
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .map_or(Duration::from_millis(250), Duration::from_secs);
    asked.min(LONGEST_PAUSE)
}
