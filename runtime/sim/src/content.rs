//! Definitions: everything about the game that is data. Immutable while a generation lives.
//!
//! The loader (in `runtime`) reads them from TOML and has checked every reference before a
//! [`Content`] exists: a `DefId` found inside a definition can be looked up without failing.

use crate::ids::DefId;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

mod ability;
mod event;
mod item;
mod quest;

pub use ability::{Ability, AbilityTarget, Status};
pub use event::{Creatures, EventTrigger, Schedule, Stage, WorldEvent};
pub use item::{EquipSlot, Item, ItemCount, ItemKind, LootEntry, LootTable, Rarity, Recipe, Shop};
pub use quest::{Deed, Dialog, DialogChoice, DialogNode, Objective, Quest, Reward};

/// All definitions of one pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    /// First eight bytes of the digest of the content's files; stamps what content decided.
    pub digest: u64,
    /// `zone/NAME`.
    pub zones: BTreeMap<DefId, Zone>,
    /// `class/NAME`.
    pub classes: BTreeMap<DefId, Class>,
    /// `ability/NAME`.
    pub abilities: BTreeMap<DefId, Ability>,
    /// `status/NAME`.
    pub statuses: BTreeMap<DefId, Status>,
    /// `item/NAME`.
    pub items: BTreeMap<DefId, Item>,
    /// `npc/NAME`.
    pub npcs: BTreeMap<DefId, Npc>,
    /// `shop/NAME`.
    pub shops: BTreeMap<DefId, Shop>,
    /// `recipe/NAME`.
    pub recipes: BTreeMap<DefId, Recipe>,
    /// `loot/NAME`.
    pub loot_tables: BTreeMap<DefId, LootTable>,
    /// `quest/NAME`.
    pub quests: BTreeMap<DefId, Quest>,
    /// `dialog/NAME`.
    pub dialogs: BTreeMap<DefId, Dialog>,
    /// `announcement/NAME`.
    pub announcements: BTreeMap<DefId, Announcement>,
    /// `encounter/NAME`.
    pub encounters: BTreeMap<DefId, Encounter>,
    /// How characters duel.
    pub duel: Duel,
    /// `event/NAME`.
    pub events: BTreeMap<DefId, WorldEvent>,
    /// What the chat filter goes by.
    pub chat: Chat,
    /// Experience, death and the start of a character.
    pub progression: Progression,
}

/// A place, millimetres from the zone's south-west corner.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Position {
    /// East.
    pub x_mm: i32,
    /// North.
    pub y_mm: i32,
}

impl Position {
    /// A place from whole units (metres).
    pub const fn units(x: i32, y: i32) -> Self {
        Self { x_mm: x * 1_000, y_mm: y * 1_000 }
    }

    /// Distance to another place, millimetres, rounded down.
    pub fn distance_mm(self, other: Self) -> u32 {
        let dx = u64::from(self.x_mm.abs_diff(other.x_mm));
        let dy = u64::from(self.y_mm.abs_diff(other.y_mm));
        (dx * dx).saturating_add(dy * dy).isqrt() as u32
    }
}

/// A rectangle on the ground; both corners belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Area {
    /// South-west corner.
    pub min: Position,
    /// North-east corner.
    pub max: Position,
}

impl Area {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Position) -> bool {
        (self.min.x_mm..=self.max.x_mm).contains(&at.x_mm)
            && (self.min.y_mm..=self.max.y_mm).contains(&at.y_mm)
    }
}

/// A district of the world: bounds, population, ways out, who lives there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Without its kind: `downtown`.
    pub name: String,
    /// For people.
    pub title: String,
    /// East-west extent, millimetres.
    pub width_mm: i32,
    /// North-south extent, millimetres.
    pub height_mm: i32,
    /// Characters that may be in the zone at once.
    pub population_cap: u32,
    /// Full speed of a character, millimetres a second.
    pub max_speed_mm_s: u32,
    /// Who is farther away than this is not shown, millimetres.
    pub interest_radius_mm: u32,
    /// Where characters arrive without a better place, and where the dead come back.
    pub entrance: Position,
    /// Areas that lead to another zone when walked into.
    pub crossings: Vec<Crossing>,
    /// NPCs of the zone.
    pub spawns: Vec<Spawn>,
    /// Named areas, for quests that ask to reach a place: `area/NAME`.
    pub places: BTreeMap<DefId, Place>,
    /// `script/NAME` that decides on its sky and its spawns, or none: then they stay as they are.
    pub script: DefId,
    /// Kinds of weather and their weights, for the script to draw from every game hour.
    pub weather: Vec<(Weather, u32)>,
    /// Temperature at noon without weather, tenths of a degree Celsius.
    pub noon_temperature_dc: i32,
}

