//! Between the simulation's records and the WIT records of the same fields, one [`Hook`] per
//! exported function, one file per interface. Answers are checked here for what their type cannot
//! say.

mod ability;
mod chat;
mod combat;
mod dialog;
mod economy;
mod encounter;
mod event;
mod loot;
mod npc;
mod progression;
mod quest;
mod zone;

pub(crate) use ability::{PlanCasts, PulseStatuses};
pub(crate) use chat::Judge;
pub(crate) use combat::Resolve;
pub(crate) use dialog::Converse;
pub(crate) use economy::{Craft, Fees, QuotePrices};
pub(crate) use encounter::{Direct, OpenDuels, TakeTurns};
pub(crate) use event::{Conduct, Reward};
pub(crate) use loot::RollLoot;
pub(crate) use npc::Think;
pub(crate) use progression::{GrowStats, PunishDeaths, RequireExperience, RewardKills};
pub(crate) use quest::Advance;
pub(crate) use zone::Govern;

use crate::bindings::types;
use crate::failure::BadOutput;
use crate::instance::{Exports, ScriptState};
use crate::manifest::{Export, Kind};
use crate::older;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sim::DefId;
use sim::content::{Element, Position, Rarity};
use sim::rng::Rng;
use sim::rules::{Context, QuestState};
use sim::state::StateValue;
use wasmtime::Store;
use wasmtime::component::{ComponentType, Func, Lift, Lower};

/// One exported function: how its views cross, how it is called, what its answers must satisfy.
pub(crate) trait Hook {
    const KIND: Kind;
    const EXPORT: Export;
    /// Its place among the exports of its kind.
    const PLACE: usize = Self::EXPORT.place_in(Self::KIND);
    /// What the simulation asks.
    type View: Clone + std::fmt::Debug + Send + Sync + BorshSerialize + BorshDeserialize;
    /// What it is answered.
    type Answer: Clone + PartialEq + std::fmt::Debug + BorshSerialize + BorshDeserialize;
    /// The view as the component sees it; as text by the names of the bindings.
    type Wire: Clone + ComponentType + Lower + Serialize + DeserializeOwned;
    /// The answer as the component gives it.
    type Reply: ComponentType + Lift + 'static;
    /// Whether both are records without strings and lists, which cross in one piece.
    const FLAT: bool = false;

