//! One lane per exported function: what a zone really asked there and was answered, a bounded ring
//! per module, off until [`ScriptRules::record`](crate::ScriptRules::record). Replaying it is `prove`.
//!
//! `lanes!` lists every function once; what is done with each of a kind, be it a proof or the first
//! questions to a candidate, visits that list.

use crate::convert::{
    Advance, Conduct, Converse, Craft, Direct, Fees, Govern, GrowStats, Hook, Judge, OpenDuels, PlanCasts,
    PulseStatuses, PunishDeaths, QuotePrices, RequireExperience, Resolve, Reward, RewardKills, RollLoot,
    TakeTurns, Think,
};
use crate::limits::RECORDED_PER_TICK;
use crate::manifest::Kind;
use sim::rules::{Answer, Context, Origin};
use sim::{DefId, ModuleStamp};
use std::collections::{BTreeMap, VecDeque};

/// One view with the context it was asked in and the answer it got.
#[derive(Clone, Debug)]
pub(crate) struct Record<V, A> {
    pub(crate) ctx: Context,
    pub(crate) view: V,
    pub(crate) answer: Answer<A>,
}

/// What one module was asked through one export, oldest first: all of it as long as there is room, then a few of
/// each tick, so that a busy second does not push out the minutes before. Never grows beyond its capacity.
pub(crate) struct Ring<H: Hook> {
    records: VecDeque<Record<H::View, H::Answer>>,
    /// Views that may be kept now.
    allowed: usize,
    /// Of the last call.
    tick: u64,
}

impl<H: Hook> Clone for Ring<H> {
    fn clone(&self) -> Self {
        Self { records: self.records.clone(), allowed: self.allowed, tick: self.tick }
    }
}