/// A way out of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crossing {
    /// Where it is.
    pub area: Area,
    /// `zone/NAME` on the other side.
    pub to: DefId,
    /// Where one comes out there.
    pub arrive: Position,
}

/// A named area.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Without its kind.
    pub name: String,
    /// Where it is.
    pub area: Area,
}

/// NPCs that stand in a zone and come back after death.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spawn {
    /// `npc/NAME`.
    pub npc: DefId,
    /// Centre.
    pub at: Position,
    /// Spread around the centre, millimetres.
    pub radius_mm: u32,
    /// How many.
    pub count: u32,
    /// From death to return, milliseconds.
    pub respawn_ms: u32,
}

/// What the sky does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Weather {
    /// No clouds.
    Clear,
    /// Clouds.
    Cloudy,
    /// Rain.
    Rain,
    /// Thunder and rain.
    Storm,
    /// Fog.
    Fog,
    /// Snow.
    Snow,
}

/// How an attack hurts. The order is the order of [`Stats::resistance_permille`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum Element {
    /// Blades, teeth, clubs.
    #[default]
    Physical,
    /// Fire.
    Fire,
    /// Frost.
    Frost,
    /// Lightning.
    Lightning,
    /// Poison.
    Poison,
    /// Holy.
    Holy,
    /// Shadow.
    Shadow,
    /// Arcane.
    Arcane,
}

/// Fighting numbers of a class, an NPC or an item bonus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Stats {
    /// Most health.
    pub health: i32,
    /// Most mana.
    pub mana: i32,
    /// Most energy.
    pub energy: i32,
    /// Attack value.
    pub attack: i32,
    /// Damage of the weapon.
    pub weapon_damage: i32,
    /// Rating; 50 is average.
    pub accuracy: i32,
    /// Rating; 50 is average.
    pub evasion: i32,
    /// Subtracted from damage.
    pub defence: i32,
    /// Percent.
    pub critical_chance: i32,
    /// Percent.
    pub block_chance: i32,
    /// Percent.
    pub dodge_chance: i32,
    /// Better loot, permille.
    pub luck: i32,
    /// By [`Element`], permille; negative is weakness.
    pub resistance_permille: [i32; 8],
}

impl Stats {
    /// These and `times` times `other`, saturating.
    pub fn plus(&self, other: &Self, times: i32) -> Self {
        let add = |a: i32, b: i32| a.saturating_add(b.saturating_mul(times));
        let mut resistance_permille = self.resistance_permille;
        for (mine, theirs) in resistance_permille.iter_mut().zip(other.resistance_permille) {
            *mine = add(*mine, theirs);
        }
        Self {
            health: add(self.health, other.health),
            mana: add(self.mana, other.mana),
            energy: add(self.energy, other.energy),
            attack: add(self.attack, other.attack),
            weapon_damage: add(self.weapon_damage, other.weapon_damage),
            accuracy: add(self.accuracy, other.accuracy),
            evasion: add(self.evasion, other.evasion),
            defence: add(self.defence, other.defence),
            critical_chance: add(self.critical_chance, other.critical_chance),
            block_chance: add(self.block_chance, other.block_chance),
            dodge_chance: add(self.dodge_chance, other.dodge_chance),
            luck: add(self.luck, other.luck),
            resistance_permille,
        }
    }
}

