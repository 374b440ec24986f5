//! `lore bench`: one file per suite.

mod script;

use std::process::ExitCode;

/// Measure, and compare with what was before.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore bench script combat")]
pub struct Args {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(clap::Subcommand)]
enum Suite {
    Script(script::Args),
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.suite {
        Suite::Script(args) => script::run(&args),
    }
}
