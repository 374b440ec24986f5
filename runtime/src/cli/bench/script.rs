//! `lore bench script`

use crate::admin::client::{AdminArgs, AdminClient};
use crate::author::cost::{FunctionCost, inputs, measure};
use crate::author::{component_of, engine, from_here, load, scripts_meant};
use crate::build::{Script, find_workspace};
use crate::reload::{Needs, Report};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code when a script needs more fuel than it may.
const REGRESSION: u8 = 3;

/// Fuel and time per view of each function of scripts, and how near they come to their limits.
///
/// Measured with the views of the script's scenarios, in batches as a zone asks; functions without
/// scenarios with the host's sample. With --against the same views are put to another component, or, for
/// `live`, the calls a running server has recorded to what is live there. Fuel counts the same on every
/// machine; times are those of the fastest round.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore bench script\n  lore bench script combat --against scripts/target/lore/combat.wasm --fuel-percent 5\n  lore bench script combat --against live --admin http://127.0.0.1:7878 --json\n\nExits with 3 when fuel per view grew by more than --fuel-percent."
)]
pub struct Args {
    /// A script; all if missing.
    #[arg(value_name = "SCRIPT", required_if_eq_any = [("against", "live")])]
    script: Option<String>,
    /// Measure this component instead of the one built.
    #[arg(long, value_name = "FILE", requires = "script")]
    module: Option<PathBuf>,
    /// Another component, or `live`.
    #[arg(long, value_name = "FILE|live", requires = "script")]
    against: Option<String>,
    /// Growth of fuel per view that is borne.
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    fuel_percent: f64,
    /// Rounds of which the fastest counts.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Folder of the scripts' workspace; found from the current folder upwards if missing.
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    #[command(flatten)]
    admin: AdminArgs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// One function before and now.
#[derive(Serialize)]
struct Row {
    script: String,
    #[serde(flatten)]
    now: FunctionCost,
    /// What it was compared with.
    before: Option<FunctionCost>,
    /// Change of the fuel per view.
    fuel_percent: Option<f64>,
    /// Change of the time per view.
    time_percent: Option<f64>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let workspace = match &args.scripts {
        Some(dir) => dir.clone(),
        None => find_workspace(&std::env::current_dir().context("no current folder")?)?,
    };
    let mut rows = Vec::new();
    for script in scripts_meant(&workspace, args.script.as_deref())? {
        rows.extend(rows_of(args, &workspace, &script)?);
    }
    let worse: Vec<String> = rows
        .iter()
        .filter(|row| row.fuel_percent.is_some_and(|percent| percent > args.fuel_percent))
        .map(|row| row.now.function.clone())
        .collect();
    if args.json {
        println!("{}", serde_json::json!({"ok": worse.is_empty(), "worse": worse, "functions": rows}));
    } else {
        show(&rows);
        if !worse.is_empty() {
            println!("more fuel than --fuel-percent {} allows: {}", args.fuel_percent, worse.join(", "));
        }
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REGRESSION) })
}

fn rows_of(args: &Args, workspace: &Path, script: &Script) -> anyhow::Result<Vec<Row>> {
    let built = from_here(&component_of(workspace, script.name()));
    let component = args.module.clone().unwrap_or(built);
    let (now, before) = match args.against.as_deref() {
        Some("live") => against_live(args, &component)?,
        against => {
            let engine = engine(Some(workspace))?;
            let module = load(&engine, &component)?;
            let inputs = inputs(&module, Some(script.folder()))?;
            let before = against
                .map(|path| measure(&load(&engine, Path::new(path))?, &inputs, args.rounds))
                .transpose()?;
            (measure(&module, &inputs, args.rounds)?, before.unwrap_or_default())
        }
    };
    let rows = now.into_iter().map(|now| {
        let before = before.iter().find(|before| before.function == now.function).cloned();
        let percent = |before: f64, now: f64| (before > 0.0).then(|| (now - before) / before * 100.0);
        Row {
            script: script.name().to_owned(),
            fuel_percent: before.as_ref().and_then(|before| percent(before.fuel, now.fuel)),
            time_percent: before.as_ref().and_then(|before| percent(before.time_ns, now.time_ns)),
            now,
            before,
        }
    });
    Ok(rows.collect())
}

/// What the server measures when it lets both answer its recorded calls.
fn against_live(args: &Args, component: &Path) -> anyhow::Result<(Vec<FunctionCost>, Vec<FunctionCost>)> {
    let bytes = std::fs::read(component).with_context(|| format!("read {}", component.display()))?;
    let answer = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = AdminClient::connect(&args.admin)?;
        client.plan(bytes).await
    });
    let answer = answer.with_context(|| component.display().to_string())?;
    let report: Report =
        serde_json::from_value(answer).context("the server is of another version than this lore")?;
    let Some(live) = &report.live else {
        bail!(
            "nothing is live at {} under the name of {}; push it first, or compare with a file",
            args.admin.admin,
            report.label
        );
    };
    let (mut now, mut before) = (Vec::new(), Vec::new());
    for export in &report.exports {
        if export.views == 0 {
            eprintln!("nothing was asked of {} in {live} yet", export.export);
            continue;
        }
        let cost = |needs: &Needs| FunctionCost {
            function: export.export.clone(),
            views: export.views as usize,
            fuel: needs.fuel,
            time_ns: needs.time_ns,
            alone_ns: None,
            fuel_peak_percent: needs.fuel_peak_percent,
            limits: None,
        };
        now.push(cost(&export.candidate));
        before.push(cost(&export.live));
    }
    Ok((now, before))
}

fn show(rows: &[Row]) {
    println!(
        "{:<14} {:<24} {:>8} {:>10} {:>10} {:>7} {:>10} {:>8} {:>10} {:>9}",
        "SCRIPT",
        "FUNCTION",
        "VIEWS",
        "FUEL/VIEW",
        "MAY HAVE",
        "OF CALL",
        "ns/VIEW",
        "ns ALONE",
        "FUEL WAS",
        "CHANGE"
    );
    for Row { script, now, before, fuel_percent, .. } in rows {
        let was = before.as_ref().map(|before| format!("{:.1}", before.fuel)).unwrap_or_default();
        let may_have = now.limits.map(|limits| limits.fuel_per_item.to_string()).unwrap_or_default();
        let alone = now.alone_ns.map(|alone| alone.to_string()).unwrap_or_default();
        let of_call = format!("{:.1} %", now.fuel_peak_percent);
        let change = fuel_percent.map(|percent| format!("{percent:+.1} %")).unwrap_or_default();
        println!(
            "{script:<14} {:<24} {:>8} {:>10.1} {may_have:>10} {of_call:>7} {:>10.1} {alone:>8} {was:>10} {change:>9}",
            now.function, now.views, now.fuel, now.time_ns
        );
    }
}
