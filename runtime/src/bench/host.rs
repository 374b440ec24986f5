//! The servers of a run, each a process of its own on the server's core: `lore serve` on generated content, the raw
//! room, and Colyseus where it can be installed.

use super::client::Ticket;
use super::ground::Ground;
use super::machine::Scratch;
use super::raw::Sends;
use super::speech::Side;
use super::{Bench, Options};
use crate::admin::AdminToken;
use crate::admin::client::{AdminArgs, AdminClient};
use crate::load::account::{Player, Registrar};
use crate::load::server::Status;
use crate::telemetry::ProcessUse;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to tell its address: it compiles its scripts.
const START: Duration = Duration::from_secs(180);
/// How long npm may take.
const INSTALL: Duration = Duration::from_secs(120);
/// Bytes of what a server said that are told when it does not start.
const SAID_BYTES: usize = 2_000;
/// What a bench asks that a server does not take from players, as `LORE_*` variables: thousands of them from one
/// address.
const RELAXED: [(&str, &str); 3] = [
    ("LORE_LIMITS_ADDRESS_REQUESTS", "1000000/min burst 1000000"),
    ("LORE_LIMITS_HTTP_REQUESTS", "1000000/min burst 1000000"),
    ("LORE_LIMITS_HTTP_LOGINS", "1000000/min burst 1000000"),
];

/// The first line of a server on standard output.
#[derive(Deserialize)]
struct Bound {
    listen: SocketAddr,
    admin: Option<SocketAddr>,
}

/// A running server; gone when dropped.
pub struct Host {
    /// Which.
    pub side: Side,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Of our server: `http://HOST:PORT` for operators.
    admin: String,
    child: Child,
    folder: Scratch,
}

impl Host {
    /// Starts a server on this ground.
    ///
    /// # Errors
    /// It does not come up; with what it said.
    pub fn start(bench: &Bench<'_>, side: Side, ground: Ground, sends: Sends) -> anyhow::Result<Self> {
        let folder = Scratch::new().context("make a folder")?;
        let mut command = match side {
            Side::Lore => lore(bench.options, ground, folder.path())?,
            Side::Raw => raw(ground, sends)?,
            Side::Colyseus => colyseus(bench.options, ground)?,
        };
        let log = folder.path().join("said");
        let said = std::fs::File::create(&log).context("make a file")?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said);
        let spawned = match &bench.cores {
            Some(cores) => cores.start(|| command.spawn()),
            None => command.spawn(),
        };
        let mut child = spawned.with_context(|| format!("start {}", side.name()))?;
        let line = first_line(&mut child);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Self { side, address, admin: String::new(), child, folder };
        let bound = line.recv_timeout(START).ok().and_then(|line| serde_json::from_str::<Bound>(&line).ok());
        let Some(bound) = bound else {
            let said = std::fs::read(&log).unwrap_or_default();
            let last = &said[said.len().saturating_sub(SAID_BYTES)..];
            bail!("{} does not start: {}", side.name(), String::from_utf8_lossy(last).trim());
        };
        host.address = bound.listen;
        host.admin = bound.admin.map(|admin| format!("http://{admin}")).unwrap_or_default();
        Ok(host)
    }

    /// What its process uses, now.
    pub fn usage(&self) -> (ProcessUse, Instant) {
        (ProcessUse::of(self.child.id()), Instant::now())
    }

    /// What it used of its core since then, percent.
    pub fn cpu_percent(&self, (before, at): (ProcessUse, Instant)) -> f64 {
        let used = self.usage().0.cpu_ms.saturating_sub(before.cpu_ms) as f64;
        100.0 * used / (at.elapsed().as_secs_f64() * 1_000.0).max(1.0)
    }

    /// What so many clients come in with; of our server accounts with a character each.
    ///
    /// # Errors
    /// No accounts can be made.
    pub async fn tickets(&self, count: usize) -> anyhow::Result<Vec<Ticket>> {
        if self.side != Side::Lore {
            return Ok(vec![Ticket::default(); count]);
        }
        let registrar = Registrar::new(&format!("ws://{}/v1/world/ws", self.address))?;
        let players = registrar.guests(count, &["bench".to_owned()], |_| {}).await?;
        let ticket = |player: Player| Ticket { token: player.token, character: player.character };
        Ok(players.into_iter().map(ticket).collect())
    }

    /// What our server says of itself, its ticks of the last so many.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status(&self, ticks: u64) -> anyhow::Result<Status> {
        let token =
            std::fs::read_to_string(AdminToken::path(&self.data())).context("read the operator's token")?;
        let request = reqwest::Client::new().get(format!("{}/admin/v1/status", self.admin));
        let request = request.query(&[("ticks", ticks)]).bearer_auth(token.trim());
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Our server's figures, as Prometheus reads them.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let answer = reqwest::get(format!("http://{}/metrics", self.address)).await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// The operator's side of our server.
    ///
    /// # Errors
    /// No client can be made.
    pub fn operator(&self) -> anyhow::Result<AdminClient> {
        let args = AdminArgs { admin: self.admin.clone(), data: self.data(), admin_token: None };
        Ok(AdminClient::connect(&args)?)
    }

    fn data(&self) -> PathBuf {
        data_in(self.folder.path())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads standard output to its end on a thread, so that no server ever waits for it; the first line that looks like an
/// object is told.
fn first_line(child: &mut Child) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::sync_channel(1);
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            for line in lines.filter(|line| line.starts_with('{')) {
                // Nobody waits for any but the first.
                let _ = tell.try_send(line);
            }
        });
    }
    told
}

