//! Levels. The rules are in [`ladder`]; here is only the door to the host.

pub mod ladder;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "progression-script", path: "../../wit" });
}

use wit::exports::lore::script::progression::{
    Context, Fall, Gain, Grown, Growth, Guest, Kill, Requirement, Step, Toll,
};

/// What this script exports.
pub struct Progression;

impl Guest for Progression {
    fn require_experience(_ctx: Context, steps: Vec<Step>) -> Vec<Requirement> {
        lore_sdk::each(&steps, ladder::require)
    }

    fn grow_stats(_ctx: Context, growths: Vec<Growth>) -> Vec<Grown> {
        lore_sdk::each(&growths, ladder::grow)
    }

    fn reward_kills(_ctx: Context, kills: Vec<Kill>) -> Vec<Gain> {
        lore_sdk::each(&kills, ladder::reward)
    }

    fn punish_deaths(_ctx: Context, falls: Vec<Fall>) -> Vec<Toll> {
        lore_sdk::each(&falls, ladder::punish)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Progression with_types_in wit);
