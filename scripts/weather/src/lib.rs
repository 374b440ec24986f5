//! The sky over a zone, hour by hour, and what comes with the night.

pub mod hours;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "zone-script", path: "../../wit" });
}

use wit::exports::lore::script::zone::{Context, Decree, Guest, Moment};

/// What this script exports.
pub struct Skies;

impl Guest for Skies {
    fn govern(_ctx: Context, moments: Vec<Moment>) -> Vec<Decree> {
        lore_sdk::each(&moments, hours::govern)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Skies with_types_in wit);
