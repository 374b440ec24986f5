//! What enters a tick. All of it goes to the replay log; nothing else may influence a step.

use crate::content::{EquipSlot, Position};
use crate::ids::{CharacterId, DefId, DuelId, EntityId, RequestId};
use crate::rules::QuestState;
use crate::state::Kept;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// One input of a zone, in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Input {
    /// A character comes in (from the store or from another zone).
    Enter(Box<CharacterState>),
    /// A character's client is gone; the character leaves the world and is saved.
    Leave {
        /// Who.
        character: CharacterId,
    },
    /// A character's client asks for something.
    Command {
        /// Who.
        character: CharacterId,
        /// For the reply.
        request: RequestId,
        /// What.
        command: Command,
    },
    /// The zone ends with this step; its script is told. Everybody's leaving follows as inputs of their own.
    Stop,
}

/// What a player asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Command {
    /// Be at a place now. Acknowledged by the sequence number, not by a reply.
    Move {
        /// Counts up; older or equal ones are ignored.
        seq: u32,
        /// Where the client says it is.
        to: Position,
    },
    /// Use the basic ability of the class on somebody.
    Attack {
        /// Whom.
        target: EntityId,
    },
    /// Use an ability.
    UseSkill {
        /// `ability/NAME`.
        ability: DefId,
        /// Whom; none for oneself.
        target: Option<EntityId>,
    },
    /// Talk to an NPC or pick up an item.
    Interact {
        /// Whom or what.
        target: EntityId,
    },
    /// Answer in the open conversation.
    ChooseDialog {
        /// Hash of `dialog/NAME/NODE/CHOICE`.
        choice: DefId,
    },
    /// End the open conversation.
    CloseDialog,
    /// Take a quest from its giver nearby.
    AcceptQuest {
        /// `quest/NAME`.
        quest: DefId,
    },
    /// Hand a quest in at its completer nearby.
    TurnInQuest {
        /// `quest/NAME`.
        quest: DefId,
    },
    /// Give a quest up.
    AbandonQuest {
        /// `quest/NAME`.
        quest: DefId,
    },
    /// Wear the equipment in an inventory slot.
    Equip {
        /// Inventory slot.
        slot: u16,
    },
    /// Take worn equipment off.
    Unequip {
        /// From where.
        from: EquipSlot,
    },
    /// Use up a consumable.
    UseItem {
        /// Inventory slot.
        slot: u16,
    },
    /// Put items on the ground.
    Drop {
        /// Inventory slot.
        slot: u16,
        /// How many.
        count: u32,
    },
    /// Move, split or merge a stack.
    MoveItem {
        /// From this slot.
        from: u16,
        /// To this slot.
        to: u16,
        /// How many.
        count: u32,
    },
    /// Say something to everybody in the zone.
    Chat {
        /// At most [`crate::limits::CHAT_BYTES`].
        text: String,
    },
    /// Ask for the prices of a shop.
    ListShop {
        /// Who keeps it.
        npc: EntityId,
    },
    /// Buy from a shop.
    Buy {
        /// Who keeps it.
        npc: EntityId,
        /// `item/NAME`.
        item: DefId,
        /// How many.
        count: u32,
        /// The most to pay for one; whatever is asked if missing.
        price: Option<u32>,
    },
    /// Sell to a shop.
    Sell {
        /// Who keeps it.
        npc: EntityId,
        /// Inventory slot.
        slot: u16,
        /// How many.
        count: u32,
        /// The least to get for one; whatever is paid if missing.
        price: Option<u32>,
    },
    /// Ask somebody nearby for a duel.
    Challenge {
        /// Whom.
        target: EntityId,
    },
    /// Take a challenge.
    AcceptDuel {
        /// Which.
        duel: DuelId,
    },
    /// Turn a challenge down, or take the own one back.
    DeclineDuel {
        /// Which.
        duel: DuelId,
    },
    /// Choose what to do with the own turn.
    DuelAct {
        /// In which duel.
        duel: DuelId,
        /// `ability/NAME`; none to pass.
        ability: Option<DefId>,
    },
    /// Leave the own turns of the duel to the script, or take them back.
    AutoDuel {
        /// Whether to leave them.
        on: bool,
    },
    /// Give the duel up.
    Surrender,
    /// Make something by a recipe.
    Craft {
        /// `recipe/NAME`.
        recipe: DefId,
        /// Tries.
        count: u32,
    },
}

/// Everything about a character that is kept: what the store loads and saves, and what moves
/// with it from zone to zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct CharacterState {
    /// Key in the store.
    pub id: CharacterId,
    /// Unique name.
    pub name: String,
    /// `class/NAME`.
    pub class: DefId,
    /// 1..=[`crate::limits::LEVEL_MAX`].
    pub level: u32,
    /// Since the start of the level.
    pub experience: u64,
    /// Currency.
    pub gold: u64,
    /// `zone/NAME` it is in.
    pub zone: DefId,
    /// Where; `None` for the zone's entrance.
    pub at: Option<Position>,
    /// `None` for full.
    pub health: Option<i32>,
    /// `None` for full.
    pub mana: Option<i32>,
    /// Carried stacks by slot, 0..[`crate::limits::INVENTORY_SLOTS`].
    pub inventory: BTreeMap<u16, Stack>,
    /// Worn items.
    pub equipment: BTreeMap<EquipSlot, DefId>,
    /// Every quest ever accepted.
    pub quests: BTreeMap<DefId, Kept<QuestProgress>>,
    /// Flags by `dialog/NAME`.
    pub dialog_flags: BTreeMap<DefId, Kept<u64>>,
    /// Where it comes from another zone: what would be forgotten on the way. Not stored.
    pub condition: Option<Condition>,
}

/// What of a character lasts from zone to zone, but not beyond the end of its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Condition {
    /// Left energy.
    pub energy: i32,
    /// Ticks until each ability is ready again.
    pub cooldowns: BTreeMap<DefId, u32>,
    /// What lasts on it.
    pub statuses: Vec<StatusLeft>,
    /// What the chat filter holds against it.
    pub strikes: u32,
    /// Ticks since it last spoke; `u32::MAX` if it never has.
    pub silent_ticks: u32,
}

/// The rest of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct StatusLeft {
    /// `status/NAME`.
    pub status: DefId,
    /// How often.
    pub stacks: u32,
    /// For how many ticks more.
    pub ticks: u32,
}

/// Some of one item in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Stack {
    /// `item/NAME`.
    pub item: DefId,
    /// At least 1, at most the item's stack.
    pub count: u32,
}

/// One quest of one character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct QuestProgress {
    /// Where it stands.
    pub state: QuestState,
    /// `done` per objective.
    pub done: Vec<u32>,
    /// The script's own number.
    pub memory: i64,
}
