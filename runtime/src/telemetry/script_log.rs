//! What scripts say: the last lines of their logs and their failures, for whoever follows them. A tap on
//! the server's own log, so that its filter and the scripts' limits hold for both.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Target of the lines that scripts write.
const SAID: &str = "script";
/// Target of lines about their failures.
pub const FAILED: &str = "script::failure";
/// Lines kept for who begins to follow.
const KEPT: usize = 1_000;
/// Lines a follower may be behind before it misses some: some seconds of the loudest scripts.
const BACKLOG: usize = 1_024;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptLine {
    /// Counts up from 1 since the server began.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// `combat@0.1.0+1a2b3c4d`.
    pub module: String,
    /// `combat.resolve`.
    pub export: String,
    /// Where, for failures.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// Tick of the call.
    pub tick: u64,
    /// Whether the server says that the script failed, rather than the script something.
    pub failure: bool,
    /// The words.
    pub message: String,
}

impl ScriptLine {
    /// The script's name.
    pub fn script(&self) -> &str {
        self.module.split('@').next().unwrap_or_default()
    }
}

/// The lines of this process.
pub struct ScriptLog {
    kept: Mutex<Kept>,
    listeners: broadcast::Sender<Arc<ScriptLine>>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<Arc<ScriptLine>>,
    number: u64,
}

/// The lines of this process' scripts.
pub fn script_log() -> &'static ScriptLog {
    static LOG: LazyLock<ScriptLog> = LazyLock::new(ScriptLog::new);
    &LOG
}

impl ScriptLog {
    fn new() -> Self {
        Self { kept: Mutex::default(), listeners: broadcast::Sender::new(BACKLOG) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last lines, oldest first, and all that come after them, none twice and none left out.
    pub fn follow(&self) -> (Vec<Arc<ScriptLine>>, broadcast::Receiver<Arc<ScriptLine>>) {
        let kept = self.kept();
        (kept.lines.iter().cloned().collect(), self.listeners.subscribe())
    }

    fn push(&self, mut line: ScriptLine) {
        let mut kept = self.kept();
        kept.number += 1;
        line.number = kept.number;
        let line = Arc::new(line);
        if kept.lines.len() == KEPT {
            kept.lines.pop_front();
        }
        kept.lines.push_back(Arc::clone(&line));
        // Under the lock, so that followers hear lines in order. Nobody listening is no failure.
        drop(self.listeners.send(line));
    }
}

/// Takes what is meant for [`script_log`] out of the stream of log events.
pub(super) struct Tap(pub(super) &'static ScriptLog);

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        if !matches!(meta.target(), SAID | FAILED) {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = ScriptLine {
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            level: meta.level().as_str().to_ascii_lowercase(),
            failure: meta.target() == FAILED,
            ..ScriptLine::default()
        };
        event.record(&mut line);
        self.0.push(line);
    }
}

impl Visit for ScriptLine {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "tick" => self.tick = value,
            "dropped" => self.message = format!("{value} {}", self.message),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "module" => value.clone_into(&mut self.module),
            "export" => value.clone_into(&mut self.export),
            "zone" => value.clone_into(&mut self.zone),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = || format!("{value:?}");
        match field.name() {
            "message" => self.message.push_str(&text()),
            "module" => self.module = text(),
            "export" => self.export = text(),
            "zone" => self.zone = text(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn lines_of_scripts_are_kept_and_told_and_others_are_not() {
        let log: &'static ScriptLog = Box::leak(Box::new(ScriptLog::new()));
        let subscriber = tracing_subscriber::registry().with(Tap(log));
        let (none, mut heard) = log.follow();
        assert!(none.is_empty());
        tracing::subscriber::with_default(subscriber, || {
            let (module, export, tick) = ("wolf@0.1.0+1a2b3c4d", "npc.think", 7_u64);
            tracing::info!(target: "script", module, export, tick, "{}", "howls");
            tracing::info!(module, "not for authors");
            tracing::warn!(target: FAILED, module, export, zone = "greywood", tick, "trapped");
        });
        let said = heard.try_recv().unwrap();
        assert_eq!((said.number, said.script(), said.message.as_str()), (1, "wolf", "howls"));
        assert_eq!((said.level.as_str(), said.tick, said.failure), ("info", 7, false));
        let failed = heard.try_recv().unwrap();
        assert_eq!((failed.zone.as_str(), failed.failure), ("greywood", true));
        assert!(heard.try_recv().is_err());
        assert_eq!(log.follow().0, [said, failed]);
    }
}
