//! `lore push`

use crate::admin::client::{AdminArgs, AdminClient, components_in, is_content};
use crate::reload::Plan;
use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Make scripts or content live in a running server.
///
/// A script answers the calls of the last minutes beside the live one before it runs (see lore plan).
/// A .wasm file is one script; a folder is all scripts in it, or content if it holds no .wasm
/// file. What is refused leaves the world as it was.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore push scripts/target/lore/combat.wasm --why 'softer wolves'\n  lore push scripts/target/lore/combat.wasm --canary greywood --hold --wait\n  lore push scripts/target/lore/combat.wasm --canary 25%\n  lore push content --admin http://127.0.0.1:7878\n\nWith --wait it exits with 1 when a change did not become live."
)]
pub struct Args {
    /// What to push.
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    #[command(flatten)]
    admin: AdminArgs,
    /// Zones that get it first, by name or as a share of all (25%); after its probation there it goes to all
    /// by itself.
    #[arg(long, value_name = "ZONE,ZONE|PERCENT%", value_delimiter = ',')]
    canary: Vec<String>,
    /// Wait for `lore approve` before it runs anywhere; with --canary, before it goes to all zones.
    #[arg(long)]
    hold: bool,
    /// Go on without the proof: an urgent repair. It is watched in its probation all the same.
    #[arg(long)]
    skip_proof: bool,
    /// Wait until it has passed its probation or is gone.
    #[arg(long)]
    wait: bool,
    /// For the history.
    #[arg(long, default_value = "")]
    why: String,
    /// One JSON array of the answers.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(push(args))
}

async fn push(args: Args) -> anyhow::Result<()> {
    let client = AdminClient::connect(&args.admin)?;
    let kind = std::fs::metadata(&args.path).with_context(|| unreadable(&args.path))?;
    let plan = Plan { canary: args.canary, hold: args.hold, skip_proof: args.skip_proof };
    let mut answers = Vec::new();
    if kind.is_dir() && is_content(&args.path) {
        let files = crate::content::read_files(&args.path)?;
        if files.is_empty() {
            bail!(
                "{} holds neither components (*.wasm) nor content (*.toml); push scripts/target/lore or content",
                args.path.display()
            );
        }
        answers.push(client.push_content(&files, &plan, &args.why).await?);
    } else {
        let components = if kind.is_dir() { components_in(&args.path) } else { vec![args.path.clone()] };
        for component in components {
            let bytes = std::fs::read(&component).with_context(|| unreadable(&component))?;
            let answer = client.push_module_as(bytes, &plan, &args.why).await;
            answers.push(answer.with_context(|| component.display().to_string())?);
        }
    }
    if args.json {
        println!("{}", Value::Array(answers.clone()));
    } else {
        for answer in &answers {
            describe(answer);
            if let Some(id) = answer["change"].as_u64().filter(|_| answer["proof"].is_object()) {
                let change = client.change(id, 0).await?;
                // Of content there are no calls.
                if change["rests_on"].is_object() {
                    println!("  its proof rests on {}", super::changes::basis(&change["rests_on"]));
                }
            }
        }
    }
    if args.wait {
        for id in answers.iter().filter_map(|answer| answer["change"].as_u64()) {
            let change = super::changes::settled(&client, id).await?;
            eprintln!("{}", super::changes::line(&change));
            ensure!(
                change["state"] == "live",
                "the change {id} did not become live; `lore changes {id}` says why"
            );
        }
    }
    Ok(())
}

/// That what shall be pushed is not there, and what would make it.
pub fn unreadable(path: &Path) -> String {
    format!("cannot read {}; `lore build` makes the components of scripts", path.display())
}

/// One line about a change that is live.
pub fn describe(pushed: &Value) {
    let label = pushed["label"].as_str().unwrap_or("?");
    if pushed["unchanged"] == true {
        return println!("{label} was live already");
    }
    let before = pushed["before"].as_str().map(|before| format!(", was {before}")).unwrap_or_default();
    if pushed["state"] == "held" {
        let why = pushed["proof"]["why"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let why: String = why.map(|why| format!("\n  {why}")).collect();
        return println!("{label} waits for `lore approve {}`{why}", pushed["change"]);
    }
    let state = pushed["state"].as_str().map(|state| format!(", {state}")).unwrap_or_default();
    let zones: Vec<String> = pushed["zones"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|zone| format!("{} at tick {}", zone["zone"].as_str().unwrap_or("?"), zone["tick"]))
        .collect();
    println!(
        "{label} is live in {:.0} ms (generation {}{before}{state}): {}",
        pushed["live_ms"].as_f64().unwrap_or(0.0),
        pushed["generation"],
        zones.join(", ")
    );
    if pushed["resting"] == true {
        println!("  it rests: its fallbacks decide until a repaired version is pushed");
    }
    let rows = pushed["rows"].as_array().into_iter().flatten().filter_map(Value::as_str);
    rows.for_each(|row| println!("  {row}"));
}
