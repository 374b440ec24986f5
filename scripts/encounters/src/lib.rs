//! Fights with rules of their own: bosses with phases ([`bout`]), duels in turns ([`duel`]). Here is only the
//! door to the host.

pub mod bout;
pub mod duel;

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "encounter-script", path: "../../wit" });
}

use wit::exports::lore::script::encounter::{Act, Bout, Context, Direction, Guest, Pairing, Terms, Turn};

/// What this script exports.
pub struct Encounters;

impl Guest for Encounters {
    fn direct(ctx: Context, bouts: Vec<Bout>) -> Vec<Direction> {
        lore_sdk::each(&bouts, |bout| bout::direct(bout, ctx.tick_ms))
    }

    fn open_duels(_ctx: Context, pairings: Vec<Pairing>) -> Vec<Terms> {
        lore_sdk::each(&pairings, duel::open)
    }

    fn take_turns(ctx: Context, turns: Vec<Turn>) -> Vec<Act> {
        lore_sdk::each(&turns, |turn| duel::take_turn(turn, ctx.tick_ms))
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Encounters with_types_in wit);
