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
use crate::limits::{RECORDED_PER_TICK, RECORDED_VIEWS};
use crate::manifest::Kind;
use borsh::{BorshDeserialize, BorshSerialize};
use sim::rules::{Answer, Context, Origin};
use sim::{DefId, ModuleStamp};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;

/// One view with the context it was asked in and the answer it got.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Record<V, A> {
    pub(crate) ctx: Context,
    pub(crate) view: V,
    pub(crate) answer: Answer<A>,
}

/// What one module was asked through one export, oldest first: all of it as long as there is room, then a few of
/// each tick, so that a busy second does not push out the minutes before. Never grows beyond its capacity.
pub(crate) struct Ring<H: Hook> {
    records: VecDeque<Record<H::View, H::Answer>>,
    /// Of the state in the views.
    schema: u32,
    /// Views that may be kept now.
    allowed: usize,
    /// Of the last call.
    tick: u64,
}

impl<H: Hook> Clone for Ring<H> {
    fn clone(&self) -> Self {
        let Self { schema, allowed, tick, .. } = *self;
        Self { records: self.records.clone(), schema, allowed, tick }
    }
}

impl<H: Hook> Ring<H> {
    fn new(schema: u32, capacity: usize) -> Self {
        Self { records: VecDeque::with_capacity(capacity), schema, allowed: capacity, tick: 0 }
    }

    /// What an earlier run has recorded, with room for what comes.
    fn of(schema: u32, mut records: VecDeque<Record<H::View, H::Answer>>) -> Self {
        let allowed = RECORDED_VIEWS.saturating_sub(records.len());
        records.reserve_exact(allowed);
        let tick = records.back().map_or(0, |last| last.ctx.tick);
        Self { records, schema, allowed, tick }
    }

    /// The schema of the state in its views.
    pub(crate) fn schema(&self) -> u32 {
        self.schema
    }

    /// At most so many of its records, from all its length.
    pub(crate) fn evenly(&self, most: usize) -> impl Iterator<Item = &Record<H::View, H::Answer>> {
        let (len, taken) = (self.records.len(), self.records.len().min(most));
        (0..taken).map(move |n| &self.records[n * len / taken])
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

/// Rings kept of one script and export: of the schema that is live, and of the one before it.
const SCHEMAS: usize = 2;

/// The rings of one export, by script and by the schema of the state in their views.
pub(crate) struct Tape<H: Hook>(BTreeMap<(DefId, u32), Ring<H>>);

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
        (script, schema): (DefId, u32),
        capacity: usize,
        ctx: &Context,
        views: &[H::View],
        answers: &[Answer<H::Answer>],
    ) {
        if capacity == 0 {
            return;
        }
        let ring = self.0.entry((script, schema)).or_insert_with(|| Ring::new(schema, capacity));
        let taken = ring.take(views.len(), capacity, ctx.tick);
        // Of a busy function, most calls.
        if taken == 0 {
            return;
        }
        let excess = (ring.records.len() + taken).saturating_sub(capacity);
        if excess > 0 {
            ring.records.drain(..excess);
        }
        let record =
            |index: usize| Record { ctx: *ctx, view: views[index].clone(), answer: answers[index].clone() };
        if views.len() == 1 {
            return ring.records.push_back(record(0));
        }
        // Evenly from the whole batch, and others in the next tick.
        let step = views.len() / taken;
        let offset = ctx.tick as usize % step;
        ring.records.extend((0..taken).map(|n| record(n * views.len() / taken + offset)));
    }

    /// Drops what others answered, fallbacks too.
    fn keep_answers_of(&mut self, stamp: ModuleStamp) {
        self.0.values_mut().for_each(|ring| {
            ring.records.retain(|record| record.answer.origin == Origin::Script(stamp));
        });
    }

    /// Only what was asked of one module, at most so many views of it.
    fn only(&self, (kind, script): (Kind, DefId), most: usize) -> Self {
        let some = |ring: &Ring<H>| Ring::<H> {
            records: ring.evenly(most).cloned().collect(),
            schema: ring.schema,
            allowed: ring.allowed,
            tick: ring.tick,
        };
        let rings = self.all_of(script).filter(|_| kind == H::KIND);
        Self(rings.map(|ring| ((script, ring.schema), some(ring))).collect())
    }

