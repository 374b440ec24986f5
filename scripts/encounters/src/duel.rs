//! The rules of a duel.
//!
//! Who evades better begins; turns alternate. Who leaves it to the script heals below 40 % of health and else
//! uses what hurts most. From the eleventh round on every blow is 5 % of its power harder than in the round
//! before, and after the sixtieth nobody wins. Who lets time take three turns in a row has lost.
//!
//! An ability is ready again after as many own turns as its cooldown has [`TURN_MS`], the one of its use
//! counted.
//!
//! The memory is how many turns in a row each has missed: the lower byte of who has the turn, the next one of
//! the other.

use crate::wit::exports::lore::script::encounter::{Act, Move, Pairing, Terms, Turn, Verdict};
use lore_sdk::Rng;

/// Milliseconds of the open world that a turn is worth.
pub const TURN_MS: u32 = 3_000;
/// Rounds after which blows grow harder, and by how much in each.
pub const PATIENT_ROUNDS: u32 = 10;
/// See [`PATIENT_ROUNDS`].
pub const GROWTH_PERMILLE: u32 = 50;
/// Rounds after which nobody wins.
pub const MOST_ROUNDS: u32 = 60;
/// Turns in a row that time took from somebody who has lost then.
pub const MISSED_TURNS: i64 = 3;
/// Turns the host accepts.
const COOLDOWN_TURNS: u64 = 100;

/// How a duel begins.
pub fn open(pairing: &Pairing) -> Terms {
    let (challenger, opponent) = (pairing.challenger.evasion, pairing.opponent.evasion);
    let challenger_begins =
        if challenger == opponent { Rng::new(pairing.seed).below(2) == 0 } else { challenger > opponent };
    Terms { id: pairing.id, challenger_begins, turn_ticks: pairing.turn_ticks, memory: 0 }
}

/// What becomes of a turn.
pub fn take_turn(turn: &Turn, tick_ms: u32) -> Act {
    let (own, foe) = (turn.memory & 0xff, (turn.memory >> 8) & 0xff);
    let missed = if turn.timed_out { own + 1 } else { 0 };
    let made = if turn.auto { pick(turn) } else { ready(turn).find(|made| made.ability == turn.chosen) };
    let growth = GROWTH_PERMILLE * turn.round.saturating_sub(PATIENT_ROUNDS).min(MOST_ROUNDS);
    let verdict = if missed >= MISSED_TURNS {
        Verdict::FoeWins
    } else if turn.round > MOST_ROUNDS {
        Verdict::Draw
    } else {
        Verdict::GoOn
    };
    Act {
        id: turn.id,
        ability: made.map_or(0, |made| made.ability),
        power_permille: 1_000 + growth,
        cooldown_turns: made.map_or(0, |made| cooldown_turns(made, tick_ms)),
        again: false,
        verdict,
        memory: foe | (missed << 8),
    }
}

fn ready(turn: &Turn) -> impl Iterator<Item = &Move> {
    turn.moves.iter().filter(|made| made.ready)
}

/// A heal when it is bitter, else what hurts most.
fn pick(turn: &Turn) -> Option<&Move> {
    let hurt = i64::from(turn.actor.health) * 10 < i64::from(turn.actor.health_max) * 4;
    let heal = ready(turn).filter(|made| hurt && made.heal > 0).max_by_key(|made| made.heal);
    heal.or_else(|| ready(turn).filter(|made| made.power_permille > 0).max_by_key(|made| made.power_permille))
}

fn cooldown_turns(made: &Move, tick_ms: u32) -> u32 {
    let ms = u64::from(made.cooldown_ticks) * u64::from(tick_ms);
    ms.div_ceil(u64::from(TURN_MS)).saturating_sub(1).min(COOLDOWN_TURNS) as u32
}

#[cfg(test)]
mod tests;
