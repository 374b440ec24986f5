//! One lane per exported function: what a zone really asked there and was answered, a bounded ring
//! per module, off until [`ScriptRules::record`](crate::ScriptRules::record). Replaying it is `prove`.
//!
//! `lanes!` lists every function once; what is done with each of a kind, be it a proof or the first
//! questions to a candidate, visits that list.

use crate::convert::{
    Advance, Conduct, Converse, Direct, Govern, GrowStats, Hook, Judge, OpenDuels, PlanCasts, PulseStatuses,
    PunishDeaths, QuotePrices, RequireExperience, Resolve, Reward, RewardKills, RollLoot, TakeTurns, Think,
};
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

/// The last records of one module and export, oldest first. Never grows beyond its capacity.
pub(crate) type Ring<H> = VecDeque<Record<<H as Hook>::View, <H as Hook>::Answer>>;

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
    /// Keeps the views just answered, dropping the oldest beyond `capacity`. Allocates once per
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
        let ring = self.0.entry(script).or_insert_with(|| VecDeque::with_capacity(capacity));
        let new = views.len().min(capacity);
        let skipped = views.len() - new;
        let room = capacity - new;
        ring.drain(..ring.len().saturating_sub(room));
        let newest = views.iter().zip(answers).skip(skipped);
        ring.extend(newest.map(|(view, answer)| Record {
            ctx: *ctx,
            view: view.clone(),
            answer: answer.clone(),
        }));
    }

    /// Drops what others answered, fallbacks too.
    fn keep_answers_of(&mut self, stamp: ModuleStamp) {
        self.0.values_mut().for_each(|ring| {
            ring.retain(|record| record.answer.origin == Origin::Script(stamp));
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
    bouts: Direct,
    pairs: OpenDuels,
    turns: TakeTurns,
    events: Conduct,
    merits: Reward,
}
