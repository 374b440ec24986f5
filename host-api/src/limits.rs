//! Every bound on what a script may cost, with its unit and reason.
//!
//! Fuel decides what a call may do, because it counts the same on every machine: one unit is about
//! one WebAssembly instruction, 10 million are about 1.5 ms. The epoch deadline only stops what
//! fuel does not see.

use crate::manifest::{Export, ExportLimits, Manifest};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Interval of the epoch thread: the resolution of [`Limits::deadline_epochs`].
pub(crate) const EPOCH: Duration = Duration::from_millis(EPOCH_MS);
const EPOCH_MS: u64 = 5;

/// Epochs of the shortest deadline: a single one might be over as soon as the call begins.
const DEADLINE_EPOCHS_MIN: u64 = 2;

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

/// Calls about at most so many views are not all clocked: there the clock would take a good part of the time.
pub(crate) const CLOCKED_VIEWS: usize = 4;

/// Of such calls one in so many is clocked, each of a busy function within a second.
pub(crate) const CLOCKED_CALLS: u32 = 16;

/// Of the first of them all.
pub(crate) const CLOCKED_FIRST: u32 = 3;

/// Highest values a manifest may ask for.
pub(crate) const FUEL_PER_ITEM_MAX: u64 = 1_000_000;
/// See [`FUEL_PER_ITEM_MAX`].
pub(crate) const FUEL_BASE_MAX: u64 = 10_000_000;
/// See [`FUEL_PER_ITEM_MAX`]. Interpreted languages need it; filling it once takes 20 ms.
pub(crate) const MEMORY_BYTES_MAX: u64 = 128 << 20;
/// See [`FUEL_PER_ITEM_MAX`]. Two ticks; fuel ends a call long before.
pub(crate) const DEADLINE_MS_MAX: u64 = 100;
/// See [`FUEL_PER_ITEM_MAX`]. 1,000 decisions are 64 KiB.
pub(crate) const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// See [`FUEL_PER_ITEM_MAX`]. What a module may write at once.
pub(crate) const LOG_LINES_MAX: u64 = 200;
/// See [`FUEL_PER_ITEM_MAX`]. A zone has other scripts, and a world besides.
pub(crate) const TICK_SHARE_PERCENT_MAX: u64 = 50;

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
    /// Fuel that takes a millisecond, to say in fuel what a share of a tick is: the same tick has the same
    /// share on every machine.
    pub fuel_per_ms: u64,
    /// Share of a tick of all calls of one module, percent: of 50 ms it is 80 million fuel, far above what a
    /// crowd asks for. What comes after it in this tick gets the fallback.
    pub tick_share_percent: u64,
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
    /// Whether deadlines of manifests count. Not where nobody waits for a tick, as in a replay.
    pub manifest_deadlines: bool,
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
            fuel_per_ms: 6_400_000,
            tick_share_percent: 25,
            fuel_rebuild: 100_000,
            batch_items: 1_000,
            isolation_calls: 64,
            fuel_instantiate: 50_000_000,
            deadline_epochs: 20,
            manifest_deadlines: true,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleLimits {
    /// Of the calls of its functions, in the order of its kind's exports.
    pub exports: Vec<(Export, CallLimits)>,
    /// Of every function that says nothing else.
    pub every: CallLimits,
    /// Of the calls about state of other schemas, if it exports these.
    pub migration: MigrationLimits,
    /// Bytes of linear memory of one instance. It serves all functions, so that it has no limits by function.
    pub memory_bytes: usize,
    /// Share of a tick of all its calls, percent.
    pub tick_share_percent: u64,
}

/// Limits of the functions of `migration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MigrationLimits {
    /// Of `schema`.
    pub schema: CallLimits,
    /// Of `migrate`.
    pub migrate: CallLimits,
    /// Of `revert`.
    pub revert: CallLimits,
}

/// What one call may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// Fuel before its first item.
    pub fuel_base: u64,
    /// Fuel added per item.
    pub fuel_per_item: u64,
    /// Milliseconds of wall-clock time, in steps of 5.
    pub deadline_ms: u64,
    /// Bytes it may hand to the host in its answers or in one log line.
    pub output_bytes: u64,
    /// Log lines kept.
    pub log_lines: u64,
}

/// What one call gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) fuel: u64,
    pub(crate) deadline_epochs: u64,
    pub(crate) output_bytes: usize,
    pub(crate) log_lines: usize,
}

impl Allowance {
    /// Time that a call which missed its deadline has taken at least.
    pub(crate) fn deadline_ns(&self) -> u64 {
        self.deadline_epochs.saturating_sub(1).saturating_mul(EPOCH_MS * 1_000_000)
    }
}

