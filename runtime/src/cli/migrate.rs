//! `lore migrate`

use crate::store::Store;
use anyhow::Context as _;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::time::Duration;

/// Bring the database to the newest schema.
///
/// The server does this by itself when it starts; run it beforehand when several nodes share one
/// database.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore migrate --data ./data --status\n  lore migrate --database-url postgres://lore@db/lore"
)]
pub struct Args {
    /// Folder of the embedded database.
    #[arg(long, default_value = "./data", env = "LORE_DATA")]
    data: PathBuf,
    /// PostgreSQL instead of the embedded database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Only show which versions are there.
    #[arg(long)]
    status: bool,
    /// Print the versions as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(migrate(args))
}

async fn migrate(args: Args) -> anyhow::Result<()> {
    let store = Store::open(&args.data, args.database_url.as_deref()).await.context("open the database")?;
    let before = store.migrations().await?;
    let missing = before.iter().filter(|step| !step.applied).count();
    if missing > 0 && !args.status {
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(Duration::from_millis(100));
        progress.set_message(format!("{missing} step(s) to go on {}", store.backend().name()));
        let done = store.migrate().await;
        progress.finish_and_clear();
        done?;
    }
    let after = store.migrations().await?;
    if args.json {
        let steps: Vec<_> = after
            .iter()
            .map(|step| serde_json::json!({"version": step.version, "title": step.title, "applied": step.applied}))
            .collect();
        println!("{}", serde_json::json!({"database": store.backend().name(), "migrations": steps}));
    } else {
        println!("database: {}", store.backend().name());
        for (step, was) in after.iter().zip(&before) {
            let state = match (was.applied, step.applied) {
                (_, false) => "missing",
                (false, true) => "applied now",
                (true, true) => "there already",
            };
            println!("{:04} {:<24} {state}", step.version, step.title);
        }
    }
    store.close().await;
    Ok(())
}
