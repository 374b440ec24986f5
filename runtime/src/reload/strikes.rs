//! Counting what live scripts fail at, and taking those out of the world that keep failing.

use super::{Pipeline, PushError, rules};
use crate::telemetry;
use crate::zone::{ZoneIndex, Zones};
use host_api::ScriptFailure;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// For how long failing ticks count; how many are too many stands with the other rules.
const WINDOW: Duration = Duration::from_secs(60);
/// Failures shown in the status.
const REMEMBERED: usize = 32;
/// Between two log lines about the same module.
const QUIET: Duration = Duration::from_secs(1);

/// One failure, as the status shows it.
#[derive(Clone, Debug, Serialize)]
pub struct FailureRow {
    /// `combat@0.1.0+1a2b3c4d`.
    pub module: String,
    /// `combat.resolve`.
    pub export: String,
    /// Where.
    pub zone: String,
    /// When.
    pub tick: u64,
    /// What, with file and line.
    pub message: String,
    /// Views that got the fallback.
    pub views: u32,
    /// The first of them, as the script was asked.
    pub view: Option<String>,
    /// Turns the tick into a test of the script, in the data folder of the server.
    pub again: String,
}

/// What the live scripts have failed at.
#[derive(Default)]
pub struct Strikes(Mutex<Book>);

#[derive(Default)]
struct Book {
    total: BTreeMap<String, u64>,
    recent: BTreeMap<String, (Instant, BTreeSet<(ZoneIndex, u64)>)>,
    last: VecDeque<FailureRow>,
    logged: BTreeMap<String, Instant>,
    /// First ticks of which failures count, where not all do.
    from: BTreeMap<ZoneIndex, u64>,
}

impl Strikes {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Failures of the module with this label since the start.
    pub fn of(&self, label: &str) -> u64 {
        self.book().total.get(label).copied().unwrap_or(0)
    }

    /// Forgets the counts of modules that are no longer live; every push makes a new label.
    pub(super) fn keep_only(&self, live: &BTreeSet<&str>) {
        let mut book = self.book();
        book.total.retain(|label, _| live.contains(label.as_str()));
        book.recent.retain(|label, _| live.contains(label.as_str()));
        book.logged.retain(|label, _| live.contains(label.as_str()));
    }

    /// The last failures, newest first.
    pub fn last(&self) -> Vec<FailureRow> {
        self.book().last.iter().rev().cloned().collect()
    }

    /// Begins to count anew, so that a module that could not be taken out is tried again.
    fn begin_anew(&self, label: &str) {
        self.book().recent.remove(label);
    }

    /// Begins to count anew for every module, with these ticks of these zones.
    pub(super) fn count_from(&self, ticks: impl Iterator<Item = (ZoneIndex, u64)>) {
        let mut book = self.book();
        book.recent.clear();
        book.from.extend(ticks);
    }

    /// Whether a failure of this module would be logged: then it is worth looking up the line.
    fn is_due(&self, label: &str, now: Instant) -> bool {
        self.book().logged.get(label).is_none_or(|logged| now - *logged > QUIET)
    }

    /// Counts a failure. True when it was one too many for a module of which `most` are borne.
    fn count(
        &self,
        zone: ZoneIndex,
        failure: &ScriptFailure,
        row: FailureRow,
        most: usize,
        now: Instant,
    ) -> bool {
        let mut book = self.book();
        *book.total.entry(failure.module.clone()).or_default() += 1;
        if book.logged.get(&failure.module).is_none_or(|logged| now - *logged > QUIET) {
            book.logged.insert(failure.module.clone(), now);
            tracing::warn!(
                target: telemetry::FAILED,
                module = row.module,
                export = row.export,
                zone = row.zone,
                tick = row.tick,
                "{}",
                row.message
            );
        }
        if book.last.len() == REMEMBERED {
            book.last.pop_front();
        }
        book.last.push_back(row);
        if book.from.get(&zone).is_some_and(|from| failure.tick < *from) {
            return false;
        }
        let (since, ticks) = book.recent.entry(failure.module.clone()).or_insert((now, BTreeSet::new()));
        if now - *since > WINDOW {
            *since = now;
            ticks.clear();
        }
        ticks.insert((zone, failure.tick)) && ticks.len() == most
    }
}

/// The failure with file and line, which takes a thread for slow work.
async fn located(pipeline: &Pipeline, failure: ScriptFailure) -> ScriptFailure {
    let (layout, mut found) = (pipeline.live().layout.clone(), failure.clone());
    let look_up = move || {
        layout.locate(&mut found);
        found
    };
    tokio::task::spawn_blocking(look_up).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the line of a failure could not be looked up");
        failure
    })
}

