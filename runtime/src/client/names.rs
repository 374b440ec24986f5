//! What everything is called on the wire.

use sim::content::{Element, EquipSlot, ItemKind, Rarity, Weather};
use sim::output::Lighting;
use sim::rules::{EventOutcome, HitKind, NpcState, QuestState};

const EQUIP_SLOTS: [(&str, EquipSlot); 6] = [
    ("main_hand", EquipSlot::MainHand),
    ("off_hand", EquipSlot::OffHand),
    ("head", EquipSlot::Head),
    ("chest", EquipSlot::Chest),
    ("legs", EquipSlot::Legs),
    ("feet", EquipSlot::Feet),
];

/// The equipment place of that name.
pub fn equip_slot(name: &str) -> Option<EquipSlot> {
    EQUIP_SLOTS.iter().find(|(known, _)| *known == name).map(|(_, slot)| *slot)
}

/// The name of an equipment place.
pub fn equip_slot_name(slot: EquipSlot) -> &'static str {
    EQUIP_SLOTS[slot as usize].0
}

/// What an item is for.
pub fn item_kind_name(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Material => "material",
        ItemKind::Equipment(_) => "equipment",
        ItemKind::Consumable => "consumable",
        ItemKind::Quest => "quest",
    }
}

/// How rare an item is.
pub fn rarity_name(rarity: Rarity) -> &'static str {
    match rarity {
        Rarity::Poor => "poor",
        Rarity::Common => "common",
        Rarity::Uncommon => "uncommon",
        Rarity::Rare => "rare",
        Rarity::Epic => "epic",
    }
}

/// How far a quest is.
pub fn quest_state_name(state: QuestState) -> &'static str {
    match state {
        QuestState::Unavailable => "unavailable",
        QuestState::Available => "available",
        QuestState::Active => "active",
        QuestState::Complete => "complete",
        QuestState::TurnedIn => "turned_in",
        QuestState::Failed => "failed",
        QuestState::Abandoned => "abandoned",
    }
}

/// What a quest asks for.
pub fn deed_name(deed: sim::content::Deed) -> &'static str {
    use sim::content::Deed;
    match deed {
        Deed::Kill => "kill",
        Deed::Collect => "collect",
        Deed::Deliver => "deliver",
        Deed::Talk => "talk",
        Deed::Reach => "reach",
        Deed::UseItem => "use_item",
    }
}

/// How an event goes or ended.
pub fn event_outcome_name(outcome: EventOutcome) -> &'static str {
    match outcome {
        EventOutcome::Idle => "idle",
        EventOutcome::Going => "going",
        EventOutcome::Success => "success",
        EventOutcome::Failure => "failure",
    }
}

/// The light of the hour.
pub fn lighting_name(lighting: Lighting) -> &'static str {
    match lighting {
        Lighting::Sunrise => "sunrise",
        Lighting::Daylight => "daylight",
        Lighting::Sunset => "sunset",
        Lighting::Night => "night",
    }
}

/// The weather.
pub fn weather_name(weather: Weather) -> &'static str {
    match weather {
        Weather::Clear => "clear",
        Weather::Cloudy => "cloudy",
        Weather::Rain => "rain",
        Weather::Storm => "storm",
        Weather::Fog => "fog",
        Weather::Snow => "snow",
    }
}

/// What an NPC is doing.
pub fn npc_state_name(state: NpcState) -> &'static str {
    match state {
        NpcState::Idle => "idle",
        NpcState::Wander => "wander",
        NpcState::Chase => "chase",
        NpcState::Attack => "attack",
        NpcState::Flee => "flee",
        NpcState::ReturnHome => "return_home",
    }
}

/// How a swing ended.
pub fn hit_name(hit: HitKind) -> &'static str {
    match hit {
        HitKind::Miss => "miss",
        HitKind::Dodge => "dodge",
        HitKind::Block => "block",
        HitKind::Hit => "hit",
        HitKind::Critical => "critical",
    }
}

/// How a swing hurts.
pub fn element_name(element: Element) -> &'static str {
    match element {
        Element::Physical => "physical",
        Element::Fire => "fire",
        Element::Frost => "frost",
        Element::Lightning => "lightning",
        Element::Poison => "poison",
        Element::Holy => "holy",
        Element::Shadow => "shadow",
        Element::Arcane => "arcane",
    }
}
