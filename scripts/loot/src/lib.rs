//! Loot. How it is drawn stands in [`draw`]; here is only the door to the host.

pub mod draw;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "loot-script", path: "../../wit" });
}

use wit::exports::lore::script::loot::{Context, Guest, Haul, Spoils};

/// What this script exports.
pub struct Loot;

impl Guest for Loot {
    fn roll(_ctx: Context, deaths: Vec<Spoils>) -> Vec<Haul> {
        lore_sdk::each(&deaths, draw::haul)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Loot with_types_in wit);
