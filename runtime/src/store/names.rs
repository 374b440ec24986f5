//! Stored names of the simulation's closed enums, and of definitions through their content.

use super::StoreError;
use sim::DefId;
use sim::content::{Content, EquipSlot};
use sim::output::Reason;
use sim::rules::QuestState;

const EQUIP_SLOTS: [(EquipSlot, &str); 6] = [
    (EquipSlot::MainHand, "main_hand"),
    (EquipSlot::OffHand, "off_hand"),
    (EquipSlot::Head, "head"),
    (EquipSlot::Chest, "chest"),
    (EquipSlot::Legs, "legs"),
    (EquipSlot::Feet, "feet"),
];

const QUEST_STATES: [(QuestState, &str); 7] = [
    (QuestState::Unavailable, "unavailable"),
    (QuestState::Available, "available"),
    (QuestState::Active, "active"),
    (QuestState::Complete, "complete"),
    (QuestState::TurnedIn, "turned_in"),
    (QuestState::Failed, "failed"),
    (QuestState::Abandoned, "abandoned"),
];

/// The name of an equipment place, in the store and on the wire.
pub fn equip_slot_name(slot: EquipSlot) -> &'static str {
    EQUIP_SLOTS.iter().find(|(known, _)| *known == slot).map_or("", |(_, name)| name)
}

/// The name of a quest's state, in the store and on the wire.
pub fn quest_state_name(state: QuestState) -> &'static str {
    QUEST_STATES.iter().find(|(known, _)| *known == state).map_or("", |(_, name)| name)
}

pub(super) fn equip_slot(name: &str) -> Result<EquipSlot, StoreError> {
    let found = EQUIP_SLOTS.iter().find(|(_, known)| *known == name);
    found.map(|(slot, _)| *slot).ok_or_else(|| StoreError::Corrupt(format!("equipment place {name:?}")))
}

pub(super) fn quest_state(name: &str) -> Result<QuestState, StoreError> {
    let found = QUEST_STATES.iter().find(|(_, known)| *known == name);
    found.map(|(state, _)| *state).ok_or_else(|| StoreError::Corrupt(format!("quest state {name:?}")))
}

/// The name under which the content knows a definition.
macro_rules! named {
    ($function:ident, $map:ident, $kind:literal) => {
        pub(super) fn $function(content: &Content, id: DefId) -> Result<&str, StoreError> {
            let found = content.$map.get(&id).map(|definition| definition.name.as_str());
            found.ok_or_else(|| StoreError::UnknownDefinition(format!(concat!($kind, " {:#010x}"), id.0)))
        }
    };
}

named!(zone, zones, "zone");
named!(item, items, "item");
named!(npc, npcs, "npc");
named!(quest, quests, "quest");
named!(dialog, dialogs, "dialog");
named!(shop, shops, "shop");
named!(recipe, recipes, "recipe");
named!(event, events, "event");

/// A source or sink as the journal has it: `loot:wolf`, `dropped`.
pub(super) fn reason(content: &Content, reason: Reason) -> Result<String, StoreError> {
    Ok(match reason {
        Reason::Kill(id) => format!("kill:{}", npc(content, id)?),
        Reason::Loot(id) => format!("loot:{}", npc(content, id)?),
        Reason::QuestReward(id) => format!("quest_reward:{}", quest(content, id)?),
        Reason::QuestDelivery(id) => format!("quest_delivery:{}", quest(content, id)?),
        Reason::Dialog(id) => format!("dialog:{}", dialog(content, id)?),
        Reason::Consumed => "consumed".to_owned(),
        Reason::Dropped => "dropped".to_owned(),
        Reason::PickedUp => "picked_up".to_owned(),
        Reason::Death => "death".to_owned(),
        Reason::Bought(id) => format!("bought:{}", shop(content, id)?),
        Reason::Event(id) => format!("event:{}", event(content, id)?),
        Reason::Sold(id) => format!("sold:{}", shop(content, id)?),
        Reason::Crafted(id) => format!("crafted:{}", recipe(content, id)?),
        Reason::Fee(service) => format!("fee:{}", service.name()),
    })
}
