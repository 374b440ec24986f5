//! A tick full of NPCs: ten thousand decisions by the real wolf, beside the yardstick of `sim`, a simpler mind.

use crate::component;
use host_api::{Engine, Generation, Kind, Limits, Module, ScriptRules};
use sim::content::Position;
use sim::native::NativeRules;
use sim::rng::Rng;
use sim::rules::{Answer, Context, Decision, NpcState, Origin, Perception, Rules};
use sim::{DefId, EntityId, def_id};
use std::error::Error;
use std::fs;
use std::time::Instant;

/// NPCs that decide in one tick.
const NPCS: u32 = 10_000;
/// Ticks measured per row.
const TICKS: usize = 100;
const TICK_MS: u32 = 50;
const WOLF: DefId = def_id("script/wolf");

/// Prints the table.
pub fn run() -> Result<(), Box<dyn Error>> {
    let perceptions = perceptions();
    println!();
    println!("{NPCS} NPC decisions of one tick, one in three with an enemy, {TICKS} ticks");
    println!();
    println!("{:<34} {:>9} {:>10} {:>10}", "mind", "min ms", "median ms", "of a tick");
    row("native Rust, a simpler mind", &mut NativeRules, &perceptions, true);
    let file = component::directory().join("wolf.wasm");
    let Ok(bytes) = fs::read(&file) else {
        println!("component: not measured, no {}", file.display());
        return Ok(());
    };
    let engine = Engine::new(Limits::default(), None)?;
    let mut modules = component::required(&engine)?;
    modules.push(Module::load(&engine, &bytes)?);
    assert!(modules.iter().any(|module| module.kind() == Kind::Npc), "{} is no mind", file.display());
    let mut rules = ScriptRules::new(&Generation::new(1, modules)?)?;
    row("component in Rust, the wolf", &mut rules, &perceptions, false);
    rules.record(1_000);
    row("the same, recorded for proofs", &mut rules, &perceptions, false);
    Ok(())
}

fn row(name: &str, rules: &mut dyn Rules, perceptions: &[Perception], native: bool) {
    let mut answers: Vec<Answer<Decision>> = Vec::new();
    let mut times = Vec::with_capacity(TICKS);
    for tick in 0..TICKS as u64 {
        let ctx = Context { tick, tick_ms: TICK_MS, zone: def_id("zone/bench"), minute_of_day: 0 };
        let start = Instant::now();
        rules.think(&ctx, WOLF, perceptions, &mut answers);
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        let decided = |answer: &Answer<Decision>| native || matches!(answer.origin, Origin::Script(_));
        assert!(answers.len() == perceptions.len() && answers.iter().all(decided), "{name} failed");
    }
    times.sort_by(f64::total_cmp);
    let share = 100.0 * times[0] / f64::from(TICK_MS);
    println!("{name:<34} {:>9.3} {:>10.3} {share:>9.1}%", times[0], times[TICKS / 2]);
}

/// Most idle or strolling, some chasing, some in reach of who they fight.
fn perceptions() -> Vec<Perception> {
    let mut dice = Rng(def_id("bench/minds").0.into());
    let at = |dice: &mut Rng| Position { x_mm: dice.below(600_000) as i32, y_mm: dice.below(600_000) as i32 };
    (1..=NPCS)
        .map(|id| {
            let (here, fights, far) = (at(&mut dice), dice.below(3) == 0, dice.below(2) == 0);
            let state = match (fights, far) {
                (true, true) => NpcState::Chase,
                (true, false) => NpcState::Attack,
                (false, true) => NpcState::Wander,
                (false, false) => NpcState::Idle,
            };
            let enemy = if fights { EntityId(u64::from(NPCS + 1 + dice.below(200))) } else { EntityId::NONE };
            Perception {
                id: EntityId(id.into()),
                template: def_id("npc/wolf"),
                level: 1 + dice.below(20),
                state,
                state_ticks: dice.below(200),
                memory: 0,
                health_permille: 1 + dice.below(1_000),
                at: here,
                home: here,
                distance_home_mm: dice.below(30_000),
                target: enemy,
                target_at: if fights { at(&mut dice) } else { Position::default() },
                target_distance_mm: if fights && far { 9_000 } else { u32::from(fights) * 1_500 },
                target_health_permille: if fights { 700 } else { 0 },
                nearest: enemy,
                nearest_distance_mm: u32::from(fights) * 1_500,
                friends_fighting: u32::from(fights) * dice.below(4),
                friends_idle: u32::from(fights) * dice.below(4),
                stunned: false,
                ready_in_ticks: dice.below(10),
                aggro_mm: 12_000,
                leash_mm: 40_000,
                wander_mm: 8_000,
                reach_mm: 2_000,
                flee_below_permille: 150,
                basic: def_id("ability/bite"),
                special: def_id("ability/rend"),
                special_ready_in_ticks: dice.below(60),
                seed: dice.next_u64(),
            }
        })
        .collect()
}
