//! Characters, inventories and quests as clients see them: stored names joined with the content.
//! Content may have changed since something was stored; then its name has to do.

use crate::client::names::deed_name;
use crate::store::{CharacterSummary, Inventory, InventorySlot, QuestRow, equip_slot_name};
use serde::Serialize;
use sim::content::{Ability, AbilityTarget, Content, ItemKind, Rarity};
use sim::def_id;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A character.
#[derive(Serialize, ToSchema)]
pub(crate) struct CharacterBody {
    /// Its key.
    id: i64,
    /// Its name.
    name: String,
    /// Name of its class.
    class: String,
    /// Its level.
    level: u32,
    /// Since the start of the level.
    experience: u64,
    /// What the level needs; 0 at the top.
    experience_to_next: u64,
    /// Currency.
    gold: u64,
    /// Name of the zone it is in.
    zone: String,
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    abilities: Option<Vec<AbilityBody>>,
}

/// What a character can do.
#[derive(Serialize, ToSchema)]
pub(crate) struct AbilityBody {
    name: String,
    title: String,
    /// Millimetres.
    range: u32,
    cooldown_ms: u32,
    mana: u32,
    energy: u32,
    /// `enemy`, `caster` or `ally`.
    target: &'static str,
    required_level: u32,
}

/// What a character carries and wears.
#[derive(Serialize, ToSchema)]
pub(crate) struct InventoryBody {
    /// Currency.
    gold: u64,
    /// Stacks.
    slots: Vec<SlotBody>,
    /// Name of the item by place: `main_hand off_hand head chest legs feet`.
    equipment: BTreeMap<String, String>,
}

/// A stack.
#[derive(Serialize, ToSchema)]
pub(crate) struct SlotBody {
    /// 0..=31.
    slot: u16,
    /// Name of the item.
    item: String,
    /// For people.
    title: String,
    /// How many.
    count: u32,
    /// `material`, `equipment`, `consumable` or `quest`.
    kind: &'static str,
    /// `poor`, `common`, `uncommon`, `rare` or `epic`.
    rarity: &'static str,
    /// Where equipment is worn.
    #[serde(skip_serializing_if = "Option::is_none")]
    worn_at: Option<&'static str>,
}

/// Every quest a character ever accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuestsBody {
    /// By name.
    quests: Vec<QuestBody>,
}

/// A quest of a character.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuestBody {
    name: String,
    title: String,
    text: String,
    /// `active complete turned_in failed abandoned`.
    state: String,
    objectives: Vec<ObjectiveBody>,
}

/// One thing to do.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectiveBody {
    text: String,
    /// `kill collect deliver talk reach use_item`.
    deed: &'static str,
    done: u32,
    needed: u32,
}

/// A character without its abilities.
pub(crate) fn listed(summary: CharacterSummary, content: &Content) -> CharacterBody {
    let level = usize::try_from(summary.level).unwrap_or(usize::MAX);
    let to_next = content.progression.experience_to_next.get(level.saturating_sub(1));
    CharacterBody {
        id: summary.id,
        name: summary.name,
        class: summary.class,
        level: summary.level,
        experience: summary.experience,
        experience_to_next: to_next.copied().unwrap_or(0),
        gold: summary.gold,
        zone: summary.zone,
        abilities: None,
    }
}

/// A character with its abilities.
pub(crate) fn whole(summary: CharacterSummary, content: &Content) -> CharacterBody {
    let class = content.classes.get(&def_id(&format!("class/{}", summary.class)));
    let abilities = class.map(|class| {
        class.abilities.iter().filter_map(|id| content.abilities.get(id)).map(ability).collect()
    });
    CharacterBody { abilities: Some(abilities.unwrap_or_default()), ..listed(summary, content) }
}

pub(crate) fn inventory(inventory: Inventory, content: &Content) -> InventoryBody {
    let slots = inventory.slots.into_iter().map(|stack| slot(stack, content)).collect();
    InventoryBody { gold: inventory.gold, slots, equipment: inventory.equipment }
}

pub(crate) fn quests(rows: Vec<QuestRow>, content: &Content) -> QuestsBody {
    QuestsBody { quests: rows.into_iter().map(|row| quest(row, content)).collect() }
}

fn ability(ability: &Ability) -> AbilityBody {
    AbilityBody {
        name: ability.name.clone(),
        title: ability.title.clone(),
        range: ability.range_mm,
        cooldown_ms: ability.cooldown_ms,
        mana: ability.mana_cost,
        energy: ability.energy_cost,
        target: match ability.target {
            AbilityTarget::Enemy => "enemy",
            AbilityTarget::Caster => "caster",
            AbilityTarget::Ally => "ally",
        },
        required_level: ability.required_level,
    }
}

fn slot(stack: InventorySlot, content: &Content) -> SlotBody {
    let item = content.items.get(&def_id(&format!("item/{}", stack.item)));
    let (kind, worn_at) = match item.map(|item| item.kind) {
        Some(ItemKind::Equipment(place)) => ("equipment", Some(equip_slot_name(place))),
        Some(ItemKind::Consumable) => ("consumable", None),
        Some(ItemKind::Quest) => ("quest", None),
        Some(ItemKind::Material) | None => ("material", None),
    };
    let rarity = match item.map_or(Rarity::Common, |item| item.rarity) {
        Rarity::Poor => "poor",
        Rarity::Common => "common",
        Rarity::Uncommon => "uncommon",
        Rarity::Rare => "rare",
        Rarity::Epic => "epic",
    };
    SlotBody {
        slot: stack.slot,
        title: item.map_or_else(|| stack.item.clone(), |item| item.title.clone()),
        item: stack.item,
        count: stack.count,
        kind,
        rarity,
        worn_at,
    }
}

fn quest(row: QuestRow, content: &Content) -> QuestBody {
    let Some(quest) = content.quests.get(&def_id(&format!("quest/{}", row.quest))) else {
        let objectives = Vec::new();
        return QuestBody {
            title: row.quest.clone(),
            name: row.quest,
            text: String::new(),
            state: row.state,
            objectives,
        };
    };
    let objectives = quest.objectives.iter().enumerate().map(|(index, objective)| ObjectiveBody {
        text: objective.text.clone(),
        deed: deed_name(objective.deed),
        done: row.done.get(index).copied().unwrap_or(0),
        needed: objective.needed,
    });
    QuestBody {
        objectives: objectives.collect(),
        title: quest.title.clone(),
        text: quest.text.clone(),
        name: row.quest,
        state: row.state,
    }
}