impl<H: Hook> Ring<H> {
    fn new(capacity: usize) -> Self {
        Self { records: VecDeque::with_capacity(capacity), allowed: capacity, tick: 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record<H::View, H::Answer>> {
        self.records.iter()
    }

    /// How many of so many views are kept.
    fn take(&mut self, views: usize, capacity: usize, tick: u64) -> usize {
        let gained = tick.saturating_sub(self.tick).saturating_mul(RECORDED_PER_TICK);
        let gained = usize::try_from(gained).unwrap_or(usize::MAX);
        // What was saved up in quiet times lets a rare crowd in, but not in the place of everything.
        let most = (capacity / 4).max(self.allowed);
        self.allowed = self.allowed.saturating_add(gained).min(most);
        self.tick = tick;
        let taken = views.min(self.allowed);
        self.allowed -= taken;
        taken
    }
}

/// The rings of one export, by script.
pub(crate) struct Tape<H: Hook>(BTreeMap<DefId, Ring<H>>);

impl<H: Hook> Default for Tape<H> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<H: Hook> Clone for Tape<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Hook> Tape<H> {
    /// Keeps some of the views just answered, dropping the oldest beyond `capacity`. Allocates once per
    /// script, and what the views' own lists need.
    pub(crate) fn push(
        &mut self,
        script: DefId,
        capacity: usize,
        ctx: &Context,
        views: &[H::View],
        answers: &[Answer<H::Answer>],
    ) {
        if capacity == 0 {
            return;
        }
        let ring = self.0.entry(script).or_insert_with(|| Ring::new(capacity));
        let taken = ring.take(views.len(), capacity, ctx.tick);
        let room = capacity - taken;
        ring.records.drain(..ring.records.len().saturating_sub(room));
        // Evenly from the whole batch, and others in the next tick.
        let step = views.len() / taken.max(1);
        let offset = ctx.tick as usize % step.max(1);
        ring.records.extend((0..taken).map(|n| {
            let index = n * views.len() / taken + offset;
            Record { ctx: *ctx, view: views[index].clone(), answer: answers[index].clone() }
        }));
    }

    /// Drops what others answered, fallbacks too.
    fn keep_answers_of(&mut self, stamp: ModuleStamp) {
        self.0.values_mut().for_each(|ring| {
            ring.records.retain(|record| record.answer.origin == Origin::Script(stamp));
        });
    }

    /// Only what was asked of one module.
    fn only(&self, (kind, script): (Kind, DefId)) -> Self {
        let ring = self.0.get_key_value(&script).filter(|_| kind == H::KIND);
        Self(ring.map(|(script, ring)| (*script, ring.clone())).into_iter().collect())
    }

    fn retain(&mut self, keep: impl Fn(Kind, DefId) -> bool) {
        self.0.retain(|script, _| keep(H::KIND, *script));
    }

    /// What was asked of this script.
    pub(crate) fn of(&self, script: DefId) -> Option<&Ring<H>> {
        self.0.get(&script)
    }
}

/// The lane of one export: what was asked, and the batch as components see it, kept so that a call
/// allocates nothing but its answers.
pub(crate) struct Lane<'a, H: Hook> {
    pub(crate) wire: &'a mut Vec<H::Wire>,
    pub(crate) tape: &'a mut Tape<H>,
}

/// A hook with a place in [`Recording`] and [`Wires`].
pub(crate) trait Laned: Hook + Sized {
    fn tape(recording: &Recording) -> &Tape<Self>;
    fn lane<'a>(wires: &'a mut Wires, recording: &'a mut Recording) -> Lane<'a, Self>;
}

/// What is done with each hook of a kind.
pub(crate) trait Visitor {
    type Error;
    fn visit<H: Laned>(&mut self) -> Result<(), Self::Error>;
}

macro_rules! lanes {
    ($($lane:ident: $hook:ty),* $(,)?) => {
        /// Everything one zone recorded. Cloning it copies every view kept.
        #[derive(Clone, Default)]
        pub struct Recording {
            $($lane: Tape<$hook>),*
        }

        /// The batches of one zone.
        #[derive(Default)]
        pub(crate) struct Wires {
            $($lane: Vec<<$hook as Hook>::Wire>),*
        }

        impl Recording {
            /// A copy of what one module was asked, without that of all others.
            pub(crate) fn of(&self, module: (Kind, DefId)) -> Self {
                Self { $($lane: self.$lane.only(module)),* }
            }

            /// Only what the module with this stamp has answered.
            #[must_use]
            pub fn answered_by(mut self, stamp: ModuleStamp) -> Self {
                $(self.$lane.keep_answers_of(stamp);)*
                self
            }

            /// Drops what was asked of modules that are not there any more.
            pub(crate) fn retain(&mut self, keep: impl Fn(Kind, DefId) -> bool) {
                $(self.$lane.retain(&keep);)*
            }
        }

        $(impl Laned for $hook {
            fn tape(recording: &Recording) -> &Tape<Self> {
                &recording.$lane
            }

            fn lane<'a>(wires: &'a mut Wires, recording: &'a mut Recording) -> Lane<'a, Self> {
                Lane { wire: &mut wires.$lane, tape: &mut recording.$lane }
            }
        })*

        /// Visits the hooks of `kind` in the order of its exports, up to the first error.
        pub(crate) fn visit<V: Visitor>(kind: Kind, visitor: &mut V) -> Result<(), V::Error> {
            $(if <$hook>::KIND == kind {
                visitor.visit::<$hook>()?;
            })*
            Ok(())
        }
    };
}

lanes! {
    attacks: Resolve,
    casts: PlanCasts,
    pulses: PulseStatuses,
    npcs: Think,
    inquiries: Advance,
    talks: Converse,
    lines: Judge,
    moments: Govern,
    spoils: RollLoot,
    steps: RequireExperience,
    growths: GrowStats,
    kills: RewardKills,
    falls: PunishDeaths,
    deals: QuotePrices,
    attempts: Craft,
    charges: Fees,
    bouts: Direct,
    pairs: OpenDuels,
    turns: TakeTurns,
    events: Conduct,
    merits: Reward,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_does_not_push_out_what_was_before() {
        let mut ring = Ring::<Resolve>::new(400);
        assert_eq!(
            (ring.take(300, 400, 7), ring.take(1_000, 400, 7), ring.take(1_000, 400, 7)),
            (300, 100, 0)
        );
        // Two of every tick from now on, so that 400 reach back 200 ticks.
        assert!((8..500).all(|tick| ring.take(1_000, 400, tick) == 2));
        // A rare crowd gets a quarter of the room.
        assert_eq!((ring.take(1_000, 400, 5_000), ring.take(1_000, 400, 5_000)), (100, 0));
        // A clock that was set back allows nothing, and what is asked goes on.
        assert_eq!((ring.take(10, 400, 4_000), ring.take(10, 400, 4_001)), (0, 2));
    }

    #[test]
    fn views_are_taken_evenly() {
        let views: Vec<_> = (0..10).map(|id| sim::rules::Attack { id, ..Resolve::sample() }).collect();
        let answers: Vec<_> = views.iter().map(crate::call::fallback::<Resolve>).collect();
        let mut tape = Tape::<Resolve>::default();
        let ctx = |tick| Context { tick, tick_ms: 50, zone: DefId(1), minute_of_day: 0 };
        for tick in [1, 2, 3] {
            tape.push(DefId(5), 10, &ctx(tick), &views, &answers);
        }
        let kept: Vec<u32> = tape.of(DefId(5)).unwrap().iter().map(|record| record.view.id).collect();
        assert_eq!(kept, [4, 5, 6, 7, 8, 9, 2, 7, 3, 8]);
    }
}
