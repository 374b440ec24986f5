//! A candidate and the live module answer what was recorded, and the answers are compared. A candidate of another
//! schema is asked with the state as it would read it; what is compared then is what means the same in both.
//! Runs compiled code: keep it off the tick.

use crate::call::{Failures, Slot, ask};
use crate::convert::Hook;
use crate::failure::{FailureKind, ScriptFailure};
use crate::limits::MESSAGE_BYTES;
use crate::manifest::Export;
use crate::module::Module;
use crate::record::{Laned, Record, Recording, Ring, Visitor, visit};
use crate::stats::Counters;
use crate::translate::Translation;
use serde::{Deserialize, Serialize};
use sim::rules::{Answer, Context, Origin};

/// Differences shown in full; the others are only counted.
const WORST: usize = 10;
/// Reasons kept why a state cannot be migrated.
const REASONS: usize = 10;

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
    /// Recorded views that both modules were asked again, those included whose state cannot be migrated.
    pub views: u64,
    /// Views that the candidate decides otherwise than the live module.
    pub differ: u64,
    /// Views recorded from this very live module that it now answers otherwise: it is not
    /// deterministic.
    pub unrepeated: u64,
    /// Views that the candidate fails to answer, or that cannot be put to it, and the live module answers.
    pub newly_failed: u64,
    /// Views that cannot be put to it, because their state cannot be migrated to its schema.
    pub unmigrated: u64,
    /// Why not, each reason once, the first ones.
    pub reasons: Vec<String>,
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
    // A zone that tries a version of a newer schema recorded what this one cannot read.
    let rings = recordings.iter().flat_map(|recording| H::tape(recording).all_of(live.script()));
    let (own, others): (Vec<&Ring<H>>, Vec<_>) = rings.partition(|ring| ring.schema() == live.schema());
    let older = others.into_iter().filter(|ring| ring.schema() < live.schema());
    let older: Vec<Vec<_>> = older.map(|ring| brought_up(ring, live)).collect();
    let mut rings: Vec<Vec<&Record<H::View, H::Answer>>> =
        older.iter().map(|records| records.iter().collect()).collect();
    rings.extend(own.into_iter().map(|ring| ring.iter().collect::<Vec<_>>()));
    let views = rings.iter().flatten().map(|record| &record.view);
    let translation = Translation::new::<H>(live, candidate, views);
    let (mut before, mut side, mut found) = (Side::new(live)?, Side::new(candidate)?, Found::default());
    for records in rings {
        // Views of one tick were one batch.
        for batch in records.chunk_by(|a, b| a.ctx == b.ctx) {
            let ctx = &batch[0].ctx;
            let views: Vec<H::View> = batch.iter().map(|record| record.view.clone()).collect();
            let shown: Vec<_> = views.iter().map(|view| translation.view::<H>(view)).collect();
            let asked: Vec<H::View> = shown.iter().flatten().cloned().collect();
            let mut answers = side.answer::<H>(ctx, &asked).into_iter();
            for ((record, was), shown) in batch.iter().zip(before.answer::<H>(ctx, &views)).zip(shown) {
                let same_code = record.answer.origin == Origin::Script(live.stamp());
                found.unrepeated += u64::from(same_code && record.answer.value != was.value);
                let now = shown.map(|_| answers.next().expect("one answer for every view asked"));
                found.add::<H>(&translation, record, was, now);
            }
        }
    }
    Ok(ExportProof {
        export: H::EXPORT,
        views: found.views,
        differ: found.differ,
        unrepeated: found.unrepeated,
        newly_failed: found.newly_failed,
        unmigrated: found.unmigrated,
        reasons: found.reasons,
        measures: found.samples.into_iter().map(Samples::measure).collect(),
        worst: found.worst,
        live: before.cost(H::EXPORT),
        candidate: side.cost(H::EXPORT),
        failures: side.failures(candidate),
    })
}

/// What was asked in an older schema, as the live module reads it now. A view whose state it cannot migrate says
/// nothing about a candidate.
fn brought_up<H: Hook>(ring: &Ring<H>, live: &Module) -> Vec<Record<H::View, H::Answer>> {
    let translation = Translation::up::<H>(ring.schema(), live, ring.iter().map(|record| &record.view));
    let read = |record: &Record<H::View, H::Answer>| {
        let view = translation.view::<H>(&record.view).ok()?;
        Some(Record { ctx: record.ctx, view, answer: record.answer.clone() })
    };
    ring.iter().filter_map(read).collect()
}

/// What the views of one export have shown so far.
#[derive(Default)]
struct Found {
    views: u64,
    differ: u64,
    unrepeated: u64,
    newly_failed: u64,
    unmigrated: u64,
    reasons: Vec<String>,
    samples: Vec<Samples>,
    worst: Vec<Difference>,
}

impl Found {
    /// One view, what it was answered before, and what now; or why it could not be asked.
    fn add<H: Hook>(
        &mut self,
        translation: &Translation,
        record: &Record<H::View, H::Answer>,
        mut was: Answer<H::Answer>,
        now: Result<Answer<H::Answer>, &str>,
    ) {
        self.views += 1;
        let answered = was.origin != Origin::Fallback;
        let mut now = match now {
            Ok(now) => now,
            Err(why) => {
                self.unmigrated += 1;
                self.newly_failed += u64::from(answered);
                if self.reasons.len() < REASONS && !self.reasons.iter().any(|known| known == why) {
                    self.reasons.push(why.to_owned());
                }
                return;
            }
        };
        self.newly_failed += u64::from(now.origin == Origin::Fallback && answered);
        if translation.changes_schema {
            H::forget_state(&mut was.value);
            H::forget_state(&mut now.value);
        }
        add_measures::<H>(&mut self.samples, &was.value, &now.value);
        let distance = H::distance(&was.value, &now.value);
        self.differ += u64::from(distance > 0);
        keep_worst::<H>(&mut self.worst, distance, &record.view, &was.value, &now.value);
    }
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
pub(crate) struct Side {
    slot: Slot,
    failures: Failures,
}

impl Side {
    pub(crate) fn new(module: &Module) -> Result<Self, FailureKind> {
        Ok(Self { slot: Slot::quiet(module.clone())?, failures: Failures::default() })
    }

    /// One answer for each view.
    pub(crate) fn answer<H: Hook>(&mut self, ctx: &Context, views: &[H::View]) -> Vec<Answer<H::Answer>> {
        let mut out = Vec::with_capacity(views.len());
        ask::<H>(&mut self.slot, ctx, views, &mut out, &mut self.failures);
        self.slot.restock();
        out
    }

    /// How the module has failed, located in its source.
    pub(crate) fn failures(&mut self, module: &Module) -> Vec<ScriptFailure> {
        let mut failures = self.failures.drain();
        failures.iter_mut().for_each(|failure| module.locate(&mut failure.kind));
        failures
    }

    fn cost(&self, export: Export) -> Counters {
        let account = self.slot.accounts.iter().find(|account| account.export == export);
        account.map_or_else(Counters::default, |account| account.counters)
    }
}
