//! Quests and conversations.

use super::ItemCount;
use crate::ids::DefId;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// What a quest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Deed {
    /// Kill NPCs `npc/NAME`.
    Kill,
    /// Have collected items `item/NAME`.
    Collect,
    /// Hand over items `item/NAME` at turn-in (taken then).
    Deliver,
    /// Talk to `npc/NAME`.
    Talk,
    /// Enter the place `area/NAME`.
    Reach,
    /// Use the item `item/NAME`.
    UseItem,
}

/// One objective.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Objective {
    /// What to do.
    pub deed: Deed,
    /// With what.
    pub subject: DefId,
    /// How often.
    pub needed: u32,
    /// For people.
    pub text: String,
}

/// A quest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quest {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// For people.
    pub text: String,
    /// `script/NAME` that runs it.
    pub script: DefId,
    /// Level a character needs.
    pub required_level: u32,
    /// `quest/NAME` to have turned in first.
    pub requires: Vec<DefId>,
    /// Can be accepted again after it was turned in.
    pub repeatable: bool,
    /// `npc/NAME` that gives it.
    pub giver: DefId,
    /// `npc/NAME` that takes it.
    pub completer: DefId,
    /// What to do.
    pub objectives: Vec<Objective>,
    /// What one gets.
    pub reward: Reward,
}

/// What a quest pays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reward {
    /// Experience.
    pub experience: u32,
    /// Gold.
    pub gold: u32,
    /// Things.
    pub items: Vec<ItemCount>,
}

/// The words of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dialog {
    /// Without its kind.
    pub name: String,
    /// `script/NAME` that leads it.
    pub script: DefId,
    /// Quests it may ask about.
    pub quests: Vec<DefId>,
    /// Items it may ask about.
    pub items: Vec<DefId>,
    /// By the hash of `dialog/NAME/NODE`.
    pub nodes: BTreeMap<DefId, DialogNode>,
}

/// One thing an NPC says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogNode {
    /// Without its dialog.
    pub name: String,
    /// `{character}`, `{npc}`, `{level}` and `{gold}` are replaced.
    pub text: String,
    /// By the hash of `dialog/NAME/NODE/CHOICE`.
    pub choices: BTreeMap<DefId, DialogChoice>,
}

/// One thing a character can answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogChoice {
    /// Without its node.
    pub name: String,
    /// The words.
    pub text: String,
}
