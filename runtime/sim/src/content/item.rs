//! Things, where they come from and who trades them.

use super::Stats;
use crate::ids::DefId;
use borsh::{BorshDeserialize, BorshSerialize};

/// Some of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct ItemCount {
    /// `item/NAME`.
    pub item: DefId,
    /// How many.
    pub count: u32,
}

/// What an item is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// For selling, crafting, collecting.
    Material,
    /// Can be worn in a slot.
    Equipment(EquipSlot),
    /// Can be used up.
    Consumable,
    /// Belongs to a quest; cannot be dropped.
    Quest,
}

/// Where equipment is worn. The order is the order on the wire and in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum EquipSlot {
    /// Weapon.
    MainHand,
    /// Shield.
    OffHand,
    /// Head.
    Head,
    /// Chest.
    Chest,
    /// Legs.
    Legs,
    /// Feet.
    Feet,
}

/// How rare an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Rarity {
    /// Grey.
    Poor,
    /// White.
    Common,
    /// Green.
    Uncommon,
    /// Blue.
    Rare,
    /// Purple.
    Epic,
}

/// A thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// Name of the picture.
    pub icon: String,
    /// What it is for.
    pub kind: ItemKind,
    /// How rare.
    pub rarity: Rarity,
    /// Level needed to wear or use it.
    pub required_level: u32,
    /// Classes that may wear it; empty is all.
    pub classes: Vec<DefId>,
    /// Added while worn.
    pub bonus: Stats,
    /// How many fit in one slot.
    pub max_stack: u32,
    /// Gold.
    pub value: u32,
    /// Health a consumable gives.
    pub heal: u32,
    /// Mana a consumable gives.
    pub restore_mana: u32,
}

/// What a death leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LootTable {
    /// Without its kind.
    pub name: String,
    /// Always dropped.
    pub always: Vec<LootEntry>,
    /// Draws from `entries`.
    pub rolls: u32,
    /// Weighted.
    pub entries: Vec<LootEntry>,
}

/// One row of a loot table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LootEntry {
    /// `item/NAME`, or none for "nothing" or another table.
    pub item: DefId,
    /// `loot/NAME` to draw from instead, or none. Tables never lead back.
    pub nested: DefId,
    /// Share of all weights; unused in `always`.
    pub weight: u32,
    /// Least and most.
    pub count: (u32, u32),
}

/// What an NPC sells and how dear it is. What it buys is whatever is not of a quest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shop {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// `item/NAME`, in the order in which they are shown; it never runs out of them.
    pub goods: Vec<DefId>,
    /// What it asks, permille of an item's value.
    pub asks_permille: u32,
    /// What it pays, permille of an item's value.
    pub pays_permille: u32,
}

/// How things are made of others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// Without its kind.
    pub name: String,
    /// For people.
    pub title: String,
    /// `npc/NAME` beside whom it is made, or none: then anywhere.
    pub station: DefId,
    /// Level needed to try.
    pub required_level: u32,
    /// What one try takes; no item twice.
    pub ingredients: Vec<ItemCount>,
    /// What one success gives.
    pub product: ItemCount,
    /// `item/NAME` that a success gives instead when it turns out better, as many pieces; or none.
    pub masterwork: DefId,
    /// Tries that succeed.
    pub chance_permille: u32,
    /// Successes that turn out better.
    pub quality_permille: u32,
    /// Gold that one try costs at most.
    pub fee: u32,
}
