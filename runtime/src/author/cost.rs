//! What a script's answers cost: fuel and time per view of each function, over the views its author
//! tests it with.

use super::scenario::{Inputs, files_of, read, views_of};
use anyhow::{anyhow, ensure};
use host_api::{CallLimits, Clocked, Harness, Module, View};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// Views in one round at least: fewer are asked about again and again, so that what a call costs by
/// itself is spread over them as in a busy zone.
const VIEWS_MIN: usize = 1_000;
/// Views in one round at most.
const VIEWS_MAX: usize = 20_000;

/// What one function costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionCost {
    /// `combat.resolve`.
    pub function: String,
    /// Different views it was measured with.
    pub views: usize,
    /// Fuel per view.
    pub fuel: f64,
    /// Nanoseconds per view, of the fastest round.
    pub time_ns: f64,
    /// Nanoseconds of a call about one view; none where a server measured.
    pub alone_ns: Option<u64>,
    /// Of the fuel it was given, what the call that used most of it used, percent.
    pub fuel_peak_percent: f64,
    /// What a call may cost; none where a server measured.
    pub limits: Option<CallLimits>,
}

/// The views of the scenarios in a script's folder; for functions without any, the host's sample.
///
/// # Errors
/// A scenario file is wrong.
pub fn inputs(module: &Module, script_folder: Option<&Path>) -> anyhow::Result<Inputs> {
    let mut harness = Harness::new(module);
    let mut inputs: Inputs = Vec::new();
    let files = script_folder.map(files_of).transpose()?.unwrap_or_default();
    for path in &files {
        let file = read(path)?;
        let found = views_of(&mut harness, &file)
            .map_err(|(line, reason)| anyhow!("{}:{line}: {reason}", path.display()))?;
        for (function, views) in found {
            match inputs.iter_mut().find(|(known, _)| *known == function) {
                Some((_, known)) => known.extend(views),
                None => inputs.push((function, views)),
            }
        }
    }
    let functions: Vec<String> = harness.functions().map(str::to_owned).collect();
    for function in functions {
        if inputs.iter().any(|(known, views)| *known == function && !views.is_empty()) {
            continue;
        }
        let sample = harness.sample(&function)?;
        let seeded = (1..=VIEWS_MIN as u64).map(|seed| {
            let seed =
                if harness.domain(&function, "seed").is_ok() { json!({ "seed": seed }) } else { json!({}) };
            harness.view(&function, seed["seed"].as_u64().unwrap_or(1), &[&sample, &seed])
        });
        let views = seeded.collect::<Result<Vec<_>, _>>()?;
        inputs.push((function, views));
    }
    inputs.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(inputs)
}

/// Measures a module with these views. One that fails for a view cannot be measured with it.
///
/// # Errors
/// The module fails, or has no such function.
pub fn measure(module: &Module, inputs: &Inputs, rounds: u32) -> anyhow::Result<Vec<FunctionCost>> {
    let harness = Harness::new(module);
    let mut costs = Vec::with_capacity(inputs.len());
    for (function, views) in inputs {
        ensure!(!views.is_empty(), "there is no view for {function}");
        let many: Vec<View> =
            views.iter().cycle().take(views.len().clamp(VIEWS_MIN, VIEWS_MAX)).cloned().collect();
        let clocked = harness.clock(function, &many, rounds)?;
        let Clocked { views: asked, fuel, fuel_peak_permille, time_ns, alone_ns } =
            clocked.map_err(|kind| anyhow!("{} {function} {kind}", module.label()))?;
        let per_view = |sum: u64| sum as f64 / asked.max(1) as f64;
        costs.push(FunctionCost {
            function: function.clone(),
            views: views.len(),
            fuel: per_view(fuel),
            time_ns: per_view(time_ns),
            alone_ns: Some(alone_ns),
            fuel_peak_percent: fuel_peak_permille as f64 / 10.0,
            limits: limits_of(module, function),
        });
    }
    Ok(costs)
}

fn limits_of(module: &Module, function: &str) -> Option<CallLimits> {
    let exports = &module.limits().exports;
    exports.iter().find(|(export, _)| export.name() == function).map(|(_, limits)| *limits)
}
