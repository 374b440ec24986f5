//! One wolf in situations.

use super::*;

const BITE: u32 = 11;
const SAVAGE: u32 = 12;
const TICK_MS: u32 = 50;

/// Resting at home, alone.
fn wolf() -> Perception {
    let home = Position { x_mm: 100_000, y_mm: 100_000 };
    Perception {
        id: 7,
        template: 1,
        level: 1,
        state: State::Idle,
        state_ticks: 0,
        memory: 0,
        health_permille: 1_000,
        at: home,
        home,
        distance_home_mm: 0,
        target: 0,
        target_at: home,
        target_distance_mm: 0,
        target_health_permille: 0,
        nearest: 0,
        nearest_distance_mm: 0,
        friends_fighting: 0,
        friends_idle: 0,
        stunned: false,
        ready_in_ticks: 0,
        aggro_mm: 10_000,
        leash_mm: 40_000,
        wander_mm: 6_000,
        reach_mm: 2_500,
        flee_below_permille: 150,
        basic: BITE,
        special: 0,
        special_ready_in_ticks: 0,
        seed: 1,
    }
}

/// Fighting 3, which stands `distance_mm` to the east.
fn fighting(distance_mm: u32) -> Perception {
    let target_at = Position { x_mm: 100_000 + distance_mm as i32, y_mm: 100_000 };
    Perception { state: State::Chase, target: 3, target_at, target_distance_mm: distance_mm, ..wolf() }
}

fn decide(seen: &Perception) -> Decision {
    think(seen, TICK_MS)
}

#[test]
fn rests_then_strolls_near_home_and_rests_again() {
    assert_eq!(decide(&wolf()).state, State::Idle);
    let rested = Perception { state_ticks: 60, ..wolf() };
    let strolls: Vec<_> = (0..10_000)
        .map(|seed| decide(&Perception { seed, ..rested }))
        .filter(|decision| decision.state == State::Wander)
        .collect();
    assert!((100..=200).contains(&strolls.len()), "{} of 10000", strolls.len());
    for stroll in &strolls {
        let goal = at(&stroll.destination);
        assert!(ground::distance(goal, at(&rested.home)) <= 6_000);
        let under_way = Perception { state: State::Wander, memory: stroll.memory, ..wolf() };
        let there = Perception { at: stroll.destination, ..under_way };
        assert_eq!(decide(&there).state, State::Idle);
        if ground::distance(goal, at(&rested.home)) > ARRIVED_MM {
            assert_eq!(at(&decide(&under_way).destination), goal);
        }
    }
}

#[test]
fn turns_on_who_comes_close_then_chases_then_bites() {
    let noticed = decide(&Perception { nearest: 3, nearest_distance_mm: 9_000, ..wolf() });
    assert_eq!((noticed.state, noticed.target), (State::Chase, 3));
    let chase = decide(&fighting(9_000));
    assert_eq!((chase.state, chase.target, chase.ability), (State::Chase, 3, 0));
    assert_eq!((chase.destination.x_mm, chase.speed_permille), (109_000, 1_000));
    let attack = decide(&fighting(2_000));
    assert_eq!((attack.state, attack.ability, attack.speed_permille), (State::Attack, BITE, 0));
    assert_eq!(decide(&Perception { ready_in_ticks: 1, ..fighting(2_000) }).ability, 0);
}

#[test]
fn uses_the_special_attack_now_and_then_when_it_is_ready() {
    let seen = Perception { special: SAVAGE, ..fighting(2_000) };
    let specials = (0..1_000).filter(|seed| decide(&Perception { seed: *seed, ..seen }).ability == SAVAGE);
    assert!((350..=450).contains(&specials.count()));
    let tired = Perception { special_ready_in_ticks: 5, ..seen };
    assert!((0..1_000).all(|seed| decide(&Perception { seed, ..tired }).ability == BITE));
}

#[test]
fn flees_once_and_calls_once_per_fight() {
    let hurt = Perception { health_permille: 140, friends_idle: 2, ..fighting(2_000) };
    let flight = decide(&hurt);
    assert_eq!((flight.state, flight.target), (State::Flee, 3));
    assert_eq!(flight.destination.x_mm, 90_000);
    let still = Perception { state: State::Flee, state_ticks: 59, memory: flight.memory, ..hurt };
    assert_eq!(decide(&still).state, State::Flee);
    let over = Perception { state_ticks: 60, ..still };
    let turned = decide(&over);
    assert_eq!((turned.state, turned.call_for_help), (State::Attack, true));
    let again = decide(&Perception { memory: turned.memory, ..over });
    assert_eq!((again.state, again.call_for_help), (State::Attack, false));
}

#[test]
fn goes_home_beyond_the_leash_or_without_an_enemy_and_forgets() {
    let far = Perception { distance_home_mm: 40_001, memory: 3, ..fighting(2_000) };
    let home = decide(&far);
    assert_eq!((home.state, home.target, home.memory), (State::ReturnHome, 0, 0));
    let won = Perception { state: State::Attack, distance_home_mm: 9_000, ..wolf() };
    assert_eq!(decide(&won).state, State::ReturnHome);
    let way = Perception { state: State::ReturnHome, distance_home_mm: 9_000, ..fighting(2_000) };
    assert_eq!(decide(&way).state, State::ReturnHome);
    assert_eq!(decide(&Perception { distance_home_mm: 400, ..way }).state, State::Idle);
}

#[test]
fn does_nothing_while_stunned() {
    let stunned = decide(&Perception { stunned: true, state: State::Attack, memory: 5, ..fighting(2_000) });
    assert_eq!((stunned.state, stunned.target, stunned.ability), (State::Attack, 3, 0));
    assert_eq!((stunned.speed_permille, stunned.memory), (0, 5));
}
