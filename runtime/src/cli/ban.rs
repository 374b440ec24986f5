//! `lore ban`, `lore unban`, `lore bans`

use crate::admin::client::{AdminArgs, AdminClient};
use humantime_serde::re::humantime::{format_rfc3339_seconds, parse_duration};
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Keep an account or an address out: its connections are closed at once.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore ban ada --for 1h --why 'insults in the chat'\n  lore ban 203.0.113.7 --for 7d --why 'floods'\n  lore ban '#17' --why 'sells gold'"
)]
pub struct Args {
    /// Name or email of an account, `#` and its key, or an address (of IPv6 its /64).
    #[arg(value_name = "ACCOUNT|IP")]
    whom: String,
    /// How long, such as 30m, 12h, 7d; for good if missing.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    length: Option<Duration>,
    /// The banned read it, too.
    #[arg(long)]
    why: String,
    #[command(flatten)]
    admin: AdminArgs,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Lift a ban.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  lore unban ada\n  lore unban 203.0.113.7")]
pub struct Lift {
    /// Name or email of an account, `#` and its key, or an address.
    #[arg(value_name = "ACCOUNT|IP")]
    whom: String,
    #[command(flatten)]
    admin: AdminArgs,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Show who is banned, until when, and why.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore bans\n  lore bans --json | jq '.bans[] | select(.by == \"loreforge\")'"
)]
pub struct List {
    #[command(flatten)]
    admin: AdminArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { whom, length, why, admin, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = AdminClient::connect(&admin)?;
    let ban = runtime.block_on(client.ban(&whom, length, &why))?;
    match json {
        true => println!("{ban}"),
        false => println!("banned: {}", line(&ban)),
    }
    Ok(())
}

pub fn lift(args: Lift) -> anyhow::Result<()> {
    let Lift { whom, admin, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = AdminClient::connect(&admin)?;
    let ban = runtime.block_on(client.unban(&whom))?;
    match json {
        true => println!("{ban}"),
        false => println!("lifted: {}", line(&ban)),
    }
    Ok(())
}

pub fn list(args: List) -> anyhow::Result<()> {
    let List { admin, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = AdminClient::connect(&admin)?;
    let answer = runtime.block_on(client.bans())?;
    let bans = answer["bans"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (json, bans) {
        (true, _) => println!("{answer}"),
        (false, []) => println!("nobody is banned"),
        (false, bans) => bans.iter().for_each(|ban| println!("{}", line(ban))),
    }
    Ok(())
}

/// A ban in one line.
fn line(ban: &Value) -> String {
    let text = |name: &str| ban[name].as_str().unwrap_or("?");
    let until = match ban["until_s"].as_u64() {
        Some(until_s) => {
            format!("until {}", format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(until_s)))
        }
        None => "for good".to_owned(),
    };
    format!("{} ({}) {until}, by {}: {}", text("name"), text("subject"), text("by"), text("why"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_tells_who_until_when_by_whom_and_why() {
        let mut ban = json!({
            "subject": "account 3", "name": "ada", "since_s": 0, "until_s": 1_757_845_351_i64,
            "why": "insults", "by": "mod", "times": 0,
        });
        assert_eq!(line(&ban), "ada (account 3) until 2025-09-14T10:22:31Z, by mod: insults");
        ban["until_s"] = Value::Null;
        assert_eq!(line(&ban), "ada (account 3) for good, by mod: insults");
        assert_eq!(parse_duration("1h").ok(), Some(Duration::from_secs(3_600)));
        assert!(parse_duration("soon").is_err());
    }
}
