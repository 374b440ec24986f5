//! The other side of the interface, for the command line.

use crate::admin::stream::EventStream;
use crate::admin::{AdminToken, Costs, Said};
use crate::reload::{ContentFiles, MODULE_BYTES, Plan};
use reqwest::StatusCode;
use serde_json::Value;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A push compiles a module, which may take a while on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No server there.
    #[error(
        "the server's operator interface at {url} does not answer: {source}; start one with `lore serve`, or name another \
         with --admin"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server said no, and why.
    #[error("{0}")]
    Refused(String),
}

/// How the command line finds the server; shared by all commands that talk to it.
#[derive(clap::Args, Clone, Debug)]
pub struct AdminArgs {
    /// The server's operator interface.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7878", env = "LORE_ADMIN")]
    pub admin: String,
    /// Folder of the server's data, to read the operator's token from if the server left no note for
    /// this user.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "LORE_DATA")]
    pub data: PathBuf,
    /// The operator's token, if the data folder is not at hand.
    #[arg(long, env = "LORE_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
}

/// A connection to the operators' interface.
pub struct AdminClient {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl AdminClient {
    /// From the command line. Without a token given, the note of this user's server on this
    /// machine is read; then the data folder is looked into.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn connect(args: &AdminArgs) -> Result<Self, CallError> {
        let url = args.admin.trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|source| CallError::Unreachable { url: url.clone(), source })?;
        let token = args
            .admin_token
            .clone()
            .or_else(|| token_of_this_machine(&url))
            .or_else(|| read_token(&AdminToken::path(&args.data)));
        Ok(Self { http, url, token })
    }

    /// `GET /admin/v1/status`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn status(&self) -> Result<Value, CallError> {
        self.send(self.http.get(format!("{}/admin/v1/status", self.url))).await
    }

    /// `GET /admin/v1/costs`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn costs(&self) -> Result<Costs, CallError> {
        let answer = self.send(self.http.get(format!("{}/admin/v1/costs", self.url))).await?;
        serde_json::from_value(answer).map_err(|error| {
            CallError::Refused(format!("the server is of another version than this lore: {error}"))
        })
    }

    /// Pushes a component to all zones.
    ///
    /// # Errors
    /// [`CallError`]; says which script, export and line.
    pub async fn push_module(&self, bytes: Vec<u8>, why: &str) -> Result<Value, CallError> {
        self.push_module_as(bytes, &Plan::default(), why).await
    }

    /// Pushes a component as planned.
    ///
    /// # Errors
    /// [`CallError`]; says which script, export and line.
    pub async fn push_module_as(&self, bytes: Vec<u8>, plan: &Plan, why: &str) -> Result<Value, CallError> {
        check_len(&bytes)?;
        let request = self.http.post(format!("{}/admin/v1/modules", self.url)).query(&asked(why));
        let request = request.query(&planned(plan));
        self.send(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    /// What a component would change; nothing is changed.
    ///
    /// # Errors
    /// [`CallError`]; says which script, export and line.
    pub async fn plan(&self, bytes: Vec<u8>) -> Result<Value, CallError> {
        check_len(&bytes)?;
        let request = self.http.post(format!("{}/admin/v1/plan", self.url));
        self.send(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    /// Which definitions a content would change; nothing is changed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn plan_content(&self, files: &ContentFiles) -> Result<Value, CallError> {
        self.send(self.http.post(format!("{}/admin/v1/plan/content", self.url)).json(files)).await
    }

    /// Pushes a content folder.
    ///
    /// # Errors
    /// [`CallError`]; says which file and line.
    pub async fn push_content(
        &self,
        files: &ContentFiles,
        plan: &Plan,
        why: &str,
    ) -> Result<Value, CallError> {
        let request = self.http.post(format!("{}/admin/v1/content", self.url)).query(&asked(why));
        self.send(request.query(&planned(plan)).json(files)).await
    }

    /// All changes, newest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn changes(&self) -> Result<Value, CallError> {
        self.send(self.http.get(format!("{}/admin/v1/changes", self.url))).await
    }

    /// One change when it is settled, or as it is after so many seconds, at most 60.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn change(&self, id: u64, wait: u64) -> Result<Value, CallError> {
        let request = self.http.get(format!("{}/admin/v1/changes/{id}", self.url));
        self.send(request.query(&[("wait", wait)])).await
    }

    /// What the proof of a change showed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn proof(&self, id: u64) -> Result<Value, CallError> {
        self.send(self.http.get(format!("{}/admin/v1/changes/{id}/proof", self.url))).await
    }

    /// Says yes or no to a change.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn decide(&self, id: u64, yes: bool, why: &str) -> Result<Value, CallError> {
        let word = if yes { "approve" } else { "reject" };
        let request = self.http.post(format!("{}/admin/v1/changes/{id}/{word}", self.url));
        self.send(request.query(&asked(why))).await
    }

    /// Goes back to the version before.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rollback(&self, script: &str, why: &str) -> Result<Value, CallError> {
        let request = self.http.post(format!("{}/admin/v1/rollback", self.url)).query(&asked(why));
        self.send(request.json(&serde_json::json!({"script": script}))).await
    }

    /// Says something to the players.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn say(&self, said: &Said, why: &str) -> Result<Value, CallError> {
        let request = self.http.post(format!("{}/admin/v1/messages", self.url)).query(&asked(why));
        self.send(request.json(said)).await
    }

    /// The limits in force.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn limits(&self) -> Result<Value, CallError> {
        self.send(self.http.get(format!("{}/admin/v1/limits", self.url))).await
    }

    /// Replaces the limits, or goes back to those of the settings.
    ///
    /// # Errors
    /// [`CallError`]; names every mistake.
    pub async fn set_limits(&self, document: Option<&Value>) -> Result<Value, CallError> {
        let url = format!("{}/admin/v1/limits", self.url);
        let request = match document {
            Some(document) => self.http.put(url).json(document),
            None => self.http.delete(url),
        };
        self.send(request).await
    }

    /// Who is banned.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn bans(&self) -> Result<Value, CallError> {
        self.send(self.http.get(format!("{}/admin/v1/bans", self.url))).await
    }

    /// Bans an account or an address, for good without a length.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ban(&self, whom: &str, length: Option<Duration>, why: &str) -> Result<Value, CallError> {
        let request = self.http.post(format!("{}/admin/v1/bans", self.url)).query(&asked(why));
        let for_s = length.map(|length| length.as_secs());
        self.send(request.json(&serde_json::json!({"whom": whom, "for_s": for_s}))).await
    }

    /// Lifts a ban.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn unban(&self, whom: &str) -> Result<Value, CallError> {
        self.send(self.http.delete(format!("{}/admin/v1/bans", self.url)).query(&[("whom", whom)])).await
    }

    /// What scripts said; with `follow` the answer goes on until the server ends.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn logs(
        &self,
        script: Option<&str>,
        lines: usize,
        follow: bool,
    ) -> Result<EventStream, CallError> {
        let unreachable = |source| CallError::Unreachable { url: self.url.clone(), source };
        // Without the patience of the other calls: it may well be quiet for longer.
        let http = reqwest::Client::builder().connect_timeout(PATIENCE).build().map_err(unreachable)?;
        let request = http.get(format!("{}/admin/v1/logs", self.url));
        let request = request.query(&[("lines", lines.to_string()), ("follow", follow.to_string())]);
        let request = request.query(&script.map(|script| [("script", script)]));
        let response = self.signed(request).send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(EventStream::new(self.url.clone(), response));
        }
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(self.refusal(status, &body))
    }

    /// What the server said no with; who speaks of nothing we know is no operator interface.
    fn refusal(&self, status: StatusCode, body: &Value) -> CallError {
        let reason = body["detail"].as_str().filter(|_| body["code"] != "not_found");
        CallError::Refused(match (status, reason) {
            (StatusCode::UNAUTHORIZED, Some(reason)) => {
                let sent = if self.token.is_some() { "the one sent is another's" } else { "none was found" };
                format!("{reason}; {sent}: name the server's folder with --data, or set LORE_ADMIN_TOKEN")
            }
            (_, Some(reason)) => reason.to_owned(),
            (_, None) => format!(
                "{} answers {status}; name the operator interface of a `lore` of this version with --admin",
                self.url
            ),
        })
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, CallError> {
        let unreachable = |source| CallError::Unreachable { url: self.url.clone(), source };
        let response = self.signed(request).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) if status.is_success() => Ok(answer),
            body => Err(self.refusal(status, &body.unwrap_or_default())),
        }
    }
}

