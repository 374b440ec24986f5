//! `lore limits`

use crate::admin::client::{AdminArgs, AdminClient};
use anyhow::Context as _;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Show or replace what clients may do, while they play.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore limits show > limits.toml\n  lore limits set limits.toml\n\ndocs/limits.md says what each of them means."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Show(Show),
    Set(Set),
    Reset(Reset),
}

/// Print the limits in force, as TOML that can be changed and set.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  lore limits show\n  lore limits show --json | jq .limits.connection")]
struct Show {
    #[command(flatten)]
    admin: AdminArgs,
    /// As JSON, with where they are from.
    #[arg(long)]
    json: bool,
}

/// Put the limits of a file in force, also in open connections and after a restart.
///
/// What the file does not say is as in the server's settings. Either all of it is right, or nothing changes.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore limits set limits.toml")]
struct Set {
    /// TOML: tables such as [connection]; or the [limits.connection] of a file with the server's settings.
    file: PathBuf,
    #[command(flatten)]
    admin: AdminArgs,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Go back to the limits of the server's settings.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  lore limits reset")]
struct Reset {
    #[command(flatten)]
    admin: AdminArgs,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (answer, json, said) = match args.what {
        What::Show(Show { admin, json }) => {
            let client = AdminClient::connect(&admin)?;
            let answer = runtime.block_on(client.limits())?;
            let limits = toml::to_string(&answer["limits"]).context("write the limits as TOML")?;
            (answer, json, limits.trim_end().to_owned())
        }
        What::Set(Set { file, admin, json }) => {
            let document = read(&file)?;
            let client = AdminClient::connect(&admin)?;
            let answer = runtime.block_on(client.set_limits(Some(&document)))?;
            (answer, json, "in force, also in open connections and after a restart".to_owned())
        }
        What::Reset(Reset { admin, json }) => {
            let client = AdminClient::connect(&admin)?;
            let answer = runtime.block_on(client.set_limits(None))?;
            (answer, json, "the limits of the settings are in force".to_owned())
        }
    };
    match json {
        true => println!("{answer}"),
        false => println!("{said}"),
    }
    Ok(())
}

/// A file with limits, or with settings among which they are.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let document: Value = toml::from_str(&text).with_context(|| format!("{} is no TOML", file.display()))?;
    Ok(match document.get("limits") {
        Some(limits) => limits.clone(),
        None => document,
    })
}
