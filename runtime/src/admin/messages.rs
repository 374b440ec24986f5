//! What the operator says to players.

use super::{AdminState, Asked};
use crate::content::suggestion;
use crate::http::Problem;
use crate::reload::Author;
use crate::zone::ZoneIndex;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use protocol::v1::SystemLevel;
use serde::{Deserialize, Serialize};

/// How much a message matters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    #[default]
    Info,
    /// Better to know.
    Warning,
    /// Told to those too who do not want to hear the operator.
    Critical,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl From<Level> for SystemLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

/// The body.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Plain text, as long as a line of chat may be.
    pub text: String,
    /// Names of zones; everybody if there are none.
    #[serde(default)]
    pub zones: Vec<String>,
    /// How much it matters.
    #[serde(default)]
    pub level: Level,
}

/// `POST /admin/v1/messages`: answers how many connections were told.
pub(super) async fn say(
    State(state): State<AdminState>,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Result<Json<serde_json::Value>, Problem> {
    let refused =
        |code: &'static str, detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    let Said { text, zones, level } = serde_json::from_slice(&body).map_err(|error| {
        refused(
            "invalid_body",
            format!("the body is {{\"text\": TEXT, \"zones\": [NAME], \"level\": LEVEL}}: {error}"),
        )
    })?;
    if !sim::rules::is_speech(&text) {
        let most = sim::limits::CHAT_BYTES;
        let detail = format!("`text`: one line of 1 to {most} bytes without control characters is expected");
        return Err(refused("bad_text", detail));
    }
    let mut indices = Vec::new();
    for name in &zones {
        indices.push(find(&state, name).map_err(|detail| refused("no_zone", detail))?);
    }
    let told = state.gateway.announce(text.clone(), level.into(), &indices).await.map_err(|wait| {
        let detail = "every message wakes all players; say it in one, or a moment later";
        let seconds = wait.as_secs().saturating_add(1);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(seconds)
    })?;
    let author = Author::from(asked);
    let to = if zones.is_empty() { "all".to_owned() } else { zones.join(", ") };
    tracing::info!(to, level = level.name(), told, who = author.who, "the operator speaks");
    state.pipeline.note("say", format!("{} to {to}: {text}", level.name()), &author).await;
    Ok(Json(serde_json::json!({ "told": told })))
}

fn find(state: &AdminState, name: &str) -> Result<ZoneIndex, String> {
    let found = state.zones.iter().find(|(_, zone)| *zone.name == *name);
    found.map(|(index, _)| index).ok_or_else(|| {
        let known: Vec<&str> = state.zones.iter().map(|(_, zone)| &*zone.name).collect();
        let hint = suggestion(name, known.iter().copied());
        format!("there is no zone `{name}`{hint}; there are: {}", known.join(", "))
    })
}
