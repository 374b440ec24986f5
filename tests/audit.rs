//! `lore audit` says whether everybody has what the journal adds up to, and who has not.

use crate::live::{Fighter, Server, lore};
use anyhow::{Context, ensure};
use runtime::load::mind::Scenario;
use serde_json::Value;
use sqlx::Connection;
use std::path::Path;

/// Exit code and what was printed.
fn audit(data: &Path) -> anyhow::Result<(Option<i32>, Value)> {
    let output = lore().args(["audit", "--json", "--data"]).arg(data).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())?;
    Ok((output.status.code(), report))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coin_too_many_is_found() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path())?;
    let fighter = Fighter::enlist(&server, Scenario::Crowd, 0, 1).await?;
    server.kill()?;
    let (code, report) = audit(data.path())?;
    ensure!(code == Some(0) && report["characters"] == 1, "{code:?} {report}");

    let url = format!("sqlite://{}", data.path().join("lore.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await?;
    sqlx::query("UPDATE characters SET gold = gold + 1").execute(&mut database).await?;
    database.close().await?;
    let (code, report) = audit(data.path())?;
    let found = &report["discrepancies"][0];
    ensure!(code == Some(1) && found["subject"] == "gold", "{code:?} {report}");
    ensure!(found["character"] == fighter.player.character, "{report}");
    Ok(())
}

#[test]
fn a_folder_without_a_database_is_not_audited() {
    let data = tempfile::tempdir().unwrap();
    let output = lore().args(["audit", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no database"));
    assert!(!data.path().join("lore.db").exists(), "an audit must not make one");
}
