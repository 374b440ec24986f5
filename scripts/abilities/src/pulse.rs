//! What a lasting status does each time its period is over.

use crate::wit::exports::lore::script::ability::{Pulse, PulseOutcome};

/// Most damage or healing of one pulse; the host accepts no more.
pub const AMOUNT_MAX: i64 = 1_000_000;

/// Strength times stacks. Damage is reduced by resistance and takes at least 1; healing is not
/// reduced. A status without strength only lasts; one on the dead ends.
pub fn answer(pulse: &Pulse) -> PulseOutcome {
    let full = i64::from(pulse.strength).saturating_mul(i64::from(pulse.stacks));
    let full = full.clamp(-AMOUNT_MAX, AMOUNT_MAX);
    let damage = if full > 0 {
        let resistance = i64::from(pulse.resistance_permille.clamp(-1_000, 1_000));
        (full * (1_000 - resistance) / 1_000).max(1)
    } else {
        full
    };
    PulseOutcome {
        id: pulse.id,
        damage: damage.clamp(-AMOUNT_MAX, AMOUNT_MAX) as i32,
        expire: pulse.health <= 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::exports::lore::script::ability::Element;

    fn burn(strength: i32, stacks: u32, resistance_permille: i32) -> i32 {
        let pulse = Pulse {
            id: 1,
            source: 1,
            bearer: 2,
            status: 3,
            stacks,
            age_ticks: 20,
            left_ticks: 60,
            health: 50,
            health_max: 100,
            strength,
            element: Element::Fire,
            resistance_permille,
            seed: 0,
        };
        answer(&pulse).damage
    }

    #[test]
    fn stacks_multiply_and_resistance_divides() {
        assert_eq!(burn(5, 3, 0), 15);
        assert_eq!(burn(5, 2, 500), 5);
        assert_eq!(burn(5, 2, -500), 15);
        assert_eq!(burn(5, 1, 1_000), 1);
        assert_eq!(burn(0, 1, 0), 0);
    }

    #[test]
    fn healing_knows_no_resistance_and_all_is_bounded() {
        assert_eq!(burn(-4, 2, 900), -8);
        assert_eq!(burn(i32::MAX, u32::MAX, 0), 1_000_000);
        assert_eq!(burn(i32::MIN, u32::MAX, 0), -1_000_000);
    }
}
