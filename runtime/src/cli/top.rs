//! `lore top`

use super::cost;
use super::status::{number, rows, text};
use crate::admin::client::{AdminArgs, AdminClient};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Lines shown where nobody knows how many fit, and where they go to a file.
const LINES: usize = 24;
/// Put the cursor to the corner; clear from it on.
const CORNER: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// Watch where the time of ticks goes: zones, scripts, NPC templates, quests.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore top\n  lore top --every 5\n  lore top --once --rows 100 > costs.txt\n\nAll figures are averages over the ticks since the screen before. SHARE is of the time a tick has."
)]
pub struct Args {
    #[command(flatten)]
    admin: AdminArgs,
    /// Seconds between two screens.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
    /// One table without control characters, then end.
    #[arg(long)]
    once: bool,
    /// Most lines; as many as fit if missing.
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(watch(args))
}

async fn watch(args: Args) -> anyhow::Result<()> {
    let client = AdminClient::connect(&args.admin)?;
    let every = Duration::from_secs(args.every);
    let once = args.once || !std::io::stdout().is_terminal();
    if !once {
        print!("{CORNER}{CLEAR_REST}");
        std::io::stdout().flush()?;
    }
    let mut before = client.costs().await?;
    loop {
        tokio::time::sleep(every).await;
        let now = client.costs().await?;
        let shares = crate::admin::Shares::of(&now.since(&before));
        before = now;
        let mut lines = summary(&client.status().await?);
        let (width, height) = size(once, args.rows);
        lines.extend(cost::lines(&shares, height.saturating_sub(lines.len())));
        let mut out = std::io::stdout().lock();
        if once {
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
            return Ok(());
        }
        write!(out, "{CORNER}")?;
        for (number, line) in lines.iter().take(height).enumerate() {
            let line: String = line.chars().take(width).collect();
            // Without an end of line at the last one, so that nothing moves up.
            write!(out, "{}{line}{CLEAR_LINE}", if number == 0 { "" } else { "\r\n" })?;
        }
        write!(out, "{CLEAR_REST}")?;
        out.flush()?;
    }
}

/// Columns and lines.
fn size(once: bool, rows: Option<usize>) -> (usize, usize) {
    let terminal = terminal_size::terminal_size().filter(|_| !once);
    let (width, height) = match terminal {
        Some((width, height)) => (usize::from(width.0), usize::from(height.0)),
        None => (usize::MAX, if once { usize::MAX } else { LINES }),
    };
    (width, rows.unwrap_or(height))
}

fn summary(status: &Value) -> Vec<String> {
    let process = &status["process"];
    let mut lines = vec![format!(
        "loreforge {}, generation {}, {}, {} MiB",
        text(&status["version"]),
        status["generation"],
        text(&status["content"]),
        process["rss_bytes"].as_u64().unwrap_or(0) >> 20,
    )];
    for zone in rows(&status["zones"]) {
        let tick = &zone["tick_ms"];
        lines.push(format!(
            "{:<14} {:>5} players {:>6} entities, ticks p50 {:.2} p99 {:.2} max {:.2} ms",
            text(&zone["name"]),
            zone["population"].to_string(),
            zone["entities"].to_string(),
            number(&tick["p50"]),
            number(&tick["p99"]),
            number(&tick["max"]),
        ));
    }
    lines.push(String::new());
    lines
}
