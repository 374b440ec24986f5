//! Every bound on what a script may cost, with its unit and reason.
//!
//! Fuel decides what a call may do, because it counts the same on every machine: one unit is about
//! one WebAssembly instruction, 10 million are about 1.5 ms. The epoch deadline only stops what
//! fuel does not see.

use crate::manifest::Manifest;
use std::time::Duration;

/// Interval of the epoch thread: the resolution of [`Limits::deadline_epochs`].
pub(crate) const EPOCH: Duration = Duration::from_millis(5);

/// Bytes of native stack a script may use. Rules are shallow; a deep recursion should fail early.
pub(crate) const WASM_STACK_BYTES: usize = 256 << 10;

/// Frames kept of a trap's stack: enough to find the author's line below the library's panic path.
pub(crate) const TRAP_FRAMES: usize = 16;

/// Bytes kept of any message that comes from a script or its toolchain.
pub(crate) const MESSAGE_BYTES: usize = 512;

/// Failures kept until they are drained; older ones are dropped and counted.
pub(crate) const FAILURES_KEPT: usize = 256;

/// Failures that are kept with their view: writing one down takes microseconds of a tick.
pub(crate) const FAILURE_VIEWS: usize = 8;

/// Item ids named by one failure; the rest is only counted.
pub(crate) const FAILURE_ITEMS: usize = 16;

/// Views kept per module and export for the proof of its next version, a few hundred bytes each.
pub const RECORDED_VIEWS: usize = 4_096;

/// Views kept of every tick of a busy export once those are full: what a proof sees then reaches back 2,000
/// ticks, 100 s, and not only the last second of a crowd.
pub(crate) const RECORDED_PER_TICK: u64 = 2;

/// Views made up for an export of which few were recorded: enough to meet every case of a formula, answered in
/// milliseconds.
pub(crate) const MADE_UP_VIEWS: u32 = 500;

/// Entries of the cache of compiled code, some 100 KB each: several times what one server runs. Beyond it
/// those go that were not used for longest.
pub(crate) const CACHE_ENTRIES: usize = 512;

/// Definitions that the account of an export tells apart: more NPC templates than one script has, few enough
/// to be shown. What is beyond them is counted together.
pub(crate) const SUBJECTS: usize = 256;

/// Highest values a manifest may ask for.
pub(crate) const FUEL_PER_ITEM_MAX: u64 = 1_000_000;
/// See [`FUEL_PER_ITEM_MAX`].
pub(crate) const FUEL_BASE_MAX: u64 = 10_000_000;
/// See [`FUEL_PER_ITEM_MAX`]. Interpreted languages need it; filling it once takes 20 ms.
pub(crate) const MEMORY_BYTES_MAX: u64 = 128 << 20;

/// What a script may cost. [`Limits::default`] is what the server runs with; tests lower single
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of a call before its first item: entering, allocating the batch.
    pub fuel_base: u64,
    /// Fuel added per item of the batch. A combat resolution takes about 300.
    pub fuel_per_item: u64,
    /// Fuel of one call whatever its batch, about 1.6 ms: what an endless loop can cost at once.
    pub fuel_per_call: u64,
    /// Fuel of all calls made to find the culprits of one failed batch, about 2 ms: one endless loop
    /// among 1,000 views takes 14 million.
    pub fuel_isolation: u64,
    /// Fuel of all calls of one module in one tick of a zone, a quarter of its 50 ms: a module's share of the
    /// tick, far above what a crowd asks for. What comes after it in this tick gets the fallback.
    pub fuel_per_tick: u64,
    /// Fuel charged for every failed call while searching, for the new instance it takes.
    pub fuel_rebuild: u64,
    /// Views handed over in one call; a longer batch takes several. So that one call's fuel, and the
    /// search for a culprit, stay within a tick.
    pub batch_items: usize,
    /// Calls made to find the culprits of one failed batch: two culprits in 1,000 take 40.
    pub isolation_calls: u32,
    /// Fuel to instantiate a module, which may run its start function.
    pub fuel_instantiate: u64,
    /// Wall-clock backstop of one call in epochs of 5 ms. It bites only where fuel does not count
    /// (bulk memory operations) or the machine stalls, so it is far above what fuel allows:
    /// 100 ms, where fuel ends a call after 2 ms of processor time.
    pub deadline_epochs: u64,
    /// The same for instantiating, off the tick: 2 s.
    pub deadline_load_epochs: u64,
    /// Bytes of linear memory of one instance, all its memories together.
    pub memory_bytes: usize,
    /// Elements of one table: function pointers, a few per function.
    pub table_elements: usize,
    /// Core instances inside a component: `wit-component` makes three or four.
    pub core_instances: usize,
    /// Bytes a script may hand to the host in one call or log line; 1,000 decisions are 64 KiB.
    pub output_bytes: usize,
    /// Log lines kept per call.
    pub log_lines: u32,
    /// Log lines a call may write at all. Fuel does not count what the host does for a line; those beyond
    /// what is kept take it 0.1 µs each.
    pub log_lines_written: u32,
    /// Bytes of all log lines of a call. Copying them takes the host 0.1 ms.
    pub log_bytes_written: usize,
    /// Log lines of a module in a second, in all zones together: enough to follow a fight, too few to fill
    /// a disk.
    pub log_lines_per_second: u32,
    /// Log lines of a module at once, after it was silent for a while.
    pub log_burst: u32,
    /// Bytes kept of one log line; the rest is cut off.
    pub log_line_bytes: usize,
    /// Bytes of a component. QuickJS guests have 2 MB, Rust guests with debug lines 2 MB.
    pub component_bytes: usize,
    /// Functions of a component: compiling 100,000 takes 10 s and cannot be interrupted.
    pub functions: u32,
    /// Bytes of code of a component, all modules together. QuickJS has 1 MB.
    pub code_bytes: usize,
    /// Bytes of code of one function. QuickJS has 54 kB.
    pub function_bytes: usize,
    /// Local variables of one function. QuickJS has 86.
    pub locals: u32,
    /// Places where one function branches: the compiler's time and memory grow with their square, times the
    /// variables. 60,000 in 400 kB of code take 40 s and 9 GB; the worst that was tried of what is allowed takes
    /// 6 s and 0.3 GB. QuickJS has 3,400.
    pub branches: u32,
    /// Sum of these squares over all functions, for the time of all together. QuickJS has 33 million.
    pub branch_squares: u64,
    /// Bytes of all that describes a component's parts to each other: types, imports, exports, aliases,
    /// tables' contents. Its types alone may be nested a million times in as many bytes.
    pub structure_bytes: usize,
    /// Bytes of debug sections: each may be a row of a table once a trap is located.
    pub debug_bytes: usize,
    /// Types of a component, all nested parts together.
    pub types: u32,
    /// Components inside components; toolchains stay below 3.
    pub nesting: u32,
    /// Bytes of data segments: copied into every instance.
    pub data_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_base: 300_000,
            fuel_per_item: 10_000,
            fuel_per_call: 12_000_000,
            fuel_isolation: 16_000_000,
            fuel_per_tick: 80_000_000,
            fuel_rebuild: 100_000,
            batch_items: 1_000,
            isolation_calls: 64,
            fuel_instantiate: 50_000_000,
            deadline_epochs: 20,
            deadline_load_epochs: 400,
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            core_instances: 16,
            output_bytes: 1 << 20,
            log_lines: 64,
            log_lines_written: 4_096,
            log_bytes_written: 1 << 20,
            log_lines_per_second: 50,
            log_burst: 200,
            log_line_bytes: 1_024,
            component_bytes: 16 << 20,
            functions: 20_000,
            code_bytes: 4 << 20,
            function_bytes: 256 << 10,
            locals: 500,
            branches: 6_000,
            branch_squares: 300_000_000,
            structure_bytes: 2 << 20,
            debug_bytes: 8 << 20,
            types: 20_000,
            nesting: 4,
            data_bytes: 8 << 20,
        }
    }
}

