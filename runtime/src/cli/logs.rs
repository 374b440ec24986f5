//! `lore logs`

use crate::admin::client::{AdminArgs, AdminClient};
use crate::content::suggestion;
use crate::telemetry::ScriptLine;
use anyhow::{Context as _, bail, ensure};
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
        if let Some(script) = args.script.as_deref().filter(|_| lines.is_empty()) {
            let unknown = unknown(&client, script).await?;
            ensure!(unknown.is_none(), "{}", unknown.unwrap_or_default());
        }
        return lines.iter().try_for_each(|line| show(line, args.json));
    }
    if let Some(script) = &args.script
        && let Some(unknown) = unknown(&client, script).await?
    {
        eprintln!("{unknown}; its lines are shown once it is");
    }
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

/// That no such script is live, and which ones are; nothing if it is.
async fn unknown(client: &AdminClient, script: &str) -> anyhow::Result<Option<String>> {
    let status = client.status().await?;
    let labels = super::status::rows(&status["modules"]).map(|module| super::status::text(&module["label"]));
    let known: BTreeSet<&str> = labels.map(|label| label.split('@').next().unwrap_or(label)).collect();
    if known.contains(script) {
        return Ok(None);
    }
    let hint = suggestion(script, known.iter().copied());
    let known: Vec<&str> = known.into_iter().collect();
    Ok(Some(format!("no script `{script}` is live{hint}; there are: {}", known.join(", "))))
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
