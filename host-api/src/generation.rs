//! A consistent set of modules: what one zone runs in one tick. Immutable; a swap makes a new one.

use crate::failure::ScriptFailure;
use crate::manifest::Kind;
use crate::module::Module;
use sim::{DefId, ModuleStamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The modules that are live together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Generation {
    number: u64,
    modules: Arc<BTreeMap<(Kind, DefId), Module>>,
    /// Of these, those that are not asked.
    resting: Arc<BTreeSet<ModuleStamp>>,
}

/// Why modules do not make a generation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerationError {
    /// Two scripts of the same name, or of names with the same hash.
    #[error(
        "`{first}` and `{second}` cannot be live together: their names are the same or collide; rename one in its lore.toml"
    )]
    SameName {
        /// Label of one.
        first: String,
        /// Label of the other.
        second: String,
    },
    /// Two scripts of a kind of which there is only one.
    #[error(
        "`{first}` and `{second}` are both of kind `{kind}`, of which there is only one; to take the place of the other, \
         one needs its name in its lore.toml"
    )]
    SameKind {
        /// The kind.
        kind: Kind,
        /// Label of one.
        first: String,
        /// Label of the other.
        second: String,
    },
    /// No script of a kind that nothing goes without.
    #[error(
        "there is no script of kind `{0}`, without which no world runs; `lore build` makes the project's, `lore new NAME --kind {0}` begins one"
    )]
    Missing(Kind),
}

impl Generation {
    /// A generation of these modules.
    ///
    /// # Errors
    /// Two modules claim one place, or combat or ability is missing.
    pub fn new(number: u64, modules: impl IntoIterator<Item = Module>) -> Result<Self, GenerationError> {
        let mut by_script: BTreeMap<DefId, Module> = BTreeMap::new();
        for module in modules {
            if let Some(other) = by_script.insert(module.script(), module.clone()) {
                let (first, second) = (other.label().to_owned(), module.label().to_owned());
                return Err(GenerationError::SameName { first, second });
            }
        }
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_single()) {
            let mut of_kind = by_script.values().filter(|module| module.kind() == kind);
            let Some(first) = of_kind.next() else {
                if kind.is_required() {
                    return Err(GenerationError::Missing(kind));
                }
                continue;
            };
            if let Some(second) = of_kind.next() {
                let (first, second) = (first.label().to_owned(), second.label().to_owned());
                return Err(GenerationError::SameKind { kind, first, second });
            }
        }
        let modules = by_script.into_values().map(|module| ((module.kind(), module.script()), module));
        Ok(Self { number, modules: Arc::new(modules.collect()), resting: Arc::default() })
    }

    /// The same modules under another number.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        Self { number, ..self.clone() }
    }

    /// This generation with those of its modules at rest for which `rests` holds, and no others: they keep
    /// name, place and state, and whatever they are asked is answered with the fallback at once.
    #[must_use]
    pub fn resting(self, rests: impl Fn(&Module) -> bool) -> Self {
        let resting: BTreeSet<ModuleStamp> =
            self.modules().filter(|module| rests(module)).map(Module::stamp).collect();
        Self { resting: Arc::new(resting), ..self }
    }

    /// Whether a module is at rest here.
    pub fn rests(&self, module: &Module) -> bool {
        self.resting.contains(&module.stamp())
    }

    /// This generation with `module` in the place of the one of its name, or added. Others go on to rest.
    ///
    /// # Errors
    /// As for [`Generation::new`].
    pub fn with_module(&self, number: u64, module: Module) -> Result<Self, GenerationError> {
        let script = module.script();
        let others = self.modules.values().filter(|other| other.script() != script).cloned();
        Ok(Self::new(number, others.chain([module]))?.resting(|module| self.rests(module)))
    }

    /// Counted up with every swap.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// All modules, by kind and script id.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// The module of this name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules().find(|module| module.name() == name)
    }

    /// Puts file and line of the author's source to the stack of a failure. Takes milliseconds:
    /// keep it off the tick.
    pub fn locate(&self, failure: &mut ScriptFailure) {
        if let Some(module) = self.modules().find(|module| module.label() == failure.module) {
            module.locate(&mut failure.kind);
        }
    }

    /// The label of the module with this stamp, for events and logs.
    pub fn label(&self, stamp: ModuleStamp) -> Option<&str> {
        self.modules().find(|module| module.stamp() == stamp).map(Module::label)
    }
}