/// A manifest asks for more than the host gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.{name} is {asked}, but at most {max} is given; lower it in the script's manifest")]
pub struct LimitTooHigh {
    /// Member of the manifest's `limits`: `fuel_base`, or `resolve.fuel_base` of one function.
    pub name: String,
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
    pub(crate) fn of(&self, manifest: &Manifest) -> Result<ModuleLimits, LimitTooHigh> {
        let asked = &manifest.limits;
        let host = CallLimits {
            fuel_base: self.fuel_base,
            fuel_per_item: self.fuel_per_item,
            deadline_ms: self.deadline_epochs * EPOCH_MS,
            output_bytes: self.output_bytes as u64,
            log_lines: self.log_lines.into(),
        };
        let every = self.call_limits("", &asked.every(), host)?;
        let of = |function: &str| match asked.exports.get(function) {
            Some(own) => self.call_limits(&format!("{function}."), own, every),
            None => Ok(every),
        };
        let of_export = |export: &Export| of(export.function()).map(|limits| (*export, limits));
        let exports = manifest.kind.exports().iter().map(of_export).collect::<Result<_, _>>()?;
        let migration =
            MigrationLimits { schema: of("schema")?, migrate: of("migrate")?, revert: of("revert")? };
        let memory = within("memory_bytes", asked.memory_bytes, MEMORY_BYTES_MAX, self.memory_bytes as u64)?;
        let tick_share_percent = within(
            "tick_share_percent",
            asked.tick_share_percent,
            TICK_SHARE_PERCENT_MAX,
            self.tick_share_percent,
        )?;
        Ok(ModuleLimits { exports, every, migration, memory_bytes: memory as usize, tick_share_percent })
    }

    /// What is asked in the table `of`, else what holds besides.
    fn call_limits(
        &self,
        of: &str,
        asked: &ExportLimits,
        besides: CallLimits,
    ) -> Result<CallLimits, LimitTooHigh> {
        let limit = |name: &str, asked, max, besides| within(&format!("{of}{name}"), asked, max, besides);
        let deadline_ms = limit("deadline_ms", asked.deadline_ms, DEADLINE_MS_MAX, besides.deadline_ms)?;
        let epochs = deadline_ms.div_ceil(EPOCH_MS).max(DEADLINE_EPOCHS_MIN);
        Ok(CallLimits {
            fuel_base: limit("fuel_base", asked.fuel_base, FUEL_BASE_MAX, besides.fuel_base)?,
            fuel_per_item: limit(
                "fuel_per_item",
                asked.fuel_per_item,
                FUEL_PER_ITEM_MAX,
                besides.fuel_per_item,
            )?,
            deadline_ms: if self.manifest_deadlines { epochs * EPOCH_MS } else { besides.deadline_ms },
            output_bytes: limit("output_bytes", asked.output_bytes, OUTPUT_BYTES_MAX, besides.output_bytes)?,
            log_lines: limit("log_lines", asked.log_lines, LOG_LINES_MAX, besides.log_lines)?,
        })
    }

    /// Views handed over in one call: as many as the fuel of one call pays for. Interpreted scripts ask for
    /// more fuel per view, so that they are asked about fewer at once.
    pub(crate) fn batch(&self, call: &CallLimits) -> usize {
        let paid = self.fuel_per_call.saturating_sub(call.fuel_base) / call.fuel_per_item.max(1);
        usize::try_from(paid).unwrap_or(usize::MAX).clamp(1, self.batch_items.max(1))
    }

    /// Fuel of a call with a batch of `items`.
    fn fuel(&self, call: &CallLimits, items: usize) -> u64 {
        (call.fuel_base + call.fuel_per_item * items as u64).min(self.fuel_per_call)
    }

    /// What a call with a batch of `items` gets.
    pub(crate) fn allowance(&self, call: &CallLimits, items: usize) -> Allowance {
        Allowance {
            fuel: self.fuel(call, items),
            deadline_epochs: call.deadline_ms / EPOCH_MS,
            output_bytes: call.output_bytes as usize,
            log_lines: call.log_lines as usize,
        }
    }

    /// Nanoseconds that this much fuel takes.
    pub(crate) fn time_of(&self, fuel: u64) -> u64 {
        fuel.saturating_mul(1_000_000) / self.fuel_per_ms.max(1)
    }

    /// Fuel that a share of a tick has for each of its milliseconds.
    pub(crate) fn share_per_ms(&self, percent: u64) -> u64 {
        self.fuel_per_ms.saturating_mul(percent) / 100
    }
}

