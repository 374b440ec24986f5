//! World events: stage by stage as the content has them, and what a part in them is worth.

pub mod conduct;
pub mod reward;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "event-script", path: "../../wit" });
}

use wit::exports::lore::script::event::{Context, Course, Guest, Merit, Moment, Prize};

/// What this script exports.
pub struct Events;

impl Guest for Events {
    fn conduct(_ctx: Context, moments: Vec<Moment>) -> Vec<Course> {
        lore_sdk::each(&moments, conduct::conduct)
    }

    fn reward(_ctx: Context, merits: Vec<Merit>) -> Vec<Prize> {
        lore_sdk::each(&merits, reward::reward)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Events with_types_in wit);
