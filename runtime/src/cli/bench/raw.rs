//! `lore bench-raw`: the bare room that `lore bench` starts beside our server. Nothing to be run by people.

use crate::bench::Ground;
use crate::bench::raw::{Sends, serve};

/// The bare room that `lore bench` compares with, on a free port until standard input ends.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore bench-raw --side-mm 1000000 --radius-mm 100000")]
pub struct Args {
    /// Edge of the ground, millimetres.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1_000..=20_000_000))]
    side_mm: i32,
    /// How far one sees, millimetres.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1_000..=1_000_000))]
    radius_mm: i32,
    /// What is sent in every tick.
    #[arg(long, value_enum, default_value = "sight")]
    sends: Sends,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    serve(Ground { side_mm: args.side_mm, radius_mm: args.radius_mm }, args.sends)
}