fn within(name: &str, asked: Option<u64>, max: u64, besides: u64) -> Result<u64, LimitTooHigh> {
    match asked {
        Some(asked) if asked > max => Err(LimitTooHigh { name: name.to_owned(), asked, max }),
        Some(asked) => Ok(asked),
        None => Ok(besides),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallLimits = CallLimits {
        fuel_base: 300_000,
        fuel_per_item: 10_000,
        deadline_ms: 100,
        output_bytes: 1,
        log_lines: 1,
    };

    #[test]
    fn a_batch_never_gets_more_than_one_call_may_have() {
        let limits = Limits::default();
        assert_eq!(limits.fuel(&CALL, 0), 300_000);
        assert_eq!(limits.fuel(&CALL, 100), 1_300_000);
        assert_eq!(limits.fuel(&CALL, 100_000), limits.fuel_per_call);
        assert_eq!(limits.batch(&CALL), limits.batch_items);
        let slow = CallLimits { fuel_base: 1_000_000, fuel_per_item: 400_000, ..CALL };
        assert_eq!(limits.batch(&slow), 27);
        assert_eq!(limits.fuel(&slow, 27), 1_000_000 + 27 * 400_000);
        let greedy = CallLimits { fuel_base: 10_000_000, fuel_per_item: 1 << 40, ..CALL };
        assert_eq!(limits.batch(&greedy), 1);
    }

    /// The limits of an ability script whose `lore.toml` has these.
    fn of(limits: &Limits, asked: &str) -> Result<ModuleLimits, String> {
        let json =
            format!(r#"{{"name":"a","version":"1.0.0","kind":"ability","api":"0.2","limits":{{{asked}}}}}"#);
        let manifest: Manifest = serde_json::from_str(&json).unwrap();
        limits.of(&manifest).map_err(|error| error.to_string())
    }

    #[test]
    fn a_function_has_the_limits_of_its_table_then_those_of_the_module_then_those_of_the_host() {
        let asked = r#""fuel_base":7,"log_lines":5,
            "pulse-statuses":{"fuel_base":8,"deadline_ms":31,"output_bytes":9}"#;
        let limits = of(&Limits::default(), asked).unwrap();
        let casts = CallLimits {
            fuel_base: 7,
            fuel_per_item: 10_000,
            deadline_ms: 100,
            output_bytes: 1 << 20,
            log_lines: 5,
        };
        let pulses = CallLimits { fuel_base: 8, deadline_ms: 35, output_bytes: 9, ..casts };
        assert_eq!(limits.exports, [(Export::PlanCasts, casts), (Export::PulseStatuses, pulses)]);
        assert_eq!((limits.every, limits.memory_bytes, limits.tick_share_percent), (casts, 32 << 20, 25));
        for (place, (export, _)) in limits.exports.iter().enumerate() {
            assert_eq!(export.place_in(crate::Kind::Ability), place);
        }
        let patient = Limits { deadline_epochs: 4_000, manifest_deadlines: false, ..Limits::default() };
        let limits = of(&patient, asked).unwrap();
        assert!(limits.exports.iter().all(|(_, call)| call.deadline_ms == 20_000), "{limits:?}");
    }

    #[test]
    fn migration_has_the_limits_of_its_tables_then_those_of_the_module() {
        let limits =
            of(&Limits::default(), r#""fuel_base":7,"migrate":{"fuel_base":8},"revert":{}"#).unwrap();
        let MigrationLimits { schema, migrate, revert } = limits.migration;
        assert_eq!([schema, migrate, revert].map(|call| call.fuel_base), [7, 8, 7]);
        let error = of(&Limits::default(), r#""revert":{"log_lines":201}"#).unwrap_err();
        assert!(error.starts_with("limits.revert.log_lines is 201, but at most 200"), "{error}");
    }

    #[test]
    fn a_deadline_is_never_over_before_it_begins() {
        let limits = of(&Limits::default(), r#""deadline_ms":0"#).unwrap();
        assert_eq!(Limits::default().allowance(&limits.every, 0).deadline_epochs, DEADLINE_EPOCHS_MIN);
    }

    #[test]
    fn what_is_too_much_is_named_with_its_function() {
        let says = |asked: &str, says: &str| {
            let error = of(&Limits::default(), asked).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        };
        says(r#""fuel_base":10000001"#, "limits.fuel_base is 10000001, but at most 10000000 is given");
        says(
            r#""plan-casts":{"deadline_ms":101}"#,
            "limits.plan-casts.deadline_ms is 101, but at most 100 is given; lower it in the script's manifest",
        );
        says(r#""pulse-statuses":{"output_bytes":1048577}"#, "limits.pulse-statuses.output_bytes is");
        says(r#""pulse-statuses":{"log_lines":201}"#, "limits.pulse-statuses.log_lines is");
        says(r#""plan-casts":{"fuel_per_item":1000001}"#, "limits.plan-casts.fuel_per_item is");
        says(r#""tick_share_percent":51"#, "limits.tick_share_percent is 51, but at most 50 is given");
    }

    #[test]
    fn a_share_of_a_tick_is_as_long_as_the_tick() {
        let limits = Limits::default();
        let share = |percent, tick_ms| limits.share_per_ms(percent) * tick_ms;
        assert_eq!([share(25, 50), share(25, 20), share(50, 20)], [80_000_000, 32_000_000, 64_000_000]);
    }
}
