//! Fuel and time as zones pay them: over the crossing that knows its types, in batches.

use super::value::bindings_json;
use super::{Harness, HarnessError, View};
use crate::convert::lower_context;
use crate::failure::FailureKind;
use crate::instance::{Cost, Instance};
use crate::record::{Laned, Visitor, visit};
use crate::samples;
use std::time::Instant;

/// Calls about one view in a round.
const ALONE: usize = 1_000;

/// What views cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocked {
    /// Views asked about in one round.
    pub views: u64,
    /// Fuel of one round.
    pub fuel: u64,
    /// Of the fuel it was given, what the call that used most of it used, of 1,000.
    pub fuel_peak_permille: u64,
    /// Nanoseconds of the fastest round: what the machine did besides is in none of them.
    pub time_ns: u64,
    /// Nanoseconds of a call about one view, on average of the fastest round of such calls.
    pub alone_ns: u64,
}

impl Harness {
    /// Asks about all views `rounds` times, in batches of as many as a zone would put into one.
    ///
    /// # Errors
    /// There is no such function. The inner one: how a call failed.
    pub fn clock(
        &self,
        function: &str,
        views: &[View],
        rounds: u32,
    ) -> Result<Result<Clocked, FailureKind>, HarnessError> {
        self.find(function)?;
        let mut clock = Clock { harness: self, function, views, rounds, clocked: Clocked::default() };
        Ok(visit(self.module.kind(), &mut clock).map(|()| clock.clocked))
    }
}

struct Clock<'a> {
    harness: &'a Harness,
    function: &'a str,
    views: &'a [View],
    rounds: u32,
    clocked: Clocked,
}

impl Visitor for Clock<'_> {
    type Error = FailureKind;

    fn visit<H: Laned>(&mut self) -> Result<(), FailureKind> {
        if H::EXPORT.name() != self.function {
            return Ok(());
        }
        let module = &self.harness.module;
        let wire = |view: &View| serde_json::from_value::<H::Wire>(bindings_json(&view.value));
        let wires: Result<Vec<H::Wire>, _> = self.views.iter().map(wire).collect();
        let wires = wires.map_err(|error| FailureKind::Instantiate { message: error.to_string() })?;
        let mut instance = module.instantiate()?;
        let batch = module.batch(Some(H::PLACE));
        let mut best = Clocked { time_ns: u64::MAX, ..Clocked::default() };
        for _ in 0..self.rounds.max(1) {
            let mut round = Clocked { views: wires.len() as u64, ..Clocked::default() };
            for views in wires.chunks(batch) {
                let (cost, peak) = once::<H>(module, &mut instance, views, true)?;
                round.fuel += cost.fuel;
                round.fuel_peak_permille = round.fuel_peak_permille.max(peak);
                round.time_ns += cost.time_ns;
            }
            if round.time_ns < best.time_ns {
                best = round;
            }
        }
        best.alone_ns = alone::<H>(module, &mut instance, &wires, self.rounds)?;
        self.clocked = best;
        Ok(())
    }
}

/// Nanoseconds of a call about one view. The clock is read once a round: in a zone it is not read for each of such
/// calls either.
fn alone<H: Laned>(
    module: &crate::Module,
    instance: &mut Instance,
    views: &[H::Wire],
    rounds: u32,
) -> Result<u64, FailureKind> {
    let mut best = u64::MAX;
    for _ in 0..rounds.max(1) {
        let (begun, mut calls) = (Instant::now(), 0_u64);
        for view in views.iter().take(ALONE) {
            once::<H>(module, instance, std::slice::from_ref(view), false)?;
            calls += 1;
        }
        let round = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        best = best.min(round / calls.max(1));
    }
    Ok(best)
}

/// What one call cost, and how much of its fuel it used, of 1,000.
fn once<H: Laned>(
    module: &crate::Module,
    instance: &mut Instance,
    views: &[H::Wire],
    clocked: bool,
) -> Result<(Cost, u64), FailureKind> {
    let told = lower_context(&samples::CONTEXT);
    let allowed = module.allowance(Some(H::PLACE), views.len());
    let (outcome, cost) = instance.call_written::<H>(told, views, allowed, clocked);
    let peak = cost.fuel.saturating_mul(1_000) / allowed.fuel.max(1);
    outcome.map(|_| (cost, peak)).map_err(|mut kind| {
        module.locate(&mut kind);
        kind
    })
}
