//! The shape of the files: one struct per kind of definition. Meanings and units stand in
//! `docs/scripting.md`; what is optional here has its default in `convert`.

use super::unit::{Milli, Point, Rectangle, Span};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A reference to another definition.
pub(super) type Name = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Zone {
    pub(super) title: String,
    pub(super) size: Point,
    pub(super) population_cap: Option<u32>,
    pub(super) max_speed: Option<Milli>,
    pub(super) interest_radius: Option<Milli>,
    pub(super) entrance: Spanned<Point>,
    pub(super) script: Option<Name>,
    #[serde(default)]
    pub(super) weather: BTreeMap<Weather, u32>,
    pub(super) noon_temperature: Milli,
    #[serde(default)]
    pub(super) crossing: Vec<Spanned<Crossing>>,
    #[serde(default)]
    pub(super) spawn: Vec<Spanned<Spawn>>,
    #[serde(default)]
    pub(super) place: BTreeMap<Spanned<String>, Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crossing {
    pub(super) area: Rectangle,
    pub(super) to: Name,
    pub(super) arrive: Point,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) area: Rectangle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spawn {
    pub(super) npc: Name,
    pub(super) at: Point,
    #[serde(default)]
    pub(super) radius: Milli,
    pub(super) count: Option<u32>,
    pub(super) respawn: Span,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(super) enum Weather {
    Clear,
    Cloudy,
    Rain,
    Storm,
    Fog,
    Snow,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(super) enum Element {
    #[default]
    Physical,
    Fire,
    Frost,
    Lightning,
    Poison,
    Holy,
    Shadow,
    Arcane,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stats {
    pub(super) health: i32,
    pub(super) mana: i32,
    pub(super) energy: i32,
    pub(super) attack: i32,
    pub(super) weapon_damage: i32,
    pub(super) accuracy: Option<i32>,
    pub(super) evasion: Option<i32>,
    pub(super) defence: i32,
    pub(super) critical_chance: i32,
    pub(super) block_chance: i32,
    pub(super) dodge_chance: i32,
    pub(super) luck: i32,
    pub(super) resistance_permille: BTreeMap<Element, i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    pub(super) title: String,
    pub(super) base: Spanned<Stats>,
    #[serde(default)]
    pub(super) growth: Stats,
    pub(super) basic: Name,
    #[serde(default)]
    pub(super) abilities: Vec<Name>,
    #[serde(default)]
    pub(super) starting_items: Vec<ItemCount>,
    #[serde(default)]
    pub(super) health_regen_permille: u32,
    #[serde(default)]
    pub(super) mana_regen_permille: u32,
    #[serde(default)]
    pub(super) energy_regen_permille: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemCount {
    pub(super) item: Name,
    pub(super) count: Option<Spanned<u32>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AbilityTarget {
    Enemy,
    Caster,
    Ally,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ability {
    pub(super) title: String,
    pub(super) animation: String,
    pub(super) animation_time: Span,
    pub(super) target: AbilityTarget,
    #[serde(default)]
    pub(super) range: Milli,
    #[serde(default)]
    pub(super) mana_cost: u32,
    #[serde(default)]
    pub(super) energy_cost: u32,
    #[serde(default)]
    pub(super) cooldown: Span,
    #[serde(default)]
    pub(super) power_permille: u32,
    #[serde(default)]
    pub(super) element: Element,
    #[serde(default)]
    pub(super) heal: u32,
    pub(super) status: Option<Name>,
    pub(super) status_time: Option<Span>,
    pub(super) required_level: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub(super) title: String,
    #[serde(default)]
    pub(super) period: Span,
    #[serde(default)]
    pub(super) strength: i32,
    #[serde(default)]
    pub(super) element: Element,
    pub(super) max_stacks: Option<u32>,
    #[serde(default)]
    pub(super) stun: bool,
    #[serde(default)]
    pub(super) silence: bool,
    pub(super) speed_permille: Option<u32>,
    #[serde(default)]
    pub(super) helpful: bool,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemKind {
    Material,
    Equipment,
    Consumable,
    Quest,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EquipSlot {
    MainHand,
    OffHand,
    Head,
    Chest,
    Legs,
    Feet,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rarity {
    Poor,
    #[default]
    Common,
    Uncommon,
    Rare,
    Epic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) title: String,
    pub(super) icon: Option<String>,
    pub(super) kind: ItemKind,
    pub(super) slot: Option<EquipSlot>,
    #[serde(default)]
    pub(super) rarity: Rarity,
    pub(super) required_level: Option<u32>,
    #[serde(default)]
    pub(super) classes: Vec<Name>,
    #[serde(default)]
    pub(super) bonus: Stats,
    pub(super) max_stack: Option<u32>,
    #[serde(default)]
    pub(super) value: u32,
    #[serde(default)]
    pub(super) heal: u32,
    #[serde(default)]
    pub(super) restore_mana: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Npc {
    pub(super) title: String,
    pub(super) level: u32,
    pub(super) stats: Spanned<Stats>,
    pub(super) script: Name,
    #[serde(default)]
    pub(super) hostile: bool,
    #[serde(default)]
    pub(super) boss: bool,
    pub(super) speed: Option<Milli>,
    #[serde(default)]
    pub(super) aggro: Milli,
    #[serde(default)]
    pub(super) leash: Milli,
    #[serde(default)]
    pub(super) wander: Milli,
    #[serde(default)]
    pub(super) flee_below_permille: u32,
    pub(super) basic: Option<Name>,
    pub(super) special: Option<Name>,
    #[serde(default)]
    pub(super) experience: u32,
    #[serde(default)]
    pub(super) gold: [u32; 2],
    pub(super) loot: Option<Name>,
    pub(super) dialog: Option<Name>,
    pub(super) shop: Option<Name>,
    #[serde(default)]
    pub(super) greeting: String,
    pub(super) encounter: Option<Name>,
    #[serde(default)]
    pub(super) duels: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loot {
    #[serde(default)]
    pub(super) always: Vec<LootEntry>,
    #[serde(default)]
    pub(super) rolls: u32,
    #[serde(default)]
    pub(super) entries: Vec<LootEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LootEntry {
    pub(super) item: Option<Name>,
    pub(super) table: Option<Name>,
    pub(super) weight: Option<u32>,
    pub(super) count: Option<[u32; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shop {
    pub(super) title: String,
    pub(super) goods: Vec<Name>,
    pub(super) asks_permille: Option<u32>,
    pub(super) pays_permille: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    pub(super) title: String,
    pub(super) station: Option<Name>,
    pub(super) required_level: Option<u32>,
    pub(super) ingredients: Vec<ItemCount>,
    pub(super) product: ItemCount,
    pub(super) masterwork: Option<Name>,
    pub(super) chance_permille: Option<u32>,
    pub(super) quality_permille: Option<u32>,
    #[serde(default)]
    pub(super) fee: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    Kill,
    Collect,
    Deliver,
    Talk,
    Reach,
    UseItem,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quest {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) script: Name,
    pub(super) required_level: Option<u32>,
    #[serde(default)]
    pub(super) requires: Vec<Name>,
    #[serde(default)]
    pub(super) repeatable: bool,
    pub(super) giver: Name,
    pub(super) completer: Name,
    pub(super) objective: Vec<Objective>,
    #[serde(default)]
    pub(super) reward: Reward,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Objective {
    pub(super) deed: Deed,
    pub(super) subject: Name,
    pub(super) needed: Option<u32>,
    pub(super) text: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reward {
    pub(super) experience: u32,
    pub(super) gold: u32,
    pub(super) items: Vec<ItemCount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dialog {
    pub(super) script: Name,
    #[serde(default)]
    pub(super) quests: Vec<Name>,
    #[serde(default)]
    pub(super) items: Vec<Name>,
    pub(super) node: BTreeMap<Spanned<String>, DialogNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialogNode {
    pub(super) text: String,
    #[serde(default)]
    pub(super) choices: BTreeMap<Spanned<String>, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Announcement {
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Encounter {
    pub(super) script: Name,
    #[serde(default)]
    pub(super) enrage: Span,
    #[serde(default)]
    pub(super) phase: Vec<Spanned<Phase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    #[serde(default)]
    pub(super) health_below_permille: u32,
    #[serde(default)]
    pub(super) after: Span,
    pub(super) power_permille: Option<u32>,
    pub(super) adds: Option<Name>,
    pub(super) adds_count: Option<u32>,
    pub(super) ability: Option<Name>,
    pub(super) announcement: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Duel {
    pub(super) script: Name,
    pub(super) invitation: Option<Span>,
    pub(super) turn: Option<Span>,
    pub(super) longest: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) title: String,
    pub(super) script: Name,
    pub(super) zone: Name,
    pub(super) at: Point,
    pub(super) radius: Milli,
    pub(super) schedule: Option<Spanned<Schedule>>,
    pub(super) trigger: Option<Trigger>,
    pub(super) cooldown: Span,
    pub(super) stage: Vec<Spanned<Stage>>,
    pub(super) on_success: Option<Name>,
    pub(super) on_failure: Option<Name>,
    #[serde(default)]
    pub(super) reward: Reward,
}

/// Hours of the game.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    pub(super) every: Milli,
    #[serde(default)]
    pub(super) at: Milli,
    pub(super) lasts: Milli,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    pub(super) kills: Name,
    pub(super) count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stage {
    pub(super) text: String,
    pub(super) duration: Span,
    #[serde(default)]
    pub(super) kills: u32,
    #[serde(default)]
    pub(super) creatures: Vec<Creatures>,
    pub(super) announcement: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Creatures {
    pub(super) npc: Name,
    pub(super) count: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chat {
    pub(super) script: Name,
    #[serde(default)]
    pub(super) words: BTreeMap<Spanned<String>, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progression {
    pub(super) experience_to_next: Vec<u64>,
    pub(super) death_loss_permille: u32,
    pub(super) respawn: Span,
    #[serde(default)]
    pub(super) respawn_fee: u32,
    pub(super) start_zone: Name,
    pub(super) start_gold: u64,
}