/// What a character can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// At level 1.
    pub base: Stats,
    /// Added per level above 1.
    pub growth: Stats,
    /// `ability/NAME` of the plain attack.
    pub basic: DefId,
    /// Abilities, in the order of the action bar.
    pub abilities: Vec<DefId>,
    /// What a new character carries.
    pub starting_items: Vec<ItemCount>,
    /// Health back per second outside a fight, permille of the most.
    pub health_regen_permille: u32,
    /// Mana back per second, permille of the most.
    pub mana_regen_permille: u32,
    /// Energy back per second, permille of the most.
    pub energy_regen_permille: u32,
}

/// A kind of NPC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Npc {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// Level.
    pub level: u32,
    /// Fighting numbers.
    pub stats: Stats,
    /// `script/NAME` that thinks for it.
    pub script: DefId,
    /// Fights characters; others can be talked to but not attacked.
    pub hostile: bool,
    /// A boss (shown differently).
    pub boss: bool,
    /// Full speed, millimetres a second.
    pub speed_mm_s: u32,
    /// Attacks who comes closer, millimetres; 0 never.
    pub aggro_mm: u32,
    /// Gives up when farther from home, millimetres.
    pub leash_mm: u32,
    /// Strolls this far from home, millimetres.
    pub wander_mm: u32,
    /// Flees below this health; 0 never.
    pub flee_below_permille: u32,
    /// `ability/NAME` of the plain attack.
    pub basic: DefId,
    /// `ability/NAME` of the special attack, or none.
    pub special: DefId,
    /// Experience for its death, before level difference.
    pub experience: u32,
    /// Least and most gold it leaves.
    pub gold: (u32, u32),
    /// `loot/NAME`, or none.
    pub loot: DefId,
    /// `dialog/NAME`, or none.
    pub dialog: DefId,
    /// `shop/NAME` it keeps, or none.
    pub shop: DefId,
    /// What it says when talked to without a dialog.
    pub greeting: String,
    /// `encounter/NAME` that its fights follow, or none.
    pub encounter: DefId,
    /// Takes every challenge to a duel.
    pub duels: bool,
}

/// Something a whole zone is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// Without its kind.
    pub name: String,
    /// `{zone}` is replaced by the title of the zone.
    pub text: String,
}

/// How the fight against a boss goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encounter {
    /// Without its kind.
    pub name: String,
    /// `script/NAME` that directs it.
    pub script: DefId,
    /// From the start of the fight until the script may make an end of it, milliseconds; 0 for never.
    pub enrage_ms: u32,
    /// In the order in which they come.
    pub phases: Vec<Phase>,
}

/// A part of the fight against a boss.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phase {
    /// Health at which it may begin, permille; 0 for never by health.
    pub health_below_permille: u32,
    /// From the start of the fight until it may begin, milliseconds; 0 for never by time.
    pub after_ms: u32,
    /// Share of the boss's damage.
    pub power_permille: u32,
    /// `npc/NAME` that comes to help, or none.
    pub adds: DefId,
    /// How many of them.
    pub adds_count: u32,
    /// `ability/NAME` of this phase, or none.
    pub ability: DefId,
    /// `announcement/NAME` of its beginning, or none.
    pub announcement: DefId,
}

/// How characters duel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duel {
    /// `script/NAME` that leads duels, or none: then there are none.
    pub script: DefId,
    /// A challenge that nobody answers ends after this, milliseconds.
    pub invitation_ms: u32,
    /// A turn, milliseconds.
    pub turn_ms: u32,
    /// The whole duel, milliseconds; then nobody has won.
    pub longest_ms: u32,
}

/// What the chat filter goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chat {
    /// `script/NAME` of the filter, or none: then everything is heard as it was said.
    pub script: DefId,
    /// Listed words in small letters, with how bad they are: 1..=3.
    pub words: BTreeMap<String, u32>,
}

/// Levels, death and the start of a character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progression {
    /// Experience from level `n` to `n + 1` at index `n - 1`; the length is the top level - 1.
    pub experience_to_next: Vec<u64>,
    /// Experience lost by death, permille of what the level needs; never below the level's start.
    pub death_loss_permille: u32,
    /// From death to return, milliseconds.
    pub respawn_ms: u32,
    /// Gold that the return costs at most.
    pub respawn_fee: u32,
    /// `zone/NAME` a new character starts in.
    pub start_zone: DefId,
    /// Gold of a new character.
    pub start_gold: u64,
}