    /// Of each script at most [`SCHEMAS`], the newest.
    fn retain(&mut self, keep: impl Fn(Kind, DefId, u32) -> bool) {
        self.0.retain(|(script, schema), _| keep(H::KIND, *script, *schema));
        let keys: Vec<(DefId, u32)> = self.0.keys().copied().collect();
        for (key, newer) in keys.iter().zip(keys.iter().skip(SCHEMAS)) {
            if key.0 == newer.0 {
                self.0.remove(key);
            }
        }
    }

    /// Appends at most so many views of every script as bytes.
    fn save(&self, most: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
        let rows = self.0.iter().map(|((script, schema), ring)| {
            let records: Vec<_> = ring.evenly(most).collect();
            (*script, *schema, records)
        });
        borsh::to_writer(out, &rows.collect::<Vec<_>>())
    }

    /// Takes such bytes from the beginning of `bytes`.
    fn load(bytes: &mut &[u8]) -> std::io::Result<Self> {
        let rows = Vec::<(DefId, u32, VecDeque<Record<H::View, H::Answer>>)>::deserialize(bytes)?;
        let rings = rows
            .into_iter()
            .map(|(script, schema, records)| ((script, schema), Ring::<H>::of(schema, records)));
        Ok(Self(rings.collect()))
    }

    /// What was asked of this script in this schema.
    pub(crate) fn of(&self, script: DefId, schema: u32) -> Option<&Ring<H>> {
        self.0.get(&(script, schema))
    }

    /// What was asked of it in all schemas, oldest first.
    pub(crate) fn all_of(&self, script: DefId) -> impl Iterator<Item = &Ring<H>> {
        self.0.range((script, 0)..=(script, u32::MAX)).map(|(_, ring)| ring)
    }
}

/// A hook with a place in [`Recording`].
pub(crate) trait Laned: Hook + Sized {
    fn tape(recording: &Recording) -> &Tape<Self>;
    fn tape_mut(recording: &mut Recording) -> &mut Tape<Self>;
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

        impl Recording {
            /// A copy of what one module was asked, at most so many views of each function, without that of
            /// all others.
            pub(crate) fn of(&self, module: (Kind, DefId), most: usize) -> Self {
                Self { $($lane: self.$lane.only(module, most)),* }
            }

            /// Adds what other modules were asked.
            pub fn join(&mut self, other: Self) {
                $(self.$lane.0.extend(other.$lane.0);)*
            }

            /// At most `most` views of every module and function, as bytes that [`Recording::load`] reads in a
            /// build of the same [`Recording::shape`].
            ///
            /// # Errors
            /// None: what writes to memory does not fail.
            pub fn save(&self, most: usize) -> std::io::Result<Vec<u8>> {
                let mut out = Vec::new();
                $(self.$lane.save(most, &mut out)?;)*
                Ok(out)
            }

            /// What was saved.
            ///
            /// # Errors
            /// The bytes are something else.
            pub fn load(mut bytes: &[u8]) -> std::io::Result<Self> {
                let recording = Self { $($lane: Tape::load(&mut bytes)?),* };
                if bytes.is_empty() { Ok(recording) } else { Err(std::io::ErrorKind::InvalidData.into()) }
            }

            /// Only what the module with this stamp has answered.
            #[must_use]
            pub fn answered_by(mut self, stamp: ModuleStamp) -> Self {
                $(self.$lane.keep_answers_of(stamp);)*
                self
            }

            /// Drops what was asked of modules that are not there any more.
            pub(crate) fn retain(&mut self, keep: impl Fn(Kind, DefId, u32) -> bool) {
                $(self.$lane.retain(&keep);)*
            }
        }