    /// One plausible view: what a candidate is asked before anybody depends on it.
    fn sample() -> Self::View;
    /// Other numbers in a view, such as the simulation could ask; `number` tells it from the others of a batch.
    fn vary(view: &mut Self::View, number: u32, dice: &mut Rng);
    /// The state in a view that the script has written, as a migration is asked about it.
    fn state(_view: &Self::View) -> Option<StateValue> {
        None
    }
    /// Puts such a state, migrated, into the view it came from.
    fn set_state(_view: &mut Self::View, _state: StateValue) {}
    /// Takes out of an answer what only the script can read, so that what is left means the same in every
    /// schema.
    fn forget_state(_answer: &mut Self::Answer) {}
    fn id(view: &Self::View) -> u64;
    /// The definition that a view is about, to which its cost is counted: an NPC template, a quest.
    fn subject(_view: &Self::View) -> DefId {
        DefId::NONE
    }
    fn lower(view: &Self::View) -> Self::Wire;
    /// Writes a flat record as the canonical ABI lays it out; `to` has its size.
    fn put(_wire: &Self::Wire, _to: &mut [u8]) {
        unreachable!("only a flat record is written in one piece")
    }
    /// Reads a flat answer; `from` has its size.
    ///
    /// # Errors
    /// It names a case that does not exist.
    fn take(_from: &[u8]) -> wasmtime::Result<Self::Reply> {
        unreachable!("only a flat record is read in one piece")
    }
    /// The function of an instance of the kind.
    fn function(exports: &Exports) -> Func;
    /// Calls a component of an older version. This is right as long as the interface has not changed since;
    /// where it has, its file converts.
    fn call_older(
        function: Func,
        store: &mut Store<ScriptState>,
        ctx: types::Context,
        views: &[Self::Wire],
    ) -> wasmtime::Result<Vec<Self::Reply>> {
        older::call(function, store, ctx, views)
    }
    /// The answer to `view`.
    ///
    /// # Errors
    /// It answers another view, or breaks a rule of its record.
    fn lift(view: &Self::View, reply: Self::Reply) -> Result<Self::Answer, BadOutput>;
    fn fallback(view: &Self::View) -> Self::Answer;
    /// Whether the answer asks the host to remember something for the script.
    fn remembers(_answer: &Self::Answer) -> bool {
        false
    }
    /// What a proof averages over all views: amounts, and shares as 0 or 1. The same names in the same
    /// order whatever the answer.
    fn measure(answer: &Self::Answer) -> impl IntoIterator<Item = (&'static str, f64)>;
    /// How far two answers to one view are apart; 0 only for equal ones.
    fn distance(a: &Self::Answer, b: &Self::Answer) -> u64 {
        u64::from(a != b)
    }
}

/// A share of the views, once averaged.
fn share(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// The kind of a hook, and that it is `$function` of the interface `$interface` of an instance that is `$kind` by
/// construction; `in bulk` where its records are flat.
macro_rules! call_export {
    ($kind:ident, $interface:ident, $function:ident in bulk) => {
        call_export!($kind, $interface, $function);

        const FLAT: bool = true;

        #[inline]
        fn put(wire: &Self::Wire, to: &mut [u8]) {
            $crate::bulk::Flat::put(wire, to);
        }

        #[inline]
        fn take(from: &[u8]) -> wasmtime::Result<Self::Reply> {
            $crate::bulk::Flat::take(from)
        }
    };
    ($kind:ident, $interface:ident, $function:ident) => {
        const KIND: $crate::manifest::Kind = $crate::manifest::Kind::$kind;

        #[inline]
        fn function(exports: &$crate::instance::Exports) -> wasmtime::component::Func {
            match exports {
                $crate::instance::Exports::$kind(script) => *script.$interface().$function().func(),
                _ => unreachable!("{} is called on an instance of another kind", Self::EXPORT),
            }
        }
    };
}

/// Two enums with the same cases, one of the simulation and one of the interface.
macro_rules! same_cases {
    ($sim:ident = $wit:ident :: $name:ident { $($case:ident),* $(,)? }) => {
        impl From<$sim> for $wit::$name {
            fn from(value: $sim) -> Self {
                match value { $($sim::$case => Self::$case),* }
            }
        }
        impl From<$wit::$name> for $sim {
            fn from(value: $wit::$name) -> Self {
                match value { $($wit::$name::$case => Self::$case),* }
            }
        }
    };
}

use {call_export, same_cases};

same_cases! {
    Element = types::Element { Physical, Fire, Frost, Lightning, Poison, Holy, Shadow, Arcane }
}
same_cases! { Rarity = types::Rarity { Poor, Common, Uncommon, Rare, Epic } }
same_cases! {
    QuestState = types::QuestState { Unavailable, Available, Active, Complete, TurnedIn, Failed, Abandoned }
}

impl From<Position> for types::Position {
    fn from(at: Position) -> Self {
        Self { x_mm: at.x_mm, y_mm: at.y_mm }
    }
}

impl From<types::Position> for Position {
    fn from(at: types::Position) -> Self {
        Self { x_mm: at.x_mm, y_mm: at.y_mm }
    }
}

/// The context as components see it.
pub(crate) fn lower_context(ctx: &Context) -> types::Context {
    types::Context {
        tick: ctx.tick,
        tick_ms: ctx.tick_ms,
        zone: ctx.zone.0,
        minute_of_day: ctx.minute_of_day,
    }
}

fn same_id(asked: impl Into<u64>, answered: impl Into<u64>) -> Result<(), BadOutput> {
    let (asked, answered) = (asked.into(), answered.into());
    if asked == answered { Ok(()) } else { Err(BadOutput::Id { asked, answered }) }
}

fn in_range(
    what: &'static str,
    value: i32,
    range: std::ops::RangeInclusive<i32>,
    expected: &'static str,
) -> Result<(), BadOutput> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(BadOutput::Number { what, value: value.into(), expected })
    }
}
