//! What is live and how it does, as data.

use crate::reload::{Change, FailureRow, Pipeline};
use crate::telemetry::ProcessUse;
use crate::zone::{Message, TickSummary, Zones};
use host_api::ExportStats;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::oneshot;

/// A zone answers within a tick, unless it stands still.
const PATIENCE: Duration = Duration::from_millis(500);

/// Changes shown that are settled.
const SETTLED: usize = 10;

/// The answer of `GET /admin/v1/status`.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Of the server.
    pub version: &'static str,
    /// Number of the live generation.
    pub generation: u64,
    /// Digest of the live content.
    pub content: String,
    /// Live modules.
    pub modules: Vec<ModuleRow>,
    /// Zones.
    pub zones: Vec<ZoneRow>,
    /// The changes that are under way, and the last of the others, newest first.
    pub changes: Vec<Change>,
    /// Last failures of scripts, newest first.
    pub failures: Vec<FailureRow>,
    /// Modules that must not run again, by digest, and why.
    pub quarantined: BTreeMap<String, String>,
    /// What the process uses.
    pub process: ProcessUse,
}

/// One live module.
#[derive(Debug, Serialize)]
pub struct ModuleRow {
    /// Name.
    pub name: String,
    /// `combat@0.1.0+1a2b3c4d`.
    pub label: String,
    /// blake3, hex.
    pub digest: String,
    /// What it decides.
    pub kind: &'static str,
    /// Version of the script interface it was built for.
    pub api: &'static str,
    /// How far it reaches: `world`, `zone` or `stateless`.
    pub scope: &'static str,
    /// Schema of its state, 0 if it says nothing about it.
    pub schema: u32,
    /// What it may import.
    pub capabilities: Vec<&'static str>,
    /// Why it rests: it is not asked, its fallbacks decide. `None` if it does not.
    pub resting: Option<String>,
    /// Failures since the start.
    pub strikes: u64,
    /// Calls into it since it is live, all zones.
    pub calls: u64,
    /// Views it was asked about.
    pub views: u64,
    /// Fuel it used.
    pub fuel: u64,
    /// Views answered with the fallback.
    pub fallbacks: u64,
    /// Microseconds in it per call.
    pub micros_per_call: f64,
}

/// One zone.
#[derive(Debug, Serialize)]
pub struct ZoneRow {
    /// Name.
    pub name: String,
    /// Ticks since its first start.
    pub tick: u64,
    /// Durations of the last minute's ticks, or of as many as were asked about, milliseconds.
    pub tick_ms: TickSummary,
    /// How late the last tick began, milliseconds.
    pub lag_ms: f64,
    /// Characters.
    pub population: usize,
    /// Entities.
    pub entities: u32,
    /// Live generation.
    pub generation: u64,
    /// Stands still, because the store does not answer or clients cannot be told.
    pub stalled: bool,
    /// Ticks given up.
    pub dilated: u64,
    /// Restarts after a defect.
    pub restarts: u32,
}

impl Status {
    /// Asks everybody. `ticks` is how many of the last ticks are summed up, at most a minute's.
    pub async fn collect(pipeline: &Pipeline, zones: &Zones, ticks: usize) -> Self {
        let stats = script_stats(zones).await;
        let (generation, resting) = (pipeline.generation(), pipeline.resting());
        let modules = generation
            .modules()
            .map(|module| {
                let mine = || {
                    stats.iter().filter(|(_, row)| row.label == module.label()).map(|(_, row)| row.counters)
                };
                let calls: u64 = mine().map(|counters| counters.calls).sum();
                let time_ns: u64 = mine().map(|counters| counters.time_ns).sum();
                ModuleRow {
                    name: module.name().to_owned(),
                    label: module.label().to_owned(),
                    digest: module.digest(),
                    kind: module.kind().name(),
                    api: module.api().name(),
                    scope: module.manifest().scope.name(),
                    schema: module.schema(),
                    capabilities: module.manifest().capabilities.iter().map(|one| one.name()).collect(),
                    resting: resting.get(module.label()).cloned(),
                    strikes: pipeline.strikes.of(module.label()),
                    calls,
                    views: mine().map(|counters| counters.items).sum(),
                    fuel: mine().map(|counters| counters.fuel).sum(),
                    fallbacks: mine().map(|counters| counters.fallbacks).sum(),
                    micros_per_call: if calls == 0 { 0.0 } else { time_ns as f64 / 1_000.0 / calls as f64 },
                }
            })
            .collect();
        let zone_rows = zones.iter().map(|(_, zone)| ZoneRow {
            name: zone.name.to_string(),
            tick: zone.stats.tick.load(Relaxed),
            tick_ms: zone.stats.summary_of(ticks),
            lag_ms: f64::from(zone.stats.lag_micros.load(Relaxed)) / 1_000.0,
            population: zone.population(),
            entities: zone.stats.entities.load(Relaxed),
            generation: zone.stats.generation.load(Relaxed),
            stalled: zone.stats.stalled.load(Relaxed),
            dilated: zone.stats.dilated.load(Relaxed),
            restarts: zone.stats.restarts.load(Relaxed),
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            generation: generation.number(),
            content: format!("content+{:08x}", pipeline.content().digest >> 32),
            modules,
            zones: zone_rows.collect(),
            changes: changes(pipeline),
            failures: pipeline.strikes.last(),
            quarantined: pipeline.quarantined().into_iter().collect(),
            process: ProcessUse::now(),
        }
    }
}

fn changes(pipeline: &Pipeline) -> Vec<Change> {
    let mut settled = 0;
    let shown = |change: &Change| {
        settled += usize::from(change.state.is_settled());
        !change.state.is_settled() || settled <= SETTLED
    };
    pipeline.changes().into_iter().filter(shown).collect()
}

/// What the scripts have cost, by zone. Zones that do not answer are left out.
pub async fn script_stats(zones: &Zones) -> Vec<(String, ExportStats)> {
    let mut asked = Vec::new();
    for (_, zone) in zones.iter() {
        let (sender, answer) = oneshot::channel();
        if zone.submit(Message::Inspect(sender)).is_ok() {
            asked.push((zone.name.to_string(), answer));
        }
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut rows = Vec::new();
    for (zone, answer) in asked {
        if let Ok(Ok(stats)) = tokio::time::timeout_at(deadline, answer).await {
            rows.extend(stats.into_iter().map(|row| (zone.clone(), row)));
        }
    }
    rows
}