        $(impl Laned for $hook {
            fn tape(recording: &Recording) -> &Tape<Self> {
                &recording.$lane
            }

            fn tape_mut(recording: &mut Recording) -> &mut Tape<Self> {
                &mut recording.$lane
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

impl Recording {
    /// A fingerprint of all views and answers, with the names of their fields: where it is another, saved bytes
    /// mean something else.
    pub fn shape() -> [u8; 32] {
        struct Shape(blake3::Hasher);

        impl Visitor for Shape {
            type Error = Infallible;

            fn visit<H: Laned>(&mut self) -> Result<(), Infallible> {
                let view = H::sample();
                let answer = H::fallback(&view);
                self.0.update(format!("{} {view:?} {answer:?}\n", H::EXPORT.name()).as_bytes());
                Ok(())
            }
        }

        let mut shape = Shape(blake3::Hasher::new());
        shape.0.update(env!("CARGO_PKG_VERSION").as_bytes());
        for kind in Kind::ALL {
            let Ok(()) = visit(kind, &mut shape);
        }
        *shape.0.finalize().as_bytes()
    }
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
        let mut ring = Ring::<Resolve>::new(0, 400);
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
    fn what_was_asked_in_the_schema_before_is_kept_and_nothing_older() {
        let view = crate::convert::Think::sample();
        let answers = [crate::call::fallback::<Think>(&view)];
        let ctx = Context { tick: 7, tick_ms: 50, zone: DefId(1), minute_of_day: 0 };
        let mut recording = Recording::default();
        for (script, schema) in [(5, 1), (5, 2), (5, 3), (5, 4), (6, 1)] {
            let state = (DefId(script), schema);
            recording.npcs.push(state, 10, &ctx, std::slice::from_ref(&view), &answers);
        }
        // Version 4 was taken back.
        recording.retain(|_, _, schema| schema <= 3);
        let schemas = |script| recording.npcs.all_of(DefId(script)).map(Ring::schema).collect::<Vec<_>>();
        assert_eq!([schemas(5), schemas(6), schemas(7)], [vec![2, 3], vec![1], vec![]]);
        let one = recording.of((Kind::Npc, DefId(5)), 10);
        assert_eq!(one.npcs.all_of(DefId(5)).map(Ring::schema).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(one.npcs.all_of(DefId(6)).count(), 0);
    }

    #[test]
    fn views_are_taken_evenly() {
        let views: Vec<_> = (0..10).map(|id| sim::rules::Attack { id, ..Resolve::sample() }).collect();
        let answers: Vec<_> = views.iter().map(crate::call::fallback::<Resolve>).collect();
        let mut tape = Tape::<Resolve>::default();
        let ctx = |tick| Context { tick, tick_ms: 50, zone: DefId(1), minute_of_day: 0 };
        for tick in [1, 2, 3] {
            tape.push((DefId(5), 0), 10, &ctx(tick), &views, &answers);
        }
        let kept: Vec<u32> = tape.of(DefId(5), 0).unwrap().iter().map(|record| record.view.id).collect();
        assert_eq!(kept, [4, 5, 6, 7, 8, 9, 2, 7, 3, 8]);
    }
    #[test]
    fn what_is_saved_is_loaded_and_nothing_else() {
        let view = |id| sim::rules::Line { id, ..crate::convert::Judge::sample() };
        let views: Vec<_> = (0..10).map(view).collect();
        let answers: Vec<_> = views.iter().map(crate::call::fallback::<Judge>).collect();
        let ctx = Context { tick: 7, tick_ms: 50, zone: DefId(1), minute_of_day: 0 };
        let (mut all, mut others) = (Recording::default(), Recording::default());
        all.lines.push((DefId(5), 3), 10, &ctx, &views, &answers);
        others.lines.push((DefId(6), 0), 10, &ctx, &views, &answers);
        all.join(others);

        let saved = all.save(4).unwrap();
        let again = Recording::load(&saved).unwrap();
        let ring = again.lines.of(DefId(5), 3).unwrap();
        let kept: Vec<_> = ring.iter().collect();
        assert_eq!(kept.iter().map(|record| record.view.id).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!((&kept[1].view, &kept[1].answer, kept[1].ctx), (&views[2], &answers[2], ctx));
        assert_eq!((ring.schema(), again.lines.of(DefId(6), 0).unwrap().schema()), (3, 0));
        assert!(Recording::load(&saved[..saved.len() - 1]).is_err());
        assert!(Recording::load(&[&saved[..], &[0]].concat()).is_err());
        assert_eq!(Recording::shape(), Recording::shape());
    }

    #[test]
    fn what_an_earlier_run_recorded_leaves_room_for_more() {
        let views: Vec<_> = (0..10).map(|id| sim::rules::Attack { id, ..Resolve::sample() }).collect();
        let answers: Vec<_> = views.iter().map(crate::call::fallback::<Resolve>).collect();
        let ctx = |tick| Context { tick, tick_ms: 50, zone: DefId(1), minute_of_day: 0 };
        let mut first = Recording::default();
        first.attacks.push((DefId(5), 0), 10, &ctx(90), &views, &answers);
        let mut again = Recording::load(&first.save(4).unwrap()).unwrap();
        // The clock of a zone that was killed is behind.
        again.attacks.push((DefId(5), 0), 10, &ctx(80), &views[..6], &answers[..6]);
        let kept = again.attacks.of(DefId(5), 0).unwrap().iter().map(|record| record.view.id);
        assert_eq!(kept.collect::<Vec<_>>(), [0, 2, 5, 7, 0, 1, 2, 3, 4, 5]);
    }
}
