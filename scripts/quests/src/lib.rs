//! Every quest that is only objectives: one state machine, [`machine`]. What to do, for whom and
//! for what reward stands in the content.

pub mod machine;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "quest-script", path: "../../wit" });
}

use wit::exports::lore::script::quest::{Context, Guest, Inquiry, Step};

/// What this script exports.
pub struct Quests;

impl Guest for Quests {
    fn advance(_ctx: Context, inquiries: Vec<Inquiry>) -> Vec<Step> {
        lore_sdk::each(&inquiries, machine::advance)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Quests with_types_in wit);
