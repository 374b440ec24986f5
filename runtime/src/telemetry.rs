//! Logs and metrics of the process: set up once, at the start.

mod script_log;

pub use script_log::{FAILED, ScriptLine, ScriptLog, script_log};

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_util::MetricKindMask;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Seconds; ticks of a healthy zone are far below 50 ms.
const TICK_BUCKETS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
/// Seconds; an answer waits for the next tick, a durable one for the commit.
const LATENCY_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Seconds a client stays.
const STAY_BUCKETS: &[f64] = &[1.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 36_000.0];

/// Log lines that wait for whoever reads standard error; what comes after them is dropped and counted.
const LOG_QUEUE: usize = 16_384;
/// How long figures of modules that left stay: several scrapes, so that their last values are seen.
const MODULES_STAY: Duration = Duration::from_secs(300);

/// Lines that did not fit into the queue.
static LINES_LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Logs to standard error, as text or as JSON lines. `LORE_LOG` filters like `RUST_LOG`:
/// `info,runtime::zone=debug`. Nobody who logs waits for whoever reads it. What is returned is kept
/// until the process ends: it writes what is still queued. A second call changes nothing.
pub fn init_logs(json: bool) -> WorkerGuard {
    let filter = EnvFilter::try_from_env("LORE_LOG")
        .or_else(|_| EnvFilter::try_from_default_env())
        .unwrap_or_else(|_| EnvFilter::new("info,notify=warn"));
    let (queue, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_QUEUE)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    let lost = queue.error_counter();
    let lines = tracing_subscriber::fmt::layer().with_writer(queue);
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    let tap = script_log::Tap(script_log());
    let set_up = tracing_subscriber::registry().with(lines).with(tap).with(filter).try_init();
    // An error means that logs are set up already, as in tests with several servers.
    if set_up.is_ok() {
        LINES_LOST.get_or_init(|| lost);
    }
    guard
}

/// The figures of the process for `/metrics`.
#[derive(Clone)]
pub struct Metrics {
    process: PrometheusHandle,
    modules: PrometheusHandle,
}

impl Metrics {
    /// All figures in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.process.render() + &self.modules.render()
    }

    /// Has to be called every few seconds.
    pub fn run_upkeep(&self) {
        let lost = LINES_LOST.get().map_or(0, ErrorCounter::dropped_lines);
        metrics::counter!("log_lines_dropped_total").absolute(lost as u64);
        self.process.run_upkeep();
        self.modules.run_upkeep();
        // What has been idle for long is dropped as figures are rendered, and maybe nobody asks for them.
        drop(self.modules.render());
    }
}

/// Counts for modules: every push makes new labels, so what is counted in `count` is forgotten some
/// minutes after its last mention. Adding nothing is a mention.
pub fn of_modules<T>(count: impl FnOnce() -> T) -> T {
    metrics::with_local_recorder(modules_recorder(), count)
}

fn modules_recorder() -> &'static PrometheusRecorder {
    static RECORDER: LazyLock<PrometheusRecorder> = LazyLock::new(|| forgetful_recorder(MODULES_STAY));
    &RECORDER
}

fn forgetful_recorder(stay: Duration) -> PrometheusRecorder {
    let builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::ALL, Some(stay));
    let recorder = builder.build_recorder();
    metrics::with_local_recorder(&recorder, describe_modules);
    recorder
}

