//! What a zone really asked and was answered: one bounded ring per module and export, off until
//! [`ScriptRules::record`](crate::ScriptRules::record). Replaying it is `prove`.

use crate::convert::{Advance, Converse, Hook, PlanCasts, PulseStatuses, Resolve, Think};
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

    /// Only what was asked of one script.
    fn only(&self, script: DefId) -> Self {
        Self(self.0.get_key_value(&script).map(|(id, ring)| (*id, ring.clone())).into_iter().collect())
    }

    /// What was asked of this script.
    pub(crate) fn of(&self, script: DefId) -> Option<&Ring<H>> {
        self.0.get(&script)
    }
}

/// Everything one zone recorded. Cloning it copies every view kept.
#[derive(Clone, Default)]
pub struct Recording {
    pub(crate) attacks: Tape<Resolve>,
    pub(crate) casts: Tape<PlanCasts>,
    pub(crate) pulses: Tape<PulseStatuses>,
    pub(crate) npcs: Tape<Think>,
    pub(crate) inquiries: Tape<Advance>,
    pub(crate) talks: Tape<Converse>,
}

impl Recording {
    /// A copy of what one module was asked, without that of all others.
    pub(crate) fn of(&self, (kind, script): (Kind, DefId)) -> Self {
        let mut one = Self::default();
        match kind {
            Kind::Combat => one.attacks = self.attacks.only(script),
            Kind::Ability => {
                one.casts = self.casts.only(script);
                one.pulses = self.pulses.only(script);
            }
            Kind::Npc => one.npcs = self.npcs.only(script),
            Kind::Quest => one.inquiries = self.inquiries.only(script),
            Kind::Dialog => one.talks = self.talks.only(script),
        }
        one
    }

    /// Only what the module with this stamp has answered.
    #[must_use]
    pub fn answered_by(mut self, stamp: ModuleStamp) -> Self {
        let Self { attacks, casts, pulses, npcs, inquiries, talks } = &mut self;
        attacks.keep_answers_of(stamp);
        casts.keep_answers_of(stamp);
        pulses.keep_answers_of(stamp);
        npcs.keep_answers_of(stamp);
        inquiries.keep_answers_of(stamp);
        talks.keep_answers_of(stamp);
        self
    }

    /// Drops what was asked of modules that are not there any more.
    pub(crate) fn retain(&mut self, keep: impl Fn(Kind, DefId) -> bool) {
        self.attacks.0.retain(|script, _| keep(Kind::Combat, *script));
        self.casts.0.retain(|script, _| keep(Kind::Ability, *script));
        self.pulses.0.retain(|script, _| keep(Kind::Ability, *script));
        self.npcs.0.retain(|script, _| keep(Kind::Npc, *script));
        self.inquiries.0.retain(|script, _| keep(Kind::Quest, *script));
        self.talks.0.retain(|script, _| keep(Kind::Dialog, *script));
    }
}
