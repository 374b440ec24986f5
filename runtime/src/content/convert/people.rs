//! Classes and NPCs.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::super::unit::Milli;
use super::Entry;
use sim::content::{Class, Npc};
use sim::{DefId, limits};
use std::collections::BTreeMap;

/// Accuracy and evasion of who does not say.
const AVERAGE_RATING: i32 = 50;

pub(super) fn classes(entries: Vec<Entry<raw::Class>>, check: &mut Check<'_>) -> BTreeMap<DefId, Class> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        let stats_at = At { file, offset: raw.base.span().start };
        let base = super::stats(raw.base.into_inner(), AVERAGE_RATING, stats_at, check);
        check.range(stats_at, "health", base.health, 1..=super::STAT_MAX);
        for (what, permille) in [
            ("health_regen_permille", raw.health_regen_permille),
            ("mana_regen_permille", raw.mana_regen_permille),
            ("energy_regen_permille", raw.energy_regen_permille),
        ] {
            check.range(at, what, permille, 0..=1_000);
        }
        let starting_items = super::item_counts(&raw.starting_items, file, check);
        if starting_items.len() > usize::from(limits::INVENTORY_SLOTS) {
            let (items, slots) = (starting_items.len(), limits::INVENTORY_SLOTS);
            check.error(at, format!("{items} starting items, but an inventory has {slots} slots"));
        }
        Class {
            name,
            title: raw.title,
            base,
            growth: super::stats(raw.growth, 0, at, check),
            basic: check.reference("ability", &raw.basic, file),
            abilities: raw.abilities.iter().map(|name| check.reference("ability", name, file)).collect(),
            starting_items,
            health_regen_permille: raw.health_regen_permille,
            mana_regen_permille: raw.mana_regen_permille,
            energy_regen_permille: raw.energy_regen_permille,
        }
    })
}

pub(super) fn npcs(
    entries: Vec<Entry<raw::Npc>>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, Npc> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        let stats_at = At { file, offset: raw.stats.span().start };
        let stats = super::stats(raw.stats.into_inner(), AVERAGE_RATING, stats_at, check);
        check.range(stats_at, "health", stats.health, 1..=super::STAT_MAX);
        check.range(at, "level", raw.level, 1..=limits::LEVEL_MAX);
        check.range(at, "flee_below_permille", raw.flee_below_permille, 0..=1_000);
        for (what, distance) in [("aggro", raw.aggro), ("leash", raw.leash), ("wander", raw.wander)] {
            check.distance(at, what, distance.0, 0..=1_000_000);
        }
        if raw.hostile && raw.basic.is_none() {
            check.error(at, format!("`{name}` is hostile but has no `basic` attack"));
        }
        if raw.duels && (raw.hostile || raw.basic.is_none()) {
            check.error(at, format!("`{name}` duels: it needs a `basic` attack, and must not be `hostile`"));
        }
        if raw.encounter.is_some() && !raw.hostile {
            check.error(at, format!("`{name}` has an `encounter` but is not `hostile`"));
        }
        if raw.hostile && raw.leash.0 <= raw.aggro.0 {
            check.error(at, format!("`{name}` must have a `leash` longer than its `aggro`"));
        }
        Npc {
            name,
            title: raw.title,
            level: raw.level,
            stats,
            script: super::script("npc", &raw.script, summary),
            hostile: raw.hostile,
            boss: raw.boss,
            speed_mm_s: raw.speed.map_or(0, Milli::unsigned),
            aggro_mm: raw.aggro.unsigned(),
            leash_mm: raw.leash.unsigned(),
            wander_mm: raw.wander.unsigned(),
            flee_below_permille: raw.flee_below_permille,
            basic: check.optional("ability", raw.basic.as_ref(), file),
            special: check.optional("ability", raw.special.as_ref(), file),
            experience: raw.experience,
            gold: super::least_and_most(raw.gold, "gold", at, check),
            loot: check.optional("loot", raw.loot.as_ref(), file),
            dialog: check.optional("dialog", raw.dialog.as_ref(), file),
            shop: check.optional("shop", raw.shop.as_ref(), file),
            greeting: raw.greeting,
            encounter: check.optional("encounter", raw.encounter.as_ref(), file),
            duels: raw.duels,
        }
    })
}
