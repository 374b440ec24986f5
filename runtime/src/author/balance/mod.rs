//! The balance simulator: "a level 10 warrior against three wolves, a million times".
//!
//! The fights are held in the simulation itself, by the very components a server would run: an arena
//! per fight, many arenas in one world, a world per thread. Only what a player would press is made up
//! here (`tactics`). The same line, seed and modules give the same result, on any number of threads.

mod arena;
mod batch;
mod picture;
mod tactics;
mod tally;

pub use arena::{Attacker, Line};
pub use picture::{bars, svg};
pub use tally::{Blows, Tally};

use batch::Batch;
use host_api::{FailureKind, Generation, RulesError, ScriptRules};
use sim::content::Content;
use sim::limits::{ENTITIES_PER_ZONE, INPUTS_PER_TICK};
use sim::rng::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Fights in one world: enough for large batches, few enough for the processor's cache.
const FIGHTS: usize = 500;

/// How time passes in fights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds per tick. The server's own is exact; a longer one is faster and rounds movement and
    /// waits up.
    pub tick_ms: u32,
    /// A fight that takes longer is undecided, milliseconds.
    pub limit_ms: u64,
}

/// Why there were no fights.
#[derive(Debug, thiserror::Error)]
pub enum BalanceError {
    /// Nobody on one side, or too many for one world.
    #[error(
        "{0} fighters in one fight: at least one on each side, at most {MOST} together; change COUNT in --against NPC:COUNT, \
         or the number of --attacker",
        MOST = fighters_max()
    )]
    Fighters(usize),
    /// The content has no zone to take a model from.
    #[error("the content has no zone; add one (docs/scripting.md, Content)")]
    NoZone,
    /// The modules cannot be started.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

/// Fighters of one fight at most.
const fn fighters_max() -> usize {
    100
}

/// Holds `fights` fights on `threads` threads. `progress` is told how many are over, now and then.
///
/// # Errors
/// [`BalanceError`].
pub fn simulate(
    generation: &Generation,
    base: &Content,
    line: &Line,
    pace: Pace,
    (fights, seed): (u64, u64),
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Tally, BalanceError> {
    let fighters = line.fighters();
    if line.attackers.is_empty() || fighters == line.attackers.len() || fighters > fighters_max() {
        return Err(BalanceError::Fighters(fighters));
    }
    let most = (ENTITIES_PER_ZONE / fighters).min(INPUTS_PER_TICK / (2 * line.attackers.len()));
    let arenas = FIGHTS.min(most).max(1);
    let content = Arc::new(arena::content(base, line, arenas).ok_or(BalanceError::NoZone)?);
    let batches = fights.div_ceil(arenas as u64);
    let (next, over) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || -> Result<Tally, BalanceError> {
        let mut rules = ScriptRules::new(generation)?;
        let mut tally = Tally::default();
        loop {
            let batch = next.fetch_add(1, Relaxed);
            if batch >= batches {
                return Ok(tally);
            }
            let here = (fights - batch * arenas as u64).min(arenas as u64) as usize;
            let seed = Rng(seed ^ batch.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next_u64();
            Batch::new(line, pace, Arc::clone(&content), here, seed).run(arenas, &mut rules, &mut tally);
            collect_failures(generation, &mut rules, &mut tally);
            progress(over.fetch_add(here as u64, Relaxed) + here as u64);
        }
    };
    let tallies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut all = Tally::default();
    for tally in tallies {
        all.merge(&tally?);
    }
    Ok(all)
}

fn collect_failures(generation: &Generation, rules: &mut ScriptRules, tally: &mut Tally) {
    for mut failure in rules.drain_failures() {
        tally.failures += 1;
        tally.deadlines += u64::from(matches!(failure.kind, FailureKind::Deadline { .. }));
        if tally.first_failure.is_none() {
            generation.locate(&mut failure);
            tally.first_failure = Some(failure.to_string());
        }
    }
}
