//! Phases and turns as the starter's encounter script has them.

use crate::ids::DefId;
use crate::limits::{ADDS_PER_DIRECTION, BOSS_POWER_PERMILLE, COOLDOWN_TURNS_MAX, UNCHANGED_PERMILLE};
use crate::rng::Rng;
use crate::rules::{Act, Bout, BoutOccasion, Direction, DuelVerdict, Move, Pairing, Terms, Turn};

/// Milliseconds between two uses of a phase's ability.
const ABILITY_MS: u32 = 8_000;
/// A boss that has lost its patience.
const ENRAGED_SPEED: u32 = 1_300;

pub(super) fn direct(bout: &Bout, tick_ms: u32) -> Direction {
    if bout.occasion == BoutOccasion::Reset {
        return Direction { phase: 0, dismiss: true, memory: 0, ..Direction::fallback(bout) };
    }
    let come = |phase: &&crate::rules::PhaseView| {
        (phase.health_below_permille > 0 && bout.health_permille <= phase.health_below_permille)
            || (phase.after_ticks > 0 && bout.fight_ticks >= phase.after_ticks)
    };
    let last = bout.phases.iter().enumerate().filter(|(_, phase)| come(phase)).map(|(at, _)| at as u32 + 1);
    let phase = last.max().unwrap_or(0).max(bout.phase).min(bout.phases.len() as u32);
    let begins = phase > bout.phase;
    let now = bout.phases.get(phase.wrapping_sub(1) as usize);
    let enraged = bout.enrage_ticks > 0 && bout.fight_ticks >= bout.enrage_ticks;
    let power = now.map_or(UNCHANGED_PERMILLE, |now| now.power_permille);
    let power = if enraged { power.saturating_mul(2) } else { power };
    let wait = i64::from(ABILITY_MS.div_ceil(tick_ms.max(1)));
    let again = i64::from(bout.fight_ticks) >= bout.memory.saturating_add(wait);
    let ability = now.map_or(DefId::NONE, |now| now.ability);
    let uses = ability != DefId::NONE && (begins || again);
    Direction {
        phase,
        power_permille: power.clamp(BOSS_POWER_PERMILLE.0, BOSS_POWER_PERMILLE.1),
        speed_permille: if enraged { ENRAGED_SPEED } else { UNCHANGED_PERMILLE },
        summon: now.filter(|_| begins).map_or(0, |now| now.adds_count.min(ADDS_PER_DIRECTION)),
        ability: if uses { ability } else { DefId::NONE },
        announcement: now.filter(|_| begins).map_or(DefId::NONE, |now| now.announcement),
        memory: if uses { i64::from(bout.fight_ticks) } else { bout.memory },
        ..Direction::fallback(bout)
    }
}

pub(super) fn open_duel(pairing: &Pairing) -> Terms {
    let (challenger, opponent) = (pairing.challenger.evasion, pairing.opponent.evasion);
    let challenger_begins =
        if challenger == opponent { Rng(pairing.seed).below(2) == 0 } else { challenger > opponent };
    Terms { id: pairing.id, challenger_begins, turn_ticks: pairing.turn_ticks, memory: 0 }
}

/// Rounds after which blows grow harder, and after which nobody wins.
const PATIENT_ROUNDS: u32 = 10;
const MOST_ROUNDS: u32 = 60;
/// Turns in a row that time took from somebody who has lost then.
const MISSED_TURNS: i64 = 3;
/// Milliseconds of the open world that a turn is worth.
const TURN_MS: u32 = 3_000;

pub(super) fn take_turn(turn: &Turn, tick_ms: u32) -> Act {
    // The actor's missed turns are the lower half, the foe's the upper: they change places with the turn.
    let (own, foe) = (turn.memory & 0xff, (turn.memory >> 8) & 0xff);
    let missed = if turn.timed_out { own + 1 } else { 0 };
    let chosen = if turn.auto { pick(turn) } else { turn.ready_move(turn.chosen) };
    let growth = 50 * turn.round.saturating_sub(PATIENT_ROUNDS).min(MOST_ROUNDS);
    let verdict = if missed >= MISSED_TURNS {
        DuelVerdict::FoeWins
    } else if turn.round > MOST_ROUNDS {
        DuelVerdict::Draw
    } else {
        DuelVerdict::GoOn
    };
    let turns = |made: &Move| {
        let ms = u64::from(made.cooldown_ticks) * u64::from(tick_ms);
        ms.div_ceil(u64::from(TURN_MS)).saturating_sub(1).min(u64::from(COOLDOWN_TURNS_MAX)) as u32
    };
    Act {
        id: turn.id,
        ability: chosen.map_or(DefId::NONE, |made| made.ability),
        power_permille: UNCHANGED_PERMILLE + growth,
        cooldown_turns: chosen.map_or(0, turns),
        again: false,
        verdict,
        memory: foe | (missed << 8),
    }
}

/// A heal when it is bitter, else what hurts most.
fn pick(turn: &Turn) -> Option<&Move> {
    let ready = || turn.moves.iter().filter(|made| made.ready);
    let hurt = i64::from(turn.actor.health) * 10 < i64::from(turn.actor.health_max) * 4;
    let heal = ready().filter(|made| hurt && made.heal > 0).max_by_key(|made| made.heal);
    heal.or_else(|| ready().filter(|made| made.power_permille > 0).max_by_key(|made| made.power_permille))
}
