//! `lore logs`

use crate::admin::client::{AdminArgs, AdminClient};
use crate::content::suggestion;
use crate::telemetry::ScriptLine;
use anyhow::{Context as _, bail};
use std::collections::BTreeSet;
use std::io::Write;

/// Show what scripts of a running server write to their logs, and how they fail.
///
/// The server keeps the last 1,000 lines. What its log filter leaves out (LORE_LOG, `info` by default) is
/// not among them.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore logs --script wolf\n  lore logs -f --json | jq 'select(.failure)'\n\nEnds when the server does."
)]
pub struct Args {
    #[command(flatten)]
    admin: AdminArgs,
    /// Go on with what comes.
    #[arg(long, short)]
    follow: bool,
    /// Only of this script.
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    /// At most so many of the lines before.
    #[arg(long, value_name = "N", default_value_t = 100)]
    lines: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(logs(args))
}

async fn logs(args: Args) -> anyhow::Result<()> {
    let client = AdminClient::connect(&args.admin)?;
    let mut stream = client.logs(args.script.as_deref(), args.lines, args.follow).await?;
    if !args.follow {
        let lines = stream.whole().await?;
        let lines: Vec<ScriptLine> = serde_json::from_value(lines["lines"].clone())
            .context("the server is of another version than this lore")?;
        if lines.is_empty() {
            doubt(&client, args.script.as_deref()).await?;
        }
        return lines.iter().try_for_each(|line| show(line, args.json));
    }
    doubt(&client, args.script.as_deref()).await?;
    while let Some((event, data)) = stream.next().await? {
        match event.as_str() {
            "line" => {
                let line =
                    serde_json::from_str(&data).context("the server is of another version than this lore")?;
                show(&line, args.json)?;
            }
            "missed" => eprintln!("{data} lines were missed"),
            _ => {}
        }
    }
    bail!("the server has ended")
}

/// Says on standard error that no such script is live, and which ones are: it may have gone, or be misspelt.
async fn doubt(client: &AdminClient, script: Option<&str>) -> anyhow::Result<()> {
    let Some(script) = script else { return Ok(()) };
    let status = client.status().await?;
    let labels = super::status::rows(&status["modules"]).map(|module| super::status::text(&module["label"]));
    let known: BTreeSet<&str> = labels.map(|label| label.split('@').next().unwrap_or(label)).collect();
    if !known.contains(script) {
        let hint = suggestion(script, known.iter().copied());
        let known: Vec<&str> = known.into_iter().collect();
        eprintln!("no script `{script}` is live{hint}; there are: {}", known.join(", "));
    }
    Ok(())
}

fn show(line: &ScriptLine, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(line)?)?;
    } else {
        let ScriptLine { level, module, export, tick, message, failure, zone, .. } = line;
        let place = if zone.is_empty() { String::new() } else { format!(" in {zone}") };
        let failed = if *failure { " FAILED:" } else { "" };
        writeln!(out, "{level:<5} {module} {export}{place} tick {tick}:{failed} {message}")?;
    }
    Ok(out.flush()?)
}
