//! Bosses and duels: `encounter.direct`, `encounter.open-duels`, `encounter.take-turns`.

use super::{Hook, call_export, same_cases, same_id, share};
use crate::bindings::encounter::exports::lore::script::encounter as wit;
use crate::bulk::flat;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::DefId;
use sim::limits::{
    ACT_POWER_MAX_PERMILLE, ADDS_PER_DIRECTION, BOSS_POWER_PERMILLE, BOSS_SPEED_PERMILLE, COOLDOWN_TURNS_MAX,
    TURN_TICKS,
};
use sim::rng::Rng;
use sim::rules::{
    Act, Bout, BoutOccasion, Direction, DuelVerdict, DuelistView, Move, Pairing, PhaseView, Terms, Turn,
};
use sim::state::StateValue;

/// Whether a number is one the host accepts.
fn within(
    what: &'static str,
    value: u32,
    (least, most): (u32, u32),
    expected: &'static str,
) -> Result<(), BadOutput> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(BadOutput::Number { what, value: value.into(), expected })
    }
}

pub(crate) struct Direct;

impl Hook for Direct {
    const EXPORT: Export = Export::Direct;
    type View = Bout;
    type Answer = Direction;
    type Wire = wit::Bout;
    type Reply = wit::Direction;

    call_export!(Encounter, lore_script_encounter, func_direct);

    fn sample() -> Bout {
        samples::bout()
    }

    fn vary(view: &mut Bout, number: u32, dice: &mut Rng) {
        made_up::bout(view, number, dice);
    }

    /// A fight that is just beginning has none yet.
    fn state(view: &Bout) -> Option<StateValue> {
        let Bout { encounter, phase, memory, occasion, .. } = *view;
        (occasion != BoutOccasion::Engaged).then_some(StateValue::Encounter { encounter, phase, memory })
    }

    fn set_state(view: &mut Bout, state: StateValue) {
        if let StateValue::Encounter { phase, memory, .. } = state {
            (view.phase, view.memory) = (phase.min(view.phases.len() as u32), memory);
        }
    }

    fn forget_state(answer: &mut Direction) {
        (answer.phase, answer.memory) = (0, 0);
    }

    fn id(view: &Bout) -> u64 {
        view.id.into()
    }

    fn subject(view: &Bout) -> DefId {
        view.encounter
    }

    fn lower(view: &Bout) -> wit::Bout {
        wit::Bout {
            id: view.id,
            encounter: view.encounter.0,
            boss: view.boss.0,
            template: view.template.0,
            level: view.level,
            occasion: view.occasion.into(),
            phase: view.phase,
            phases: view.phases.iter().map(lower_phase).collect(),
            phase_ticks: view.phase_ticks,
            fight_ticks: view.fight_ticks,
            health_permille: view.health_permille,
            fighters: view.fighters,
            adds: view.adds,
            enrage_ticks: view.enrage_ticks,
            basic: view.basic.0,
            special: view.special.0,
            memory: view.memory,
            seed: view.seed,
        }
    }

    fn lift(view: &Bout, reply: wit::Direction) -> Result<Direction, BadOutput> {
        same_id(view.id, reply.id)?;
        let phases = view.phases.len() as u32;
        within("phase", reply.phase, (0, phases), "0 up to the number of phases")?;
        within("power-permille", reply.power_permille, BOSS_POWER_PERMILLE, "100..=5,000")?;
        within("speed-permille", reply.speed_permille, BOSS_SPEED_PERMILLE, "100..=2,000")?;
        let most = if reply.phase == 0 { 0 } else { ADDS_PER_DIRECTION };
        within("summon", reply.summon, (0, most), "0..=16, and 0 in phase 0")?;
        within("heal-permille", reply.heal_permille, (0, 1_000), "0..=1,000")?;
        let ability = DefId(reply.ability);
        if ability != DefId::NONE && !view.knows(ability) {
            let (what, value) = ("ability", reply.ability.into());
            return Err(BadOutput::Number {
                what,
                value,
                expected: "0, or an ability of the boss or a phase",
            });
        }
        Ok(Direction {
            id: reply.id,
            phase: reply.phase,
            power_permille: reply.power_permille,
            speed_permille: reply.speed_permille,
            summon: reply.summon,
            ability,
            heal_permille: reply.heal_permille,
            dismiss: reply.dismiss,
            announcement: DefId(reply.announcement),
            memory: reply.memory,
        })
    }

    fn fallback(view: &Bout) -> Direction {
        Direction::fallback(view)
    }

    fn remembers(answer: &Direction) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Direction) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("phase", answer.phase.into()),
            ("power", answer.power_permille.into()),
            ("adds", answer.summon.into()),
            ("uses ability", share(answer.ability != DefId::NONE)),
        ]
    }
}

fn lower_phase(phase: &PhaseView) -> wit::Phase {
    wit::Phase {
        health_below_permille: phase.health_below_permille,
        after_ticks: phase.after_ticks,
        power_permille: phase.power_permille,
        adds: phase.adds.0,
        adds_count: phase.adds_count,
        ability: phase.ability.0,
        announcement: phase.announcement.0,
    }
}

pub(crate) struct OpenDuels;

impl Hook for OpenDuels {
    const EXPORT: Export = Export::OpenDuels;
    type View = Pairing;
    type Answer = Terms;
    type Wire = wit::Pairing;
    type Reply = wit::Terms;

    call_export!(Encounter, lore_script_encounter, func_open_duels in bulk);

