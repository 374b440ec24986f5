//! `lore load`

use crate::admin::AdminToken;
use crate::client::frame::Encoding;
use crate::load::mind::Scenario;
use crate::load::{Plan, run as run_load};
use anyhow::Context;
use std::path::PathBuf;

/// Send bots into a running world and measure how it bears them.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  lore load --url ws://127.0.0.1:7777/v1/world/ws --admin http://127.0.0.1:7878 \\\n    --data ./data --bots 200 --seconds 60 --scenario fight --json\n\nExits with 1 when a bot could not join or was disconnected, an answer was lost, or the server broke the protocol."
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
    #[arg(long, value_enum, default_value = "json")]
    encoding: Encoding,
    /// How many bots.
    #[arg(long, default_value_t = 50)]
    bots: usize,
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
    /// Print one JSON object and nothing else.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let in_file = || std::fs::read_to_string(AdminToken::path(&args.data)).ok();
    let admin_token = args.admin_token.or_else(in_file).map(|token| token.trim().to_owned());
    let plan = Plan {
        ws_url: args.url,
        admin_url: args.admin,
        admin_token,
        encoding: args.encoding,
        bots: args.bots,
        seconds: args.seconds,
        scenario: args.scenario,
        ramp: args.ramp,
        seed: args.seed,
    };
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    let progress = |line: &str| {
        if !args.json {
            eprintln!("{line}");
        }
    };
    let report = tokio.block_on(run_load(&plan, progress))?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("\n{report}");
    }
    anyhow::ensure!(
        report.passed(),
        "{} of {} bots joined, {} protocol errors, {} disconnects, {} lost replies",
        report.joined,
        report.bots,
        report.protocol_errors,
        report.disconnects,
        report.lost_replies
    );
    Ok(())
}
