//! Abilities, statuses and items.

use super::super::check::Check;
use super::super::raw;
use super::{Entry, PERMILLE_MAX};
use sim::content::{Ability, AbilityTarget, EquipSlot, Item, ItemKind, Rarity, Status};
use sim::{DefId, limits};
use std::collections::BTreeMap;

pub(super) fn abilities(
    entries: Vec<Entry<raw::Ability>>,
    check: &mut Check<'_>,
) -> BTreeMap<DefId, Ability> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        check.range(at, "power_permille", raw.power_permille, 0..=PERMILLE_MAX);
        check.distance(at, "range", raw.range.0, 0..=200_000);
        check.range(at, "heal", raw.heal, 0..=limits::AMOUNT_MAX.unsigned_abs());
        let target = match raw.target {
            raw::AbilityTarget::Enemy => AbilityTarget::Enemy,
            raw::AbilityTarget::Caster => AbilityTarget::Caster,
            raw::AbilityTarget::Ally => AbilityTarget::Ally,
        };
        if target == AbilityTarget::Enemy && raw.range.0 == 0 {
            check.error(at, format!("`{name}` is used on enemies and needs a `range`"));
        }
        if raw.status.is_some() != raw.status_time.is_some() {
            check.error(at, format!("`{name}` needs both `status` and `status_time`, or neither"));
        }
        if raw.power_permille == 0 && raw.heal == 0 && raw.status.is_none() {
            check.error(at, format!("`{name}` does nothing: give it power_permille, heal or status"));
        }
        let status = check.optional("status", raw.status.as_ref(), file).some();
        let status_ms = raw.status_time.map_or(0, |time| time.0);
        Ability {
            name,
            title: raw.title,
            animation: raw.animation,
            animation_ms: raw.animation_time.0,
            target,
            range_mm: raw.range.unsigned(),
            mana_cost: raw.mana_cost,
            energy_cost: raw.energy_cost,
            cooldown_ms: raw.cooldown.0,
            power_permille: raw.power_permille,
            element: super::element(raw.element),
            heal: raw.heal,
            status: status.map(|status| (status, status_ms)),
            required_level: raw.required_level.unwrap_or(1),
        }
    })
}

pub(super) fn statuses(entries: Vec<Entry<raw::Status>>, check: &mut Check<'_>) -> BTreeMap<DefId, Status> {
    super::by_id(entries, |entry| {
        let at = entry.at;
        let Entry { name, raw, .. } = entry;
        let status = Status {
            name,
            title: raw.title,
            period_ms: raw.period.0,
            strength: raw.strength,
            element: super::element(raw.element),
            max_stacks: raw.max_stacks.unwrap_or(1),
            stun: raw.stun,
            silence: raw.silence,
            speed_permille: raw.speed_permille.unwrap_or(1_000),
            helpful: raw.helpful,
        };
        check.range(at, "max_stacks", status.max_stacks, 1..=100);
        check.range(at, "speed_permille", status.speed_permille, 0..=2_000);
        check.range(at, "strength", status.strength, -super::STAT_MAX..=super::STAT_MAX);
        if status.strength != 0 && status.period_ms == 0 {
            check.error(at, format!("`{}` has a strength and needs a `period`", status.name));
        }
        if status.period_ms != 0 {
            check.span(at, "period", status.period_ms, 100..=3_600_000);
        }
        status
    })
}

pub(super) fn items(entries: Vec<Entry<raw::Item>>, check: &mut Check<'_>) -> BTreeMap<DefId, Item> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        if raw.slot.is_some() != (raw.kind == raw::ItemKind::Equipment) {
            check.error(at, format!("`{name}`: equipment has a `slot`, nothing else has"));
        }
        let kind = match (raw.kind, raw.slot) {
            (raw::ItemKind::Equipment, Some(slot)) => ItemKind::Equipment(equip_slot(slot)),
            (raw::ItemKind::Consumable, _) => ItemKind::Consumable,
            (raw::ItemKind::Quest, _) => ItemKind::Quest,
            _ => ItemKind::Material,
        };
        let max_stack = raw.max_stack.unwrap_or(1);
        check.range(at, "max_stack", max_stack, 1..=10_000);
        if matches!(kind, ItemKind::Equipment(_)) && max_stack != 1 {
            check.error(at, format!("`{name}` is equipment and cannot be stacked"));
        }
        Item {
            icon: raw.icon.unwrap_or_else(|| name.clone()),
            name,
            title: raw.title,
            kind,
            rarity: rarity(raw.rarity),
            required_level: raw.required_level.unwrap_or(1),
            classes: raw.classes.iter().map(|class| check.reference("class", class, file)).collect(),
            bonus: super::stats(raw.bonus, 0, at, check),
            max_stack,
            value: raw.value,
            heal: raw.heal,
            restore_mana: raw.restore_mana,
        }
    })
}

fn equip_slot(raw: raw::EquipSlot) -> EquipSlot {
    match raw {
        raw::EquipSlot::MainHand => EquipSlot::MainHand,
        raw::EquipSlot::OffHand => EquipSlot::OffHand,
        raw::EquipSlot::Head => EquipSlot::Head,
        raw::EquipSlot::Chest => EquipSlot::Chest,
        raw::EquipSlot::Legs => EquipSlot::Legs,
        raw::EquipSlot::Feet => EquipSlot::Feet,
    }
}

fn rarity(raw: raw::Rarity) -> Rarity {
    match raw {
        raw::Rarity::Poor => Rarity::Poor,
        raw::Rarity::Common => Rarity::Common,
        raw::Rarity::Uncommon => Rarity::Uncommon,
        raw::Rarity::Rare => Rarity::Rare,
        raw::Rarity::Epic => Rarity::Epic,
    }
}