    fn sample() -> Pairing {
        samples::pairing()
    }

    fn vary(view: &mut Pairing, number: u32, dice: &mut Rng) {
        made_up::pairing(view, number, dice);
    }

    fn forget_state(answer: &mut Terms) {
        answer.memory = 0;
    }

    fn id(view: &Pairing) -> u64 {
        view.id.into()
    }

    fn lower(view: &Pairing) -> wit::Pairing {
        wit::Pairing {
            id: view.id,
            challenger: lower_duelist(&view.challenger),
            opponent: lower_duelist(&view.opponent),
            turn_ticks: view.turn_ticks,
            seed: view.seed,
        }
    }

    fn lift(view: &Pairing, reply: wit::Terms) -> Result<Terms, BadOutput> {
        same_id(view.id, reply.id)?;
        within("turn-ticks", reply.turn_ticks, TURN_TICKS, "20..=2,400")?;
        Ok(Terms {
            id: reply.id,
            challenger_begins: reply.challenger_begins,
            turn_ticks: reply.turn_ticks,
            memory: reply.memory,
        })
    }

    fn fallback(view: &Pairing) -> Terms {
        Terms::fallback(view)
    }

    fn remembers(answer: &Terms) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Terms) -> impl IntoIterator<Item = (&'static str, f64)> {
        [("challenger begins", share(answer.challenger_begins)), ("turn ticks", answer.turn_ticks.into())]
    }
}

fn lower_duelist(view: &DuelistView) -> wit::Duelist {
    wit::Duelist {
        entity: view.entity.0,
        is_npc: view.is_npc,
        level: view.level,
        health: view.health,
        health_max: view.health_max,
        mana: view.mana,
        energy: view.energy,
        accuracy: view.accuracy,
        evasion: view.evasion,
    }
}

pub(crate) struct TakeTurns;

impl Hook for TakeTurns {
    const EXPORT: Export = Export::TakeTurns;
    type View = Turn;
    type Answer = Act;
    type Wire = wit::Turn;
    type Reply = wit::Act;

    call_export!(Encounter, lore_script_encounter, func_take_turns);

    fn sample() -> Turn {
        samples::turn()
    }

    fn vary(view: &mut Turn, number: u32, dice: &mut Rng) {
        made_up::turn(view, number, dice);
    }

    fn state(view: &Turn) -> Option<StateValue> {
        Some(StateValue::Encounter { encounter: DefId::NONE, phase: 0, memory: view.memory })
    }

    fn set_state(view: &mut Turn, state: StateValue) {
        if let StateValue::Encounter { memory, .. } = state {
            view.memory = memory;
        }
    }

    fn forget_state(answer: &mut Act) {
        answer.memory = 0;
    }

    fn id(view: &Turn) -> u64 {
        view.id.into()
    }

    fn lower(view: &Turn) -> wit::Turn {
        wit::Turn {
            id: view.id,
            round: view.round,
            actor: lower_duelist(&view.actor),
            foe: lower_duelist(&view.foe),
            chosen: view.chosen.0,
            auto: view.auto,
            timed_out: view.timed_out,
            moves: view.moves.iter().map(lower_move).collect(),
            memory: view.memory,
            seed: view.seed,
        }
    }

    fn lift(view: &Turn, reply: wit::Act) -> Result<Act, BadOutput> {
        same_id(view.id, reply.id)?;
        let ability = DefId(reply.ability);
        if ability != DefId::NONE && view.ready_move(ability).is_none() {
            let (what, value) = ("ability", reply.ability.into());
            return Err(BadOutput::Number { what, value, expected: "0, or a move that is ready" });
        }
        within("power-permille", reply.power_permille, (0, ACT_POWER_MAX_PERMILLE), "0..=5,000")?;
        within("cooldown-turns", reply.cooldown_turns, (0, COOLDOWN_TURNS_MAX), "0..=100")?;
        Ok(Act {
            id: reply.id,
            ability,
            power_permille: reply.power_permille,
            cooldown_turns: reply.cooldown_turns,
            again: reply.again,
            verdict: reply.verdict.into(),
            memory: reply.memory,
        })
    }

    fn fallback(view: &Turn) -> Act {
        Act::fallback(view)
    }

    fn remembers(answer: &Act) -> bool {
        answer.memory != 0
    }

    fn measure(answer: &Act) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("passes", share(answer.ability == DefId::NONE)),
            ("power", answer.power_permille.into()),
            ("acts again", share(answer.again)),
            ("ends the duel", share(answer.verdict != DuelVerdict::GoOn)),
        ]
    }
}

fn lower_move(made: &Move) -> wit::Move {
    wit::Move {
        ability: made.ability.0,
        power_permille: made.power_permille,
        heal: made.heal,
        mana_cost: made.mana_cost,
        energy_cost: made.energy_cost,
        cooldown_ticks: made.cooldown_ticks,
        cooldown_turns: made.cooldown_turns,
        ready: made.ready,
    }
}

same_cases! { BoutOccasion = wit::Occasion { Engaged, Going, Reset, Changed } }
same_cases! { DuelVerdict = wit::Verdict { GoOn, ActorWins, FoeWins, Draw } }

flat! {
    wit::Duelist { entity, is_npc, level, health, health_max, mana, energy, accuracy, evasion }
    wit::Pairing { id, challenger, opponent, turn_ticks, seed }
    wit::Terms { id, challenger_begins, turn_ticks, memory }
}
