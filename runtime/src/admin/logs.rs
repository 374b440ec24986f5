//! What scripts say: the last lines, or those and all that come, as server-sent events.

use super::AdminState;
use crate::telemetry::{ScriptLine, script_log};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Only of this script.
    script: Option<String>,
    /// At most so many of the lines before; all that are kept if missing.
    lines: Option<usize>,
    /// Whether to go on with what comes.
    #[serde(default)]
    follow: bool,
}

/// `GET /admin/v1/logs`: lines as events named `line`; a follower that falls behind is told how much it
/// missed by an event named `missed`. Without `follow` one JSON object.
pub(super) async fn logs(State(state): State<AdminState>, Query(asked): Query<Asked>) -> Response {
    let (kept, heard) = script_log().follow();
    let Asked { script, lines, follow } = asked;
    let wanted = move |line: &ScriptLine| script.as_deref().is_none_or(|script| line.script() == script);
    let mut before: Vec<Arc<ScriptLine>> = kept.into_iter().filter(|line| wanted(line)).collect();
    before.drain(..before.len().saturating_sub(lines.unwrap_or(usize::MAX)));
    if !follow {
        let lines: Vec<&ScriptLine> = before.iter().map(|line| &**line).collect();
        return Json(serde_json::json!({ "lines": lines })).into_response();
    }
    let told = |line: &ScriptLine| Event::default().event("line").json_data(line);
    let first: Vec<_> = before.iter().map(|line| told(line)).collect();
    let rest = stream::unfold((heard, state.stop, wanted), move |(mut heard, stop, wanted)| async move {
        loop {
            let event = tokio::select! {
                line = heard.recv() => match line {
                    Ok(line) if wanted(&line) => told(&line),
                    Ok(_) => continue,
                    Err(RecvError::Lagged(missed)) => Ok(Event::default().event("missed").data(missed.to_string())),
                    Err(RecvError::Closed) => return None,
                },
                () = stop.cancelled() => return None,
            };
            return Some((event, (heard, stop, wanted)));
        }
    });
    Sse::new(stream::iter(first).chain(rest)).keep_alive(KeepAlive::default()).into_response()
}
