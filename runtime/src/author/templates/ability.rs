//! What may be done, what it costs and what it sets in motion.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "ability-script", path: "../../wit" });
}

use wit::exports::lore::script::ability::{Cast, Context, Guest, Plan, Pulse, PulseOutcome, Verdict};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn plan_casts(_ctx: Context, casts: Vec<Cast>) -> Vec<Plan> {
        lore_sdk::each(&casts, plan)
    }

    fn pulse_statuses(_ctx: Context, pulses: Vec<Pulse>) -> Vec<PulseOutcome> {
        lore_sdk::each(&pulses, pulse)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// What the content says, for whoever is near enough, ready and not stunned.
pub fn plan(cast: &Cast) -> Plan {
    let verdict = match cast {
        _ if cast.stunned => Verdict::Stunned,
        _ if cast.cooldown_left_ticks > 0 => Verdict::OnCooldown,
        _ if cast.since_last_action_ticks < 10 => Verdict::TooSoon,
        _ if cast.distance_mm > cast.range_mm => Verdict::OutOfRange,
        _ if cast.mana < cast.mana_cost as i32 => Verdict::NotEnoughMana,
        _ if cast.energy < cast.energy_cost as i32 => Verdict::NotEnoughEnergy,
        _ => Verdict::Allow,
    };
    Plan {
        id: cast.id,
        verdict,
        mana_cost: cast.mana_cost,
        energy_cost: cast.energy_cost,
        cooldown_ticks: cast.cooldown_ticks,
        power_permille: cast.power_permille,
        element: cast.element,
        status: cast.status,
        status_ticks: cast.status_ticks,
        status_stacks: 1,
        heal: cast.heal,
    }
}

/// Every stack hurts (or, with a negative strength, heals) by the strength of the content.
pub fn pulse(pulse: &Pulse) -> PulseOutcome {
    PulseOutcome { id: pulse.id, damage: pulse.strength * pulse.stacks as i32, expire: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::lore::script::types::Element;

    fn cast() -> Cast {
        Cast {
            id: 1,
            caster: 1,
            target: 2,
            ability: lore_sdk::def_id("ability/strike"),
            caster_level: 1,
            caster_is_npc: false,
            distance_mm: 1_000,
            health: 100,
            health_max: 100,
            mana: 10,
            energy: 10,
            cooldown_left_ticks: 0,
            since_last_action_ticks: 10,
            stunned: false,
            silenced: false,
            range_mm: 3_000,
            mana_cost: 5,
            energy_cost: 0,
            cooldown_ticks: 60,
            power_permille: 1_000,
            element: Element::Physical,
            status: 0,
            status_ticks: 0,
            heal: 0,
            seed: 1,
        }
    }

    #[test]
    fn who_is_too_far_or_has_no_mana_is_told_so() {
        assert_eq!(plan(&cast()).verdict, Verdict::Allow);
        assert_eq!(plan(&Cast { distance_mm: 3_001, ..cast() }).verdict, Verdict::OutOfRange);
        assert_eq!(plan(&Cast { mana: 4, ..cast() }).verdict, Verdict::NotEnoughMana);
    }
}
