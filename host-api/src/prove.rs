//! A candidate and the live module answer what was recorded, and the answers are compared. Runs
//! compiled code: keep it off the tick.

use crate::call::{Failures, Slot, ask};
use crate::convert::Hook;
use crate::failure::{FailureKind, ScriptFailure};
use crate::limits::MESSAGE_BYTES;
use crate::manifest::Export;
use crate::module::Module;
use crate::record::{Laned, Record, Recording, Visitor, visit};
use crate::stats::Counters;
use serde::{Deserialize, Serialize};
use sim::rules::{Answer, Origin};

/// Differences shown in full; the others are only counted.
const WORST: usize = 10;

/// A number in the answers to all views, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What: `damage` of a swing, the share of `critical` ones.
    pub name: String,
    /// On average, as the live module answers.
    pub live: f64,
    /// On average, as the candidate answers.
    pub candidate: f64,
    /// By how much the average changes; `None` if it was zero and is not any more.
    pub percent: Option<f64>,
    /// How the live module's answers are spread.
    #[serde(default)]
    pub live_spread: Spread,
    /// How the candidate's answers are spread.
    #[serde(default)]
    pub candidate_spread: Spread,
}

/// How numbers are spread: so many of a hundred are this or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Five.
    pub p5: f64,
    /// Half of them.
    pub p50: f64,
    /// Ninety-five.
    pub p95: f64,
    /// All.
    pub max: f64,
}

impl Spread {
    /// Of some numbers, which it puts in order; zeros of none.
    fn of(numbers: &mut [f64]) -> Self {
        numbers.sort_by(f64::total_cmp);
        let Some(last) = numbers.len().checked_sub(1) else { return Self::default() };
        let at = |percent: usize| numbers[(last * percent).div_ceil(100)];
        Self { p5: at(5), p50: at(50), p95: at(95), max: at(100) }
    }
}

/// One view that the candidate decides otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// How far the answers are apart.
    pub distance: u64,
    /// What was asked.
    pub view: String,
    /// What the live module answers.
    pub live: String,
    /// What the candidate answers.
    pub candidate: String,
}

/// What replaying the recordings showed for one export.
#[derive(Clone, Debug)]
pub struct ExportProof {
    /// The function.
    pub export: Export,
    /// Recorded views that both modules were asked again.
    pub views: u64,
    /// Views that the candidate decides otherwise than the live module.
    pub differ: u64,
    /// Views recorded from this very live module that it now answers otherwise: it is not
    /// deterministic.
    pub unrepeated: u64,
    /// Views that the candidate fails to answer and the live module answers.
    pub newly_failed: u64,
    /// What the answers are on average, and how they are spread.
    pub measures: Vec<Measure>,
    /// The answers that are farthest apart, worst first.
    pub worst: Vec<Difference>,
    /// What the live module cost.
    pub live: Counters,
    /// What the candidate cost; its `fallbacks` are the views it failed to answer.
    pub candidate: Counters,
    /// How the candidate failed, located in its source; the oldest dropped beyond the host's limit.
    pub failures: Vec<ScriptFailure>,
}

/// Replays `recordings` on both modules, one entry per export of their kind.
///
/// # Errors
/// A module cannot be instantiated: the machine is out of memory.
///
/// # Panics
/// The two are not of one kind.
pub fn prove(
    live: &Module,
    candidate: &Module,
    recordings: &[Recording],
) -> Result<Vec<ExportProof>, FailureKind> {
    assert_eq!(live.kind(), candidate.kind(), "a module is only proven against one of its own kind");
    let mut trial = Trial { live, candidate, recordings, proofs: Vec::new() };
    visit(candidate.kind(), &mut trial)?;
    Ok(trial.proofs)
}

/// The replay of every export, one after the other.
struct Trial<'a> {
    live: &'a Module,
    candidate: &'a Module,
    recordings: &'a [Recording],
    proofs: Vec<ExportProof>,
}

impl Visitor for Trial<'_> {
    type Error = FailureKind;

    fn visit<H: Laned>(&mut self) -> Result<(), FailureKind> {
        self.proofs.push(replay::<H>(self.live, self.candidate, self.recordings)?);
        Ok(())
    }
}

