//! The balance simulator: the same figures for the same seed on any number of threads, and shares of hits
//! and critical hits as one would work them out on paper.

use crate::live::{lore, root, seed};
use crate::support::starter;
use anyhow::ensure;
use runtime::author::balance::{Attacker, Blows, Line, Pace, Tally, simulate};
use sim::content::{Class, Npc, Stats};
use sim::def_id;
use sim::native::hit_chance;

const PACE: Pace = Pace { tick_ms: 250, limit_ms: 300_000 };

fn line(level: u32, npc: &str, count: u32) -> Line {
    let class = def_id("class/warrior");
    let defenders = vec![(def_id(&format!("npc/{npc}")), count)];
    Line { attackers: vec![Attacker { class, level }], defenders, distance_mm: 5_000 }
}

fn fight(line: &Line, pace: Pace, fights: u64, seed: u64, threads: usize) -> Option<Tally> {
    let generation = starter::generation()?;
    let content = starter::content();
    let tally = simulate(&generation, &content, line, pace, (fights, seed), threads, &|_| {}).unwrap();
    assert_eq!((tally.failures, &tally.first_failure), (0, &None), "seed {seed}");
    Some(tally)
}

#[test]
fn figures_depend_on_the_seed_and_on_nothing_else() {
    let seed = seed("balance");
    let line = line(2, "wolf", 2);
    let Some(one) = fight(&line, PACE, 1_200, seed, 1) else { return };
    let three = fight(&line, PACE, 1_200, seed, 3).unwrap();
    let figures = |tally: &Tally| (tally.fights, tally.won, tally.lost, tally.attackers, tally.defenders);
    assert_eq!(figures(&one), figures(&three), "seed {seed}");
    assert_eq!(one.kill_ms, three.kill_ms, "seed {seed}");
    assert_eq!(one.fights, 1_200);
    let other = fight(&line, PACE, 1_200, seed ^ 1, 2).unwrap();
    assert_ne!(figures(&one), figures(&other), "seed {seed}");
}

/// `part` of `whole` is within five standard deviations of a probability.
fn assert_share(what: &str, part: u64, whole: u64, probability: f64, seed: u64) {
    let (n, p) = (whole as f64, probability);
    let off = (part as f64 - n * p).abs();
    let deviation = (n * p * (1.0 - p)).sqrt();
    assert!(off <= 5.0 * deviation.max(1.0), "{what}: {part} of {whole}, {p:.4} expected, seed {seed}");
}

/// Shares of misses, dodges, critical hits and blocks, one after the other as the rules roll them.
fn assert_blows(blows: &Blows, by: &Stats, on: &Stats, seed: u64) {
    let miss = f64::from(100 - hit_chance(by.accuracy, on.evasion, 0)) / 100.0;
    let percent = |chance: i32| f64::from(chance) / 100.0;
    let (dodge, critical) = (percent(on.dodge_chance), percent(by.critical_chance));
    let block = percent(on.block_chance);
    let landed = (1.0 - miss) * (1.0 - dodge);
    let all = blows.swings;
    assert_share("missed", blows.miss, all, miss, seed);
    assert_share("dodged", blows.dodge, all, (1.0 - miss) * dodge, seed);
    assert_share("critical", blows.critical, all, landed * critical, seed);
    assert_share("blocked", blows.block, all, landed * (1.0 - critical) * block, seed);
    assert_share("hit", blows.hit, all, landed * (1.0 - critical) * (1.0 - block), seed);
}

#[test]
fn hits_and_critical_hits_are_as_often_as_the_formula_says() {
    // A fixed seed: five standard deviations would be passed once in a million honest runs.
    let seed = 0xba1a_4ce0;
    eprintln!("balance: seed {seed}");
    let line = line(5, "bandit", 1);
    let Some(tally) = fight(&line, PACE, 4_000, seed, 2) else { return };
    let content = starter::content();
    let class: &Class = &content.classes[&def_id("class/warrior")];
    let bandit: &Npc = &content.npcs[&def_id("npc/bandit")];
    let mut warrior = class.base.plus(&class.growth, 4);
    for item in &class.starting_items {
        let item = &content.items[&item.item];
        if matches!(item.kind, sim::content::ItemKind::Equipment(_)) {
            warrior = warrior.plus(&item.bonus, 1);
        }
    }
    assert!(tally.attackers.swings > 10_000 && tally.defenders.swings > 10_000, "{tally:?}");
    assert_blows(&tally.attackers, &warrior, &bandit.stats, seed);
    assert_blows(&tally.defenders, &bandit.stats, &warrior, seed);
}

#[test]
fn a_longer_tick_tells_nearly_the_same() {
    let seed = 0xba1a_4ce1;
    let line = line(1, "dire_wolf", 1);
    let Some(fast) = fight(&line, PACE, 1_000, seed, 2) else { return };
    let exact = fight(&line, Pace { tick_ms: 50, ..PACE }, 1_000, seed, 2).unwrap();
    let (fast, exact) = (fast.won_share(), exact.won_share());
    eprintln!("won: {:.3} in ticks of 250 ms, {:.3} in ticks of 50 ms, seed {seed}", fast.0, exact.0);
    assert!((fast.0 - exact.0).abs() < 0.15, "{fast:?} and {exact:?}");
}

#[test]
fn the_command_tells_it_as_a_table_and_a_picture() -> anyhow::Result<()> {
    if starter::generation().is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let svg = folder.path().join("wolves.svg");
    let mut sim = lore();
    sim.args(["sim", "--attacker", "warrior:10", "--against", "wolf:3", "--fights", "500", "--svg"]);
    let told = sim.arg(&svg).current_dir(root()).output()?;
    let text = String::from_utf8_lossy(&told.stdout);
    ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    for expected in ["warrior:10 against wolf:3: 500 fights", "seconds to win", "fights a second and core"] {
        ensure!(text.contains(expected), "{text}");
    }
    ensure!(std::fs::read_to_string(&svg)?.starts_with("<svg"), "no picture");
    let mut sim = lore();
    sim.args(["sim", "--attacker", "warior:10", "--against", "wolf", "--fights", "1"]);
    let told = sim.current_dir(root()).output()?;
    let text = String::from_utf8_lossy(&told.stderr);
    ensure!(text.contains("there is no class `warior` (did you mean `warrior`?)"), "{text}");
    Ok(())
}
