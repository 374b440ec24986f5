//! The starter's scripts of combat, abilities, loot, levels, prices, fees, crafting, chat, weather, encounters and
//! events against the same rules in Rust, answer by answer, and combat against the probabilities that a designer
//! would work out on paper.

use crate::live::seed;
use crate::support::views::Draw;
use crate::support::{guests, starter};
use host_api::{Counters, Generation, Kind, Module};
use runtime::build::Language;
use sim::native::{NativeRules, hit_chance};
use sim::rng::Rng;
use sim::rules::{Answer, Attack, Context, HitKind, Outcome, Rules};
use sim::{DefId, def_id};
use std::fmt::Debug;

const VIEWS: usize = 100_000;
const BATCH: usize = 1_000;
const CONTEXT: Context = Context { tick: 77, tick_ms: 50, zone: def_id("zone/greywood"), minute_of_day: 600 };

/// Asks both about the same views and compares every answer whole.
fn agree<V: Debug, T: PartialEq + Debug>(
    seed: u64,
    views: usize,
    mut draw: impl FnMut(u32) -> V,
    mut ask: impl FnMut(&[V], &mut Vec<Answer<T>>, &mut Vec<Answer<T>>),
) {
    let (mut script, mut native) = (Vec::new(), Vec::new());
    for batch in 0..views / BATCH {
        let views: Vec<V> = (0..BATCH).map(|i| draw((batch * BATCH + i) as u32)).collect();
        ask(&views, &mut script, &mut native);
        assert_eq!((script.len(), native.len()), (BATCH, BATCH));
        for ((view, script), native) in views.iter().zip(&script).zip(&native) {
            assert_eq!(script.value, native.value, "script and Rust differ over {view:?}, seed {seed}");
        }
    }
}