fn replay<H: Laned>(
    live: &Module,
    candidate: &Module,
    recordings: &[Recording],
) -> Result<ExportProof, FailureKind> {
    let mut sides = [Side::new(live)?, Side::new(candidate)?];
    let (mut views, mut differ, mut unrepeated, mut newly_failed) = (0, 0, 0, 0);
    let (mut samples, mut worst) = (Vec::new(), Vec::new());
    for ring in recordings.iter().filter_map(|recording| H::tape(recording).of(live.script())) {
        let records: Vec<_> = ring.iter().collect();
        // Views of one tick were one batch.
        for batch in records.chunk_by(|a, b| a.ctx == b.ctx) {
            let [was, now] = sides.each_mut().map(|side| side.answer::<H>(batch));
            views += batch.len() as u64;
            for ((record, was), now) in batch.iter().zip(was).zip(now) {
                add_measures::<H>(&mut samples, &was.value, &now.value);
                let distance = H::distance(&was.value, &now.value);
                differ += u64::from(distance > 0);
                keep_worst::<H>(&mut worst, distance, &record.view, &was.value, &now.value);
                let same_code = record.answer.origin == Origin::Script(live.stamp());
                newly_failed += u64::from(now.origin == Origin::Fallback && was.origin != Origin::Fallback);
                unrepeated += u64::from(same_code && record.answer.value != was.value);
            }
        }
    }
    let [live, mut proven] = sides;
    let mut failures = proven.failures.drain();
    for failure in &mut failures {
        candidate.locate(&mut failure.kind);
    }
    Ok(ExportProof {
        export: H::EXPORT,
        views,
        differ,
        unrepeated,
        newly_failed,
        measures: samples.into_iter().map(Samples::measure).collect(),
        worst,
        live: live.cost(H::EXPORT),
        candidate: proven.cost(H::EXPORT),
        failures,
    })
}

/// One measure of every view.
struct Samples {
    name: &'static str,
    live: Vec<f64>,
    candidate: Vec<f64>,
}

impl Samples {
    fn measure(mut self) -> Measure {
        let average = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        let (live, candidate) = (average(&self.live), average(&self.candidate));
        Measure {
            name: self.name.to_owned(),
            live,
            candidate,
            percent: change_percent(live, candidate),
            live_spread: Spread::of(&mut self.live),
            candidate_spread: Spread::of(&mut self.candidate),
        }
    }
}

fn add_measures<H: Hook>(samples: &mut Vec<Samples>, was: &H::Answer, now: &H::Answer) {
    let both = H::measure(was).into_iter().zip(H::measure(now));
    for (at, ((name, was), (_, now))) in both.enumerate() {
        if samples.len() == at {
            samples.push(Samples { name, live: Vec::new(), candidate: Vec::new() });
        }
        samples[at].live.push(was);
        samples[at].candidate.push(now);
    }
}

/// By how much a value changes; `None` if there is nothing to compare it with.
fn change_percent(live: f64, candidate: f64) -> Option<f64> {
    match live {
        0.0 if candidate == 0.0 => Some(0.0),
        0.0 => None,
        _ => Some((candidate - live) / live.abs() * 100.0),
    }
}

fn keep_worst<H: Hook>(
    worst: &mut Vec<Difference>,
    distance: u64,
    view: &H::View,
    was: &H::Answer,
    now: &H::Answer,
) {
    let at = worst.partition_point(|kept| kept.distance >= distance);
    if distance == 0 || at == WORST {
        return;
    }
    worst.truncate(WORST - 1);
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}").chars().take(MESSAGE_BYTES).collect();
    worst.insert(at, Difference { distance, view: text(view), live: text(was), candidate: text(now) });
}

/// One of the two modules, answering in an instance of its own.
struct Side {
    slot: Slot,
    failures: Failures,
}

impl Side {
    fn new(module: &Module) -> Result<Self, FailureKind> {
        Ok(Self { slot: Slot::quiet(module.clone())?, failures: Failures::default() })
    }

    fn answer<H: Hook>(&mut self, batch: &[&Record<H::View, H::Answer>]) -> Vec<Answer<H::Answer>> {
        let views: Vec<H::View> = batch.iter().map(|record| record.view.clone()).collect();
        let mut out = Vec::with_capacity(views.len());
        let mut wire = Vec::with_capacity(views.len());
        ask::<H>(&mut self.slot, &batch[0].ctx, &views, &mut wire, &mut out, &mut self.failures);
        self.slot.restock();
        out
    }

    fn cost(&self, export: Export) -> Counters {
        let account = self.slot.accounts.iter().find(|account| account.export == export);
        account.map_or_else(Counters::default, |account| account.counters)
    }
}
