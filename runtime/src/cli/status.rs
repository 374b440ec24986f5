//! `lore status`

use super::cost;
use crate::admin::client::{AdminArgs, AdminClient};
use serde_json::Value;
use std::time::Duration;

/// Show what is live in a running server and how it does.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore status\n  lore status --json | jq '.zones[].tick_ms'\n  lore status --cost\n  lore status --cost --over 30 --json | jq '.subjects[:10]'"
)]
pub struct Args {
    #[command(flatten)]
    admin: AdminArgs,
    /// Where the time of ticks goes instead: zones, scripts, NPC templates, quests, by their share.
    #[arg(long)]
    cost: bool,
    /// With --cost: seconds to measure for.
    #[arg(long, value_name = "SECONDS", requires = "cost", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    over: u64,
    /// Everything, as one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { admin, cost, over, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if cost {
        let shares = runtime.block_on(async {
            let client = AdminClient::connect(&admin)?;
            cost::measure(&client, Duration::from_secs(over)).await
        })?;
        match json {
            true => println!("{}", serde_json::to_string(&shares)?),
            false => cost::lines(&shares, usize::MAX).iter().for_each(|line| println!("{line}")),
        }
        return Ok(());
    }
    let status = runtime.block_on(async {
        let client = AdminClient::connect(&admin)?;
        client.status().await
    })?;
    if json {
        println!("{status}");
    } else {
        show(&status);
    }
    Ok(())
}

fn show(status: &Value) {
    let process = &status["process"];
    println!(
        "loreforge {}, generation {}, {}, {} MiB, {:.1} s of CPU",
        text(&status["version"]),
        status["generation"],
        text(&status["content"]),
        process["rss_bytes"].as_u64().unwrap_or(0) >> 20,
        process["cpu_ms"].as_f64().unwrap_or(0.0) / 1_000.0
    );
    println!(
        "\n{:<16} {:>7} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "ZONE", "PLAYERS", "ENTITIES", "TICK p50", "p99", "max ms", "LAG ms"
    );
    for zone in rows(&status["zones"]) {
        let tick = &zone["tick_ms"];
        let state = if zone["stalled"] == true {
            "  STANDS STILL: the store does not answer, or clients cannot be told"
        } else {
            ""
        };
        println!(
            "{:<16} {:>7} {:>9} {:>8.2} {:>8.2} {:>8.2} {:>8.2}{state}",
            text(&zone["name"]),
            zone["population"].to_string(),
            zone["entities"].to_string(),
            number(&tick["p50"]),
            number(&tick["p99"]),
            number(&tick["max"]),
            number(&zone["lag_ms"])
        );
    }
    println!(
        "\n{:<36} {:<11} {:>6} {:>10} {:>10} {:>8} {:>8}",
        "MODULE", "KIND", "SCHEMA", "CALLS", "VIEWS", "us/CALL", "STRIKES"
    );
    for module in rows(&status["modules"]) {
        println!(
            "{:<36} {:<11} {:>6} {:>10} {:>10} {:>8.1} {:>8}",
            super::changes::label(module),
            text(&module["kind"]),
            module["schema"].to_string(),
            module["calls"].to_string(),
            module["views"].to_string(),
            number(&module["micros_per_call"]),
            module["strikes"].to_string()
        );
        if let Some(why) = module["resting"].as_str() {
            let why = super::changes::first_line(why);
            println!("  RESTS, its fallbacks decide: {why}\n  push a repaired version: lore push FILE");
        }
    }
    let mut changes = rows(&status["changes"]).peekable();
    if changes.peek().is_some() {
        println!("\n{:>5} {:<12} {:<20} CHANGE", "ID", "STATE", "SINCE");
    }
    changes.for_each(|change| println!("{}", super::changes::line(change)));
    for failure in rows(&status["failures"]).take(5) {
        println!(
            "\n{} {} in {} at tick {}: {}",
            text(&failure["module"]),
            text(&failure["export"]),
            text(&failure["zone"]),
            failure["tick"],
            text(&failure["message"])
        );
        if let Some(view) = failure["view"].as_str() {
            println!("  asked: {view}");
        }
        println!("  again: {}", text(&failure["again"]));
    }
    for (digest, reason) in status["quarantined"].as_object().into_iter().flatten() {
        println!("\nquarantined {digest:.12}: {}", text(reason));
    }
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}
