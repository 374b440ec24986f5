//! The engine: compiler settings, the clock, the compile pool and the linker. One per process; cheap
//! to clone.

use crate::api::Api;
use crate::bindings::log::{self, Host, Level};
use crate::cache::Cache;
use crate::capability::{Capability, Grants};
use crate::epochs::{Clock, Epochs};
use crate::instance::ScriptState;
use crate::limits::{Limits, TRAP_FRAMES, WASM_STACK_BYTES};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, StoreContextMut, WasmBacktraceDetails, format_err};

/// Compiles and runs scripts.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    linker: Linker<ScriptState>,
    limits: Limits,
    grants: Grants,
    cache: Option<Cache>,
    compile_pool: rayon::ThreadPool,
    epochs: Epochs,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This processor or system is not one scripts can be compiled for.
    #[error("WebAssembly cannot be compiled on this machine: {0}")]
    Unsupported(#[source] wasmtime::Error),
    /// The directory for compiled code is unusable.
    #[error("the cache of compiled scripts in {directory}: {source}")]
    Cache {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The system gives no more threads.
    #[error("a thread could not be started: {0}; raise the limit of threads (`ulimit -u`)")]
    Thread(String),
}

/// How much less of a busy core a thread takes than those it gives way to: a tenth of what they do.
const NICENESS: i32 = 10;

/// Lets the other threads of the process, those of zones and sockets, go before this one. For work that no tick waits for.
pub fn give_way() {
    // Where the system has no such thing, all are equal.
    let _ = rustix::process::nice(NICENESS);
}

impl Engine {
    /// An engine that keeps compiled code in `cache_directory`, or only in memory without one. It grants
    /// scripts every capability.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn new(limits: Limits, cache_directory: Option<&Path>) -> Result<Self, EngineError> {
        Self::granting(Grants::to_all(&Capability::ALL), limits, cache_directory)
    }

    /// An engine that takes scripts with these capabilities only.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn granting(
        grants: Grants,
        limits: Limits,
        cache_directory: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let wasmtime = wasmtime::Engine::new(&config()).map_err(EngineError::Unsupported)?;
        let linker = imports(&wasmtime).map_err(EngineError::Unsupported)?;
        let cache = cache_directory
            .map(|directory| Cache::open(directory, &wasmtime).map_err(|source| (directory, source)))
            .transpose()
            .map_err(|(directory, source)| EngineError::Cache { directory: directory.to_owned(), source })?;
        let compile_pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "script-compile".to_owned())
            .start_handler(|_| give_way())
            .build()
            .map_err(|error| EngineError::Thread(error.to_string()))?;
        let epochs =
            Epochs::start(wasmtime.weak()).map_err(|error| EngineError::Thread(error.to_string()))?;
        let inner = Inner { wasmtime, linker, limits, grants, cache, compile_pool, epochs };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The limits every script of this engine runs under.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn grants(&self) -> &Grants {
        &self.inner.grants
    }

    /// Components whose compiled code was found in the cache since the start.
    pub fn cache_hits(&self) -> u64 {
        self.inner.cache.as_ref().map_or(0, Cache::hits)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.inner.epochs.clock()
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(crate) fn linker(&self) -> &Linker<ScriptState> {
        &self.inner.linker
    }

    /// Compiles a component on the pool, or takes it from the cache. Blocks; keep it off the tick.
    pub(crate) fn compile(&self, bytes: &[u8], digest: &blake3::Hash) -> wasmtime::Result<Component> {
        let inner = &*self.inner;
        if let Some(component) = inner.cache.as_ref().and_then(|cache| cache.load(&inner.wasmtime, digest)) {
            return Ok(component);
        }
        // A defect of the compiler costs the candidate, not who pushed it.
        let compile = || catch_unwind(AssertUnwindSafe(|| Component::from_binary(&inner.wasmtime, bytes)));
        let compiled = inner.compile_pool.install(compile);
        let component = compiled.unwrap_or_else(|_| Err(format_err!("the compiler fell over it")))?;
        if let Some(cache) = &inner.cache {
            cache.store(digest, &component);
        }
        Ok(component)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

/// Settings that decide what a script can do and what it costs; reasons beside each.
fn config() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false) // no async: a call costs a third
        .consume_fuel(true) // the budget: deterministic
        .epoch_interruption(true) // the wall-clock backstop
        .cranelift_nan_canonicalization(true) // the same bits on every machine
        .wasm_relaxed_simd(false) // likewise
        .wasm_memory64(false) // smaller surface
        // For the host's own code between components, which sees the memories of both; `scan` refuses
        // modules of scripts that have several.
        .wasm_multi_memory(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(TRAP_FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable) // `symbols` does it, off the tick
        .native_unwind_info(false); // registering it is quadratic when many modules come and go
    config
}

/// What scripts may import, in every version that is served.
fn imports(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<ScriptState>> {
    let mut linker = Linker::new(engine);
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ScriptState| state)?;
    for api in Api::ALL.into_iter().filter(|api| *api != Api::CURRENT) {
        linker.instance(&format!("lore:script/log@{api}.0"))?.func_wrap(
            "write",
            |mut store: StoreContextMut<'_, ScriptState>, (level, message): (Level, String)| {
                store.data_mut().write(level, message)
            },
        )?;
    }
    Ok(linker)
}
