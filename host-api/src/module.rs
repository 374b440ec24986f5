//! From the bytes of a candidate to a module that has answered its first questions:
//! scan, manifest, compile, link, smoke calls. Everything here happens off the tick.

use crate::api::Api;
use crate::convert::{Hook, lower_context};
use crate::engine::Engine;
use crate::failure::{BadOutput, FailureKind, clip};
use crate::instance::{Instance, Linked};
use crate::limits::{Allowance, CallLimits, LimitTooHigh, MESSAGE_BYTES, ModuleLimits};
use crate::log_budget::LogBudget;
use crate::manifest::{Export, Kind, Manifest, ManifestError};
use crate::migration::{Migration, Unusable};
use crate::record::{Laned, Visitor, visit};
use crate::samples;
use crate::scan::{ScanError, scan};
use crate::scope::Scope;
use crate::symbols::Symbols;
use sim::{DefId, ModuleStamp, def_id};
use std::fmt;
use std::sync::Arc;
use wasmtime::component::Component;

/// A compiled, linked and smoke-tested script. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    manifest: Manifest,
    api: Api,
    script: DefId,
    digest: blake3::Hash,
    stamp: ModuleStamp,
    label: String,
    component: Component,
    linked: Linked,
    /// `zone/NAME` of the zones it is limited to.
    zones: Option<Vec<DefId>>,
    /// If it exports that.
    migration: Option<Migration>,
    limits: ModuleLimits,
    symbols: Option<Symbols>,
    log: LogBudget,
}

/// Why a candidate did not become a module. Nothing that was live is affected.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes, the imports, the exports or the manifest.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The manifest asks for more than it may have.
    #[error("{name}: {source}")]
    Limits {
        /// The script.
        name: String,
        /// What it asks for.
        source: LimitTooHigh,
    },
    /// The code is not valid.
    #[error("{name}: its code is not valid: {message}; build it again")]
    Compile {
        /// The script.
        name: String,
        /// What the compiler says and where.
        message: String,
    },
    /// An import or export has another shape than the interface of this API version.
    #[error(
        "{name} does not fit the world `{kind}-script` of API {api}: {message}; \
         build it against the files of {api} in `wit/`"
    )]
    Shape {
        /// The script.
        name: String,
        /// Its kind.
        kind: Kind,
        /// The API version it says it was built for.
        api: Api,
        /// Which import or export.
        message: String,
    },
    /// It could not be instantiated under its limits.
    #[error("{name} cannot be started: {failure}")]
    Start {
        /// The script.
        name: String,
        /// Why.
        failure: FailureKind,
    },
    /// It failed at the first question.
    #[error("{name}: {export} with a batch of {views} {failure}; correct the script and push it again")]
    Smoke {
        /// The script.
        name: String,
        /// The function.
        export: Export,
        /// Views it was asked about: 0 or 1.
        views: usize,
        /// What it did.
        failure: FailureKind,
    },
    /// What it says about its state cannot be used.
    #[error("{name}: {function} without a state {failure}; correct the script and push it again")]
    Migration {
        /// The script.
        name: String,
        /// The function.
        function: &'static str,
        /// What it did.
        failure: Box<FailureKind>,
    },
}

