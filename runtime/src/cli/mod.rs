//! The command line: one file per command, each parses its arguments and calls the library.

mod audit;
mod build;
mod check;
mod doctor;
mod load;
mod migrate;
mod push;
mod rollback;
mod serve;
mod status;

use clap::{Parser, Subcommand};

/// Loreforge: a game world whose rules are WebAssembly and change while players fight.
#[derive(Parser)]
#[command(name = "lore", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Build(build::Args),
    Check(check::Args),
    Push(push::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Load(load::Args),
    Migrate(migrate::Args),
    Audit(audit::Args),
    Doctor(doctor::Args),
}

impl Cli {
    /// Runs the chosen command to its end.
    ///
    /// # Errors
    /// Whatever the command could not do, with what to do about it.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(args),
            Command::Build(args) => build::run(args),
            Command::Check(args) => check::run(args),
            Command::Push(args) => push::run(args),
            Command::Rollback(args) => rollback::run(args),
            Command::Status(args) => status::run(args),
            Command::Load(args) => load::run(args),
            Command::Migrate(args) => migrate::run(args),
            Command::Audit(args) => audit::run(args),
            Command::Doctor(args) => doctor::run(args),
        }
    }
}
