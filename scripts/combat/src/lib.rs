//! The wounds. The formula is in [`formula`]; here is only the door to the host.

pub mod formula;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "combat-script", path: "../../wit" });
}

use wit::exports::lore::script::combat::{Attack, Context, Guest, Outcome};

/// What this script exports.
pub struct Combat;

impl Guest for Combat {
    fn resolve(_ctx: Context, attacks: Vec<Attack>) -> Vec<Outcome> {
        lore_sdk::each(&attacks, formula::resolve)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Combat with_types_in wit);