fn data_in(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn lore(options: &Options, ground: Ground, folder: &Path) -> anyhow::Result<Command> {
    let content = folder.join("content");
    ground.write(&options.content, &content)?;
    let mut command = this_program()?;
    // What the machine is set up for is not what is measured.
    let set = std::env::vars_os().map(|(name, _)| name);
    for name in set.filter(|name| name.to_string_lossy().starts_with("LORE_")) {
        command.env_remove(name);
    }
    command.env_remove("DATABASE_URL").env_remove("REDIS_URL").env_remove("NATS_URL").envs(RELAXED);
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--seed", &options.seed.to_string()]).arg("--data").arg(data_in(folder));
    command.arg("--pack").arg(&options.pack).arg("--content").arg(content);
    Ok(command)
}

fn raw(ground: Ground, sends: Sends) -> anyhow::Result<Command> {
    let mut command = this_program()?;
    let sends = if sends == Sends::Same { "same" } else { "sight" };
    command.args(["bench-raw", "--side-mm", &ground.side_mm.to_string()]);
    command.args(["--radius-mm", &ground.radius_mm.to_string(), "--sends", sends]);
    Ok(command)
}

fn this_program() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe().context("where am I?")?))
}

fn colyseus(options: &Options, ground: Ground) -> anyhow::Result<Command> {
    let folder = options.peer.as_deref().context("there is no bench/colyseus here")?;
    let sees_all = ground == Ground::room();
    let radius = if sees_all { 0 } else { ground.radius_mm };
    let mut command = Command::new("node");
    command.arg("room.mjs").args([ground.side_mm.to_string(), radius.to_string()]).current_dir(folder);
    command.env("NODE_ENV", "production");
    Ok(command)
}

/// Makes Colyseus ready in the folder of its room.
///
/// # Errors
/// Why it has to be done without.
pub fn install_colyseus(folder: Option<&Path>) -> anyhow::Result<()> {
    let folder = folder.context("there is no bench/colyseus here; run this inside the project")?;
    let node = Command::new("node").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    ensure!(node.is_ok_and(|output| output.status.success()), "node is not here");
    if folder.join("node_modules/@colyseus/core").is_dir() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]);
    npm.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut npm = npm.spawn().context("npm is not here")?;
    let until = Instant::now() + INSTALL;
    loop {
        match npm.try_wait().context("npm")? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`npm install` in {} failed: {status}", folder.display()),
            None if Instant::now() >= until => {
                drop(npm.kill());
                drop(npm.wait());
                bail!("`npm install` took longer than {} s", INSTALL.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_folder_there_is_no_peer() {
        let why = install_colyseus(None).expect_err("there is none");
        assert!(why.to_string().contains("bench/colyseus"), "{why}");
    }
}
