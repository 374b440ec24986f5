//! The formula against its closed form.

use super::*;
use crate::wit::exports::lore::script::combat::Element;

fn plain() -> Attack {
    Attack {
        id: 9,
        attacker: 1,
        defender: 2,
        element: Element::Physical,
        attacker_level: 1,
        defender_level: 1,
        attacker_is_npc: false,
        defender_is_npc: true,
        accuracy: 50,
        evasion: 50,
        distance_mm: 2_000,
        attack_power: 60,
        weapon_damage: 40,
        power_permille: 1_000,
        critical_chance: 0,
        defence: 0,
        resistance_permille: 0,
        block_chance: 0,
        dodge_chance: 0,
        defender_health: 100,
        defender_health_max: 100,
        seed: 0,
    }
}

/// Share of `rolls` swings for which `counts`, permille. The seed makes a failure repeatable.
fn share_of(attack: &Attack, counts: impl Fn(&Outcome) -> bool) -> i64 {
    const ROLLS: u64 = 100_000;
    const SEED: u64 = 20_261_121;
    let mut seeds = Rng::new(SEED);
    let hits = (0..ROLLS).filter(|_| counts(&resolve(&Attack { seed: seeds.next(), ..*attack }))).count();
    let permille = (hits as u64 * 1_000 / ROLLS) as i64;
    println!("seed {SEED}: {permille} permille of {ROLLS} swings");
    permille
}

#[test]
fn hit_chance_is_the_formula() {
    assert_eq!(hit_chance(50, 50, 0), 70);
    assert_eq!(hit_chance(70, 50, 0), 80);
    assert_eq!(hit_chance(50, 70, 0), 60);
    assert_eq!(hit_chance(50, 50, 9_999), 70);
    assert_eq!(hit_chance(50, 50, 10_000), 69);
    assert_eq!(hit_chance(50, 50, 100_000), 60);
    assert_eq!(hit_chance(1_000, 50, 0), 95);
    assert_eq!(hit_chance(i32::MIN, i32::MAX, u32::MAX), 5);
    assert_eq!(hit_chance(i32::MAX, i32::MIN, 0), 95);
}

#[test]
fn chances_agree_with_the_closed_form() {
    let near = |share: i64, expected: i64| assert!((share - expected).abs() <= 6, "{share} for {expected}");
    let attack = Attack { accuracy: 74, evasion: 60, distance_mm: 30_000, ..plain() };
    near(share_of(&attack, |o| o.kind != HitKind::Miss), 740);
    let attack = Attack { dodge_chance: 20, ..plain() };
    near(share_of(&attack, |o| o.kind == HitKind::Dodge), 700 * 200 / 1_000);
    let attack = Attack { critical_chance: 30, block_chance: 50, ..plain() };
    near(share_of(&attack, |o| o.kind == HitKind::Critical), 700 * 300 / 1_000);
    near(share_of(&attack, |o| o.kind == HitKind::Block), 700 * 700 / 1_000 * 500 / 1_000);
}

#[test]
fn variance_is_even_and_a_critical_multiplies_it() {
    let attack = Attack { accuracy: 1_000, critical_chance: 50, ..plain() };
    let mut seeds = Rng::new(5);
    let (mut sum, mut count) = (0_i64, 0_i64);
    for _ in 0..50_000 {
        let outcome = resolve(&Attack { seed: seeds.next(), ..attack });
        match outcome.kind {
            HitKind::Critical => assert_eq!(i64::from(outcome.raw), i64::from(outcome.base) * 3 / 2),
            HitKind::Hit => assert_eq!(outcome.raw, outcome.base),
            _ => continue,
        }
        assert!((80..=120).contains(&outcome.base), "seed 5: {}", outcome.base);
        assert_eq!((outcome.amount, outcome.threat), (outcome.raw, outcome.raw));
        sum += i64::from(outcome.base);
        count += 1;
    }
    let mean_permille = sum * 1_000 / count;
    assert!((99_000..=100_100).contains(&mean_permille), "seed 5: mean {mean_permille}");
}

/// The first seed with which the attack lands as a plain hit.
fn landed(attack: &Attack) -> Outcome {
    let landed = (0..1_000).map(|seed| resolve(&Attack { seed, ..*attack }));
    landed.into_iter().find(|outcome| outcome.kind == HitKind::Hit).expect("most swings hit")
}

#[test]
fn resistance_comes_before_defence_and_a_hit_takes_at_least_one() {
    let base = landed(&plain());
    let reduced = landed(&Attack { resistance_permille: 500, defence: 10, ..plain() });
    assert_eq!(reduced.raw, base.raw);
    assert_eq!(reduced.amount, base.raw / 2 - 10);
    let weak = landed(&Attack { resistance_permille: -500, ..plain() });
    assert_eq!(weak.amount, base.raw * 3 / 2);
    assert_eq!(landed(&Attack { defence: 10_000, ..plain() }).amount, 1);
    assert_eq!(landed(&Attack { resistance_permille: 5_000, ..plain() }).amount, 1);
}

#[test]
fn a_block_halves_and_a_miss_takes_nothing() {
    let attack = Attack { block_chance: 100, ..plain() };
    for seed in 0..100 {
        let outcome = resolve(&Attack { seed, ..attack });
        match outcome.kind {
            HitKind::Block => assert_eq!(outcome.amount, outcome.raw / 2),
            HitKind::Miss => assert_eq!((outcome.base, outcome.amount), (0, 0)),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn extreme_numbers_stay_in_bounds() {
    let mut dice = Rng::new(77);
    let mut extreme = || [i32::MIN, -1, 0, 1, i32::MAX][dice.below(5) as usize];
    for seed in 0..10_000 {
        let attack = Attack {
            attack_power: extreme(),
            weapon_damage: extreme(),
            defence: extreme(),
            resistance_permille: extreme(),
            accuracy: extreme(),
            evasion: extreme(),
            power_permille: extreme() as u32,
            critical_chance: extreme() as u32,
            seed,
            ..plain()
        };
        let outcome = resolve(&attack);
        assert!((0..=1_000_000).contains(&outcome.amount), "{attack:?} {outcome:?}");
        assert!((0..=1_000_000).contains(&outcome.raw), "{attack:?} {outcome:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_outcome() {
    for seed in 0..100 {
        let attack = Attack { seed, critical_chance: 20, block_chance: 20, dodge_chance: 20, ..plain() };
        assert_eq!(format!("{:?}", resolve(&attack)), format!("{:?}", resolve(&attack)));
    }
}
