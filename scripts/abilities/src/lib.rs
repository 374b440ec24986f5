//! What may be done and what it sets in motion: [`cast`] and [`pulse`].

pub mod cast;
pub mod pulse;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "ability-script", path: "../../wit" });
}

use wit::exports::lore::script::ability::{Cast, Context, Guest, Plan, Pulse, PulseOutcome};

/// What this script exports.
pub struct Abilities;

impl Guest for Abilities {
    fn plan_casts(ctx: Context, casts: Vec<Cast>) -> Vec<Plan> {
        lore_sdk::each(&casts, |cast| cast::plan(cast, ctx.tick_ms))
    }

    fn pulse_statuses(_ctx: Context, pulses: Vec<Pulse>) -> Vec<PulseOutcome> {
        lore_sdk::each(&pulses, pulse::answer)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Abilities with_types_in wit);
