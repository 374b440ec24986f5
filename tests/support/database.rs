//! Where a story's server keeps its world: the embedded database, or a PostgreSQL database of its own.

use crate::live::{Server, lore};
use anyhow::{Context, ensure};
use sqlx::{AnyConnection, Connection};
use std::path::Path;
use tempfile::TempDir;

/// A data folder, and a database if it is not in there.
pub struct Home {
    folder: TempDir,
    /// The database, and the one it is made and dropped from.
    postgres: Option<(String, String)>,
}

impl Home {
    /// An empty folder: the embedded database.
    pub fn embedded() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, postgres: None })
    }

    /// An empty folder and an empty database `name`. `None`, and says so, when PostgreSQL cannot be
    /// reached; an error where `CI` is set.
    pub async fn postgres(name: &str) -> anyhow::Result<Option<Self>> {
        sqlx::any::install_default_drivers();
        let server = std::env::var("LORE_TEST_DATABASE_URL")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let mut connection = match AnyConnection::connect(&server).await {
            Ok(connection) => connection,
            Err(error) => {
                ensure!(std::env::var_os("CI").is_none(), "PostgreSQL must be tested here: {error}");
                eprintln!("skipped PostgreSQL: {error}");
                return Ok(None);
            }
        };
        let name = format!("lore_{name}_{}", std::process::id());
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        let (base, _) = server.rsplit_once('/').context("a database URL ends in a name")?;
        let url = format!("{base}/{name}");
        Ok(Some(Self { folder: tempfile::tempdir()?, postgres: Some((url, server)) }))
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> Option<&str> {
        self.postgres.as_ref().map(|(url, _)| url.as_str())
    }

    /// Starts a server here.
    pub fn serve(&self) -> anyhow::Result<Server> {
        let settings: Vec<(&str, &str)> = self.url().map(|url| ("DATABASE_URL", url)).into_iter().collect();
        Server::start_set(self.folder(), &settings)
    }

    /// `lore audit`: that everybody has what the journal says.
    pub fn audit(&self) -> anyhow::Result<()> {
        let mut audit = lore();
        audit.args(["audit", "--json", "--data"]).arg(self.folder());
        if let Some(url) = self.url() {
            audit.args(["--database-url", url]);
        }
        let output = audit.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// A look into the database itself.
    pub async fn connect(&self) -> anyhow::Result<AnyConnection> {
        sqlx::any::install_default_drivers();
        let embedded = format!("sqlite://{}", self.folder().join("lore.db").display());
        Ok(AnyConnection::connect(self.url().unwrap_or(&embedded)).await?)
    }

    /// Drops the database; the folder goes with the value.
    pub async fn remove(self) -> anyhow::Result<()> {
        let Some((url, server)) = self.postgres else { return Ok(()) };
        let (_, name) = url.rsplit_once('/').context("a database URL ends in a name")?;
        let mut connection = AnyConnection::connect(&server).await?;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}