impl Module {
    /// Takes a candidate through all checks. Blocks for as long as it compiles.
    ///
    /// # Errors
    /// See [`LoadError`]; each says what, where and what to do.
    pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        let manifest = scan(bytes, engine.limits(), engine.grants())?;
        let api = manifest.api().map_err(ScanError::from)?;
        let name = || manifest.name.clone();
        let limits =
            engine.limits().of(&manifest).map_err(|source| LoadError::Limits { name: name(), source })?;
        let digest = blake3::hash(bytes);
        let component = engine
            .compile(bytes, &digest)
            .map_err(|error| LoadError::Compile { name: name(), message: chain(&error) })?;
        let linked = Linked::new(engine, manifest.kind, api, &component).map_err(|error| {
            LoadError::Shape { name: name(), kind: manifest.kind, api, message: chain(&error) }
        })?;
        let symbols = Symbols::of(bytes);
        let migration = Migration::load(engine, &component, &limits).map_err(|unusable| match unusable {
            Unusable::Shape(error) => {
                LoadError::Shape { name: name(), kind: manifest.kind, api, message: chain(&error) }
            }
            Unusable::Fails(function, mut failure) => {
                if let (Some(symbols), Some(frames)) = (&symbols, failure.frames_mut()) {
                    symbols.locate(frames);
                }
                LoadError::Migration { name: name(), function, failure: Box::new(failure) }
            }
        })?;
        if let (None, Some(function)) = (&migration, manifest.limits.of_migration()) {
            let (kind, function) = (manifest.kind, function.to_owned());
            return Err(ScanError::from(ManifestError::Limits { name: name(), kind, function }).into());
        }
        let label = format!("{}@{}+{}", manifest.name, manifest.version, &digest.to_hex()[..8]);
        let stamp = ModuleStamp(u64::from_be_bytes(std::array::from_fn(|i| digest.as_bytes()[i])));
        let script = manifest.script();
        let zone_id = |name: &String| def_id(&format!("zone/{name}"));
        let zones = (manifest.scope == Scope::Zone).then(|| manifest.zones.iter().map(zone_id).collect());
        let inner = Inner {
            engine: engine.clone(),
            manifest,
            api,
            script,
            digest,
            stamp,
            label,
            component,
            linked,
            zones,
            migration,
            limits,
            symbols,
            log: LogBudget::new(engine.limits().log_lines_per_second, engine.limits().log_burst),
        };
        let module = Self { inner: Arc::new(inner) };
        module.smoke()?;
        Ok(module)
    }

    /// The script's name.
    pub fn name(&self) -> &str {
        &self.inner.manifest.name
    }

    /// The script's version.
    pub fn version(&self) -> &semver::Version {
        &self.inner.manifest.version
    }

    /// What it decides.
    pub fn kind(&self) -> Kind {
        self.inner.manifest.kind
    }

    /// The version of the script interface it was built for.
    pub fn api(&self) -> Api {
        self.inner.api
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Whether it may decide in this zone (`zone/NAME`).
    pub fn decides_in(&self, zone: DefId) -> bool {
        self.inner.zones.as_ref().is_none_or(|zones| zones.contains(&zone))
    }

    /// What it may cost.
    pub fn limits(&self) -> &ModuleLimits {
        &self.inner.limits
    }

    /// The id content uses for it: `script/NAME`.
    pub fn script(&self) -> DefId {
        self.inner.script
    }

    /// blake3 of the component, in hex.
    pub fn digest(&self) -> String {
        self.inner.digest.to_hex().to_string()
    }

    /// The first eight bytes of the digest: what every decision carries.
    pub fn stamp(&self) -> ModuleStamp {
        self.inner.stamp
    }

    /// `combat@0.1.0+1a2b3c4d`: name, version, first digits of the digest.
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// Puts file and line to the stack of a failure of this module. Takes milliseconds: keep it off
    /// the tick.
    pub fn locate(&self, failure: &mut FailureKind) {
        if let (Some(symbols), Some(frames)) = (&self.inner.symbols, failure.frames_mut()) {
            symbols.locate(frames);
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn component(&self) -> &Component {
        &self.inner.component
    }

    /// Limits of the calls of the export at `place` among those of its kind; without one, of all others.
    fn call_limits(&self, place: Option<usize>) -> &CallLimits {
        place.map_or(&self.inner.limits.every, |place| &self.inner.limits.exports[place].1)
    }

    /// What a call with this many views gets there.
    pub(crate) fn allowance(&self, place: Option<usize>, views: usize) -> Allowance {
        self.inner.engine.limits().allowance(self.call_limits(place), views)
    }

    /// Views it is asked about in one call there.
    pub(crate) fn batch(&self, place: Option<usize>) -> usize {
        self.inner.engine.limits().batch(self.call_limits(place))
    }

    /// What its instances may still write to the log.
    pub(crate) fn log_budget(&self) -> &LogBudget {
        &self.inner.log
    }

    pub(crate) fn instantiate(&self) -> Result<Instance, FailureKind> {
        self.instance_of(&self.inner.linked)
    }

    /// An instance that is called through another of its interfaces.
    pub(crate) fn instance_of(&self, linked: &Linked) -> Result<Instance, FailureKind> {
        Instance::new(&self.inner.engine, linked, &self.inner.limits)
    }

    pub(crate) fn migration(&self) -> Option<&Migration> {
        self.inner.migration.as_ref()
    }

    /// What a reply says, if it is one to `view` that this module may give.
    ///
    /// # Errors
    /// It breaks a rule of its record, or the module's scope.
    pub(crate) fn lift<H: Hook>(&self, view: &H::View, reply: H::Reply) -> Result<H::Answer, BadOutput> {
        let answer = H::lift(view, reply)?;
        match self.inner.manifest.scope {
            Scope::Stateless if H::remembers(&answer) => Err(BadOutput::Remembers),
            _ => Ok(answer),
        }
    }

    /// Asks every export about no view and about one.
    fn smoke(&self) -> Result<(), LoadError> {
        let mut instance = self.instantiate().map_err(|mut failure| {
            self.locate(&mut failure);
            LoadError::Start { name: self.name().to_owned(), failure }
        })?;
        visit(self.kind(), &mut Probe { module: self, instance: &mut instance })
    }

    fn probe<H: Hook>(&self, instance: &mut Instance) -> Result<(), LoadError> {
        let view = &H::sample();
        let one = std::slice::from_ref(view);
        for views in [&one[..0], one] {
            let failed = |mut failure| {
                self.locate(&mut failure);
                LoadError::Smoke {
                    name: self.name().to_owned(),
                    export: H::EXPORT,
                    views: views.len(),
                    failure,
                }
            };
            let allowed = self.allowance(Some(H::PLACE), views.len());
            let (outcome, _cost) =
                instance.call::<H>(lower_context(&samples::CONTEXT), views, allowed, false);
            let replies = outcome.map_err(failed)?;
            if replies.len() != views.len() {
                let wrong = BadOutput::Length { views: views.len(), answers: replies.len() };
                return Err(failed(FailureKind::BadOutput(wrong)));
            }
            for reply in replies {
                self.lift::<H>(view, reply).map_err(|wrong| failed(FailureKind::BadOutput(wrong)))?;
            }
        }
        Ok(())
    }
}

/// The first questions to a candidate.
struct Probe<'a> {
    module: &'a Module,
    instance: &'a mut Instance,
}

impl Visitor for Probe<'_> {
    type Error = LoadError;

    fn visit<H: Laned>(&mut self) -> Result<(), LoadError> {
        self.module.probe::<H>(self.instance)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.inner.label).finish()
    }
}

/// The whole chain of an error in one line, bounded.
fn chain(error: &wasmtime::Error) -> String {
    clip(&format!("{error:#}"), MESSAGE_BYTES).to_owned()
}
