//! Components nobody thought of, from seeds: bent in one place or several, with noise where notes should be, or with code
//! that a generator of valid WebAssembly made up. Whatever they are, they are accepted or refused with a reason, and what is
//! accepted stays within its limits.
//!
//! `LORE_SMITH` is how many, `LORE_SEED` where they begin.

use crate::fixture::{Guest, attacks, engine, resolve, section};
use arbitrary::Unstructured;
use host_api::{Engine, Generation, Kind, Limits, LoadError, Manifest, Module, ScriptRules};
use std::collections::BTreeMap;
use wasm_smith::Config;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.roll() as u8).take(count).collect()
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Runs `case` for as many seeds as asked for; the seed is printed with a failure.
fn for_seeds(count: u64, mut case: impl FnMut(&mut Dice)) {
    let first = setting("LORE_SEED", 1);
    for seed in first..first + setting("LORE_SMITH", count) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&mut Dice(seed))));
        if let Err(panic) = outcome {
            eprintln!("LORE_SEED={seed} LORE_SMITH=1 repeats it");
            std::panic::resume_unwind(panic);
        }
    }
}

/// How candidates fared, by the step that refused them.
#[derive(Default, Debug)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Loads a candidate; what is accepted answers a batch, and has used no more than a batch may.
    fn try_out(&mut self, engine: &Engine, ability: &Module, bytes: &[u8]) {
        let fate = match Module::load(engine, bytes) {
            Err(error) => {
                // Every error can be shown.
                assert!(!error.to_string().is_empty());
                step(&error)
            }
            Ok(module) if module.kind() == Kind::Combat => {
                let generation = Generation::new(1, [ability.clone(), module]).unwrap();
                let mut rules = ScriptRules::new(&generation).unwrap();
                // One answer for each, from the script or the fallback.
                resolve(&mut rules, &attacks(50));
                let limits = engine.limits();
                let most = limits.fuel_per_call + limits.fuel_isolation;
                assert!(rules.stats().all(|stats| stats.counters.fuel <= most));
                "accepted"
            }
            Ok(_) => "accepted",
        };
        *self.0.entry(fate).or_default() += 1;
    }

    fn of(&self, step: &str) -> u64 {
        self.0.get(step).copied().unwrap_or(0)
    }
}

fn step(error: &LoadError) -> &'static str {
    match error {
        LoadError::Scan(_) => "scan",
        LoadError::Limits { .. } => "limits",
        LoadError::Compile { .. } => "compile",
        LoadError::Shape { .. } => "shape",
        LoadError::Start { .. } => "start",
        LoadError::Smoke { .. } => "smoke",
        LoadError::Migration { .. } => "migration",
    }
}

/// An engine whose limits are reached soon, and a module to go with the candidates.
fn stage() -> (Engine, Module) {
    let limits = Limits { fuel_instantiate: 1_000_000, deadline_load_epochs: 40, ..Limits::default() };
    let engine = Engine::new(limits, None).unwrap();
    let ability = Module::load(&engine, &Guest::new(Kind::Ability).bytes()).unwrap();
    (engine, ability)
}

#[test]
fn bent_components_do_no_harm() {
    let (engine, ability) = stage();
    let guests = Kind::ALL.map(|kind| Guest::new(kind).bytes());
    let mut tally = Tally::default();
    for_seeds(600, |dice| {
        let mut bytes = guests[dice.below(guests.len())].clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 | 1 => bytes[at] ^= 1 << dice.below(8),
                2 => bytes[at] = dice.roll() as u8,
                _ => {
                    bytes.remove(at);
                }
            }
        }
        tally.try_out(&engine, &ability, &bytes);
    });
    println!("bent: {tally:?}");
    assert!(tally.of("scan") > 0 && tally.of("compile") > 0, "{tally:?}");
}

#[test]
fn noise_in_debug_sections_locates_nothing_and_harms_nobody() {
    let engine = engine();
    let guest = Guest::new(Kind::Combat);
    for_seeds(200, |dice| {
        let mut core = wat::parse_str("(module (func $fails unreachable) (start $fails))").unwrap();
        for name in [".debug_abbrev", ".debug_info", ".debug_line", ".debug_str", ".debug_ranges"] {
            let mut body = vec![name.len() as u8];
            body.extend_from_slice(name.as_bytes());
            // Lengths, versions and tables that are plausible get further than mere noise.
            let length = 8 + dice.below(400);
            let noise = dice.bytes(length);
            body.extend_from_slice(&(length as u32).to_le_bytes());
            body.extend_from_slice(&[2 + dice.below(4) as u8, 0]);
            body.extend(noise.iter().map(|byte| if dice.below(3) == 0 { *byte } else { byte & 7 }));
            section(&mut core, 0, &body);
        }
        let error = Module::load(&engine, &guest.with_module(&core)).unwrap_err();
        assert!(matches!(error, LoadError::Start { .. }), "{error}");
    });
}

