//! Watching what is not trusted yet: samples from the zones, the rules' judgement, and what follows.

use super::change::{Change, Cost, Subject};
use super::rules::{self, cost_name};
use super::state::{Event, State};
use super::{Author, Pipeline, PushError};
use crate::admin::script_stats;
use host_api::ExportStats;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Between two samples, ticks.
const EVERY_TICKS: u32 = 5;
/// Between two comparisons of outcomes, samples: a second at 20 Hz.
const DRIFT_EVERY: u64 = 4;
/// Until something that could not be done is tried again: a zone stood still.
const AGAIN: Duration = Duration::from_secs(1);
/// The same where only another push can help: there is no way back.
const MUCH_LATER: Duration = Duration::from_secs(60);

/// What was read last, by change, zone and name of the cost.
type Read = HashMap<(u64, String, String), Cost>;

/// Watches changes until `stop`.
pub async fn probation_loop(pipeline: Arc<Pipeline>, stop: CancellationToken) {
    let every = Duration::from_millis(u64::from(EVERY_TICKS * pipeline.tick_ms));
    let (mut read, mut not_before, mut samples) = (Read::new(), HashMap::new(), 0_u64);
    while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
        let open: HashSet<u64> =
            pipeline.changes().iter().filter(|change| change.is_watched()).map(|change| change.id).collect();
        read.retain(|(id, ..), _| open.contains(id));
        not_before.retain(|id, _| open.contains(id));
        if open.is_empty() {
            continue;
        }
        pipeline.sample(&script_stats(&pipeline.zones).await, &mut read);
        samples += 1;
        if samples.is_multiple_of(DRIFT_EVERY) {
            pipeline.sample_drift(&open).await;
        }
        for id in open {
            if not_before.get(&id).is_some_and(|time| Instant::now() < *time) {
                continue;
            }
            let Some(change) = pipeline.change(id).filter(Change::is_watched) else { continue };
            if let Err(error) = pipeline.judge(&change).await {
                tracing::error!(change = id, label = change.label, %error, "a change under watch cannot go on");
                let hopeless = matches!(
                    error,
                    PushError::NothingBefore(_) | PushError::Misfit(_) | PushError::State { .. }
                );
                not_before.insert(id, Instant::now() + if hopeless { MUCH_LATER } else { AGAIN });
            }
        }
    }
}

impl Pipeline {
    /// Adds what the scripts did since the last sample to what is known of the watched changes.
    fn sample(&self, stats: &[(String, ExportStats)], read: &mut Read) {
        let mut live = self.live();
        for change in live.set.changes.iter_mut().filter(|change| change.is_watched()) {
            let (id, subject, label) = (change.id, change.subject, &change.label);
            for (_, zone) in self.zones.iter() {
                let Some(seen) = change.watched.get_mut(&*zone.name) else { continue };
                seen.ticks = (zone.stats.tick.load(Relaxed) + 1).saturating_sub(seen.since);
                let ticks = zone.stats.summary_of(seen.ticks as usize);
                (seen.tick_p50_ms, seen.tick_p99_ms) = (ticks.p50, ticks.p99);
                for (_, row) in stats.iter().filter(|(name, _)| **name == *zone.name) {
                    let Some(name) = cost_name(subject, label, row) else { continue };
                    let counters = row.counters;
                    let (items, fuel, time_ns) = (counters.items, counters.fuel, counters.time_ns);
                    let now = Cost { items, fuel, time_ns };
                    let last = read.insert((id, zone.name.to_string(), name.clone()), now);
                    // Another swap of the zone began anew with zero.
                    let last = last.filter(|last| last.items <= items).unwrap_or_default();
                    let sum = seen.costs.entry(name).or_default();
                    sum.items += items - last.items;
                    sum.fuel += fuel.saturating_sub(last.fuel);
                    sum.time_ns += time_ns.saturating_sub(last.time_ns);
                }
            }
        }
    }

