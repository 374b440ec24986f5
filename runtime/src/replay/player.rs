//! Lets a zone's ticks happen again.

use super::explain::{Focus, Overheard};
use super::log::{LogError, ModuleRef, Record, Running};
use super::outcome::Outcome;
use crate::content;
use crate::reload::Archive;
use crate::zone::split;
use host_api::{
    Engine, FailureKind, Former, Generation, GenerationError, LoadError, Module, Recording, RulesError,
    ScriptRules,
};
use sim::checkpoint::CheckpointError;
use sim::content::Content;
use sim::output::Output;
use sim::rules::{Origin, Rules};
use sim::state::Migrated;
use sim::{EntityId, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a log cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// It cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A module or the content that ran is not in the archive.
    #[error(
        "{what} is not in the archive ({reason}): play it with the --data folder of the server that recorded it"
    )]
    Missing {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// A module of the archive is no longer accepted.
    #[error("{label}: {source}")]
    Module {
        /// Which.
        label: String,
        /// Why.
        source: LoadError,
    },
    /// The modules do not go together.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// They cannot be started.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// There is nothing to play.
    #[error("{0}")]
    Nothing(String),
    /// A module would take the place of one that never ran.
    #[error("{label} would take nobody's place: there ran {}, and no {name}", ran.join(", "))]
    NeverRan {
        /// Name of the module.
        name: String,
        /// Its label.
        label: String,
        /// Names of those that ran.
        ran: Vec<String>,
    },
}

/// Where a replay first went another way than what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// First tick whose digest differs.
    pub tick: u64,
    /// First entity that differs, and the tick at which that was seen: at most a second later when
    /// compared with a log, which holds digests of entities once a second.
    pub entity: Option<(u64, u64)>,
    /// Digest of the world as recorded.
    pub expected: u64,
    /// Digest of the world as played.
    pub found: u64,
}

/// A call that the clock of the replay ended, and that of the recording did not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missed {
    /// When.
    pub tick: u64,
    /// Label of the module.
    pub module: String,
    /// `combat.resolve`.
    pub export: String,
}

/// What a record did to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A world was restored; whether it follows from the last.
    Started {
        /// False at the start of a log, after a gap and after a restart.
        continues: bool,
    },
    /// Another generation runs.
    Swapped,
    /// A tick was played.
    Ticked {
        /// Digest as recorded.
        expected: u64,
        /// Digest as played.
        found: u64,
    },
    /// Nothing changed.
    Noted,
}

/// One world with the rules that ran.
pub struct Player {
    engine: Engine,
    archive: Arc<Archive>,
    modules: BTreeMap<String, Module>,
    contents: BTreeMap<u64, Arc<Content>>,
    /// In the place of the module of its name, whatever ran.
    with: Option<Module>,
    /// Take no swap into account after this many.
    swaps: Option<usize>,
    seen_swaps: usize,
    world: Option<World>,
    rules: Option<ScriptRules>,
    running: Vec<ModuleRef>,
    zone: String,
    output: Output,
    /// What came of it.
    pub outcome: Outcome,
    /// Calls that its own clock ended: from the first one on it may not be what the log says. Each has taken
    /// its seconds, so that there are few.
    pub missed: Vec<Missed>,
    /// Whom to explain.
    pub focus: Option<Focus>,
    /// The tick of which everything is kept that scripts are asked.
    kept_tick: Option<u64>,
    kept: Option<Recording>,
}

impl Player {
    /// A player that finds modules and content in `archive`.
    pub fn new(engine: Engine, archive: Arc<Archive>) -> Self {
        Self {
            engine,
            archive,
            modules: BTreeMap::new(),
            contents: BTreeMap::new(),
            with: None,
            swaps: None,
            seen_swaps: 0,
            world: None,
            rules: None,
            running: Vec::new(),
            zone: String::new(),
            output: Output::default(),
            outcome: Outcome::default(),
            missed: Vec::new(),
            focus: None,
            kept_tick: None,
            kept: None,
        }
    }

