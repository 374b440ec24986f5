//! What has to be done every few seconds: clocks, sessions, figures.

use crate::admin::script_stats;
use crate::auth::Auth;
use crate::store::Store;
use crate::telemetry::{self, Metrics};
use crate::zone::Zones;
use host_api::Counters;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(5);
/// Sessions are looked after every so many rounds.
const SESSIONS: u64 = 12;
/// Old idempotency keys are removed every so many rounds: each hour.
const IDEMPOTENCY_KEYS: u64 = 720;

/// Runs until `stop`.
pub async fn upkeep_loop(
    store: Store,
    auth: Auth,
    zones: Arc<Zones>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut round = 0_u64;
    let mut known = HashMap::new();
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
        if round.is_multiple_of(IDEMPOTENCY_KEYS)
            && let Err(error) = store.forget_idempotency_keys().await
        {
            tracing::warn!(%error, "old idempotency keys could not be removed");
        }
        count_scripts(&zones, &mut known).await;
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

/// Adds what the scripts did since the last round to the metrics.
async fn count_scripts(zones: &Zones, known: &mut HashMap<(String, String, &'static str), Counters>) {
    let rows = script_stats(zones).await;
    let mut seen = HashMap::with_capacity(rows.len());
    for (zone, row) in rows {
        let export = row.export.name();
        let key = (zone, row.label.clone(), export);
        let now = row.counters;
        // A swap begins anew with zero.
        let before = known.get(&key).copied().filter(|before| before.calls <= now.calls).unwrap_or_default();
        let labels = [("module", row.label), ("export", export.to_owned()), ("zone", key.0.clone())];
        let counted = [
            ("script_calls_total", now.calls, before.calls),
            ("script_fuel_total", now.fuel, before.fuel),
            ("script_failed_calls_total", now.failed_calls, before.failed_calls),
            ("script_fallbacks_total", now.fallbacks, before.fallbacks),
            ("script_nanoseconds_total", now.time_ns, before.time_ns),
            ("script_log_lines_dropped_total", now.log_dropped, before.log_dropped),
        ];
        telemetry::of_modules(|| {
            for (name, now, before) in counted {
                metrics::counter!(name, &labels).increment(now.saturating_sub(before));
            }
            // Counted elsewhere; it stays as long as the module does.
            let [module, export, _] = labels.clone();
            metrics::counter!("script_failures_total", &[module, export]).increment(0);
        });
        seen.insert(key, now);
    }
    *known = seen;
}
