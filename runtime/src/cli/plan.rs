//! `lore plan`

use crate::admin::client::{AdminArgs, AdminClient, components_in, is_content};
use crate::reload::{ContentReport, ExportReport, Proof, Report, StateReport, Verdict};
use anyhow::{Context as _, bail};
use host_api::Spread;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// Characters shown of a view or an answer.
const SHOWN: usize = 300;
/// Numbers of content shown, those that move farthest; `--json` has more.
const FIGURES: usize = 40;

/// Show what a script or content would change, before it does.
///
/// The live module and this one answer calls that the running world has recorded, off the tick, and where these
/// are few, made-up ones; state of another schema is migrated on a copy. Of content, the rows that differ are
/// shown, and how far their numbers move. Nothing is changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore plan scripts/target/lore/combat.wasm\n  lore plan scripts/target/lore/combat.wasm --json | jq .verdict\n  lore plan content\n\nExits with 0 if it could go live by itself, 3 if a person would have to approve it, 4 if it fails."
)]
pub struct Args {
    /// The component, or the folder of the content.
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
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
    if args.path.is_dir() && is_content(&args.path) {
        return plan_content(&args, &client).await;
    }
    if args.path.is_dir() {
        let components = components_in(&args.path);
        let names: Vec<String> = components.iter().map(|path| path.display().to_string()).collect();
        bail!("{} is a folder of components; name one of them: {}", args.path.display(), names.join(", "));
    }
    let bytes = std::fs::read(&args.path).with_context(|| super::push::unreadable(&args.path))?;
    let answer = client.plan(bytes).await.with_context(|| args.path.display().to_string())?;
    let report: Report = report(&answer)?;
    if args.json {
        println!("{answer}");
    } else {
        describe(&report);
    }
    Ok(exit_code(&report.verdict))
}

async fn plan_content(args: &Args, client: &AdminClient) -> anyhow::Result<ExitCode> {
    let files = crate::content::read_files(&args.path)?;
    let answer = client.plan_content(&files).await.with_context(|| args.path.display().to_string())?;
    let report: ContentReport = report(&answer)?;
    if args.json {
        println!("{answer}");
    } else {
        describe_content(&report);
    }
    Ok(exit_code(&report.verdict))
}

fn exit_code(verdict: &Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Accept => 0,
        Verdict::Hold { .. } => 3,
        Verdict::Refuse { .. } => 4,
    })
}

/// The report in an answer of the server.
pub fn report<'a, T: Deserialize<'a>>(answer: &'a Value) -> anyhow::Result<T> {
    T::deserialize(answer).context("the server is of another version than this lore")
}

/// Prints what a proof showed, for people.
pub fn describe_proof(proof: &Proof) {
    match proof {
        Proof::Module(report) => describe(report),
        Proof::Content(report) => describe_content(report),
    }
}

fn describe_content(report: &ContentReport) {
    let ContentReport { label, live, rows, figures, more, limits, verdict, .. } = report;
    println!("{label} instead of {live}");
    rows.iter().for_each(|row| println!("  {row}"));
    let amounts: Vec<_> = figures.iter().filter(|figure| figure.counts).collect();
    if !amounts.is_empty() {
        println!("numbers, those that move farthest first:");
        amounts.iter().take(FIGURES).for_each(|figure| println!("  {figure}"));
    }
    let more = more + amounts.len().saturating_sub(FIGURES);
    if more > 0 {
        println!("  {more} more");
    }
    let limit =
        |what: &str, percent: Option<u32>| percent.map(|percent| format!("{what} beyond {percent} %"));
    let limits = [limit("held", limits.hold_percent), limit("refused", limits.refuse_percent)];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if !limits.is_empty() {
        println!("note: numbers are {}", limits.join(", "));
    }
    describe_verdict(verdict);
}

fn describe(report: &Report) {
    println!("{} instead of {}", report.label, report.live.as_deref().unwrap_or("nothing"));
    report.exports.iter().for_each(describe_export);
    report.state.iter().for_each(describe_state);
    report.notes.iter().for_each(|note| println!("note: {note}"));
    println!("rests on: {}", report.basis());
    describe_verdict(&report.verdict);
}

fn describe_verdict(verdict: &Verdict) {
    match verdict {
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
        let (live, candidate) = (spread(&measure.live_spread), spread(&measure.candidate_spread));
        if live != candidate {
            println!("  {:<16} {live:>14} {candidate:>14}", "  5/50/95 %");
        }
    }
    println!("  {:<16} {:>14} {:>14}", "failed", live.fallbacks, candidate.fallbacks);
    report.failures.iter().for_each(|failure| println!("  ! {failure}"));
    if report.made_up > 0 {
        println!("  {} made-up calls: {} failed", report.made_up, report.made_up_failed);
        report.made_up_failures.iter().for_each(|failure| println!("  ! {failure}"));
    }
    for worst in &report.worst {
        let short = |text: &str| text.chars().take(SHOWN).collect::<String>();
        println!("  ~ {}", short(&worst.view));
        println!("    live      {}", short(&worst.live));
        println!("    candidate {}", short(&worst.candidate));
    }
}

fn describe_state(report: &StateReport) {
    let StateReport { from, to, live, restored, stored, tried, changed, failed, .. } = report;
    println!("\nstate: from schema {from} to {to}");
    println!(
        "  {live} states in zones, {restored} of them get back what they were; {stored} of characters away"
    );
    println!("  {tried} migrated on a copy: {changed} change, {failed} cannot");
    report.errors.iter().for_each(|error| println!("  ! {error}"));
    for example in &report.examples {
        println!("  ~ {}\n    before    {}\n    after     {}", example.owner, example.before, example.after);
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

fn spread(spread: &Spread) -> String {
    let Spread { p5, p50, p95, .. } = spread;
    format!("{p5:.0}/{p50:.0}/{p95:.0}")
}

fn percent(live: f64, candidate: f64) -> Option<f64> {
    (live > 0.0).then(|| (candidate - live) / live * 100.0)
}
