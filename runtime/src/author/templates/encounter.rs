//! Bosses and duels. Encounters of the content, and `[duel]`, use it with `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "encounter-script", path: "../../wit" });
}

use wit::exports::lore::script::encounter::{
    Act, Bout, Context, Direction, Guest, Occasion, Pairing, Terms, Turn, Verdict,
};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn direct(_ctx: Context, bouts: Vec<Bout>) -> Vec<Direction> {
        lore_sdk::each(&bouts, direct)
    }

    fn open_duels(_ctx: Context, pairings: Vec<Pairing>) -> Vec<Terms> {
        lore_sdk::each(&pairings, open)
    }

    fn take_turns(_ctx: Context, turns: Vec<Turn>) -> Vec<Act> {
        lore_sdk::each(&turns, take_turn)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// A phase begins when the boss is hurt enough, with its adds and its announcement.
pub fn direct(bout: &Bout) -> Direction {
    let come = |below: u32| below > 0 && bout.health_permille <= below;
    let last = bout.phases.iter().rposition(|phase| come(phase.health_below_permille));
    let phase = last.map_or(0, |index| index as u32 + 1).max(bout.phase);
    let now = bout.phases.get(phase.wrapping_sub(1) as usize);
    let news = now.filter(|_| phase > bout.phase);
    Direction {
        id: bout.id,
        phase: if bout.occasion == Occasion::Reset { 0 } else { phase.min(bout.phases.len() as u32) },
        power_permille: now.map_or(1_000, |now| now.power_permille),
        speed_permille: 1_000,
        summon: if bout.occasion == Occasion::Reset { 0 } else { news.map_or(0, |news| news.adds_count) },
        ability: news.map_or(0, |news| news.ability),
        heal_permille: 0,
        dismiss: false,
        announcement: news.map_or(0, |news| news.announcement),
        memory: bout.memory,
    }
}

/// Who challenges begins.
pub fn open(pairing: &Pairing) -> Terms {
    Terms { id: pairing.id, challenger_begins: true, turn_ticks: pairing.turn_ticks, memory: 0 }
}

/// What was chosen is done; who leaves it to the script strikes, who dreams passes. Turns alternate.
pub fn take_turn(turn: &Turn) -> Act {
    let wanted = if turn.auto { turn.moves.first().map_or(0, |made| made.ability) } else { turn.chosen };
    let ready = turn.moves.iter().any(|made| made.ability == wanted && made.ready);
    Act {
        id: turn.id,
        ability: if ready { wanted } else { 0 },
        power_permille: 1_000,
        cooldown_turns: 0,
        again: false,
        verdict: if turn.round > 50 { Verdict::Draw } else { Verdict::GoOn },
        memory: turn.memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::encounter::{Duelist, Move};

    #[test]
    fn what_was_chosen_is_done_if_it_is_ready() {
        let who = |entity| Duelist {
            entity,
            is_npc: false,
            level: 1,
            health: 50,
            health_max: 50,
            mana: 0,
            energy: 100,
            accuracy: 50,
            evasion: 50,
        };
        let strike = Move {
            ability: lore_sdk::def_id("ability/strike"),
            power_permille: 1_000,
            heal: 0,
            mana_cost: 0,
            energy_cost: 0,
            cooldown_ticks: 0,
            cooldown_turns: 0,
            ready: true,
        };
        let turn = Turn {
            id: 1,
            round: 1,
            actor: who(1),
            foe: who(2),
            chosen: strike.ability,
            auto: false,
            timed_out: false,
            moves: vec![strike],
            memory: 0,
            seed: 1,
        };
        assert_eq!(take_turn(&turn).ability, strike.ability);
        assert_eq!(take_turn(&Turn { moves: Vec::new(), ..turn }).ability, 0);
    }
}
