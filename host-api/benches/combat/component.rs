//! The real combat script, through the same rules the simulation calls.

use crate::weigh;
use host_api::{Engine, Generation, Kind, Limits, Module, ScriptRules};
use sim::def_id;
use sim::rules::{Answer, Attack, Context, Origin, Outcome, Rules};
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const CONTEXT: Context = Context { tick: 1, tick_ms: 50, zone: def_id("zone/bench"), minute_of_day: 0 };

pub struct Scripts {
    rules: ScriptRules,
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
        let Ok(entries) = fs::read_dir(directory()) else { return Ok(None) };
        let engine = Engine::new(Limits::default(), None)?;
        let mut modules = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let module = Module::load(&engine, &fs::read(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            if matches!(module.kind(), Kind::Combat | Kind::Ability) {
                modules.push(module);
            }
        }
        if modules.len() < 2 {
            return Ok(None);
        }
        let rules = ScriptRules::new(&Generation::new(1, modules)?)?;
        Ok(Some(Self { rules, answers: Vec::new() }))
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
