//! Components nobody thought of, from seeds: bent in one place or several, with noise where notes should be. Whatever they
//! are, they are accepted or refused with a reason, and what is accepted stays within its limits.
//!
//! `LORE_SMITH` is how many, `LORE_SEED` where they begin.

use crate::fixture::{Guest, attacks, engine, resolve, section};
use host_api::{Engine, Generation, Kind, Limits, LoadError, Module, ScriptRules};
use std::collections::BTreeMap;

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
