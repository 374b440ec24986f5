//! One question of the simulation, answered whatever the script does: call the batch, check every
//! answer, keep the module's instance alive. Finding the culprits of a failed batch is `isolate`.

mod isolate;
mod share;

use crate::account::Account;
use crate::bulk::Replies;
use crate::convert::{Hook, lower_context};
use crate::failure::{BadOutput, FailureKind, ScriptFailure, clip};
use crate::instance::{Cost, Instance};
use crate::limits::{Allowance, FAILURE_VIEWS, FAILURES_KEPT, MESSAGE_BYTES};
use crate::module::Module;
use crate::stats::TickFuel;
use share::Share;
use sim::rules::{Answer, Context, Origin};
use std::collections::VecDeque;
use std::fmt::Debug;

/// A module with the instance that answers for it.
pub(crate) struct Slot {
    pub(crate) module: Module,
    /// `None` after a failure, until the next call.
    live: Option<Instance>,
    /// Takes over after a failure.
    spare: Option<Instance>,
    /// Calls that failed or had a view answered by the fallback.
    pub(crate) strikes: u64,
    /// One per export of the module's kind, in their order.
    pub(crate) accounts: Vec<Account>,
    share: Share,
    /// Whether its log lines are for nobody: what it is asked is not happening.
    quiet: bool,
    /// Whether it is not asked at all.
    pub(crate) rests: bool,
}

impl Slot {
    /// A slot with its instance and a spare.
    ///
    /// # Errors
    /// The module cannot be instantiated.
    pub(crate) fn new(module: Module) -> Result<Self, FailureKind> {
        let live = Some(module.instantiate()?);
        let spare = Some(module.instantiate()?);
        Ok(Self { live, spare, rests: false, ..Self::resting(module) })
    }

    /// A slot of a module that is not asked, and needs no instance.
    pub(crate) fn resting(module: Module) -> Self {
        let accounts = module.kind().exports().iter().map(|&export| Account::new(export)).collect();
        let (live, spare, share) = (None, None, Share::default());
        Self { module, live, spare, strikes: 0, accounts, share, quiet: false, rests: true }
    }

    /// The same for a rehearsal, whose log lines go nowhere and use up no budget.
    ///
    /// # Errors
    /// The module cannot be instantiated.
    pub(crate) fn quiet(module: Module) -> Result<Self, FailureKind> {
        Ok(Self { quiet: true, ..Self::new(module)? })
    }

    /// From now on the module has a share of each tick, as its limits say.
    pub(crate) fn limit_ticks(&mut self) {
        let percent = self.module.limits().tick_share_percent;
        self.share.limit(self.module.engine().limits().share_per_ms(percent));
    }

    /// Its share of a tick, and what it used of it.
    pub(crate) fn tick_fuel(&self) -> TickFuel {
        self.share.tick_fuel()
    }

    /// Makes a new spare if the last one was used.
    pub(crate) fn restock(&mut self) {
        if self.spare.is_none() && !self.rests {
            // Without a spare the next failure makes its instance itself, and reports why not.
            self.spare = self.module.instantiate().ok();
        }
    }

    /// The account of an export; a slot is asked by hooks of its module's kind only.
    fn account<H: Hook>(&mut self) -> &mut Account {
        &mut self.accounts[H::PLACE]
    }

    /// Calls the component once. An instance that failed is never used again.
    fn call<H: Hook>(
        &mut self,
        ctx: &Context,
        views: &[H::View],
        allowed: Allowance,
    ) -> (Result<Replies<H>, FailureKind>, Cost) {
        if self.live.is_none() {
            match self.spare.take().map_or_else(|| self.module.instantiate(), Ok) {
                Ok(instance) => self.live = Some(instance),
                Err(kind) => {
                    let message = kind.to_string();
                    return (Err(FailureKind::Instantiate { message }), Cost::default());
                }
            }
        }
        let Some(instance) = &mut self.live else { unreachable!("it was made just now") };
        let pace = &mut self.accounts[H::PLACE].pace;
        // Who compares two modules wants to know exactly.
        let clocked = pace.is_clocked(views.len()) || self.quiet;
        let (outcome, mut cost) = instance.call::<H>(lower_context(ctx), views, allowed, clocked);
        if !self.quiet && (cost.log_lines > 0 || cost.log_dropped > 0) {
            let budget = self.module.log_budget();
            let withheld = instance.publish_log(self.module.label(), H::EXPORT.name(), ctx.tick, budget);
            cost.log_lines -= withheld;
            cost.log_dropped += withheld;
        }
        let outcome = outcome.and_then(|replies| {
            if replies.len() == views.len() {
                return Ok(replies);
            }
            let (views, answers) = (views.len(), replies.len());
            Err(FailureKind::BadOutput(BadOutput::Length { views, answers }))
        });
        // A wrong length leaves the store alive, but not a script one would ask again as it is.
        if outcome.is_err() {
            self.live = None;
        }
        let failure = outcome.as_ref().err();
        let Account { pace, counters, .. } = &mut self.accounts[H::PLACE];
        if !clocked {
            cost.time_ns = pace.guess(cost.fuel, self.module.engine().limits());
            if let Some(FailureKind::Deadline { .. }) = failure {
                cost.time_ns = cost.time_ns.max(allowed.deadline_ns());
            }
        } else if failure.is_none() {
            pace.note(views.len(), cost);
        }
        self.share.spend(cost.fuel, failure);
        counters.calls += 1;
        counters.fuel += cost.fuel;
        counters.note_peak(cost.fuel, allowed.fuel);
        counters.time_ns += cost.time_ns;
        counters.log_lines += cost.log_lines;
        counters.log_dropped += cost.log_dropped;
        counters.failed_calls += u64::from(failure.is_some());
        (outcome, cost)
    }
}

