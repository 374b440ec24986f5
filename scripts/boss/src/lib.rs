//! The mind of a boss: never flees, fights harder the closer it is to death.

pub mod mind;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "npc-script", path: "../../wit" });
}

use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception};

/// What this script exports.
pub struct Boss;

impl Guest for Boss {
    fn think(_ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, mind::think)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Boss with_types_in wit);