    /// Compares the outcomes of those watched changes that say how far these may drift.
    async fn sample_drift(&self, open: &HashSet<u64>) {
        for change in open.iter().filter_map(|id| self.change(*id)) {
            if change.drift_percent.is_none() || !change.is_watched() {
                continue;
            }
            match self.drift(&change).await {
                Ok(mut drifts) => {
                    let mut live = self.live();
                    let watched = live.set.changes.find_mut(change.id).map(|change| &mut change.watched);
                    for (zone, seen) in watched.into_iter().flatten() {
                        seen.drift = drifts.remove(zone);
                    }
                }
                Err(error) => tracing::warn!(change = change.id, %error, "its outcomes cannot be compared"),
            }
        }
    }

    /// Takes a change back that breaks a rule, lets it go on when it was watched long enough.
    async fn judge(&self, change: &Change) -> Result<(), PushError> {
        if let Some(breach) = rules::broken(change, self.tick_ms) {
            let reason = format!("in {} after {} ticks: {}", breach.zone, breach.after_ticks, breach.what);
            let author = Author::machine(reason);
            let back = match change.subject {
                Subject::Module => self.retire(&change.label, Event::Breach, Some(breach), &author).await?,
                Subject::Content => {
                    self.retire_content(Some(change.id), Event::Breach, Some(breach), &author).await?
                }
            };
            tracing::error!(label = change.label, back_to = back.label, "{}; it was taken back", author.why);
            return Ok(());
        }
        if !change.has_been_watched() {
            return Ok(());
        }
        let passed =
            Author::machine(format!("watched for {} ticks without a breach", change.probation_ticks));
        match change.state {
            State::Probation => self.pass(change, &passed).await,
            State::Canary if change.hold => {
                let _turn = self.changing.lock().await;
                self.step(change.id, Event::Hold, &passed)?;
                self.save(self.noted("hold", change.id, &passed)).await;
                Ok(())
            }
            State::Canary | State::Staged => {
                let _turn = self.changing.lock().await;
                let candidate = self.candidate(change).await?;
                self.enter(change.id, &candidate, &passed, Instant::now()).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// It is trusted from now on, and the way back of what comes after it.
    async fn pass(&self, change: &Change, author: &Author) -> Result<(), PushError> {
        let _turn = self.changing.lock().await;
        self.step(change.id, Event::Pass, author)?;
        self.supersede(change.id, |rival| rival.state == State::Live);
        if change.subject == Subject::Module {
            self.live().earlier.trust(change.digest.clone());
        }
        self.save(self.noted("pass", change.id, author)).await;
        Ok(())
    }

    /// Takes a module out that failed too often, for good; or the content that made it fail.
    pub(super) async fn quarantine(
        &self,
        label: &str,
        zone: &str,
        tick: u64,
        reason: &str,
    ) -> Result<super::Pushed, PushError> {
        if let Some(content) = self.blame_content(label, zone, tick, reason).await {
            return content;
        }
        let change =
            self.changes().into_iter().find(|change| change.label == label && !change.state.is_over());
        let since =
            change.as_ref().and_then(|change| change.watched.get(zone)).map_or(tick, |seen| seen.since);
        let limit = rules::strikes(self.state_of(label)) as f64;
        let breach = super::Breach {
            rule: "failures".to_owned(),
            zone: zone.to_owned(),
            have: limit,
            limit,
            what: reason.to_owned(),
            after_ticks: (tick + 1).saturating_sub(since),
            back_in_ticks: None,
        };
        self.retire(label, Event::Strike, Some(breach), &Author::machine(reason.to_owned())).await
    }

    /// The state of what runs under this label; what came with the pack is trusted.
    pub(super) fn state_of(&self, label: &str) -> State {
        let live = self.live();
        let found =
            live.set.changes.iter().rev().find(|change| change.label == label && !change.state.is_over());
        found.map_or(State::Live, |change| change.state)
    }
}
