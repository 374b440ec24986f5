//! `lore`, the one binary: exit code 0 when the command did what it should, 1 when it failed, 2
//! when the command line makes no sense; `lore plan` exits with 3 and 4 for its verdicts.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match runtime::cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line. What an error says of its cause in its own words is not said twice.
fn told(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("the disk is full");
        let error = Err::<(), _>(cause).context("save: the disk is full").context("stop").unwrap_err();
        assert_eq!(told(&error), "stop: save: the disk is full");
        assert_eq!(told(&error.context("end")), "end: stop: save: the disk is full");
    }
}