#[test]
fn the_scripts_compute_what_the_rules_in_rust_compute() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    agree(
        seed,
        VIEWS,
        |id| draw.attack(id),
        |views, script, native| {
            rules.resolve(&CONTEXT, views, script);
            NativeRules.resolve(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.cast(id),
        |views, script, native| {
            rules.plan_casts(&CONTEXT, views, script);
            NativeRules.plan_casts(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.pulse(id),
        |views, script, native| {
            rules.pulse_statuses(&CONTEXT, views, script);
            NativeRules.pulse_statuses(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.line(id),
        |views, script, native| {
            rules.judge(&CONTEXT, def_id("script/chat-filter"), views, script);
            NativeRules.judge(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.moment(id),
        |views, script, native| {
            rules.govern(&CONTEXT, def_id("script/weather"), views, script);
            NativeRules.govern(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.event_moment(id),
        |views, script, native| {
            rules.conduct(&CONTEXT, def_id("script/events"), views, script);
            NativeRules.conduct(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.merit(id),
        |views, script, native| {
            rules.reward_merits(&CONTEXT, def_id("script/events"), views, script);
            NativeRules.reward_merits(&CONTEXT, DefId::NONE, views, native);
        },
    );
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

#[test]
fn loot_levels_and_prices_are_what_the_rules_in_rust_say() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    macro_rules! compare {
        ($($view:ident: $ask:ident),*) => {$(
            agree(
                seed,
                VIEWS,
                |id| draw.$view(id),
                |views, script, native| {
                    rules.$ask(&CONTEXT, views, script);
                    NativeRules.$ask(&CONTEXT, views, native);
                },
            );
        )*};
    }
    compare! {
        spoils: roll_loot,
        level_step: require_experience,
        growth: grow_stats,
        kill: reward_kills,
        fall: punish_deaths,
        deal: quote_prices,
        attempt: craft,
        charge: fees
    }
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

#[test]
fn bosses_and_duels_go_on_as_the_rules_in_rust_say() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    let script = def_id("script/encounters");
    macro_rules! compare {
        ($($view:ident: $ask:ident),*) => {$(
            agree(
                seed,
                VIEWS,
                |id| draw.$view(id),
                |views, answers, native| {
                    rules.$ask(&CONTEXT, script, views, answers);
                    NativeRules.$ask(&CONTEXT, DefId::NONE, views, native);
                },
            );
        )*};
    }
    compare! { bout: direct, pairing: open_duels, turn: take_turns }
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

/// Views for an interpreter, which takes its time.
const FEW: usize = 10 * BATCH;

#[test]
fn c_and_typescript_compute_what_the_rules_in_rust_compute() {
    let seed = seed("formulas in C and TypeScript");
    for (language, views) in [(Language::C, VIEWS), (Language::TypeScript, FEW)] {
        if !guests::can_build(language) {
            continue;
        }
        let Some(starter) = starter::generation() else { return };
        let component = guests::Guests::open().formula(language);
        let module = Module::load(starter::engine(), &component).unwrap_or_else(|error| panic!("{error}"));
        let others = starter.modules().filter(|module| module.kind() != Kind::Combat).cloned();
        let generation = Generation::new(2, others.chain([module])).unwrap();
        let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
        agree(
            seed,
            views,
            // TypeScript is given the upper 53 bits of a seed: such seeds are the same to all.
            |id| {
                let attack = draw.attack(id);
                Attack { id: id | 1 << 31, seed: attack.seed >> 11, ..attack }
            },
            |views, script, native| {
                rules.resolve(&CONTEXT, views, script);
                let failures = rules.drain_failures();
                assert!(failures.is_empty(), "{language}, seed {seed}: {}", failures[0]);
                NativeRules.resolve(&CONTEXT, views, native);
            },
        );
        for stats in rules.stats().filter(|stats| stats.kind == Kind::Combat) {
            let Counters { calls, items, fuel, time_ns, .. } = stats.counters;
            let (fuel, time) = (fuel / items, time_ns / items);
            eprintln!(
                "formulas: {language}, {items} swings in {calls} calls, {fuel} fuel and {time} ns each"
            );
        }
    }
}

/// `part` of `whole` is within five standard deviations of `percent`.
fn assert_share(what: &str, part: usize, whole: usize, percent: f64) {
    let (n, p) = (whole as f64, percent / 100.0);
    let deviation = (n * p * (1.0 - p)).sqrt();
    let off = (part as f64 - n * p).abs();
    assert!(off <= 5.0 * deviation.max(1.0), "{what}: {part} of {whole}, {percent} % expected");
}

#[test]
fn swings_land_crit_and_vary_as_the_formula_says() {
    let Some(generation) = starter::generation() else { return };
    let mut rules = starter::rules(&generation);
    // A fixed seed: five standard deviations would be passed once in a million honest runs.
    let mut draw = Draw(Rng(0x10ae_f0a6));
    for (accuracy, evasion, distance_mm, critical, block, dodge) in [
        (50, 50, 1_500, 10, 0, 0),
        (90, 40, 2_000, 25, 15, 5),
        (20, 120, 30_000, 50, 30, 20),
        (150, 0, 0, 100, 50, 10),
        (0, 150, 40_000, 0, 100, 0),
    ] {
        let swing = |id: u32, draw: &mut Draw| Attack {
            accuracy,
            evasion,
            distance_mm,
            critical_chance: critical,
            block_chance: block,
            dodge_chance: dodge,
            attack_power: 900,
            weapon_damage: 100,
            power_permille: 2_000,
            defence: 50,
            resistance_permille: 250,
            ..draw.attack(id)
        };
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(VIEWS);
        let mut answers = Vec::new();
        for _ in 0..VIEWS / BATCH {
            let views: Vec<Attack> = (0..BATCH).map(|id| swing(id as u32, &mut draw)).collect();
            rules.resolve(&CONTEXT, &views, &mut answers);
            outcomes.extend(answers.iter().map(|answer| answer.value));
        }
        let count = |kind| outcomes.iter().filter(|outcome| outcome.kind == kind).count();
        let (miss, dodged, blocked) = (count(HitKind::Miss), count(HitKind::Dodge), count(HitKind::Block));
        let (hit, crit) = (count(HitKind::Hit), count(HitKind::Critical));
        let chance = hit_chance(accuracy, evasion, distance_mm);
        let on_paper = 70 + (accuracy - 50) / 2 - (evasion - 50) / 2 - distance_mm as i32 / 1_000 / 10;
        assert_eq!(chance as i32, on_paper.clamp(5, 95));
        assert_share("missed", miss, VIEWS, f64::from(100 - chance));
        assert_share("dodged", dodged, VIEWS - miss, f64::from(dodge));
        let landed = hit + crit + blocked;
        assert_share("critical", crit, landed, f64::from(critical));
        assert_share("blocked", blocked, landed - crit, f64::from(block));
        check_damage(&outcomes);
    }
}

/// 2,000 on average, 1,600 to 2,400; half as much again on a critical hit, half when blocked; a
/// quarter resisted, then 50 off.
fn check_damage(outcomes: &[Outcome]) {
    let landed: Vec<&Outcome> =
        outcomes.iter().filter(|o| !matches!(o.kind, HitKind::Miss | HitKind::Dodge)).collect();
    for outcome in &landed {
        assert!((1_600..=2_400).contains(&outcome.base), "{outcome:?}");
        let (raw, passed) = match outcome.kind {
            HitKind::Critical => (outcome.base * 3 / 2, outcome.base * 3 / 2),
            HitKind::Block => (outcome.base, outcome.base / 2),
            _ => (outcome.base, outcome.base),
        };
        assert_eq!((outcome.raw, outcome.amount), (raw, passed * 3 / 4 - 50), "{outcome:?}");
    }
    // 401 equally likely steps of 2: variance (401² - 1) / 12 * 2².
    let n = landed.len() as f64;
    let mean = landed.iter().map(|outcome| f64::from(outcome.base)).sum::<f64>() / n;
    let variance = landed.iter().map(|outcome| (f64::from(outcome.base) - mean).powi(2)).sum::<f64>() / n;
    let expected = (401.0_f64.powi(2) - 1.0) / 12.0 * 4.0;
    assert!((mean - 2_000.0).abs() <= 5.0 * (expected / n).sqrt(), "mean {mean} of {n}");
    // The fourth moment of a uniform distribution is 9/5 of the squared variance.
    let spread = expected * (0.8 / n).sqrt();
    assert!((variance - expected).abs() <= 5.0 * spread, "variance {variance}, {expected} expected, of {n}");
}
