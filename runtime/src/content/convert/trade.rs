//! Loot, shops and recipes: where things come from and what they cost.

use super::super::check::{At, Check};
use super::super::raw;
use super::{Entry, PERMILLE_MAX};
use sim::content::{LootEntry, LootTable, Recipe, Shop};
use sim::{DefId, limits};
use std::collections::{BTreeMap, BTreeSet};

/// Tables inside tables: a designer still sees what comes of them.
const LOOT_DEPTH: usize = 4;

pub(super) fn loot_tables(
    entries: Vec<Entry<raw::Loot>>,
    check: &mut Check<'_>,
) -> BTreeMap<DefId, LootTable> {
    let places: Vec<(DefId, At)> = entries.iter().map(|entry| (entry.id, entry.at)).collect();
    let tables = super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        check.range(at, "rolls", raw.rolls, 0..=20);
        if raw.rolls > 0 && raw.entries.is_empty() {
            check.error(at, format!("`{name}` has rolls but no entries"));
        }
        if raw.always.iter().any(|row| row.item.is_none() && row.table.is_none()) {
            check.error(at, format!("`{name}`: every row of `always` needs an `item` or a `table`"));
        }
        let mut rows = |rows: &[raw::LootEntry]| rows.iter().map(|row| loot(row, file, at, check)).collect();
        LootTable { name, always: rows(&raw.always), rolls: raw.rolls, entries: rows(&raw.entries) }
    });
    for (id, at) in places {
        check_reach(id, &tables, at, check);
    }
    tables
}

fn loot(row: &raw::LootEntry, file: usize, table: At, check: &mut Check<'_>) -> LootEntry {
    let named = row.item.as_ref().or(row.table.as_ref());
    let at = named.map_or(table, |name| At { file, offset: name.span().start });
    if row.item.is_some() && row.table.is_some() {
        check.error(at, "a row has an `item` or a `table`, not both");
    }
    let weight = row.weight.unwrap_or(1);
    check.range(at, "weight", weight, 1..=1_000_000);
    let count = super::least_and_most(row.count.unwrap_or([1, 1]), "count", at, check);
    check.range(at, "count", count.1, 1..=1_000);
    let item = check.optional("item", row.item.as_ref(), file);
    LootEntry { item, nested: check.optional("loot", row.table.as_ref(), file), weight, count }
}

/// Refuses a table that leads back to itself, too deep, or to more than one death can look into.
fn check_reach(root: DefId, tables: &BTreeMap<DefId, LootTable>, at: At, check: &mut Check<'_>) {
    let Some(name) = tables.get(&root).map(|table| table.name.clone()) else { return };
    let (mut seen, mut level) = (BTreeSet::from([root]), BTreeSet::from([root]));
    for depth in 0.. {
        let rows =
            level.iter().filter_map(|id| tables.get(id)).flat_map(|t| t.always.iter().chain(&t.entries));
        level = rows.filter_map(|row| row.nested.some()).collect();
        if level.is_empty() {
            break;
        }
        if level.contains(&root) {
            return check.error(at, format!("loot `{name}` leads back to itself"));
        }
        if depth == LOOT_DEPTH {
            let what = format!("loot `{name}` leads through more than {LOOT_DEPTH} tables");
            return check.error(at, what);
        }
        seen.extend(&level);
    }
    let rows = seen.iter().filter_map(|id| tables.get(id)).map(|t| t.always.len() + t.entries.len()).sum();
    check.range(at, "the number of tables it leads to", seen.len(), 1..=limits::LOOT_TABLES);
    check.range(at, "the number of rows of all these tables", rows, 0..=limits::LOOT_ROWS);
}

pub(super) fn shops(entries: Vec<Entry<raw::Shop>>, check: &mut Check<'_>) -> BTreeMap<DefId, Shop> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        check.range(at, "the number of goods", raw.goods.len(), 1..=limits::SHOP_GOODS);
        let goods: Vec<DefId> = raw.goods.iter().map(|item| check.reference("item", item, file)).collect();
        let mut seen = BTreeSet::new();
        for (item, good) in raw.goods.iter().zip(&goods) {
            if !seen.insert(*good) {
                let at = At { file, offset: item.span().start };
                check.error(at, format!("`{name}` sells `{}` twice", item.get_ref()));
            }
        }
        let (asks_permille, pays_permille) =
            (raw.asks_permille.unwrap_or(1_000), raw.pays_permille.unwrap_or(250));
        check.range(at, "asks_permille", asks_permille, 1..=PERMILLE_MAX);
        check.range(at, "pays_permille", pays_permille, 0..=PERMILLE_MAX);
        Shop { name, title: raw.title, goods, asks_permille, pays_permille }
    })
}

/// Pieces of an ingredient or a product, for one try.
const RECIPE_PIECES: u32 = 100;

pub(super) fn recipes(entries: Vec<Entry<raw::Recipe>>, check: &mut Check<'_>) -> BTreeMap<DefId, Recipe> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        check.range(at, "the number of ingredients", raw.ingredients.len(), 1..=limits::RECIPE_INGREDIENTS);
        let ingredients = super::item_counts(&raw.ingredients, file, check);
        let product = super::item_counts(std::slice::from_ref(&raw.product), file, check)[0];
        for some in ingredients.iter().chain([&product]) {
            check.range(at, "a count of the recipe", some.count, 0..=RECIPE_PIECES);
        }
        let mut seen = BTreeSet::new();
        for (some, ingredient) in raw.ingredients.iter().zip(&ingredients) {
            if !seen.insert(ingredient.item) {
                let at = At { file, offset: some.item.span().start };
                check.error(at, format!("`{name}` takes `{}` twice", some.item.get_ref()));
            }
        }
        let masterwork = check.optional("item", raw.masterwork.as_ref(), file);
        if masterwork == product.item {
            check.error(
                at,
                format!("the masterwork of `{name}` is its product: name a better item, or leave it out"),
            );
        }
        if raw.masterwork.is_some() != raw.quality_permille.is_some() {
            check.error(at, format!("`{name}` needs both `masterwork` and `quality_permille`, or neither"));
        }
        let (chance_permille, quality_permille) =
            (raw.chance_permille.unwrap_or(1_000), raw.quality_permille.unwrap_or(0));
        check.range(at, "chance_permille", chance_permille, 0..=1_000);
        check.range(at, "quality_permille", quality_permille, 0..=1_000);
        check.range(at, "fee", raw.fee, 0..=limits::FEE_MAX);
        let required_level = raw.required_level.unwrap_or(1);
        check.range(at, "required_level", required_level, 1..=limits::LEVEL_MAX);
        Recipe {
            name,
            title: raw.title,
            station: check.optional("npc", raw.station.as_ref(), file),
            required_level,
            ingredients,
            product,
            masterwork,
            chance_permille,
            quality_permille,
            fee: raw.fee,
        }
    })
}
