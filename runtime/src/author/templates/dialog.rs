//! A conversation. The words of its nodes stand in `content/dialogs/`, whose `script` is `__NAME__`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "dialog-script", path: "../../wit" });
}

use lore_sdk::def_id;
use wit::exports::lore::script::dialog::{Context, Conversation, Guest, Reply};

/// The first thing said.
pub const HELLO: u32 = def_id("dialog/__NAME__/hello");
/// To it: go away.
pub const BYE: u32 = def_id("dialog/__NAME__/hello/bye");

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn converse(_ctx: Context, conversations: Vec<Conversation>) -> Vec<Reply> {
        lore_sdk::each(&conversations, reply)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Says hello; any answer ends it.
pub fn reply(conversation: &Conversation) -> Reply {
    let (node, choices) = match conversation.choice {
        0 => (HELLO, vec![BYE]),
        _ => (0, Vec::new()),
    };
    Reply { id: conversation.id, node, choices, actions: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_hello_and_lets_go() {
        let opened = Conversation {
            id: 1,
            character: 1,
            npc: 2,
            npc_template: 0,
            dialog: def_id("dialog/__NAME__"),
            level: 1,
            gold: 0,
            node: 0,
            choice: 0,
            flags: 0,
            quests: Vec::new(),
            items: Vec::new(),
            seed: 1,
        };
        assert_eq!(reply(&opened).choices, [BYE]);
        assert_eq!(reply(&Conversation { node: HELLO, choice: BYE, ..opened }).node, 0);
    }
}
