use super::*;

fn phase(health_below_permille: u32, after_ticks: u32) -> Phase {
    Phase {
        health_below_permille,
        after_ticks,
        power_permille: 1_000 + health_below_permille,
        adds: 7,
        adds_count: 2,
        ability: 9,
        announcement: 11,
    }
}

/// In the fifth second of a fight, unhurt.
fn bout() -> Bout {
    Bout {
        id: 3,
        encounter: 1,
        boss: 2,
        template: 4,
        level: 6,
        occasion: Occasion::Going,
        phase: 0,
        phases: vec![phase(600, 0), phase(300, 2_000)],
        phase_ticks: 100,
        fight_ticks: 100,
        health_permille: 1_000,
        fighters: 1,
        adds: 0,
        enrage_ticks: 4_000,
        basic: 5,
        special: 6,
        memory: 0,
        seed: 1,
    }
}

#[test]
fn nothing_happens_before_the_first_phase() {
    let direction = direct(&bout(), 50);
    assert_eq!((direction.phase, direction.summon, direction.ability), (0, 0, 0));
    assert_eq!((direction.power_permille, direction.speed_permille), (1_000, 1_000));
}

#[test]
fn a_phase_begins_once_and_with_all_it_has() {
    let hurt = Bout { health_permille: 600, ..bout() };
    let begins = direct(&hurt, 50);
    assert_eq!((begins.phase, begins.summon, begins.ability, begins.announcement), (1, 2, 9, 11));
    assert_eq!((begins.power_permille, begins.memory), (1_600, 100));
    let goes_on = direct(&Bout { phase: 1, fight_ticks: 105, memory: begins.memory, ..hurt }, 50);
    assert_eq!((goes_on.phase, goes_on.summon, goes_on.ability, goes_on.announcement), (1, 0, 0, 0));
    assert_eq!((goes_on.power_permille, goes_on.memory), (1_600, 100));
}

#[test]
fn its_ability_comes_again_every_eight_seconds() {
    let at = |fight_ticks| {
        let bout = Bout { phase: 1, health_permille: 500, fight_ticks, memory: 100, ..bout() };
        direct(&bout, 50).ability
    };
    assert_eq!([259, 260, 300].map(at), [0, 9, 9]);
}

#[test]
fn time_brings_phases_too_and_none_goes_back() {
    let late = Bout { fight_ticks: 2_000, ..bout() };
    assert_eq!(direct(&late, 50).phase, 2, "the first was skipped");
    let healed = Bout { phase: 2, ..bout() };
    assert_eq!(direct(&healed, 50).phase, 2);
    let fewer = Bout { phase: 9, ..bout() };
    assert_eq!(direct(&fewer, 50).phase, 2, "the content has other phases now");
}

#[test]
fn patience_has_an_end() {
    let late = Bout { phase: 2, fight_ticks: 4_000, ..bout() };
    let enraged = direct(&late, 50);
    assert_eq!((enraged.power_permille, enraged.speed_permille), (2_600, ENRAGED_SPEED_PERMILLE));
    assert_eq!(direct(&Bout { enrage_ticks: 0, ..late }, 50).power_permille, 1_300);
}

#[test]
fn who_is_left_alone_forgets() {
    let reset = direct(&Bout { occasion: Occasion::Reset, phase: 2, memory: 80, ..bout() }, 50);
    assert!(reset.dismiss);
    assert_eq!((reset.phase, reset.memory, reset.summon), (0, 0, 0));
}