/// The process' metrics for `/metrics`. The first call sets them up, later ones share them.
///
/// # Errors
/// Another recorder is installed already.
pub fn metrics() -> Result<Metrics, BuildError> {
    static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let modules = modules_recorder().handle();
    let mut known = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(process) = &*known {
        return Ok(Metrics { process: process.clone(), modules });
    }
    let process = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("game_tick".to_owned()), TICK_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("websocket_connection_duration_seconds".to_owned()),
            STAY_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_BUCKETS)?
        .install_recorder()?;
    describe();
    *known = Some(process.clone());
    Ok(Metrics { process, modules })
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_gauge!("websocket_active_connections", "open sockets");
    describe_counter!("websocket_connections_total", "sockets opened");
    describe_counter!("websocket_received_messages_total", "messages from clients");
    describe_counter!("websocket_received_bytes_total", "their bytes");
    describe_counter!("websocket_sent_messages_total", "messages to clients");
    describe_counter!("websocket_sent_bytes_total", "their bytes");
    describe_gauge!("websocket_linkdead_sessions", "sessions that wait for their client to come back");
    describe_counter!("websocket_resumes_total", "clients that came back for their session, by outcome");
    describe_histogram!("websocket_connection_duration_seconds", "how long sockets stay open");
    describe_histogram!("websocket_message_latency_seconds", "from receiving a request to its answer");
    describe_gauge!("game_zone_population", "characters in a zone");
    describe_gauge!(
        "game_scripts_resting",
        "modules that failed and have no earlier version: not asked any more"
    );
    describe_counter!("game_combat_damage_total", "health lost to swings and pulses");
    describe_histogram!("game_tick_duration_seconds", "time a tick takes");
    describe_histogram!("game_tick_lag_seconds", "how late a tick begins");
    describe_counter!("game_tick_phase_nanoseconds_total", "time of ticks, by part; step holds the scripts");
    describe_histogram!("journal_commit_duration_seconds", "from the first attempt to the commit");
    describe_counter!("game_ticks_late_total", "ticks longer than they may be, by cause: swap or load");
    describe_counter!("websocket_refused_total", "sockets refused");
    describe_counter!("http_connections_refused_total", "connections of addresses that had enough");
    describe_counter!("http_requests_refused_total", "requests beyond a rate: address, account or login");
    describe_counter!("calls_refused_total", "calls beyond a rate, by whose: connection, account or address");
    describe_counter!("abuse_points_total", "points of misbehaviour, by offence");
    describe_counter!("abuse_bans_total", "bans, by kind and cause");
    describe_gauge!("abuse_bans_active", "bans in force");
    describe_counter!("log_lines_dropped_total", "lines of the server's log that nobody took in time");
}

fn describe_modules() {
    use metrics::describe_counter;
    describe_counter!("script_calls_total", "calls into components");
    describe_counter!("script_views_total", "views components were asked about");
    describe_counter!("script_fuel_total", "fuel used by components");
    describe_counter!("script_nanoseconds_total", "time in components and at their border");
    describe_counter!("script_subject_views_total", "views by what they are about");
    describe_counter!(
        "script_subject_fuel_total",
        "fuel by what views are about: a call is divided by their number"
    );
    describe_counter!("script_subject_nanoseconds_total", "time by what views are about, divided like fuel");
    describe_counter!("script_failed_calls_total", "calls that trapped, ran out or answered wrongly");
    describe_counter!("script_fallbacks_total", "views answered with the fallback");
    describe_counter!("script_failures_total", "failures of components, by export");
    describe_counter!("script_log_lines_dropped_total", "lines of components over their limits");
}

/// What the system says about a process; zeros where it says nothing.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct ProcessUse {
    /// CPU time since the start, milliseconds.
    pub cpu_ms: u64,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// Hundredths of a second in user space, on every Linux.
const CLOCK_TICK_MS: u64 = 10;
const PAGE_BYTES: u64 = 4_096;

impl ProcessUse {
    /// Now.
    pub fn now() -> Self {
        Self::read("self")
    }

    /// Another process, now.
    pub fn of(process: u32) -> Self {
        Self::read(&process.to_string())
    }

    fn read(process: &str) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
        Self::parse(&stat, &statm).unwrap_or_default()
    }

    fn parse(stat: &str, statm: &str) -> Option<Self> {
        // The name in parentheses may hold anything; fields are counted from behind it.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(Self { cpu_ms: (user + system) * CLOCK_TICK_MS, rss_bytes: pages * PAGE_BYTES })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_mentions_is_forgotten() {
        let recorder = forgetful_recorder(Duration::ZERO);
        let handle = recorder.handle();
        let mention = |module: &'static str| {
            metrics::with_local_recorder(&recorder, || {
                metrics::counter!("script_calls_total", "module" => module).increment(0);
            });
        };
        mention("gone");
        mention("live");
        let first = handle.render();
        assert!(first.contains("gone") && first.contains("live"), "{first}");
        mention("live");
        let second = handle.render();
        assert!(!second.contains("gone") && second.contains("live"), "{second}");
    }

    #[test]
    fn process_figures_are_read_behind_the_name() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        let usage = ProcessUse::parse(stat, "1000 250 3 4 5").expect("well formed");
        assert_eq!((usage.cpu_ms, usage.rss_bytes), (2_000, 1_024_000));
    }
}
