//! What one combat resolution costs: native Rust, WebAssembly components of Rust, C and TypeScript,
//! LuaJIT, Rhai; and what a tick of ten thousand NPC decisions costs.
//!
//! `cargo bench -p host-api` prints two tables, `cargo bench -p host-api -- 'one by one'` only the rows of that name.
//! All engines compute the formula of `scripts/combat`
//! over the same views with the same dice, and must agree on a checksum. The component is the
//! real one, found in `scripts/target/lore` or the directory named by `LORE_SCRIPTS`.

mod component;
mod lua;
mod minds;
mod native;
mod rhai_script;

use sim::content::Element;
use sim::rng::Rng;
use sim::rules::{Attack, HitKind, Outcome};
use sim::{EntityId, def_id};
use std::error::Error;
use std::time::{Duration, Instant};

/// Views per pass; every batch size divides it.
const VIEWS: usize = 1_000;
/// Passes measured per row; the minimum and the median are shown.
const SAMPLES: usize = 30;
/// A sample repeats its pass until it has taken this long, so that the clock's grain is no matter.
const SAMPLE: Duration = Duration::from_millis(4);

/// One line of the table.
struct Row {
    name: String,
    min_ns: f64,
    median_ns: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes an option of its own.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let attacks = views();
    let expected = native::pass(&attacks);
    let mut table = Table { only, expected, rows: Vec::new() };
    table.add("native Rust", || Ok(native::pass(&attacks)))?;
    match component::Scripts::find()? {
        Some(mut scripts) => {
            for batch in [1, 10, 100, 1_000] {
                let name = format!("component in Rust, {}", batches(batch));
                table.add(&name, || Ok(scripts.pass(&attacks, batch)))?;
            }
            scripts.serve();
            let name = "component in Rust, one by one, one a tick, recorded";
            table.add(name, || Ok(scripts.pass_ticks(&attacks)))?;
        }
        None => println!(
            "component: not measured, no combat script in {}; run `cargo run --release -- build` first\n\
             or name a directory of built scripts in LORE_SCRIPTS",
            component::directory().display()
        ),
    }
    for guest in &component::GUESTS {
        let Some(mut scripts) = component::Scripts::of(guest)? else {
            println!(
                "component in {}: not measured, no {}; `cargo test --test stories formulas` builds it",
                guest.language,
                guest.path().display()
            );
            continue;
        };
        for batch in [1, 100, 1_000] {
            let name = format!("component in {}, {}", guest.language, batches(batch));
            table.add(&name, || Ok(scripts.pass(&attacks, batch)))?;
        }
    }
    let lua = lua::Lua::new(&attacks)?;
    table.add("LuaJIT, a table per call", || lua.pass_single(&attacks))?;
    table.add("LuaJIT, batches of 100 tables", || lua.pass_batch(&attacks, 100))?;
    table.add("LuaJIT, loop inside, views kept", || lua.pass_inside())?;
    let rhai = rhai_script::Rhai::new(&attacks)?;
    table.add("Rhai, a map per call", || rhai.pass_single(&attacks))?;
    table.add("Rhai, loop inside, views kept", || rhai.pass_inside())?;
    table.print();
    if table.only.is_some() { Ok(()) } else { minds::run() }
}

fn batches(size: usize) -> String {
    if size == 1 { "one by one".to_owned() } else { format!("batches of {size}") }
}

/// Rows measured so far, of those that were asked for.
struct Table {
    only: Option<String>,
    expected: i64,
    rows: Vec<Row>,
}

impl Table {
    /// Repeats `pass` over all views and checks its result every time. The first row, which the others are
    /// compared with, is always measured.
    fn add(
        &mut self,
        name: &str,
        mut pass: impl FnMut() -> Result<i64, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        if !self.rows.is_empty() && self.only.as_deref().is_some_and(|only| !name.contains(only)) {
            return Ok(());
        }
        let expected = self.expected;
        assert_eq!(pass()?, expected, "{name} computes something else");
        let mut samples = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let start = Instant::now();
            let mut passes = 0_u32;
            while passes == 0 || start.elapsed() < SAMPLE {
                assert_eq!(std::hint::black_box(pass()?), expected, "{name} computes something else");
                passes += 1;
            }
            samples.push(start.elapsed().as_nanos() as f64 / f64::from(passes) / VIEWS as f64);
        }
        samples.sort_by(f64::total_cmp);
        self.rows.push(Row { name: name.to_owned(), min_ns: samples[0], median_ns: samples[SAMPLES / 2] });
        Ok(())
    }

    fn print(&self) {
        let native = self.rows[0].min_ns;
        println!(
            "one combat resolution, {VIEWS} views, {SAMPLES} samples, checksum {} in every engine",
            self.expected
        );
        println!(
            "dice: splitmix64, in Rust, in the component and in Lua (64-bit cdata); by the host for Rhai"
        );
        println!();
        println!("{:<52} {:>9} {:>10} {:>10}", "engine", "min ns", "median ns", "to native");
        for row in &self.rows {
            let ratio = row.min_ns / native;
            println!("{:<52} {:>9.1} {:>10.1} {:>9.1}x", row.name, row.min_ns, row.median_ns, ratio);
        }
    }
}

/// Fighters of all sorts: every branch of the formula is taken.
fn views() -> Vec<Attack> {
    let mut dice = Rng(def_id("bench/combat").0.into());
    (0..VIEWS)
        .map(|id| Attack {
            id: id as u32,
            attacker: EntityId(1 + id as u64 % 50),
            defender: EntityId(100 + id as u64 % 70),
            element: Element::Fire,
            attacker_level: 1 + dice.below(60),
            defender_level: 1 + dice.below(60),
            attacker_is_npc: false,
            defender_is_npc: true,
            accuracy: 20 + dice.below(100) as i32,
            evasion: 20 + dice.below(100) as i32,
            distance_mm: dice.below(40_000),
            attack_power: 10 + dice.below(200) as i32,
            weapon_damage: dice.below(80) as i32,
            power_permille: 500 + dice.below(2_000),
            critical_chance: dice.below(40),
            defence: dice.below(60) as i32,
            resistance_permille: dice.below(900) as i32 - 300,
            block_chance: dice.below(40),
            dodge_chance: dice.below(30),
            defender_health: 1_000,
            defender_health_max: 1_000,
            // What a number of JavaScript holds exactly.
            seed: dice.next_u64() >> 11,
        })
        .collect()
}

/// Position of a kind of hit in the WIT enum.
fn kind_number(kind: HitKind) -> i64 {
    match kind {
        HitKind::Miss => 0,
        HitKind::Dodge => 1,
        HitKind::Block => 2,
        HitKind::Hit => 3,
        HitKind::Critical => 4,
    }
}

/// Weighs every field of an outcome, so that two engines cannot agree by accident.
fn weigh(outcome: &Outcome) -> i64 {
    let Outcome { id, kind, base, raw, amount, threat } = *outcome;
    i64::from(id)
        + 2 * kind_number(kind)
        + 3 * i64::from(base)
        + 5 * i64::from(raw)
        + 7 * i64::from(amount)
        + 11 * i64::from(threat)
}