/// The server would hang up in the middle of a component too long, without a chance to say why.
fn check_len(bytes: &[u8]) -> Result<(), CallError> {
    let len = bytes.len();
    if len <= MODULE_BYTES {
        return Ok(());
    }
    Err(CallError::Refused(format!(
        "{len} bytes, but a module has at most {MODULE_BYTES}; build it without --lines"
    )))
}

/// The token of this user's server on this machine.
fn token_of_this_machine(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let local = match url.host_str()? {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    if local { super::note::token_at(url.port_or_known_default()?) } else { None }
}

/// Nothing but a token is taken from the file.
fn read_token(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let token = text.trim();
    let looks_right = (32..=128).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    looks_right.then(|| token.to_owned())
}

fn asked(why: &str) -> [(&'static str, String); 2] {
    let who = std::env::var("USER").unwrap_or_else(|_| "operator".to_owned());
    [("who", who), ("why", why.to_owned())]
}

fn planned(plan: &Plan) -> [(&'static str, String); 3] {
    let Plan { canary, hold, skip_proof } = plan;
    [("canary", canary.join(",")), ("hold", hold.to_string()), ("skip_proof", skip_proof.to_string())]
}

/// Whether a folder is content (TOML files) rather than built components.
pub fn is_content(folder: &Path) -> bool {
    components_in(folder).is_empty()
}

/// The components of a folder, or of the `target/lore` below a scripts' workspace.
pub fn components_in(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
            .collect();
        paths.sort();
        paths
    };
    let here = list(folder);
    if here.is_empty() { list(&folder.join("target/lore")) } else { here }
}
