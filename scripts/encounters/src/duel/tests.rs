use super::*;
use crate::wit::exports::lore::script::encounter::Duelist;

const STRIKE: u32 = 21;
const CLEAVE: u32 = 22;
const MEND: u32 = 23;

fn duelist(entity: u64) -> Duelist {
    Duelist {
        entity,
        is_npc: false,
        level: 3,
        health: 100,
        health_max: 100,
        mana: 30,
        energy: 100,
        accuracy: 60,
        evasion: 50,
    }
}

fn made(ability: u32, power_permille: u32, cooldown_ticks: u32) -> Move {
    Move {
        ability,
        power_permille,
        heal: if power_permille == 0 { 45 } else { 0 },
        mana_cost: 0,
        energy_cost: 0,
        cooldown_ticks,
        cooldown_turns: 0,
        ready: true,
    }
}

fn turn() -> Turn {
    Turn {
        id: 3,
        round: 1,
        actor: duelist(1),
        foe: duelist(2),
        chosen: 0,
        auto: false,
        timed_out: false,
        moves: vec![made(STRIKE, 1_000, 0), made(CLEAVE, 1_700, 80), made(MEND, 0, 120)],
        memory: 0,
        seed: 1,
    }
}

#[test]
fn the_quicker_one_begins_and_a_coin_where_none_is() {
    let pairing = |challenger, opponent, seed| Pairing {
        id: 1,
        challenger: Duelist { evasion: challenger, ..duelist(1) },
        opponent: Duelist { evasion: opponent, ..duelist(2) },
        turn_ticks: 300,
        seed,
    };
    assert!(open(&pairing(51, 50, 1)).challenger_begins);
    assert!(!open(&pairing(50, 51, 1)).challenger_begins);
    let begun = (0..1_000).filter(|seed| open(&pairing(50, 50, *seed)).challenger_begins).count();
    assert!((400..600).contains(&begun), "{begun}");
}

#[test]
fn what_was_chosen_is_done_and_nothing_is_a_pass() {
    let act = take_turn(&Turn { chosen: CLEAVE, ..turn() }, 50);
    assert_eq!((act.ability, act.power_permille, act.cooldown_turns), (CLEAVE, 1_000, 1));
    assert_eq!((act.again, act.verdict), (false, Verdict::GoOn));
    assert_eq!(take_turn(&turn(), 50).ability, 0);
    let mut tired = Turn { chosen: CLEAVE, ..turn() };
    tired.moves[1].ready = false;
    assert_eq!(take_turn(&tired, 50).ability, 0);
}

#[test]
fn who_leaves_it_to_the_script_strikes_hard_and_heals_late() {
    let auto = |health| {
        let actor = Duelist { health, ..duelist(1) };
        take_turn(&Turn { auto: true, actor, ..turn() }, 50)
    };
    assert_eq!([100, 40, 39].map(|health| auto(health).ability), [CLEAVE, CLEAVE, MEND]);
    assert_eq!(auto(39).cooldown_turns, 1, "six seconds are two turns");
    let mut tired = Turn { auto: true, ..turn() };
    tired.moves.iter_mut().for_each(|made| made.ready = made.ability == STRIKE);
    assert_eq!(take_turn(&tired, 50).ability, STRIKE);
}

#[test]
fn three_missed_turns_in_a_row_lose() {
    let missed = |turn: &Turn| take_turn(&Turn { timed_out: true, ..turn.clone() }, 50);
    // The memory goes to the other and back between two turns of one.
    let mut memory = 0;
    for expected in [Verdict::GoOn, Verdict::GoOn, Verdict::FoeWins] {
        let act = missed(&Turn { memory, ..turn() });
        assert_eq!(act.verdict, expected);
        memory = take_turn(&Turn { memory: act.memory, chosen: STRIKE, ..turn() }, 50).memory;
    }
    let twice = Turn { memory: 2, chosen: STRIKE, ..turn() };
    assert_eq!(take_turn(&twice, 50).memory, 0, "who acts is forgiven");
}

#[test]
fn blows_grow_harder_and_nobody_wins_for_ever() {
    let at = |round| take_turn(&Turn { round, ..turn() }, 50);
    assert_eq!([1, 10, 11, 30].map(|round| at(round).power_permille), [1_000, 1_000, 1_050, 2_000]);
    assert_eq!((at(60).verdict, at(61).verdict), (Verdict::GoOn, Verdict::Draw));
}
