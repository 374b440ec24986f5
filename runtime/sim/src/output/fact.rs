//! What lasts: facts go to the database and to whoever listens.

use super::{DuelEnd, DuelEntry, DuelResult, Opponent};
use crate::content::{EquipSlot, ItemCount, Position};
use crate::ids::{CharacterId, DefId, DuelId, RequestId};
use crate::input::{QuestProgress, Stack};
use crate::rules::{Origin, Service};

/// A change that must survive: the journal row, and what it does to the current state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Whose.
    pub character: CharacterId,
    /// What decided it.
    pub origin: Origin,
    /// The request that caused it, if one did: reply after the commit.
    pub request: Option<RequestId>,
    /// What.
    pub kind: FactKind,
}

/// What changed. Each variant carries both the change (for the journal) and the value after it
/// (for the current state), so that storing it needs no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Experience was gained or lost, perhaps with levels.
    Experience {
        /// Change; negative by death.
        delta: i64,
        /// Why.
        reason: Reason,
        /// Level afterwards.
        level: u32,
        /// Experience in that level afterwards.
        experience: u64,
    },
    /// Gold came or went.
    Gold {
        /// Change.
        delta: i64,
        /// Why.
        reason: Reason,
        /// Gold afterwards.
        gold: u64,
    },
    /// The contents of an inventory slot changed.
    Slot {
        /// Which.
        slot: u16,
        /// What is in it afterwards.
        stack: Option<Stack>,
    },
    /// An equipment slot changed.
    Equipment {
        /// Which.
        slot: EquipSlot,
        /// What is worn afterwards.
        item: Option<DefId>,
    },
    /// Items came into or left the character's possession (not moves between its slots).
    Item {
        /// `item/NAME`.
        item: DefId,
        /// Change of the number owned.
        delta: i64,
        /// Why.
        reason: Reason,
    },
    /// A quest changed.
    Quest {
        /// `quest/NAME`.
        quest: DefId,
        /// How it stands afterwards.
        progress: QuestProgress,
        /// The schema that is written in.
        schema: u32,
    },
    /// A dialog flag was set.
    DialogFlags {
        /// `dialog/NAME`.
        dialog: DefId,
        /// All flags afterwards.
        flags: u64,
        /// The schema these are written in.
        schema: u32,
    },
    /// The character died.
    Died {
        /// By what kind of NPC, or none.
        killer: DefId,
    },
    /// A duel is over.
    Duel {
        /// Which, in its zone.
        duel: DuelId,
        /// Against whom.
        opponent: Opponent,
        /// How it was for this character.
        result: DuelResult,
        /// Why it is over.
        why: DuelEnd,
        /// Rounds it has taken.
        rounds: u32,
        /// Its last turns, at most [`crate::limits::DUEL_LOG`].
        log: Vec<DuelEntry>,
    },
    /// The character was paid for its part in a world event; what it got has facts of its own.
    EventReward {
        /// `event/NAME`.
        event: DefId,
        /// From 1: who did most.
        rank: u32,
        /// How many took part.
        participants: u32,
        /// What it did: health it took from creatures of the event.
        points: u64,
        /// Paid.
        experience: u64,
        /// Paid.
        gold: u64,
        /// Paid; what did not fit lies at its feet.
        items: Vec<ItemCount>,
    },
    /// A world event of the zone is over; of no character.
    EventEnded {
        /// `event/NAME`.
        event: DefId,
        /// Whether it came to a good end.
        success: bool,
        /// How many took part.
        participants: u32,
    },
    /// Where the character is: on leaving, on crossing, and every few seconds.
    Whereabouts {
        /// `zone/NAME`.
        zone: DefId,
        /// Where.
        at: Position,
        /// Health.
        health: i32,
        /// Mana.
        mana: i32,
    },
}

/// Sources and sinks of experience, gold and items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Killing `npc/NAME`.
    Kill(DefId),
    /// Loot of `npc/NAME`.
    Loot(DefId),
    /// Reward of `quest/NAME`.
    QuestReward(DefId),
    /// Handed in for `quest/NAME`.
    QuestDelivery(DefId),
    /// `dialog/NAME` gave or took it.
    Dialog(DefId),
    /// Used up.
    Consumed,
    /// Put on the ground.
    Dropped,
    /// Taken from the ground.
    PickedUp,
    /// Lost by death.
    Death,
    /// Bought from `shop/NAME`.
    Bought(DefId),
    /// Sold to `shop/NAME`.
    Sold(DefId),
    /// Reward of `event/NAME`.
    Event(DefId),
    /// Used up or made by `recipe/NAME`.
    Crafted(DefId),
    /// Paid for a service.
    Fee(Service),
}
