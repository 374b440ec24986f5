//! Peaceful people: they stand at their place and, if something moved them, walk back to it.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "npc-script", path: "../../wit" });
}

use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception, State};

/// Farther from home than this, they walk back, millimetres.
const AT_HOME_MM: u32 = 500;

/// What this script exports.
pub struct Townsfolk;

impl Guest for Townsfolk {
    fn think(_ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, think)
    }
}

/// One decision.
pub fn think(seen: &Perception) -> Decision {
    let home = seen.distance_home_mm <= AT_HOME_MM;
    Decision {
        id: seen.id,
        state: if home { State::Idle } else { State::ReturnHome },
        target: 0,
        destination: if home { seen.at } else { seen.home },
        speed_permille: if home || seen.stunned { 0 } else { 500 },
        ability: 0,
        call_for_help: false,
        memory: 0,
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Townsfolk with_types_in wit);