/// Failures not yet drained, the oldest dropped beyond a limit.
#[derive(Default)]
pub(crate) struct Failures {
    queue: VecDeque<ScriptFailure>,
    dropped: u64,
}

impl Failures {
    pub(crate) fn push(&mut self, failure: ScriptFailure) {
        self.push_asked(failure, None);
    }

    /// The same for a failure at this view.
    pub(crate) fn push_asked(&mut self, mut failure: ScriptFailure, view: Option<&dyn Debug>) {
        if let Some(last) = self.queue.back_mut().filter(|last| last.absorbs(&failure)) {
            return last.absorb(&failure);
        }
        if self.queue.len() == FAILURES_KEPT {
            self.queue.pop_front();
            self.dropped += 1;
        }
        if self.queue.len() < FAILURE_VIEWS {
            failure.view = view.map(|view| clip(&format!("{view:?}"), MESSAGE_BYTES).to_owned());
        }
        self.queue.push_back(failure);
    }

    pub(crate) fn drain(&mut self) -> Vec<ScriptFailure> {
        self.queue.drain(..).collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Fuel and calls left to find culprits with, for one question of the simulation.
struct Search {
    fuel: u64,
    calls: u32,
}

/// Asks `slot` about all views and appends one answer each to `out`.
pub(crate) fn ask<H: Hook>(
    slot: &mut Slot,
    ctx: &Context,
    views: &[H::View],
    out: &mut Vec<Answer<H::Answer>>,
    failures: &mut Failures,
) {
    let limits = slot.module.engine().limits();
    let mut search = Search { fuel: limits.fuel_isolation, calls: limits.isolation_calls };
    let mut fallbacks = 0;
    let mut struck = false;
    slot.share.begin(ctx);
    let batch = if views.len() > 1 { slot.module.batch(Some(H::PLACE)) } else { 1 };
    for views in views.chunks(batch) {
        let allowed = slot.module.allowance(Some(H::PLACE), views.len());
        if let Some(kind) = slot.share.refuses(allowed.fuel) {
            let ids = views.iter().map(H::id);
            failures.push(ScriptFailure::new(slot.module.label(), H::EXPORT, ctx.tick, kind, ids, false));
            out.extend(views.iter().map(fallback::<H>));
            fallbacks += views.len() as u64;
            continue;
        }
        let (outcome, cost) = slot.call::<H>(ctx, views, allowed);
        slot.account::<H>().divide(views.iter().map(H::subject), cost, false);
        match outcome {
            Ok(replies) => {
                for (view, reply) in views.iter().zip(replies) {
                    let answer = accept::<H>(slot, ctx, view, reply, failures);
                    fallbacks += u64::from(answer.origin == Origin::Fallback);
                    out.push(answer);
                }
            }
            Err(cause) => {
                struck = true;
                let start = out.len();
                out.extend(views.iter().map(fallback::<H>));
                isolate::isolate::<H>(slot, ctx, views, cause, &mut search, &mut out[start..], failures);
                let unserved = out[start..].iter().filter(|answer| answer.origin == Origin::Fallback).count();
                fallbacks += unserved as u64;
            }
        }
    }
    slot.strikes += u64::from(struck || fallbacks > 0);
    let counters = &mut slot.account::<H>().counters;
    counters.items += views.len() as u64;
    counters.fallbacks += fallbacks;
}

/// Appends the fallback for every view, as a module at rest answers: it costs nothing and is no failure.
pub(crate) fn rest<H: Hook>(slot: &mut Slot, views: &[H::View], out: &mut Vec<Answer<H::Answer>>) {
    out.extend(views.iter().map(fallback::<H>));
    let counters = &mut slot.account::<H>().counters;
    counters.items += views.len() as u64;
    counters.fallbacks += views.len() as u64;
}

/// The script's answer if it is one, else the fallback and a failure.
fn accept<H: Hook>(
    slot: &Slot,
    ctx: &Context,
    view: &H::View,
    reply: H::Reply,
    failures: &mut Failures,
) -> Answer<H::Answer> {
    match slot.module.lift::<H>(view, reply) {
        Ok(value) => Answer { value, origin: Origin::Script(slot.module.stamp()) },
        Err(wrong) => {
            let kind = FailureKind::BadOutput(wrong);
            let ids = std::iter::once(H::id(view));
            let failure = ScriptFailure::new(slot.module.label(), H::EXPORT, ctx.tick, kind, ids, true);
            failures.push_asked(failure, Some(view));
            fallback::<H>(view)
        }
    }
}

/// The declared fallback.
pub(crate) fn fallback<H: Hook>(view: &H::View) -> Answer<H::Answer> {
    Answer { value: H::fallback(view), origin: Origin::Fallback }
}
