//! `lore`, the one binary.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    runtime::cli::Cli::parse().run()
}
