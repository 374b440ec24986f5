//! What the server says of itself during a run, and what this process uses.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long the operator's side may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Linux counts CPU time in hundredths of a second for user space, on every architecture.
const CLOCK_TICKS_PER_SECOND: f64 = 100.0;

/// Why the server's figures are missing.
#[derive(Debug, Error)]
pub enum StatusError {
    /// The call did not come through, or its answer cannot be read.
    #[error("the operator's status: {0}; name its listener with --admin and the server's folder with --data")]
    Call(#[from] reqwest::Error),
}

/// Percentiles of the time a tick takes, milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct TickTimes {
    /// Half are below.
    pub p50: f64,
    /// All but one in a hundred are below.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

/// The part of the operator's status that a run reports.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The server's process.
    pub process: Process,
    /// Its zones.
    #[serde(default)]
    pub zones: Vec<ZoneStatus>,
}

/// What the server's process uses.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Process {
    /// CPU time since it started, milliseconds.
    pub cpu_ms: u64,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// One zone.
#[derive(Clone, Debug, Deserialize)]
pub struct ZoneStatus {
    /// Its name.
    pub name: String,
    /// The last minute's ticks.
    pub tick_ms: TickTimes,
    /// Characters.
    #[serde(default)]
    pub population: usize,
}

/// The operator's side of a server.
pub struct Operator {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Operator {
    /// The operator API at `admin_url`; a developer's server answers without a token.
    ///
    /// # Errors
    /// [`StatusError`] when no HTTP client can be made.
    pub fn new(admin_url: &str, token: Option<String>) -> Result<Self, StatusError> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, url: format!("{}/admin/v1/status", admin_url.trim_end_matches('/')), token })
    }

    /// Asks for the status now.
    ///
    /// # Errors
    /// [`StatusError`] when the server does not answer as expected.
    pub async fn status(&self) -> Result<Status, StatusError> {
        let request = self.http.get(&self.url);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

/// The zone with the slowest ticks.
pub fn worst_zone(status: &Status) -> Option<&ZoneStatus> {
    status.zones.iter().max_by(|a, b| a.tick_ms.p99.total_cmp(&b.tick_ms.p99))
}

/// CPU use between two moments, percent of one core.
pub fn cpu_percent(before: Process, after: Process, between: Duration) -> f64 {
    let used_ms = after.cpu_ms.saturating_sub(before.cpu_ms) as f64;
    100.0 * used_ms / (between.as_secs_f64() * 1_000.0).max(1.0)
}

/// A stopwatch over the CPU time of this process.
pub struct OwnCpu {
    since: Instant,
    at_start: Option<f64>,
}

impl OwnCpu {
    /// Starts now.
    pub fn start() -> Self {
        Self { since: Instant::now(), at_start: own_cpu_seconds() }
    }

    /// Percent of one core since the start; `None` where the system does not tell.
    pub fn percent(&self) -> Option<f64> {
        let used = own_cpu_seconds()? - self.at_start?;
        Some(100.0 * used / self.since.elapsed().as_secs_f64().max(0.001))
    }
}

/// User and system time of this process from `/proc/self/stat` (fields 14 and 15).
fn own_cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / CLOCK_TICKS_PER_SECOND)
}
