//! The mind of beasts and bandits: idle, wander, aggro, chase, attack, flee, go home, call for
//! help. The numbers (how far, how fast, how brave) stand in the content of each NPC.

pub mod mind;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "npc-script", path: "../../wit" });
}

use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception};

/// What this script exports.
pub struct Wolf;

impl Guest for Wolf {
    fn think(ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, |seen| mind::think(seen, ctx.tick_ms))
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Wolf with_types_in wit);
