//! `lore audit`

use crate::store::{Discrepancy, Store};
use anyhow::{Context as _, ensure};
use std::path::PathBuf;

/// Compare what every character has with what the journal adds up to.
///
/// Gold and every item must be the sum of the journal's movements, level and experience its last
/// word. Nothing is changed. While a server runs, what it commits meanwhile is not seen.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  lore audit --data ./data\n  lore audit --database-url postgres://lore@db/lore --json\n\nExits with 1 when something does not add up."
)]
pub struct Args {
    /// Folder of the embedded database.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "LORE_DATA")]
    data: PathBuf,
    /// PostgreSQL instead of the embedded database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(audit(args))
}

async fn audit(args: Args) -> anyhow::Result<()> {
    let there = args.database_url.is_some() || Store::sqlite_file(&args.data).is_file();
    ensure!(
        there,
        "there is no database in {}; name the server's folder with --data, or its --database-url",
        args.data.display()
    );
    let store = Store::open(&args.data, args.database_url.as_deref()).await.context("open the database")?;
    let missing = store.migrations().await?.iter().filter(|step| !step.applied).count();
    ensure!(missing == 0, "the schema lacks {missing} step(s): run `lore migrate`");
    let report = store.audit().await?;
    store.close().await;
    if args.json {
        let rows: Vec<_> = report.discrepancies.iter().map(row).collect();
        let report = serde_json::json!({
            "characters": report.characters, "journal_rows": report.journal_rows, "discrepancies": rows,
        });
        println!("{report}");
    } else {
        println!("{} characters, {} rows of the journal", report.characters, report.journal_rows);
        for Discrepancy { character, subject, journal, state } in &report.discrepancies {
            println!("character {character}: {subject} is {state}, the journal says {journal}");
        }
    }
    let wrong = report.discrepancies.len();
    ensure!(wrong == 0, "{wrong} things do not add up");
    Ok(())
}

fn row(found: &Discrepancy) -> serde_json::Value {
    let Discrepancy { character, subject, journal, state } = found;
    serde_json::json!({"character": character.0, "subject": subject, "journal": journal, "state": state})
}