    /// Keeps everything that scripts are asked in one tick.
    #[must_use]
    pub fn keeping(mut self, tick: u64) -> Self {
        self.kept_tick = Some(tick);
        self
    }

    /// What they were asked in that tick, once it was played.
    pub fn kept(&self) -> Option<&Recording> {
        self.kept.as_ref()
    }

    /// The modules that run; none before the first record.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.rules.iter().flat_map(|rules| rules.generation().modules())
    }

    /// Runs `module` in the place of whatever ran under its name.
    #[must_use]
    pub fn with_module(mut self, module: Module) -> Self {
        self.with = Some(module);
        self
    }

    /// That module.
    pub(super) fn replacement(&self) -> Option<&Module> {
        self.with.as_ref()
    }

    /// Leaves out all swaps but the first `count`.
    #[must_use]
    pub fn with_swaps(mut self, count: usize) -> Self {
        self.swaps = Some(count);
        self
    }

    /// Name of the zone; empty before the first record.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The world as it stands.
    pub fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// What to call who decided something.
    pub fn label(&self, origin: Origin) -> String {
        match origin {
            // Whoever decided may have been replaced since.
            Origin::Script(stamp) => {
                let mut ran = self.with.iter().chain(self.modules.values());
                ran.find(|module| module.stamp() == stamp).map_or("?", Module::label).to_owned()
            }
            Origin::Fallback => "fallback".to_owned(),
            Origin::Content(digest) => format!("content+{:08x}", digest >> 32),
        }
    }

    /// Plays one record.
    ///
    /// # Errors
    /// [`PlayError`]
    pub fn play(&mut self, record: &Record) -> Result<Step, PlayError> {
        match record {
            Record::Start { zone, continues, running, checkpoint } => {
                self.zone.clone_from(zone);
                // A world that goes on is the one at hand; with other modules it is another one than
                // the checkpoint's on purpose.
                if *continues && self.world.is_some() {
                    return Ok(Step::Started { continues: true });
                }
                let content = self.content(running.content)?;
                self.world = Some(World::from_checkpoint(content, checkpoint)?);
                self.run(running, &[])?;
                Ok(Step::Started { continues: false })
            }
            Record::Swap { running, migrated } => {
                self.seen_swaps += 1;
                if self.swaps.is_some_and(|swaps| self.seen_swaps > swaps) {
                    return Ok(Step::Noted);
                }
                let content = self.content(running.content)?;
                if let Some(world) = &mut self.world
                    && world.content().digest != content.digest
                {
                    world.swap_content(content);
                }
                if let Some(world) = &mut self.world {
                    let (was, is) = (&self.running, &running.modules);
                    world.generation_swapped(|script| ModuleRef::changed(was, is, script));
                }
                self.run(running, migrated)?;
                Ok(Step::Swapped)
            }
            Record::Tick { inputs, digest } => {
                let (Some(world), Some(rules)) = (&mut self.world, &mut self.rules) else {
                    return Err(PlayError::Nothing("the log does not begin with a start".to_owned()));
                };
                let mut inputs = inputs.clone();
                let kept = self.kept_tick == Some(world.tick() + 1);
                if kept {
                    rules.record(sim::limits::ENTITIES_PER_ZONE);
                }
                match &mut self.focus {
                    Some(focus) => {
                        world.step(&mut inputs, &mut Overheard { rules, focus }, &mut self.output);
                    }
                    None => world.step(&mut inputs, rules as &mut dyn Rules, &mut self.output),
                }
                if kept {
                    self.kept = Some(rules.take_recording());
                    rules.record(0);
                }
                let failures = rules.drain_failures();
                if !failures.is_empty() {
                    rules.restock();
                }
                let late = failures.into_iter().filter(|it| matches!(it.kind, FailureKind::Deadline { .. }));
                self.missed.extend(late.map(|failure| Missed {
                    tick: world.tick(),
                    module: failure.module,
                    export: failure.export.to_string(),
                }));
                self.outcome.add(&self.output);
                Ok(Step::Ticked { expected: *digest, found: world.digest() })
            }
            Record::Deadline { module, export } => {
                let recorded = (self.world.as_ref().map(World::tick), module, export);
                self.missed.retain(|missed| (Some(missed.tick), &missed.module, &missed.export) != recorded);
                Ok(Step::Noted)
            }
            Record::Entities(_) | Record::End => Ok(Step::Noted),
        }
    }

    /// The first entity that is not as in `expected`, or not there, or too many.
    pub fn differing(&self, expected: &[(EntityId, u64)]) -> Option<EntityId> {
        let found: BTreeMap<EntityId, u64> = self.world.as_ref()?.entity_digests().collect();
        let expected: BTreeMap<EntityId, u64> = expected.iter().copied().collect();
        let ids = expected.keys().chain(found.keys());
        ids.filter(|id| expected.get(id) != found.get(id)).min().copied()
    }

    /// State goes over to the schemas of what runs with the recorded answers, as far as they are about what
    /// is here.
    fn run(&mut self, running: &Running, migrated: &[Migrated]) -> Result<(), PlayError> {
        let (mut modules, mut resting) = (Vec::new(), Vec::new());
        for wanted in &running.modules {
            let replaced = self.with.as_ref().filter(|with| with.name() == wanted.name).cloned();
            // What takes its place was not what failed.
            if replaced.is_none() && wanted.rests {
                resting.push(wanted.digest.clone());
            }
            modules.push(match replaced {
                Some(with) => with,
                None => self.module(wanted)?,
            });
        }
        let generation = Generation::new(running.generation, modules)?
            .resting(|module| resting.contains(&module.digest()));
        if let Some(world) = &mut self.world {
            let schemas = generation.schemas();
            if schemas != *world.schemas() || !migrated.is_empty() {
                let (mut ready, rest) = split(world.old_states(&schemas), migrated);
                ready.extend(generation.migrate(&Former::default(), &rest));
                world.adopt(schemas, &ready);
            }
        }
        let mut rules = ScriptRules::new(&generation)?;
        rules.limit_ticks();
        self.rules = Some(rules);
        self.running.clone_from(&running.modules);
        Ok(())
    }

    fn module(&mut self, wanted: &ModuleRef) -> Result<Module, PlayError> {
        if let Some(known) = self.modules.get(&wanted.digest) {
            return Ok(known.clone());
        }
        let missing = |error: std::io::Error| PlayError::Missing {
            what: wanted.label.clone(),
            reason: error.to_string(),
        };
        let bytes = self.archive.module(&wanted.digest).map_err(missing)?;
        let module = Module::load(&self.engine, &bytes)
            .map_err(|source| PlayError::Module { label: wanted.label.clone(), source })?;
        self.modules.insert(wanted.digest.clone(), module.clone());
        Ok(module)
    }

    fn content(&mut self, digest: u64) -> Result<Arc<Content>, PlayError> {
        if let Some(known) = self.contents.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let missing = |reason: String| PlayError::Missing { what: format!("content {digest:016x}"), reason };
        let files =
            self.archive.content(&format!("{digest:016x}")).map_err(|error| missing(error.to_string()))?;
        let (content, _) = content::load_files(&files).map_err(|errors| missing(errors.to_string()))?;
        let content = Arc::new(content);
        self.contents.insert(digest, Arc::clone(&content));
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits;
    use super::super::survey::tests::world;
    use super::*;

    #[test]
    fn a_deadline_is_missed_by_the_replay_alone_if_the_log_has_none() {
        let data = tempfile::tempdir().unwrap();
        let engine = Engine::new(limits(), None).unwrap();
        let mut player = Player::new(engine, Arc::new(Archive::open(data.path()).unwrap()));
        let missed = |tick, export: &str| Missed {
            tick,
            module: "combat@0.1.0+1a2b3c4d".to_owned(),
            export: export.to_owned(),
        };
        player.world = Some(world(8));
        player.missed = vec![missed(7, "combat.resolve"), missed(8, "combat.resolve")];
        let Missed { module, export, .. } = missed(8, "combat.resolve");
        player.play(&Record::Deadline { module, export }).unwrap();
        assert_eq!(player.missed, [missed(7, "combat.resolve")]);
    }
}
