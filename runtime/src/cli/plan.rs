//! `lore plan`

use crate::admin::client::{AdminArgs, AdminClient};
use crate::reload::{ExportReport, Report, Verdict};
use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// Characters shown of a view or an answer.
const SHOWN: usize = 300;

/// Show what a script would change, from calls the running world has recorded.
///
/// The live module and this one answer the same calls, off the tick; nothing is changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore plan scripts/target/lore/combat.wasm\n  lore plan combat.wasm --json | jq .verdict\n\nExits with 0 if it could go live by itself, 3 if a person would have to approve it, 4 if it fails."
)]
pub struct Args {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    admin: AdminArgs,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(plan(args))
}

async fn plan(args: Args) -> anyhow::Result<ExitCode> {
    let client = AdminClient::connect(&args.admin)?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("read {}", args.file.display()))?;
    let answer = client.plan(bytes).await.with_context(|| args.file.display().to_string())?;
    let report = report(&answer)?;
    if args.json {
        println!("{answer}");
    } else {
        describe(&report);
    }
    Ok(ExitCode::from(match report.verdict {
        Verdict::Accept => 0,
        Verdict::Hold { .. } => 3,
        Verdict::Refuse { .. } => 4,
    }))
}

/// The report in an answer of the server.
pub fn report(answer: &Value) -> anyhow::Result<Report> {
    Report::deserialize(answer).context("the server is of another version than this lore")
}

/// Prints a report for people.
pub fn describe(report: &Report) {
    println!("{} instead of {}", report.label, report.live.as_deref().unwrap_or("nothing"));
    report.exports.iter().for_each(describe_export);
    report.notes.iter().for_each(|note| println!("note: {note}"));
    match &report.verdict {
        Verdict::Accept => println!("verdict: accept"),
        Verdict::Hold { why } => println!("verdict: hold\n  {}", why.join("\n  ")),
        Verdict::Refuse { why } => println!("verdict: refuse\n  {}", why.join("\n  ")),
    }
}

fn describe_export(report: &ExportReport) {
    let ExportReport { export, views, differ, differ_permille, live, candidate, .. } = report;
    println!("\n{export}: {differ} of {views} recorded calls differ ({differ_permille} of 1,000)");
    println!("  {:<16} {:>14} {:>14} {:>9}", "per view", "live", "candidate", "change");
    row("fuel", live.fuel, candidate.fuel, percent(live.fuel, candidate.fuel));
    row("time, ns", live.time_ns, candidate.time_ns, percent(live.time_ns, candidate.time_ns));
    for measure in &report.measures {
        row(&measure.name, measure.live, measure.candidate, measure.percent);
    }
    println!("  {:<16} {:>14} {:>14}", "failed", live.fallbacks, candidate.fallbacks);
    report.failures.iter().for_each(|failure| println!("  ! {failure}"));
    for worst in &report.worst {
        let short = |text: &str| text.chars().take(SHOWN).collect::<String>();
        println!("  ~ {}", short(&worst.view));
        println!("    live      {}", short(&worst.live));
        println!("    candidate {}", short(&worst.candidate));
    }
}

fn row(name: &str, live: f64, candidate: f64, percent: Option<f64>) {
    let change = match percent {
        Some(percent) if percent.abs() < 0.05 => String::new(),
        Some(percent) => format!("{percent:+.1} %"),
        None => "new".to_owned(),
    };
    println!("  {name:<16} {live:>14.3} {candidate:>14.3} {change:>9}");
}

fn percent(live: f64, candidate: f64) -> Option<f64> {
    (live > 0.0).then(|| (candidate - live) / live * 100.0)
}
