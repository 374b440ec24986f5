//! Finding the culprits of a failed batch: halves are called again until single views fail by
//! themselves; all others get their real answers in the same tick.
//!
//! Bounded by fuel and by number of calls, and deterministic: the views are searched in the order
//! of their ids, so what is served does not depend on the order of the batch even where the search
//! ends at its limit. Only a missed wall-clock deadline, which no fuel announced, ends it at once.

use super::{Failures, Search, Slot, accept};
use crate::bulk::Replies;
use crate::convert::Hook;
use crate::failure::{FailureKind, ScriptFailure};
use sim::rules::{Answer, Context};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::Range;

/// Serves what can be served of a batch that failed with `cause`. `out` holds the fallbacks.
pub(super) fn isolate<H: Hook>(
    slot: &mut Slot,
    ctx: &Context,
    views: &[H::View],
    cause: FailureKind,
    search: &mut Search,
    out: &mut [Answer<H::Answer>],
    failures: &mut Failures,
) {
    let mut order: Vec<usize> = (0..views.len()).collect();
    order.sort_by_key(|&index| H::id(&views[index]));
    let sorted: Vec<H::View> = order.iter().map(|&index| views[index].clone()).collect();

    let mut blamed = false;
    let mut suspects = VecDeque::from([(0..views.len(), cause.clone())]);
    // Breadth first: large innocent parts are served before the search narrows down.
    while let Some((range, cause)) = suspects.pop_front() {
        if range.len() <= 1 {
            blamed |= blame::<H>(slot, ctx, views, &order[range], cause, true, failures);
            continue;
        }
        if matches!(cause, FailureKind::Deadline { .. } | FailureKind::Instantiate { .. }) {
            search.calls = 0;
        }
        for half in halves(range) {
            match search.call::<H>(slot, ctx, &sorted[half.clone()]) {
                None => {
                    blamed |= blame::<H>(slot, ctx, views, &order[half], cause.clone(), false, failures);
                }
                Some(Err(cause)) => suspects.push_back((half, cause)),
                Some(Ok(replies)) => {
                    for (&index, reply) in order[half].iter().zip(replies) {
                        out[index] = accept::<H>(slot, ctx, &views[index], reply, failures);
                    }
                }
            }
        }
    }
    if !blamed {
        // The batch failed, its parts did not: too much work at once, or state between items.
        failures.push(ScriptFailure::new(
            slot.module.label(),
            H::EXPORT,
            ctx.tick,
            cause,
            std::iter::empty(),
            false,
        ));
    }
}

impl Search {
    /// Calls one part of a batch; `None` if what is left does not pay for it. A part is never
    /// called with less fuel than it is entitled to: running out then would prove nothing.
    fn call<H: Hook>(
        &mut self,
        slot: &mut Slot,
        ctx: &Context,
        views: &[H::View],
    ) -> Option<Result<Replies<H>, FailureKind>> {
        let allowed = slot.module.allowance(Some(H::PLACE), views.len());
        let fuel = allowed.fuel;
        if self.calls == 0 || self.fuel < fuel || slot.share.refuses(fuel).is_some() {
            return None;
        }
        let (outcome, cost) = slot.call::<H>(ctx, views, allowed);
        slot.account::<H>().divide(views.iter().map(H::subject), cost, true);
        let rebuild = if outcome.is_err() { slot.module.engine().limits().fuel_rebuild } else { 0 };
        self.calls -= 1;
        self.fuel = self.fuel.saturating_sub(cost.fuel + rebuild);
        Some(outcome)
    }
}

/// Records that the views at `indices` keep their fallback. Returns whether there were any.
fn blame<H: Hook>(
    slot: &Slot,
    ctx: &Context,
    views: &[H::View],
    indices: &[usize],
    cause: FailureKind,
    isolated: bool,
    failures: &mut Failures,
) -> bool {
    let ids = indices.iter().map(|&index| H::id(&views[index]));
    let failure = ScriptFailure::new(slot.module.label(), H::EXPORT, ctx.tick, cause, ids, isolated);
    let view = indices.first().filter(|_| isolated).map(|&index| &views[index] as &dyn Debug);
    failures.push_asked(failure, view);
    !indices.is_empty()
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [range.start..middle, middle..range.end]
}