/// The limits of one module: the host's, with what its manifest asked for.
#[derive(Clone, Debug)]
pub(crate) struct CallLimits {
    pub(crate) base: u64,
    pub(crate) per_item: u64,
    pub(crate) memory_bytes: usize,
}

/// A manifest asks for more than the host gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.{name} is {asked}, but at most {max} is given; lower it in the script's manifest")]
pub struct LimitTooHigh {
    /// Field of the manifest's `limits`.
    pub name: &'static str,
    /// What the manifest says.
    pub asked: u64,
    /// What the host allows.
    pub max: u64,
}

impl Limits {
    /// The limits for one module.
    ///
    /// # Errors
    /// The manifest asks for more than a manifest may.
    pub(crate) fn of(&self, manifest: &Manifest) -> Result<CallLimits, LimitTooHigh> {
        let asked = &manifest.limits;
        let within = |name, value: Option<u64>, max, default| match value {
            Some(asked) if asked > max => Err(LimitTooHigh { name, asked, max }),
            Some(asked) => Ok(asked),
            None => Ok(default),
        };
        let memory = within("memory_bytes", asked.memory_bytes, MEMORY_BYTES_MAX, self.memory_bytes as u64)?;
        Ok(CallLimits {
            base: within("fuel_base", asked.fuel_base, FUEL_BASE_MAX, self.fuel_base)?,
            per_item: within("fuel_per_item", asked.fuel_per_item, FUEL_PER_ITEM_MAX, self.fuel_per_item)?,
            memory_bytes: memory as usize,
        })
    }

    /// Views handed over in one call: as many as the fuel of one call pays for. Interpreted scripts ask for
    /// more fuel per view, so that they are asked about fewer at once.
    pub(crate) fn batch(&self, call: &CallLimits) -> usize {
        let paid = self.fuel_per_call.saturating_sub(call.base) / call.per_item.max(1);
        usize::try_from(paid).unwrap_or(usize::MAX).clamp(1, self.batch_items.max(1))
    }

    /// Fuel of a call with a batch of `items`.
    pub(crate) fn fuel(&self, call: &CallLimits, items: usize) -> u64 {
        (call.base + call.per_item * items as u64).min(self.fuel_per_call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_never_gets_more_than_one_call_may_have() {
        let limits = Limits::default();
        let call = CallLimits { base: 300_000, per_item: 10_000, memory_bytes: 1 };
        assert_eq!(limits.fuel(&call, 0), 300_000);
        assert_eq!(limits.fuel(&call, 100), 1_300_000);
        assert_eq!(limits.fuel(&call, 100_000), limits.fuel_per_call);
        assert_eq!(limits.batch(&call), limits.batch_items);
        let slow = CallLimits { base: 1_000_000, per_item: 400_000, memory_bytes: 1 };
        assert_eq!(limits.batch(&slow), 27);
        assert_eq!(limits.fuel(&slow, 27), 1_000_000 + 27 * 400_000);
        let greedy = CallLimits { base: 10_000_000, per_item: 1 << 40, memory_bytes: 1 };
        assert_eq!(limits.batch(&greedy), 1);
    }
}
