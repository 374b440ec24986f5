//! The load tool: bots that play over real sockets and judge the server while they do.
//!
//! [`client`] with its [`replica`] is also the Rust client of the game; the tests use it. Nothing of
//! the server is used here but the schema of the protocol: what a bot knows, it was told.
//!
//! A bot costs one task on one of `threads` runtimes ([`worker`]), a socket and its small buffers. It has no timer: the
//! clock of its thread wakes it with every pace. In the scenarios that are about numbers it looks past what others do, but for
//! one in sixteen.

pub mod account;
pub mod acks;
mod bot;
pub mod client;
pub mod compare;
mod entry;
pub mod fault;
pub mod handles;
pub mod measure;
pub mod mind;
pub mod picture;
pub mod replica;
pub mod report;
pub mod server;
mod shelf;
mod stage;
pub mod timeline;
mod walker;
mod worker;

use crate::client::frame::Encoding;
use account::{AccountError, Registrar};
use bot::Run;
use measure::Tally;
use mind::Scenario;
use report::Report;
use server::{Operator, StatusError};
use stage::Stage;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use worker::Thread;

/// Most bots one process can drive: each needs a port of its own, of which a machine has some 28,000.
pub const BOTS_MAX: usize = 20_000;
/// Most threads they are dealt to.
pub const THREADS_MAX: usize = 64;
/// Longest time of play, seconds: a week.
pub const SECONDS_MAX: u64 = 7 * 24 * 60 * 60;
/// Accounts made between two lines of progress.
const REGISTERED_STEP: usize = 250;

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
    /// How many bots, 1 to [`BOTS_MAX`] together with those of a storm.
    pub bots: usize,
    /// How many more arrive within a second in [`Scenario::LoginStorm`].
    pub storm: usize,
    /// How long they play once the last one has joined or given up, seconds, at most [`SECONDS_MAX`].
    pub seconds: u64,
    /// What they do.
    pub scenario: Scenario,
    /// Bots sent a second.
    pub ramp: u32,
    /// Seed of their wills.
    pub seed: u64,
    /// Threads they are dealt to, 1 to [`THREADS_MAX`]: each uses a core at most.
    pub threads: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            ws_url: "ws://127.0.0.1:7777/v1/world/ws".to_owned(),
            admin_url: None,
            admin_token: None,
            encoding: Encoding::Proto,
            bots: 50,
            storm: 100,
            seconds: 30,
            scenario: Scenario::Mixed,
            ramp: 50,
            seed: 42,
            threads: 1,
        }
    }
}

impl Plan {
    /// Whether something happens to the connections in the middle of the run.
    fn has_storm(&self) -> bool {
        matches!(self.scenario, Scenario::LoginStorm | Scenario::ReconnectStorm)
    }

    /// All bots, with those of a storm.
    pub fn everybody(&self) -> usize {
        let storm = if self.scenario == Scenario::LoginStorm { self.storm } else { 0 };
        self.bots.saturating_add(storm)
    }

    fn check(&self) -> Result<(), LoadError> {
        let numbers = self.bots > 0 && self.everybody() <= BOTS_MAX && self.ramp > 0;
        if !numbers || (self.scenario == Scenario::LoginStorm && self.storm == 0) {
            return Err(LoadError::BadPlan(self.everybody()));
        }
        if !(1..=THREADS_MAX).contains(&self.threads) || self.seconds > SECONDS_MAX {
            return Err(LoadError::BadCourse { threads: self.threads, seconds: self.seconds });
        }
        Ok(())
    }
}

/// Why a run did not take place.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Nothing to do, or more than one process can drive.
    #[error("{0} bots: choose --bots 1 to {BOTS_MAX}, with --storm, and a --ramp of at least 1 a second")]
    BadPlan(usize),
    /// Threads or time out of bounds.
    #[error(
        "{threads} threads for {seconds} s: choose --threads 1 to {THREADS_MAX} and --seconds 0 to {SECONDS_MAX}"
    )]
    BadCourse {
        /// What was asked for.
        threads: usize,
        /// What was asked for.
        seconds: u64,
    },
    /// The system gives too few file handles.
    #[error(transparent)]
    Handles(#[from] handles::TooFew),
    /// The system gives no thread.
    #[error("a thread of the load tool could not be started: {0}")]
    Thread(std::io::Error),
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
/// [`LoadError`] when the run could not begin: a bad plan, too few file handles, or no server at the addresses.
pub async fn run(plan: &Plan, mut progress: impl FnMut(&str)) -> Result<Report, LoadError> {
    plan.check()?;
    handles::make_room(plan.everybody())?;
    let registrar = Registrar::new(&plan.ws_url)?;
    let operator = match &plan.admin_url {
        Some(url) => Some(Operator::new(url, plan.admin_token.clone())?),
        None => None,
    };
    let idle = match &operator {
        Some(operator) => Some(operator.status().await?),
        None => None,
    };
    let registering = Instant::now();
    let everybody = plan.everybody();
    let classes = registrar.classes().await?;
    let players = registrar
        .guests(everybody, &classes, |made| {
            if made.is_multiple_of(REGISTERED_STEP) || made == everybody {
                progress(&format!("{made} of {everybody} guests have a character"));
            }
        })
        .await?;
    let register_s = registering.elapsed();
    // Its idle connections would be among those that the server counts.
    drop(registrar);

    let run = Arc::new(Run {
        ws_url: plan.ws_url.clone(),
        encoding: plan.encoding,
        entities: players.iter().map(|_| AtomicU64::new(0)).collect(),
        players,
        scenario: plan.scenario,
        seed: plan.seed,
        tally: Mutex::new(Tally::default()),
        stop: CancellationToken::new(),
        cut: CancellationToken::new(),
        cut_at: OnceLock::new(),
    });
    let threads = (0..plan.threads).map(Thread::start).collect::<Result<Vec<_>, _>>();
    let threads = threads.map_err(LoadError::Thread)?;
    let mut stage = Stage::new(plan, Arc::clone(&run), threads, operator.as_ref(), progress);
    stage.enter().await;
    let settling = Instant::now();
    stage.settle().await;
    let settle_s = settling.elapsed();
    let played = stage.play().await;
    stage.end().await;
    let played = played?;

    let mut report = None;
    let times: (Duration, Duration) = (register_s, settle_s);
    run.count(|tally| report = Some(Report::new(plan, times, tally, stage.timeline, idle.as_ref(), played)));
    report.ok_or(LoadError::BadPlan(plan.bots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_within_bounds() {
        let plan = Plan::default();
        assert!(plan.check().is_ok());
        let bots = Plan { bots: BOTS_MAX, ..plan.clone() };
        assert!(bots.check().is_ok());
        let stormy = Plan { scenario: Scenario::LoginStorm, ..bots };
        assert!(matches!(stormy.check(), Err(LoadError::BadPlan(20_100))));
        let calm = Plan { scenario: Scenario::LoginStorm, storm: 0, ..plan.clone() };
        assert!(matches!(calm.check(), Err(LoadError::BadPlan(50))));
        assert!(matches!(Plan { threads: 0, ..plan.clone() }.check(), Err(LoadError::BadCourse { .. })));
        assert!(matches!(Plan { ramp: 0, ..plan }.check(), Err(LoadError::BadPlan(50))));
    }
}
