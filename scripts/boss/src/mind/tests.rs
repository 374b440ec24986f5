//! One boss in situations.

use super::*;

const BITE: u32 = 11;
const MAUL: u32 = 12;

fn fighting(health_permille: u32, memory: i64) -> Perception {
    let home = Position { x_mm: 0, y_mm: 0 };
    Perception {
        id: 7,
        template: 1,
        level: 6,
        state: State::Attack,
        state_ticks: 5,
        memory,
        health_permille,
        at: home,
        home,
        distance_home_mm: 0,
        target: 3,
        target_at: home,
        target_distance_mm: 1_000,
        target_health_permille: 900,
        nearest: 3,
        nearest_distance_mm: 1_000,
        friends_fighting: 0,
        friends_idle: 3,
        stunned: false,
        ready_in_ticks: 0,
        aggro_mm: 15_000,
        leash_mm: 50_000,
        wander_mm: 0,
        reach_mm: 3_500,
        flee_below_permille: 0,
        basic: BITE,
        special: MAUL,
        special_ready_in_ticks: 0,
        seed: 1,
    }
}

fn specials(health_permille: u32) -> usize {
    let seen = fighting(health_permille, 0);
    (0..1_000).filter(|seed| think(&Perception { seed: *seed, ..seen }).ability == MAUL).count()
}

#[test]
fn the_special_attack_comes_more_often_by_phase() {
    assert!((150..=250).contains(&specials(501)));
    assert!((450..=550).contains(&specials(500)));
    assert_eq!(specials(250), 1_000);
}

#[test]
fn calls_for_help_once_at_half_health() {
    assert!(!think(&fighting(501, 0)).call_for_help);
    let roused = think(&fighting(500, 0));
    assert!(roused.call_for_help);
    assert!(!think(&fighting(490, roused.memory)).call_for_help);
}

#[test]
fn healing_does_not_calm_it_but_going_home_does() {
    assert_eq!(think(&fighting(1_000, 2)).memory, 2);
    let far = Perception { distance_home_mm: 50_001, ..fighting(100, 2) };
    let home = think(&far);
    assert_eq!((home.state, home.target, home.memory), (State::ReturnHome, 0, 0));
}

#[test]
fn runs_faster_when_enraged() {
    let chase = |health| think(&Perception { target_distance_mm: 9_000, ..fighting(health, 0) });
    assert_eq!((chase(900).state, chase(900).speed_permille), (State::Chase, 1_000));
    assert_eq!(chase(200).speed_permille, 1_400);
}
