//! What may be said: the worst words are refused, rude ones masked, shouting lowered; who goes on like
//! that is not heard for a while.

pub mod filter;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "chat-script", path: "../../wit" });
}

use wit::exports::lore::script::chat::{Context, Guest, Judgement, Line};

/// What this script exports.
pub struct ChatFilter;

impl Guest for ChatFilter {
    fn judge(ctx: Context, lines: Vec<Line>) -> Vec<Judgement> {
        lore_sdk::each(&lines, |line| filter::judge(line, ctx.tick_ms))
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(ChatFilter with_types_in wit);
