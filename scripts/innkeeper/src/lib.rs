//! The innkeeper: beds, gossip and the quest line. Which node comes next is decided in [`talk`];
//! the words stand in `content/dialogs/innkeeper.toml`.

pub mod talk;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "dialog-script", path: "../../wit" });
}

use wit::exports::lore::script::dialog::{Context, Conversation, Guest, Reply};

/// What this script exports.
pub struct Innkeeper;

impl Guest for Innkeeper {
    fn converse(ctx: Context, conversations: Vec<Conversation>) -> Vec<Reply> {
        lore_sdk::each(&conversations, |conversation| talk::reply(conversation, ctx.minute_of_day))
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Innkeeper with_types_in wit);
