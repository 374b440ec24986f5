//! `lore bench`: one file per kind of suite.

pub mod raw;
mod script;
mod suite;

use crate::bench::Name;
use std::process::ExitCode;

/// Measure, and compare with what was before, or with the physical limit of the machine.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  lore bench --list\n  lore bench script combat\n  lore bench zone_aoi --picture zone_aoi.svg\n  lore bench all --quick\n\nWhat the suites measure and how to read them: docs/benchmarks.md."
)]
pub struct Args {
    /// Name the suites and what they do.
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    suite: Option<Suite>,
}

#[derive(clap::Subcommand)]
enum Suite {
    Script(script::Args),
    /// CPU, bytes and latency of clients that see those near, and the most of them.
    #[command(
        name = "zone_aoi",
        after_help = "Examples:\n  lore bench zone_aoi --picture zone_aoi.svg\n  lore bench zone_aoi --clients 400,1600 --json"
    )]
    ZoneAoi(suite::Args),
    /// CPU, bytes, latency and joins of clients that all see each other.
    #[command(name = "zone_full", after_help = "Example:\n  lore bench zone_full --clients 400,800")]
    ZoneFull(suite::Args),
    /// Bytes that a client is sent, with interest and in a full room.
    #[command(name = "wire_bytes", after_help = "Example:\n  lore bench wire_bytes --repeats 2")]
    WireBytes(suite::Args),
    /// Memory and CPU of connections that do nothing.
    #[command(name = "idle_conns", after_help = "Example:\n  lore bench idle_conns --clients 1000")]
    IdleConns(suite::Args),
    /// The same to everybody while some do not read.
    #[command(name = "fanout", after_help = "Example:\n  lore bench fanout --clients 1000 --seconds 60")]
    Fanout(suite::Args),
    /// The spatial index alone; --clients are its entities.
    #[command(name = "interest_grid", after_help = "Example:\n  lore bench interest_grid --clients 40000")]
    InterestGrid(suite::Args),
    /// Frame gaps, connections and moves while a module is swapped.
    #[command(name = "reload_pause", after_help = "Example:\n  lore bench reload_pause --json")]
    ReloadPause(suite::Args),
    /// Ticks of a zone while passwords are checked.
    #[command(name = "login_storm", after_help = "Example:\n  lore bench login_storm --repeats 2")]
    LoginStorm(suite::Args),
    /// All of them but `script`, one after the other.
    #[command(
        name = "all",
        after_help = "Examples:\n  lore bench all --json > bench.json\n  lore bench all --quick"
    )]
    All(suite::Args),
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some(suite) = args.suite.filter(|_| !args.list) else {
        list();
        return Ok(ExitCode::SUCCESS);
    };
    let (names, args) = match suite {
        Suite::Script(args) => return script::run(&args),
        Suite::ZoneAoi(args) => (vec![Name::ZoneAoi], args),
        Suite::ZoneFull(args) => (vec![Name::ZoneFull], args),
        Suite::WireBytes(args) => (vec![Name::WireBytes], args),
        Suite::IdleConns(args) => (vec![Name::IdleConns], args),
        Suite::Fanout(args) => (vec![Name::Fanout], args),
        Suite::InterestGrid(args) => (vec![Name::InterestGrid], args),
        Suite::ReloadPause(args) => (vec![Name::ReloadPause], args),
        Suite::LoginStorm(args) => (vec![Name::LoginStorm], args),
        Suite::All(args) => (Name::ALL.to_vec(), args),
    };
    suite::run(&names, &args)?;
    Ok(ExitCode::SUCCESS)
}

fn list() {
    println!("{:<14} fuel and time per view of each function of scripts", "script");
    for name in Name::ALL {
        println!("{:<14} {}", name.name(), name.work());
    }
}
