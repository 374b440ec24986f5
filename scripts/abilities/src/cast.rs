//! Whether an ability happens, and what it costs.

use crate::wit::exports::lore::script::ability::{Cast, Plan, Verdict};
use lore_sdk::ticks;

/// Milliseconds between two actions of one caster.
pub const ACTION_GAP_MS: u32 = 500;
/// Stacks one cast puts on its target.
pub const STACKS_PER_CAST: u32 = 1;

/// The answer to one cast: the content's numbers if nothing stands against it.
pub fn plan(cast: &Cast, tick_ms: u32) -> Plan {
    let verdict = verdict(cast, tick_ms);
    let allowed = verdict == Verdict::Allow;
    let only = |amount: u32| if allowed { amount } else { 0 };
    Plan {
        id: cast.id,
        verdict,
        mana_cost: only(cast.mana_cost),
        energy_cost: only(cast.energy_cost),
        cooldown_ticks: only(cast.cooldown_ticks),
        power_permille: only(cast.power_permille),
        element: cast.element,
        status: only(cast.status),
        status_ticks: only(cast.status_ticks),
        status_stacks: if cast.status == 0 { 0 } else { only(STACKS_PER_CAST) },
        heal: only(cast.heal),
    }
}

/// The first thing that stands against a cast, the caster's own condition before the target's.
fn verdict(cast: &Cast, tick_ms: u32) -> Verdict {
    if cast.ability == 0 || cast.health <= 0 {
        Verdict::Invalid
    } else if cast.stunned {
        Verdict::Stunned
    } else if cast.silenced && cast.mana_cost > 0 {
        Verdict::Silenced
    } else if cast.since_last_action_ticks < ticks(ACTION_GAP_MS, tick_ms) {
        Verdict::TooSoon
    } else if cast.cooldown_left_ticks > 0 {
        Verdict::OnCooldown
    } else if cast.target != cast.caster && cast.distance_mm > cast.range_mm {
        Verdict::OutOfRange
    } else if i64::from(cast.mana) < i64::from(cast.mana_cost) {
        Verdict::NotEnoughMana
    } else if i64::from(cast.energy) < i64::from(cast.energy_cost) {
        Verdict::NotEnoughEnergy
    } else {
        Verdict::Allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::exports::lore::script::ability::Element;
    use lore_sdk::def_id;

    fn fireball() -> Cast {
        Cast {
            id: 3,
            caster: 1,
            target: 2,
            ability: def_id("ability/fireball"),
            caster_level: 1,
            caster_is_npc: false,
            distance_mm: 20_000,
            health: 10,
            health_max: 100,
            mana: 30,
            energy: 5,
            cooldown_left_ticks: 0,
            since_last_action_ticks: 10,
            stunned: false,
            silenced: false,
            range_mm: 20_000,
            mana_cost: 30,
            energy_cost: 5,
            cooldown_ticks: 120,
            power_permille: 1_600,
            element: Element::Fire,
            status: def_id("status/burn"),
            status_ticks: 120,
            heal: 0,
            seed: 1,
        }
    }

    #[test]
    fn an_allowed_cast_carries_the_contents_numbers() {
        let plan = plan(&fireball(), 50);
        assert_eq!(plan.verdict, Verdict::Allow);
        assert_eq!((plan.id, plan.mana_cost, plan.energy_cost, plan.cooldown_ticks), (3, 30, 5, 120));
        assert_eq!((plan.power_permille, plan.status_ticks, plan.status_stacks), (1_600, 120, 1));
    }

    #[test]
    fn each_obstacle_has_its_verdict() {
        let case = |change: fn(&mut Cast)| {
            let mut cast = fireball();
            change(&mut cast);
            let plan = plan(&cast, 50);
            assert_eq!((plan.mana_cost, plan.power_permille, plan.status_stacks), (0, 0, 0));
            plan.verdict
        };
        assert_eq!(case(|c| c.ability = 0), Verdict::Invalid);
        assert_eq!(case(|c| c.health = 0), Verdict::Invalid);
        assert_eq!(case(|c| c.stunned = true), Verdict::Stunned);
        assert_eq!(case(|c| c.silenced = true), Verdict::Silenced);
        assert_eq!(case(|c| c.since_last_action_ticks = 9), Verdict::TooSoon);
        assert_eq!(case(|c| c.cooldown_left_ticks = 1), Verdict::OnCooldown);
        assert_eq!(case(|c| c.distance_mm += 1), Verdict::OutOfRange);
        assert_eq!(case(|c| c.mana = 29), Verdict::NotEnoughMana);
        assert_eq!(case(|c| c.energy = 4), Verdict::NotEnoughEnergy);
    }

    #[test]
    fn silence_spares_what_costs_no_mana_and_range_spares_oneself() {
        let cast = Cast { silenced: true, mana_cost: 0, ..fireball() };
        assert_eq!(plan(&cast, 50).verdict, Verdict::Allow);
        let cast = Cast { target: 1, distance_mm: 99_000, ..fireball() };
        assert_eq!(plan(&cast, 50).verdict, Verdict::Allow);
    }
}
