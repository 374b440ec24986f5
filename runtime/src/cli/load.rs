//! `lore load`

use crate::admin::AdminToken;
use crate::client::frame::Encoding;
use crate::load::compare::{check, compare};
use crate::load::mind::Scenario;
use crate::load::picture;
use crate::load::report::StormReport;
use crate::load::{Plan, run as run_load};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Send bots into a running world and measure how it bears them.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  lore load --url ws://127.0.0.1:7777/v1/world/ws --admin http://127.0.0.1:7878 \\\n    --data ./data --bots 200 --seconds 60 --scenario spread --picture load.svg --json\n\nWhat the scenarios and figures are: docs/load.md. The tool uses no more than --threads cores; a run in which it used\nmore than 90 % of them is void.\n\nExits with 1 when a bot could not join, was disconnected or did not come back, an answer was lost, a message or a\ncommand came through a storm not at all or twice, the server broke the protocol, or something got worse than in the\nreport of --compare."
)]
pub struct Args {
    /// The world's socket.
    #[arg(long, value_name = "WS_URL", default_value = "ws://127.0.0.1:7777/v1/world/ws")]
    url: String,
    /// The operator listener, for the server's own figures (tick, CPU, memory).
    #[arg(long, value_name = "URL", env = "LORE_ADMIN")]
    admin: Option<String>,
    /// Folder of the server's data, to read the operator's token from.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "LORE_DATA")]
    data: PathBuf,
    /// The operator's token, if the data folder is not at hand.
    #[arg(long, env = "LORE_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// How the bots' messages are written: JSON-RPC 2.0, or Protocol Buffers.
    #[arg(long, value_enum, default_value = "proto")]
    encoding: Encoding,
    /// How many bots.
    #[arg(long, default_value_t = 50)]
    bots: usize,
    /// In the scenario `login-storm`: how many more arrive within a second.
    #[arg(long, default_value_t = 100)]
    storm: usize,
    /// How long they play after all have joined.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// What they do.
    #[arg(long, value_enum, default_value = "mixed")]
    scenario: Scenario,
    /// Bots sent a second.
    #[arg(long, default_value_t = 50, value_name = "PER_SECOND")]
    ramp: u32,
    /// Seed of what the bots want.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Threads the bots are dealt to; each takes one core at most.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Draw the run over time into this file.
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// Print what got worse since this report of `lore load --json`; with --json on standard error.
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// Print one JSON object and nothing else.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    // Before the run, not after it: it may take long.
    let before = args.compare.as_deref().map(read_report).transpose()?;
    let in_file = || std::fs::read_to_string(AdminToken::path(&args.data)).ok();
    let admin_token = args.admin_token.or_else(in_file).map(|token| token.trim().to_owned());
    let plan = Plan {
        ws_url: args.url,
        admin_url: args.admin,
        admin_token,
        encoding: args.encoding,
        bots: args.bots,
        storm: args.storm,
        seconds: args.seconds,
        scenario: args.scenario,
        ramp: args.ramp,
        seed: args.seed,
        threads: args.threads,
    };
    // The bots have threads of their own; here accounts are made and figures collected.
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    let progress = |line: &str| {
        if !args.json {
            eprintln!("{line}");
        }
    };
    let report = tokio.block_on(run_load(&plan, progress))?;
    if let Some(file) = &args.picture {
        std::fs::write(file, picture::svg(&report))
            .with_context(|| format!("writing the picture {}", file.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("\n{report}");
    }
    let comparison = match &before {
        Some(before) => Some(compare(before, &serde_json::to_value(&report)?)?),
        None => None,
    };
    match &comparison {
        Some(comparison) if args.json => eprintln!("{comparison}"),
        Some(comparison) => println!("{comparison}"),
        None => {}
    }
    anyhow::ensure!(
        report.passed(),
        "{} of {} bots joined, {} protocol errors, {} disconnects, {} lost replies, {} amiss in the storm",
        report.joined,
        report.bots + report.storm_bots,
        report.protocol_errors,
        report.disconnects,
        report.lost_replies,
        report.storm.as_ref().map_or(0, StormReport::amiss)
    );
    let regressed = comparison.is_some_and(|comparison| comparison.has_regressed());
    anyhow::ensure!(!regressed, "something got worse: see REGRESSION above");
    Ok(())
}

fn read_report(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let report = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    check(&report).with_context(|| format!("{} cannot be compared with", file.display()))?;
    Ok(report)
}
