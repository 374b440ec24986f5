//! The command line: one file per command, each parses its arguments and calls the library.

mod audit;
mod ban;
mod bench;
mod build;
mod call;
mod changes;
mod check;
mod cost;
mod doctor;
mod limits;
mod load;
mod logs;
mod migrate;
mod new;
mod plan;
mod push;
mod replay;
mod rollback;
mod say;
mod serve;
mod sim;
mod status;
mod test;
mod top;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Loreforge: a game world whose rules are WebAssembly and change while players fight.
#[derive(Parser)]
#[command(
    name = "lore",
    version,
    propagate_version = true,
    after_help = "Examples:\n  lore serve --dev                   # a world; what you save in it becomes live\n  lore new night-wolf --kind npc     # begin a script\n  lore test && lore build            # then lore push scripts/target/lore/night-wolf.wasm\n\n`lore COMMAND --help` shows examples of each. What a message means, and what to do: docs/errors.md."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Test(test::Args),
    Call(call::Args),
    Sim(sim::Args),
    Bench(bench::Args),
    #[command(name = "bench-raw", hide = true)]
    BenchRaw(bench::raw::Args),
    Plan(plan::Args),
    Push(push::Args),
    Rollback(rollback::Args),
    Changes(changes::Args),
    /// Let a change go on that waits for a person.
    Approve(changes::Decision),
    /// End a change that waits for a person, or is tried in some zones.
    Reject(changes::Decision),
    Status(status::Args),
    Say(say::Args),
    Logs(logs::Args),
    Top(top::Args),
    Replay(replay::Args),
    Limits(limits::Args),
    Ban(ban::Args),
    Unban(ban::Lift),
    Bans(ban::List),
    Load(load::Args),
    Migrate(migrate::Args),
    Audit(audit::Args),
    Doctor(doctor::Args),
}

impl Cli {
    /// Runs the chosen command to its end; the code says more where there is more than yes and no.
    ///
    /// # Errors
    /// Whatever the command could not do, with what to do about it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(args) => serve::run(args),
            Command::New(args) => new::run(args),
            Command::Build(args) => build::run(args),
            Command::Check(args) => check::run(args),
            Command::Test(args) => test::run(args),
            Command::Call(args) => call::run(args),
            Command::Sim(args) => sim::run(args),
            Command::Bench(args) => return bench::run(args),
            Command::BenchRaw(args) => bench::raw::run(&args),
            Command::Plan(args) => return plan::run(args),
            Command::Push(args) => push::run(args),
            Command::Rollback(args) => rollback::run(args),
            Command::Changes(args) => changes::run(args),
            Command::Approve(decision) => changes::decide(decision, true),
            Command::Reject(decision) => changes::decide(decision, false),
            Command::Status(args) => status::run(args),
            Command::Say(args) => say::run(args),
            Command::Logs(args) => logs::run(args),
            Command::Top(args) => top::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Limits(args) => limits::run(args),
            Command::Ban(args) => ban::run(args),
            Command::Unban(args) => ban::lift(args),
            Command::Bans(args) => ban::list(args),
            Command::Load(args) => load::run(args),
            Command::Migrate(args) => migrate::run(args),
            Command::Audit(args) => audit::run(args),
            Command::Doctor(args) => doctor::run(args),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    /// A command line up to where the shell has the word, in words.
    fn words(line: &str) -> Vec<String> {
        let end = ["&&", " | ", " > ", "  #"].iter().filter_map(|sign| line.find(sign)).min();
        let own = &line[..end.unwrap_or(line.len())];
        let mut words = Vec::new();
        for (at, part) in own.split('\'').enumerate() {
            match at % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    fn look_at(path: &str, command: &clap::Command, seen: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let help = help.replace("\\\n", " ");
        let examples: Vec<&str> =
            help.lines().map(str::trim).filter(|line| line.starts_with("lore ")).collect();
        assert!(examples.iter().any(|line| line.starts_with(path)), "`{path} --help` shows no example");
        for example in examples {
            if let Err(error) = Cli::try_parse_from(words(example)) {
                panic!("{example}: {error}");
            }
            *seen += 1;
        }
        for command in command.get_subcommands() {
            look_at(&format!("{path} {}", command.get_name()), command, seen);
        }
    }

    #[test]
    fn every_command_shows_examples_that_it_takes() {
        Cli::command().debug_assert();
        let mut seen = 0;
        look_at("lore", &Cli::command(), &mut seen);
        assert!(seen > 40, "only {seen} examples");
    }
}
