//! What becomes of a swing.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "combat-script", path: "../../wit" });
}

use lore_sdk::Rng;
use wit::exports::lore::script::combat::{Attack, Context, Guest, HitKind, Outcome};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn resolve(_ctx: Context, attacks: Vec<Attack>) -> Vec<Outcome> {
        lore_sdk::each(&attacks, resolve)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Three swings in four land, for what attack and weapon give, less the defence.
pub fn resolve(attack: &Attack) -> Outcome {
    let mut dice = Rng::new(attack.seed);
    if dice.d100() > 75 {
        return Outcome { id: attack.id, kind: HitKind::Miss, base: 0, raw: 0, amount: 0, threat: 1 };
    }
    let base = attack.attack_power + attack.weapon_damage + dice.between(-3, 3);
    let amount = (base - attack.defence).clamp(1, 1_000_000);
    Outcome { id: attack.id, kind: HitKind::Hit, base, raw: base, amount, threat: amount }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::lore::script::types::Element;

    fn attack(seed: u64) -> Attack {
        Attack {
            id: 1,
            attacker: 1,
            defender: 2,
            element: Element::Physical,
            attacker_level: 1,
            defender_level: 1,
            attacker_is_npc: false,
            defender_is_npc: true,
            accuracy: 50,
            evasion: 50,
            distance_mm: 1_000,
            attack_power: 20,
            weapon_damage: 10,
            power_permille: 1_000,
            critical_chance: 5,
            defence: 5,
            resistance_permille: 0,
            block_chance: 0,
            dodge_chance: 0,
            defender_health: 100,
            defender_health_max: 100,
            seed,
        }
    }

    #[test]
    fn three_swings_in_four_land() {
        let landed = (0..10_000).filter(|seed| resolve(&attack(*seed)).amount > 0).count();
        assert!((7_300..7_700).contains(&landed), "{landed}");
    }
}
