//! Which zone runs which modules: the trunk everywhere, and beside it the candidates that are tried in
//! some zones. Values only; the zones hear of it from `swap`.

use host_api::{Generation, GenerationError, Module, ScriptFailure};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Older versions of a script kept to go back to.
const VERSIONS: usize = 8;

/// A candidate that runs in some zones.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Number of its change.
    pub change: u64,
    /// What runs.
    pub module: Module,
    /// Names of the zones.
    pub zones: BTreeSet<String>,
}

/// What runs where.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What runs where nothing else is said.
    pub trunk: Generation,
    /// At most one per script.
    pub overlays: Vec<Overlay>,
}

impl Layout {
    /// The generation of one zone under this number.
    ///
    /// # Errors
    /// The candidates do not go with the others.
    pub fn of(&self, zone: &str, number: u64) -> Result<Generation, GenerationError> {
        let mut generation = self.trunk.numbered(number);
        for overlay in self.overlays.iter().filter(|overlay| overlay.zones.contains(zone)) {
            generation = generation.with_module(number, overlay.module.clone())?;
        }
        Ok(generation)
    }

    /// With a module in all zones; whatever of its script was tried somewhere ends.
    ///
    /// # Errors
    /// It does not go with the others.
    pub fn with_trunk(&self, number: u64, module: Module) -> Result<Self, GenerationError> {
        let mut overlays = self.overlays.clone();
        overlays.retain(|overlay| overlay.module.name() != module.name());
        Ok(Self { trunk: self.trunk.with_module(number, module)?, overlays })
    }

    /// With a module of the trunk at rest: it failed, and there is no other version of it.
    pub fn with_rest(&self, number: u64, module: &Module) -> Self {
        let rests = |other: &Module| other.stamp() == module.stamp() || self.trunk.rests(other);
        Self { trunk: self.trunk.numbered(number).resting(rests), overlays: self.overlays.clone() }
    }

    /// With a candidate in some zones, in the place of any other of its script.
    pub fn with_overlay(&self, overlay: Overlay) -> Self {
        let mut overlays = self.overlays.clone();
        overlays.retain(|other| other.module.name() != overlay.module.name());
        overlays.push(overlay);
        Self { trunk: self.trunk.clone(), overlays }
    }

    /// Without the candidate of a change.
    pub fn without(&self, change: u64) -> Self {
        let overlays = self.overlays.iter().filter(|overlay| overlay.change != change).cloned().collect();
        Self { trunk: self.trunk.clone(), overlays }
    }

    /// Every module that runs somewhere.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.trunk.modules().chain(self.overlays.iter().map(|overlay| &overlay.module))
    }

    /// The candidate with this label.
    pub fn overlay(&self, label: &str) -> Option<&Overlay> {
        self.overlays.iter().find(|overlay| overlay.module.label() == label)
    }

    /// Whether a zone has to change from `old` to this.
    pub fn differs(&self, old: &Self, zone: &str) -> bool {
        let candidates = |layout: &Self| -> BTreeSet<String> {
            let here = layout.overlays.iter().filter(|overlay| overlay.zones.contains(zone));
            here.map(|overlay| overlay.module.digest()).collect()
        };
        self.trunk.number() != old.trunk.number() || candidates(self) != candidates(old)
    }

    /// Puts file and line to a failure. Takes milliseconds.
    pub fn locate(&self, failure: &mut ScriptFailure) {
        if let Some(module) = self.modules().find(|module| module.label() == failure.module) {
            module.locate(&mut failure.kind);
        }
    }
}

/// Versions of the scripts that ran before, and which versions can be trusted.
#[derive(Default)]
pub struct Earlier {
    /// By script name, newest last.
    versions: HashMap<String, VecDeque<Module>>,
    /// Digests of what passed its probation, or came with the pack.
    passed: BTreeSet<String>,
}

impl Earlier {
    /// Keeps what was replaced. When there are too many, the oldest goes that is not the last good one.
    pub fn remember(&mut self, before: Module) {
        let versions = self.versions.entry(before.name().to_owned()).or_default();
        versions.retain(|known| known.digest() != before.digest());
        versions.push_back(before);
        if versions.len() > VERSIONS {
            let good = versions.iter().rposition(|known| self.passed.contains(&known.digest()));
            versions.remove(usize::from(good == Some(0)));
        }
    }

    /// This version has passed.
    pub fn trust(&mut self, digest: String) {
        self.passed.insert(digest);
    }

    /// What was passed over on the way back is gone, and so is what runs again.
    pub fn went_back_to(&mut self, module: &Module) {
        if let Some(versions) = self.versions.get_mut(module.name())
            && let Some(place) = versions.iter().rposition(|known| known.digest() == module.digest())
        {
            versions.truncate(place);
        }
    }

    /// The newest version of a script that may run.
    pub fn last(&self, script: &str, may_run: impl Fn(&str) -> bool) -> Option<Module> {
        let mut versions = self.versions.get(script).into_iter().flatten().rev();
        versions.find(|module| may_run(&module.digest())).cloned()
    }

    /// The newest trusted version of a script, else the newest that may run.
    pub fn last_good(&self, script: &str, may_run: impl Fn(&str) -> bool) -> Option<Module> {
        let good = self.last(script, |digest| self.passed.contains(digest) && may_run(digest));
        good.or_else(|| self.last(script, may_run))
    }

    /// The version with this label.
    pub fn labelled(&self, label: &str) -> Option<Module> {
        self.versions.values().flatten().find(|module| module.label() == label).cloned()
    }

    /// Digests of the versions there are to go back to, oldest first.
    pub fn digests(&self, script: &str) -> Vec<String> {
        self.versions.get(script).into_iter().flatten().map(Module::digest).collect()
    }

    /// Forgets about digests that nothing leads to any more.
    pub fn forget(&mut self, trunk: &Generation) {
        let versions = &self.versions;
        let known = |digest: &String| {
            trunk.modules().chain(versions.values().flatten()).any(|module| module.digest() == *digest)
        };
        self.passed.retain(known);
    }

    /// Digests of what is trusted.
    pub fn trusted(&self) -> BTreeSet<String> {
        self.passed.clone()
    }
}
