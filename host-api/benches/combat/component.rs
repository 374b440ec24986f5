//! The real combat script, through the same rules the simulation calls.

use crate::weigh;
use host_api::{Engine, Generation, Kind, Limits, Module, RECORDED_VIEWS, ScriptRules};
use sim::def_id;
use sim::rules::{Answer, Attack, Context, Origin, Outcome, Rules};
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const CONTEXT: Context = Context { tick: 1, tick_ms: 50, zone: def_id("zone/bench"), minute_of_day: 0 };

/// Built guests in other languages than Rust.
pub struct Guest {
    pub language: &'static str,
    file: &'static str,
}

/// The same formula in C and TypeScript: `combat.c` and `combat.ts` beside this file.
pub const GUESTS: [Guest; 2] = [
    Guest { language: "C", file: "combat-c.wasm" },
    Guest { language: "TypeScript", file: "combat-ts.wasm" },
];

impl Guest {
    /// Where a test builds it, unless `LORE_GUESTS` names another folder.
    pub fn path(&self) -> PathBuf {
        let built = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages/scripts/target/lore");
        env::var_os("LORE_GUESTS").map_or_else(built, PathBuf::from).join(self.file)
    }
}

/// The combat and ability scripts of the directory: no generation can be without.
pub fn required(engine: &Engine) -> Result<Vec<Module>, Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(directory()) else { return Ok(Vec::new()) };
    let mut modules = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let module = Module::load(engine, &fs::read(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if matches!(module.kind(), Kind::Combat | Kind::Ability) {
            modules.push(module);
        }
    }
    Ok(modules)
}

pub struct Scripts {
    rules: ScriptRules,
    tick: u64,
    answers: Vec<Answer<Outcome>>,
}

/// Where built scripts are looked for.
pub fn directory() -> PathBuf {
    env::var_os("LORE_SCRIPTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/target/lore"), PathBuf::from)
}

impl Scripts {
    /// The combat and ability scripts of the directory, if it has both.
    pub fn find() -> Result<Option<Self>, Box<dyn Error>> {
        Self::with(None)
    }

    /// The same with another combat script, if that is built.
    pub fn of(guest: &Guest) -> Result<Option<Self>, Box<dyn Error>> {
        let Ok(bytes) = fs::read(guest.path()) else { return Ok(None) };
        Self::with(Some(bytes))
    }

    fn with(combat: Option<Vec<u8>>) -> Result<Option<Self>, Box<dyn Error>> {
        let engine = Engine::new(Limits::default(), None)?;
        let mut modules = required(&engine)?;
        if let Some(bytes) = combat {
            modules.retain(|module| module.kind() != Kind::Combat);
            modules.push(Module::load(&engine, &bytes)?);
        }
        if modules.len() < 2 {
            return Ok(None);
        }
        let rules = ScriptRules::new(&Generation::new(1, modules)?)?;
        Ok(Some(Self { rules, tick: 1, answers: Vec::new() }))
    }

    /// From now on calls are recorded and ticks have shares, as in a zone.
    pub fn serve(&mut self) {
        self.rules.record(RECORDED_VIEWS);
        self.rules.limit_ticks();
    }

    /// One attack in each tick: an event that nothing else happens beside.
    pub fn pass_ticks(&mut self, attacks: &[Attack]) -> i64 {
        let mut sum = 0;
        for attack in attacks {
            self.tick += 1;
            let ctx = Context { tick: self.tick, ..CONTEXT };
            self.rules.resolve(&ctx, std::slice::from_ref(attack), &mut self.answers);
            sum += self.answers.iter().map(|answer| weigh(&answer.value)).sum::<i64>();
        }
        assert!(self.rules.drain_failures().is_empty(), "a script failed");
        sum
    }

    pub fn pass(&mut self, attacks: &[Attack], batch: usize) -> i64 {
        let mut sum = 0;
        for attacks in attacks.chunks(batch) {
            self.rules.resolve(&CONTEXT, attacks, &mut self.answers);
            sum += self.answers.iter().map(|answer| weigh(&answer.value)).sum::<i64>();
            assert!(self.answers.iter().all(|answer| answer.origin != Origin::Fallback), "a script failed");
        }
        sum
    }
}
