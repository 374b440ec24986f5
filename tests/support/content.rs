//! A hand-made content: one zone, two classes, three items, one quest, one dialog, one wolf.

use sim::content::{
    Class, Content, Deed, Dialog, EquipSlot, Item, ItemCount, ItemKind, Npc, Objective, Position,
    Progression, Quest, Rarity, Reward, Stats, Zone,
};
use sim::{DefId, def_id};
use std::collections::BTreeMap;

/// The content; the same at every call.
pub fn small_content() -> Content {
    let mut content = Content {
        digest: 1,
        progression: Progression {
            experience_to_next: vec![100, 250, 500],
            death_loss_permille: 50,
            respawn_ms: 5_000,
            respawn_fee: 0,
            start_zone: def_id("zone/downtown"),
            start_gold: 10,
        },
        ..Content::default()
    };
    for name in ["downtown", "westview"] {
        content.zones.insert(def_id(&format!("zone/{name}")), zone(name));
    }
    for (name, title) in [("warrior", "Warrior"), ("mage", "Mage")] {
        content.classes.insert(def_id(&format!("class/{name}")), class(name, title));
    }
    for (name, kind, max_stack) in [
        ("rusty_sword", ItemKind::Equipment(EquipSlot::MainHand), 1),
        ("bandage", ItemKind::Consumable, 3),
        ("wolf_pelt", ItemKind::Material, 20),
    ] {
        content.items.insert(def_id(&format!("item/{name}")), item(name, kind, max_stack));
    }
    content.npcs.insert(def_id("npc/wolf"), wolf());
    content.quests.insert(def_id("quest/wolves"), quest());
    let dialog = Dialog {
        name: "innkeeper".to_owned(),
        script: DefId::NONE,
        quests: vec![],
        items: vec![],
        nodes: BTreeMap::new(),
    };
    content.dialogs.insert(def_id("dialog/innkeeper"), dialog);
    content
}

fn zone(name: &str) -> Zone {
    Zone {
        name: name.to_owned(),
        title: name.to_owned(),
        width_mm: 400_000,
        height_mm: 400_000,
        population_cap: 100,
        max_speed_mm_s: 20_000,
        interest_radius_mm: 100_000,
        entrance: Position::units(200, 200),
        crossings: vec![],
        spawns: vec![],
        places: BTreeMap::new(),
        script: DefId::NONE,
        weather: vec![],
        noon_temperature_dc: 200,
    }
}

fn class(name: &str, title: &str) -> Class {
    Class {
        name: name.to_owned(),
        title: title.to_owned(),
        base: Stats { health: 100, mana: 30, energy: 100, ..Stats::default() },
        growth: Stats::default(),
        basic: DefId::NONE,
        abilities: vec![],
        starting_items: vec![
            ItemCount { item: def_id("item/rusty_sword"), count: 1 },
            ItemCount { item: def_id("item/bandage"), count: 5 },
        ],
        health_regen_permille: 10,
        mana_regen_permille: 10,
        energy_regen_permille: 10,
    }
}

fn item(name: &str, kind: ItemKind, max_stack: u32) -> Item {
    Item {
        name: name.to_owned(),
        title: name.replace('_', " "),
        icon: name.to_owned(),
        kind,
        rarity: Rarity::Common,
        required_level: 1,
        classes: vec![],
        bonus: Stats::default(),
        max_stack,
        value: 1,
        heal: 0,
        restore_mana: 0,
    }
}

fn wolf() -> Npc {
    Npc {
        name: "wolf".to_owned(),
        title: "Grey Wolf".to_owned(),
        level: 1,
        stats: Stats::default(),
        script: DefId::NONE,
        hostile: true,
        boss: false,
        speed_mm_s: 4_000,
        aggro_mm: 0,
        leash_mm: 0,
        wander_mm: 0,
        flee_below_permille: 0,
        basic: DefId::NONE,
        special: DefId::NONE,
        experience: 30,
        gold: (1, 3),
        loot: DefId::NONE,
        dialog: DefId::NONE,
        shop: DefId::NONE,
        greeting: String::new(),
        encounter: DefId::NONE,
        duels: false,
    }
}

fn quest() -> Quest {
    Quest {
        name: "wolves".to_owned(),
        title: "Wolves at the Gate".to_owned(),
        text: "Kill them.".to_owned(),
        script: DefId::NONE,
        required_level: 1,
        requires: vec![],
        repeatable: false,
        giver: DefId::NONE,
        completer: DefId::NONE,
        objectives: vec![Objective {
            deed: Deed::Kill,
            subject: def_id("npc/wolf"),
            needed: 3,
            text: "Kill grey wolves".to_owned(),
        }],
        reward: Reward::default(),
    }
}
