//! The load tool: bots that play over real sockets and judge the server while they do.
//!
//! [`client`] with its [`replica`] is also the Rust client of the game; the tests use it. Nothing of
//! the server is used here but the schema of the protocol: what a bot knows, it was told.

pub mod account;
mod bot;
pub mod client;
pub mod measure;
pub mod mind;
pub mod replica;
pub mod report;
pub mod server;

use crate::client::frame::Encoding;
use account::{AccountError, Registrar};
use bot::Run;
use measure::Tally;
use mind::Scenario;
use report::{ClientUse, Report, Server};
use server::{Operator, OwnCpu, Status, StatusError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most bots one process can drive: each needs a socket and some 60 KiB.
pub const BOTS_MAX: usize = 10_000;
/// Bots that may be on their way into the world at once.
const ENTERING_AT_ONCE: usize = 64;
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `ws://HOST:PORT/v1/world/ws`.
    pub ws_url: String,
    /// `http://HOST:PORT` of the operator listener, for the server's own figures.
    pub admin_url: Option<String>,
    /// The operator's token.
    pub admin_token: Option<String>,
    /// How their messages are written.
    pub encoding: Encoding,
    /// How many bots, 1 to [`BOTS_MAX`].
    pub bots: usize,
    /// How long they play once the last one has joined or given up, seconds.
    pub seconds: u64,
    /// What they do.
    pub scenario: Scenario,
    /// Bots sent a second.
    pub ramp: u32,
    /// Seed of their wills.
    pub seed: u64,
}

/// Why a run did not take place.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Nothing to do, or more than one process can drive.
    #[error("{0} bots: choose --bots 1 to {BOTS_MAX}, and a --ramp of at least 1 a second")]
    BadPlan(usize),
    /// The server's HTTP side is not there.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The server's operator side is not there.
    #[error(transparent)]
    Status(#[from] StatusError),
}

/// Sends the bots and reports. `progress` is called about once a second with a line for people.
///
/// # Errors
/// [`LoadError`] when the run could not begin: a bad plan, or no server at the addresses.
pub async fn run(plan: &Plan, mut progress: impl FnMut(&str)) -> Result<Report, LoadError> {
    if plan.bots == 0 || plan.bots > BOTS_MAX || plan.ramp == 0 {
        return Err(LoadError::BadPlan(plan.bots));
    }
    let registrar = Registrar::new(&plan.ws_url)?;
    let operator = match &plan.admin_url {
        Some(url) => Some(Operator::new(url, plan.admin_token.clone())?),
        None => None,
    };
    let idle = status(operator.as_ref()).await?;
    let run = Arc::new(Run {
        ws_url: plan.ws_url.clone(),
        encoding: plan.encoding,
        classes: registrar.classes().await?,
        registrar,
        scenario: plan.scenario,
        seed: plan.seed,
        tally: Mutex::new(Tally::default()),
        stop: CancellationToken::new(),
    });
    let mut bots = send_bots(&run, plan, &mut progress).await;

    let playing = Instant::now();
    let own_cpu = OwnCpu::start();
    let before = status(operator.as_ref()).await?;
    let until = playing + Duration::from_secs(plan.seconds);
    while Instant::now() < until {
        tokio::time::sleep(PROGRESS.min(until.saturating_duration_since(Instant::now()))).await;
        progress(&line("playing", &run, playing.elapsed()));
    }
    let after = status(operator.as_ref()).await?;
    let played = playing.elapsed();
    let client = ClientUse { cpu_percent: own_cpu.percent() };

    run.stop.cancel();
    while let Some(ended) = bots.join_next().await {
        if let Err(died) = ended {
            run.count(|tally| tally.failures.count(&format!("a bot died: {died}")));
        }
    }
    let mut report = None;
    run.count(|tally| {
        let server = server_use(idle.as_ref(), before.as_ref(), after.as_ref(), played, tally.joined);
        let facts = (plan.scenario, plan.bots, plan.seconds, plan.seed);
        report = Some(Report::new(facts, tally, server, client));
    });
    report.ok_or(LoadError::BadPlan(plan.bots))
}

/// Sends the bots at the planned rate and waits until each has joined or given up.
async fn send_bots(run: &Arc<Run>, plan: &Plan, progress: &mut impl FnMut(&str)) -> JoinSet<()> {
    let mut bots = JoinSet::new();
    let began = Instant::now();
    let mut told = began;
    let mut sent = 0;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / plan.ramp.min(1_000));
    loop {
        let (entered, entering) = {
            let mut entered = 0;
            run.count(|tally| entered = (tally.joined + tally.failed) as usize);
            (entered, sent - entered.min(sent))
        };
        if sent < plan.bots && entering < ENTERING_AT_ONCE {
            bots.spawn(bot::live(Arc::clone(run), sent));
            sent += 1;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            progress(&line("joining", run, began.elapsed()));
        }
        if entered >= plan.bots {
            return bots;
        }
        pace.tick().await;
    }
}

fn line(phase: &str, run: &Run, elapsed: Duration) -> String {
    let mut text = String::new();
    run.count(|tally| {
        text = format!(
            "{phase} {:>4} s: {} joined, {} gave up, {} protocol errors, {} disconnects, {} frames, {} swings",
            elapsed.as_secs(),
            tally.joined,
            tally.failed,
            tally.protocol_errors,
            tally.disconnects,
            tally.frames,
            tally.swings
        );
    });
    text
}

async fn status(operator: Option<&Operator>) -> Result<Option<Status>, StatusError> {
    match operator {
        Some(operator) => operator.status().await.map(Some),
        None => Ok(None),
    }
}

fn server_use(
    idle: Option<&Status>,
    before: Option<&Status>,
    after: Option<&Status>,
    played: Duration,
    joined: u64,
) -> Server {
    let (Some(idle), Some(before), Some(after)) = (idle, before, after) else {
        return Server::default();
    };
    let worst = server::worst_zone(after);
    let grown = after.process.rss_bytes.saturating_sub(idle.process.rss_bytes) as f64;
    Server {
        tick_ms: worst.map(|zone| zone.tick_ms),
        worst_zone: worst.map(|zone| zone.name.clone()),
        cpu_percent: Some(server::cpu_percent(before.process, after.process, played)),
        rss_mib: Some(after.process.rss_bytes as f64 / f64::from(1 << 20)),
        kib_per_connection: (joined > 0).then(|| grown / 1_024.0 / joined as f64),
    }
}