/// Settings of the generator for modules that the engine takes.
fn conforming() -> Config {
    Config {
        max_imports: 0,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 10_000,
        allow_start_export: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        compact_imports_enabled: false,
        ..Config::default()
    }
}

/// What the generator makes up of this seed.
fn made<T>(dice: &mut Dice, make: impl Fn(&mut Unstructured<'_>) -> arbitrary::Result<T>) -> T {
    loop {
        let length = 2_000 + dice.below(30_000);
        // Without enough bytes it gives up, which says nothing about the host.
        if let Ok(made) = make(&mut Unstructured::new(&dice.bytes(length))) {
            return made;
        }
    }
}

#[test]
fn made_up_code_runs_within_its_limits_or_not_at_all() {
    let (engine, ability) = stage();
    let guest = Guest::new(Kind::Combat);
    let run = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    let config = Config { exports: Some(run), ..conforming() };
    let mut tally = Tally::default();
    for_seeds(200, |dice| {
        let core = made(dice, |noise| wasm_smith::Module::new(config.clone(), noise));
        tally.try_out(&engine, &ability, &guest.with_run(&core.to_bytes()));
    });
    println!("made up: {tally:?}");
    // Some end well, and some trap or do not end.
    assert!(tally.of("accepted") > 0 && tally.of("start") > 0, "{tally:?}");
}

#[test]
fn made_up_code_in_place_of_a_guest_does_no_harm() {
    let (engine, ability) = stage();
    let mut tally = Tally::default();
    for_seeds(200, |dice| {
        let guest = Guest::new(Kind::ALL[dice.below(Kind::ALL.len())]);
        // It imports and exports what the guest does, and has a mind of its own otherwise.
        let config = Config { module_shape: Some(guest.core()), ..conforming() };
        let core = made(dice, |noise| wasm_smith::Module::new(config.clone(), noise));
        let bytes = Manifest::embed(&guest.around(core.to_bytes()), &guest.manifest);
        tally.try_out(&engine, &ability, &bytes);
    });
    println!("in place of a guest: {tally:?}");
    assert!(tally.of("smoke") > 0, "{tally:?}");
}

#[test]
fn made_up_modules_of_every_proposal_do_no_harm() {
    let (engine, ability) = stage();
    let guest = Guest::new(Kind::Combat);
    let everything = Config {
        max_imports: 0,
        allow_start_export: true,
        allow_invalid_funcs: true,
        custom_page_sizes_enabled: true,
        max_memories: 4,
        max_tables: 4,
        ..Config::default()
    };
    let mut tally = Tally::default();
    for_seeds(200, |dice| {
        let core = made(dice, |noise| wasm_smith::Module::new(everything.clone(), noise));
        tally.try_out(&engine, &ability, &guest.with_module(&core.to_bytes()));
    });
    println!("of every proposal: {tally:?}");
    assert!(tally.of("scan") + tally.of("compile") > 0, "{tally:?}");
}

#[test]
fn made_up_components_do_no_harm() {
    let (engine, ability) = stage();
    let guest = Guest::new(Kind::Combat);
    let (mut alone, mut inside) = (Tally::default(), Tally::default());
    for_seeds(200, |dice| {
        let made_up = made(dice, |noise| wasm_smith::Component::new(Config::default(), noise)).to_bytes();
        alone.try_out(&engine, &ability, &Manifest::embed(&made_up, &guest.manifest));
        // It has what is missed in it alone if it is a part of a guest.
        let mut bytes = guest.component();
        section(&mut bytes, 4, &made_up);
        inside.try_out(&engine, &ability, &Manifest::embed(&bytes, &guest.manifest));
    });
    println!("components: alone {alone:?}, inside {inside:?}");
    assert_eq!(alone.of("accepted"), 0, "{alone:?}");
    assert!(inside.of("scan") + inside.of("compile") > 0, "{inside:?}");
}
