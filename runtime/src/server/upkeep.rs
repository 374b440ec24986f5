//! What has to be done every few seconds: clocks, sessions, figures.

use crate::abuse::Abuse;
use crate::admin::{definition, script_stats};
use crate::auth::Auth;
use crate::reload::Pipeline;
use crate::store::Store;
use crate::telemetry::{self, Metrics};
use crate::zone::Zones;
use host_api::{Counters, ExportStats, SubjectStats};
use sim::content::Content;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(5);
/// Sessions and bans are looked after every so many rounds.
const SESSIONS: u64 = 12;
/// The archive is tidied up every so many rounds.
const ARCHIVE: u64 = 12;
/// Old idempotency keys are removed every so many rounds: each hour.
const IDEMPOTENCY_KEYS: u64 = 720;

/// Runs until `stop`.
pub async fn upkeep_loop(
    store: Store,
    auth: Auth,
    abuse: Abuse,
    pipeline: Arc<Pipeline>,
    zones: Arc<Zones>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut round = 0_u64;
    let mut known = Counted::default();
    while tokio::time::timeout(EVERY, stop.cancelled()).await.is_err() {
        round += 1;
        if let Err(error) = save_clocks(&store, &zones).await {
            tracing::warn!(%error, "the zones' clocks could not be saved");
        }
        if round.is_multiple_of(SESSIONS)
            && let Err(error) = auth.upkeep().await
        {
            tracing::warn!(%error, "sessions could not be looked after");
        }
        if round.is_multiple_of(SESSIONS)
            && let Err(error) = abuse.upkeep().await
        {
            tracing::warn!(%error, "bans could not be looked after");
        }
        if round.is_multiple_of(IDEMPOTENCY_KEYS)
            && let Err(error) = store.forget_idempotency_keys().await
        {
            tracing::warn!(%error, "old idempotency keys could not be removed");
        }
        if round.is_multiple_of(ARCHIVE) {
            pipeline.tidy().await;
        }
        known.add(script_stats(&zones).await, &pipeline.content());
        metrics::gauge!("game_scripts_resting").set(pipeline.resting().len() as f64);
        count_phases(&zones);
        metrics.run_upkeep();
    }
}

/// Saves how far the zones have come.
///
/// # Errors
/// The store does not answer.
pub async fn save_clocks(store: &Store, zones: &Zones) -> Result<(), crate::store::StoreError> {
    let clocks: Vec<(String, u64)> =
        zones.iter().map(|(_, zone)| (zone.name.to_string(), zone.stats.tick.load(Relaxed))).collect();
    store.save_zone_clocks(&clocks).await
}

/// What was counted last, by zone, module and export.
#[derive(Default)]
struct Counted(HashMap<(String, String, &'static str), ExportStats>);

impl Counted {
    /// Adds what the scripts did since the last round to the metrics.
    fn add(&mut self, rows: Vec<(String, ExportStats)>, content: &Content) {
        let mut seen = HashMap::with_capacity(rows.len());
        for (zone, row) in rows {
            let key = (zone, row.label.clone(), row.export.name());
            // A swap begins anew with zero.
            let before = self.0.remove(&key).filter(|before| before.counters.calls <= row.counters.calls);
            telemetry::of_modules(|| {
                count_export(&key.0, &row, before.as_ref().map(|row| row.counters).unwrap_or_default());
                count_subjects(&row, before.as_ref().map_or(&[], |row| &row.subjects), content);
            });
            seen.insert(key, row);
        }
        self.0 = seen;
    }
}

fn count_export(zone: &str, row: &ExportStats, before: Counters) {
    let (now, export) = (row.counters, row.export.name());
    let labels = [("module", row.label.clone()), ("export", export.to_owned()), ("zone", zone.to_owned())];
    let counted = [
        ("script_calls_total", now.calls, before.calls),
        ("script_views_total", now.items, before.items),
        ("script_fuel_total", now.fuel, before.fuel),
        ("script_failed_calls_total", now.failed_calls, before.failed_calls),
        ("script_fallbacks_total", now.fallbacks, before.fallbacks),
        ("script_nanoseconds_total", now.time_ns, before.time_ns),
        ("script_log_lines_dropped_total", now.log_dropped, before.log_dropped),
    ];
    for (name, now, before) in counted {
        metrics::counter!(name, &labels).increment(now.saturating_sub(before));
    }
    // Counted elsewhere; it stays as long as the module does.
    let [module, export, _] = labels;
    metrics::counter!("script_failures_total", &[module, export]).increment(0);
}

/// Neither module nor zone is a label here, so that there are as many rows as the content has definitions.
fn count_subjects(row: &ExportStats, before: &[SubjectStats], content: &Content) {
    for now in &row.subjects {
        let Some(subject) = definition(content, now.subject) else { continue };
        let before = before.iter().find(|before| before.subject == now.subject).copied().unwrap_or_default();
        let labels = [("export", row.export.name().to_owned()), ("subject", subject)];
        let counted = [
            ("script_subject_views_total", now.items, before.items),
            ("script_subject_fuel_total", now.fuel, before.fuel),
            ("script_subject_nanoseconds_total", now.time_ns, before.time_ns),
        ];
        for (name, now, before) in counted {
            metrics::counter!(name, &labels).increment(now.saturating_sub(before));
        }
    }
}

/// What the ticks consist of.
fn count_phases(zones: &Zones) {
    for (_, zone) in zones.iter() {
        for (phase, nanos) in zone.stats.phases() {
            let labels = [("zone", zone.name.to_string()), ("phase", phase.name().to_owned())];
            metrics::counter!("game_tick_phase_nanoseconds_total", &labels).absolute(nanos);
        }
    }
}
