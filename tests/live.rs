//! What the stories about a living server share: the real `lore` process, players on real sockets,
//! and a workshop that builds scripts which differ from the starter ones.

use anyhow::{Context, bail, ensure};
use protocol::v1::Joined;
use runtime::admin::client::{AdminArgs, AdminClient};
use runtime::client::frame::Encoding;
use runtime::load::account::{Player, Registrar};
use runtime::load::client::Client;
use runtime::load::mind::{Mind, Order, PACE, Scenario};
use runtime::load::replica::Heard;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The binary under test; `LORE_BIN` names another one, to measure a release build.
pub fn lore() -> Command {
    let own = || env!("CARGO_BIN_EXE_lore").into();
    let mut lore = Command::new(std::env::var_os("LORE_BIN").unwrap_or_else(own));
    // A story has its own data folder, whatever the machine is set up for.
    lore.env_remove("DATABASE_URL").env_remove("REDIS_URL").env_remove("NATS_URL");
    lore.env_remove("RUST_BACKTRACE");
    lore
}

/// The first start builds the starter scripts, which takes minutes without rustup's target.
const START_PATIENCE: Duration = Duration::from_secs(420);

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// `name` from the environment, else `default`: how a story is made longer.
pub fn scale(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The seed of a story: `LORE_SEED` or drawn, always printed so that a failure can be repeated.
pub fn seed(story: &str) -> u64 {
    let seed =
        std::env::var("LORE_SEED").ok().and_then(|value| value.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("{story}: LORE_SEED={seed}");
    seed
}

/// A `lore serve` process of this test, gone with the value.
pub struct Server {
    child: Child,
    /// `ws://HOST:PORT/v1/world/ws`.
    pub ws: String,
    /// `http://HOST:PORT`.
    pub http: String,
    /// `http://HOST:PORT` of the operator listener.
    pub admin: String,
    data: PathBuf,
}

impl Server {
    /// Starts a server on `data` and free ports, and waits until it tells its addresses.
    pub fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_with(data, &root().join("content"))
    }

    /// The same with `LORE_*` variables.
    pub fn start_set(data: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_as(data, &root().join("content"), settings)
    }

    /// The same with another content.
    pub fn start_with(data: &Path, content: &Path) -> anyhow::Result<Self> {
        Self::start_as(data, content, &[])
    }

    fn start_as(data: &Path, content: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut child = lore()
            .envs(settings.iter().copied())
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--content")
            .arg(content)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting lore serve")?;
        let stdout = child.stdout.take().context("lore serve has no standard output")?;
        let (tell, told) = mpsc::channel();
        // Reads on to the end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    continue;
                }
            }
        });
        let (ws, http, admin, data) = (String::new(), String::new(), String::new(), data.to_owned());
        let mut server = Self { child, ws, http, admin, data };
        let line = told.recv_timeout(START_PATIENCE).context("lore serve told no addresses")?;
        let bound: Value = serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))?;
        let listen = address(&bound, &["listen", "http", "address"])?;
        let admin = address(&bound, &["admin_listen", "admin-listen", "admin"])?;
        server.ws = format!("ws://{listen}/v1/world/ws");
        server.http = format!("http://{listen}");
        server.admin = format!("http://{admin}");
        Ok(server)
    }

    /// The process' number.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, then waits until the process is gone.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// `lore push FILE ARGS`: the outcome's success and everything it said.
    pub fn push(&self, file: &Path, args: &[&str]) -> anyhow::Result<(bool, String)> {
        let output = self.operate("push").arg(file).args(args).output()?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok((output.status.success(), said))
    }

    /// `lore status --json`.
    pub fn status(&self) -> anyhow::Result<Value> {
        let output = self.operate("status").arg("--json").output()?;
        ensure!(output.status.success(), "lore status: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// `lore COMMAND` with the operator's arguments for this server; a command may have two words.
    pub fn operate(&self, command: &str) -> Command {
        let mut lore = lore();
        lore.args(command.split(' ')).args(["--admin", &self.admin, "--data"]).arg(&self.data);
        lore
    }

    /// The operator's side without the time a process takes to start.
    pub async fn operator(&self) -> anyhow::Result<AdminClient> {
        let args = AdminArgs { admin: self.admin.clone(), data: self.data.clone(), admin_token: None };
        Ok(AdminClient::connect(&args)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The `HOST:PORT` under one of the names, with or without `http://` before it.
fn address(bound: &Value, names: &[&str]) -> anyhow::Result<String> {
    let found = names.iter().find_map(|name| bound.get(name)?.as_str());
    let found = found.with_context(|| format!("none of {names:?} in {bound}"))?;
    Ok(found.trim_start_matches("http://").trim_end_matches('/').to_owned())
}

/// A character that plays by itself.
pub struct Fighter {
    /// Who.
    pub player: Player,
    mind: Mind,
    began: Instant,
}

impl Fighter {
    /// Number `index` of a story: a new guest.
    pub async fn enlist(
        server: &Server,
        scenario: Scenario,
        index: usize,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let registrar = Registrar::new(&server.ws)?;
        let classes = registrar.classes().await?;
        let tail: String = (0..9).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
        let player = registrar.guest(&format!("Tst{tail}"), &classes[index % classes.len()]).await?;
        Ok(Self { player, mind: Mind::new(scenario, index, seed), began: Instant::now() })
    }

    /// Connects and joins; again after a crash, with the same token.
    pub async fn join(&mut self, server: &Server) -> anyhow::Result<(Client, Joined)> {
        let mut client = Client::connect(&server.ws, &self.player.token, Encoding::Json).await?;
        let params = json!({"character": self.player.character});
        let joined = client.call("world.join", params).await?;
        self.mind.rejoined();
        Ok((client, joined))
    }

    /// Plays until `stop`; everything heard goes to `on` first. Ends early, with why, when the
    /// connection is lost.
    pub async fn play(
        &mut self,
        client: &mut Client,
        stop: &CancellationToken,
        mut on: impl FnMut(&Heard),
    ) -> anyhow::Result<()> {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                heard = client.next() => {
                    let heard = heard?;
                    on(&heard);
                    self.take_in(client, heard);
                }
                () = stop.cancelled() => return Ok(()),
                _ = pace.tick() => {
                    for order in self.mind.think(client.replica(), self.began.elapsed()) {
                        carry_out(client, order).await?;
                    }
                }
            }
        }
    }

    /// Waits for every answer that is still due; how many never came.
    pub async fn settle(&mut self, client: &mut Client, mut on: impl FnMut(&Heard)) -> anyhow::Result<usize> {
        let answers = async {
            while client.replica().pending() > 0 {
                on(&client.next().await?);
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(Duration::from_secs(10), answers).await {
            Ok(settled) => settled?,
            Err(_) => eprintln!("{}: answers are missing", self.player.name),
        }
        Ok(client.replica().pending())
    }

    fn take_in(&mut self, client: &Client, heard: Heard) {
        let you = client.replica().you;
        match heard {
            Heard::Snapshot => self.mind.placed(client.replica()),
            Heard::Corrected(corrected) => self.mind.corrected(corrected.x, corrected.y),
            Heard::Crossed(_) => {
                let from = client.replica().zone.as_ref().map_or("", |zone| &zone.name);
                self.mind.crossed(from);
            }
            Heard::Died => self.mind.died(),
            Heard::Respawned => self.mind.respawned(),
            Heard::Dialog(dialog) => self.mind.spoken_to(dialog.choices),
            Heard::DialogEnd => self.mind.dialog_over(),
            Heard::Reply { method: "combat.attack", outcome: Err(_), .. } => self.mind.attack_over(),
            Heard::Reply { method: "npc.interact" | "dialog.choose", outcome: Err(_), .. } => {
                self.mind.dialog_over();
            }
            Heard::Delta { events, .. } => {
                use protocol::v1::event::Type as Event;
                if events.iter().any(|event| matches!(event, Event::Swing(swing) if swing.attacker == you)) {
                    self.mind.attack_over();
                }
            }
            _ => {}
        }
    }
}

async fn carry_out(client: &mut Client, order: Order) -> anyhow::Result<()> {
    let (method, params) = match order {
        Order::Walk(x, y) => {
            client.walk(x, y).await?;
            return Ok(());
        }
        Order::Attack(target) => ("combat.attack", json!({"target": target})),
        Order::UseSkill(ability, target) => {
            ("combat.use_skill", json!({"ability": ability, "target": target}))
        }
        Order::Interact(target) => ("npc.interact", json!({"target": target})),
        Order::Choose(choice) => ("dialog.choose", json!({"choice": choice})),
        Order::CloseDialog => ("dialog.close", json!({})),
        Order::AcceptQuest(quest) => ("quest.accept", json!({"quest": quest})),
        Order::Say(text) => ("chat.send", json!({"text": text})),
    };
    client.send(method, params).await?;
    Ok(())
}

/// A copy of `scripts/` in which one formula is changed and built. Kept between runs, because its
/// first build takes longest.
pub struct Workshop {
    folder: PathBuf,
    lines: bool,
    _only_one: MutexGuard<'static, ()>,
}

static ONLY_ONE: Mutex<()> = Mutex::new(());

impl Workshop {
    /// Opens the workshop; a second one waits until this one is closed.
    pub fn open() -> anyhow::Result<Self> {
        let only_one = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workshop");
        for part in ["scripts", "wit"] {
            copy_changed(&root().join(part), &folder.join(part))?;
        }
        Ok(Self { folder, lines: false, _only_one: only_one })
    }

    /// The copy of `scripts/`.
    pub fn scripts(&self) -> PathBuf {
        self.folder.join("scripts")
    }

    /// From now on traps name the line of the source.
    pub fn with_lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Builds the combat script as version `version` with `from` in its formula replaced by `to`
    /// and returns the component's bytes.
    pub fn combat(&self, version: &str, from: &str, to: &str) -> anyhow::Result<Vec<u8>> {
        self.build("combat", version, "src/formula.rs", from, to)
    }

    /// Builds script `script` with one file changed.
    pub fn build(
        &self,
        script: &str,
        version: &str,
        file: &str,
        from: &str,
        to: &str,
    ) -> anyhow::Result<Vec<u8>> {
        self.build_edited(script, version, &[(file, from, to)])
    }

    /// Builds script `script` with several files changed: which, what in them, to what.
    pub fn build_edited(
        &self,
        script: &str,
        version: &str,
        edits: &[(&str, &str, &str)],
    ) -> anyhow::Result<Vec<u8>> {
        let original = root().join("scripts").join(script);
        let copy = self.folder.join("scripts").join(script);
        // Takes back what the build before changed.
        copy_changed(&original, &copy)?;
        for (file, from, to) in edits {
            let source = std::fs::read_to_string(original.join(file))?;
            ensure!(source.contains(from), "{script}/{file} no longer holds {from:?}");
            std::fs::write(copy.join(file), source.replacen(from, to, 1))?;
        }
        let manifest = std::fs::read_to_string(original.join("Cargo.toml"))?;
        ensure!(manifest.contains("version.workspace = true"), "{script} has a version of its own");
        let manifest = manifest.replacen("version.workspace = true", &format!("version = {version:?}"), 1);
        std::fs::write(copy.join("Cargo.toml"), manifest)?;
        let output = lore()
            .args(["build", script, "--json", "--scripts"])
            .arg(self.folder.join("scripts"))
            .args(self.lines.then_some("--lines"))
            .current_dir(root())
            .output()?;
        if !output.status.success() {
            bail!("building {script}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let built: Value = serde_json::from_slice(&output.stdout)?;
        let path = built["scripts"][0]["path"].as_str().context("lore build named no file")?;
        Ok(std::fs::read(path)?)
    }
}

/// Copies what is new or differs, leaves out build folders; what did not change keeps its time.
fn copy_changed(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != "node_modules" {
                copy_changed(&entry.path(), &target)?;
            }
        } else {
            let new = std::fs::read(entry.path())?;
            if std::fs::read(&target).ok().as_ref() != Some(&new) {
                std::fs::write(&target, new)?;
            }
        }
    }
    Ok(())
}
