//! `lore`, the one binary: exit code 0 when the command did what it should, 1 when it failed, 2
//! when the command line makes no sense.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match runtime::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
