//! The mind of an NPC. NPCs of the content use it with `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "npc-script", path: "../../wit" });
}

use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception, State};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn think(_ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, think)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Fights who hurt it, as far as its leash, and else stays at home.
pub fn think(seen: &Perception) -> Decision {
    let at_home = Decision {
        id: seen.id,
        state: State::Idle,
        target: 0,
        destination: seen.home,
        speed_permille: 1_000,
        ability: 0,
        call_for_help: false,
        memory: seen.memory,
    };
    if seen.target == 0 || seen.distance_home_mm > seen.leash_mm {
        return at_home;
    }
    if seen.target_distance_mm > seen.reach_mm {
        return Decision { state: State::Chase, target: seen.target, destination: seen.target_at, ..at_home };
    }
    let ability = if seen.ready_in_ticks == 0 { seen.basic } else { 0 };
    Decision { state: State::Attack, target: seen.target, destination: seen.at, ability, ..at_home }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::lore::script::types::Position;

    fn seen() -> Perception {
        let at = Position { x_mm: 0, y_mm: 0 };
        Perception {
            id: 1,
            template: lore_sdk::def_id("npc/__NAME__"),
            level: 1,
            state: State::Idle,
            state_ticks: 0,
            memory: 0,
            health_permille: 1_000,
            at,
            home: at,
            distance_home_mm: 0,
            target: 0,
            target_at: at,
            target_distance_mm: 0,
            target_health_permille: 0,
            nearest: 0,
            nearest_distance_mm: 0,
            friends_fighting: 0,
            friends_idle: 0,
            stunned: false,
            ready_in_ticks: 0,
            aggro_mm: 0,
            leash_mm: 30_000,
            wander_mm: 0,
            reach_mm: 2_000,
            flee_below_permille: 0,
            basic: lore_sdk::def_id("ability/bite"),
            special: 0,
            special_ready_in_ticks: 0,
            seed: 1,
        }
    }

    #[test]
    fn it_strikes_back_within_reach_and_follows_beyond() {
        assert_eq!(think(&seen()).state, State::Idle);
        let attacked = Perception { target: 7, target_distance_mm: 1_500, ..seen() };
        assert_eq!(think(&attacked).ability, attacked.basic);
        assert_eq!(think(&Perception { target_distance_mm: 9_000, ..attacked }).state, State::Chase);
    }
}