/// The command that asks again what was asked in the tick of a failure.
fn again(zone: &str, failure: &ScriptFailure) -> String {
    let (tick, script) = (failure.tick, failure.module.split('@').next().unwrap_or_default());
    format!("lore replay replay/{zone} --export-test {tick} --script {script}")
}

/// Counts failures until the zones are gone, and acts on them.
pub async fn strikes_loop(
    pipeline: Arc<Pipeline>,
    zones: Arc<Zones>,
    mut failures: mpsc::Receiver<(ZoneIndex, ScriptFailure)>,
) {
    while let Some((zone, mut failure)) = failures.recv().await {
        let is_located = pipeline.strikes.is_due(&failure.module, Instant::now());
        if is_located {
            failure = located(&pipeline, failure).await;
        }
        let row = FailureRow {
            module: failure.module.clone(),
            export: failure.export.to_string(),
            zone: zones.handle(zone).name.to_string(),
            tick: failure.tick,
            message: failure.to_string(),
            views: failure.item_count,
            view: failure.view.clone(),
            again: again(&zones.handle(zone).name, &failure),
        };
        telemetry::of_modules(|| {
            metrics::counter!("script_failures_total", "module" => row.module.clone(), "export" => row.export.clone())
                .increment(1);
        });
        let (name, most) = (row.zone.clone(), rules::strikes(pipeline.state_of(&failure.module)));
        if !pipeline.strikes.count(zone, &failure, row, most, Instant::now()) {
            continue;
        }
        if !is_located {
            failure = located(&pipeline, failure).await;
        }
        let reason = format!("failed in {most} ticks within {} s; last: {failure}", WINDOW.as_secs());
        match pipeline.quarantine(&failure.module, &name, failure.tick, &reason).await {
            Ok(pushed) if pushed.resting => tracing::error!(
                module = failure.module,
                rests = pushed.label,
                "{reason}; there is no earlier version: it rests until a repaired one is pushed"
            ),
            Ok(pushed) => tracing::error!(
                module = failure.module,
                back_to = pushed.label,
                "{reason}; the last good version took over"
            ),
            Err(error) => {
                // What is not there or rests already stays so; anything else may be over in a moment.
                if !matches!(error, PushError::NothingBefore(_) | PushError::Rests(_)) {
                    pipeline.strikes.begin_anew(&failure.module);
                }
                tracing::error!(module = failure.module, %error, "{reason}; its fallbacks stay in force")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_api::{Export, FailureKind};

    fn failure(tick: u64) -> ScriptFailure {
        ScriptFailure {
            module: "combat@1".to_owned(),
            export: Export::Resolve,
            tick,
            kind: FailureKind::Trap { message: "unreachable".to_owned(), frames: Vec::new() },
            items: Vec::new(),
            item_count: 1,
            isolated: true,
            view: None,
        }
    }

    fn row() -> FailureRow {
        FailureRow {
            module: String::new(),
            export: String::new(),
            zone: String::new(),
            tick: 0,
            message: String::new(),
            views: 1,
            view: None,
            again: String::new(),
        }
    }

    #[test]
    fn what_failed_before_the_content_changed_counts_no_more() {
        let (strikes, now) = (Strikes::default(), Instant::now());
        let count = |ticks: std::ops::Range<u64>| {
            ticks.filter(|tick| strikes.count(ZoneIndex(0), &failure(*tick), row(), 10, now)).count()
        };
        assert_eq!(count(0..9), 0);
        strikes.count_from([(ZoneIndex(0), 30)].into_iter());
        assert_eq!(count(9..30), 0, "these were on their way");
        assert_eq!((count(30..39), count(39..40)), (0, 1));
        assert_eq!(strikes.of("combat@1"), 40, "all are told");
    }

    #[test]
    fn a_module_that_could_not_be_taken_out_is_tried_again() {
        let (strikes, now) = (Strikes::default(), Instant::now());
        let count = |ticks: std::ops::Range<u64>| {
            ticks.filter(|tick| strikes.count(ZoneIndex(0), &failure(*tick), row(), 10, now)).count()
        };
        assert_eq!(count(0..30), 1);
        strikes.begin_anew("combat@1");
        assert_eq!(count(30..39), 0);
        assert_eq!(count(39..60), 1);
        assert_eq!(strikes.of("combat@1"), 60);
        strikes.keep_only(&BTreeSet::from(["combat@2"]));
        assert_eq!(strikes.of("combat@1"), 0);
    }
}
