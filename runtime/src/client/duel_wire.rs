//! What of duels is on the wire: the messages named `duel` in `docs/protocol.md`.

use super::names::hit_name;
use serde::Serialize;
use sim::content::Content;
use sim::output::{DuelBlow, DuelState, DuelistState, MoveState};

/// `duel.challenged`.
#[derive(Serialize)]
pub struct Challenged<'a> {
    /// What the challenge is called.
    pub duel: u64,
    /// Who asks.
    pub from: u64,
    /// The name of who asks.
    pub name: &'a str,
    /// Left to answer.
    pub answer_ms: u32,
}

/// `duel.turn`.
#[derive(Serialize)]
pub struct Turn<'a> {
    duel: u64,
    round: u32,
    /// Whose turn it is; null once the duel is over.
    actor: Option<u64>,
    turn_ms: u32,
    sides: [Duelist; 2],
    moves: Vec<Move<'a>>,
    last: Option<Last<'a>>,
    by: &'a str,
}

/// DUELIST.
#[derive(Serialize)]
struct Duelist {
    entity: u64,
    hp: i32,
    hp_max: i32,
    mana: i32,
    mana_max: i32,
    energy: i32,
    energy_max: i32,
    auto: bool,
}

impl From<&DuelistState> for Duelist {
    fn from(side: &DuelistState) -> Self {
        Self {
            entity: side.entity.0,
            hp: side.health,
            hp_max: side.health_max,
            mana: side.mana,
            mana_max: side.mana_max,
            energy: side.energy,
            energy_max: side.energy_max,
            auto: side.auto,
        }
    }
}

/// MOVE.
#[derive(Serialize)]
struct Move<'a> {
    ability: &'a str,
    title: &'a str,
    mana: u32,
    energy: u32,
    cooldown_turns: u32,
    ready: bool,
}

impl<'a> Move<'a> {
    fn new(known: &MoveState, content: &'a Content) -> Option<Self> {
        let ability = content.abilities.get(&known.ability)?;
        Some(Self {
            ability: &ability.name,
            title: &ability.title,
            mana: known.mana_cost,
            energy: known.energy_cost,
            cooldown_turns: known.cooldown_turns,
            ready: known.ready,
        })
    }
}

/// What the turn before was.
#[derive(Serialize)]
struct Last<'a> {
    actor: u64,
    ability: Option<&'a str>,
    hit: Option<&'static str>,
    amount: i32,
    heal: i32,
    timed_out: bool,
    by: &'a str,
}

impl<'a> Turn<'a> {
    /// A duel as one of the two is shown it; `by` decided it, `blow_by` the swing of its last turn.
    pub fn new(state: &DuelState, content: &'a Content, tick_ms: u32, by: &'a str, blow_by: &'a str) -> Self {
        let last = |blow: &DuelBlow| Last {
            actor: blow.actor.0,
            ability: content.abilities.get(&blow.ability).map(|ability| ability.name.as_str()),
            hit: blow.hit.map(hit_name),
            amount: blow.amount,
            heal: blow.heal,
            timed_out: blow.timed_out,
            by: blow_by,
        };
        Self {
            duel: state.duel.0,
            round: state.round,
            actor: state.actor.some().map(|actor| actor.0),
            turn_ms: state.turn_ticks.saturating_mul(tick_ms),
            sides: [Duelist::from(&state.sides[0]), Duelist::from(&state.sides[1])],
            moves: state.moves.iter().filter_map(|known| Move::new(known, content)).collect(),
            last: state.last.as_ref().map(last),
            by,
        }
    }
}

/// `duel.ended`.
#[derive(Serialize)]
pub struct Ended<'a> {
    /// Which.
    pub duel: u64,
    /// How it was for who is told; null for a challenge that became no duel.
    pub result: Option<&'a str>,
    /// Why it is over.
    pub why: &'a str,
    /// Rounds it has taken.
    pub rounds: u32,
    /// Who decided.
    pub by: &'a str,
}
