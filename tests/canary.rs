//! A change goes to some zones first, waits for a person if it shall, and goes to all when it has passed.
//! Also what the stories about probation share.

use crate::live::{Fighter, Server, Workshop, root};
use protocol::v1::event::Type as Event;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(90);
/// The line of the starter's formula before which something is put.
const BEFORE: &str = "    let mut dice = Rng::new(attack.seed);";

/// Builds combat modules: a version, and what it does before it casts its dice.
pub async fn combat(wanted: &[(&'static str, &'static str)]) -> Vec<Vec<u8>> {
    let wanted = wanted.to_vec();
    let build = move || {
        let workshop = Workshop::open().unwrap().with_lines();
        let module = |(version, first): &(&str, &str)| {
            workshop.combat(version, BEFORE, &format!("{first}{BEFORE}")).unwrap()
        };
        wanted.iter().map(module).collect()
    };
    tokio::task::spawn_blocking(build).await.unwrap()
}

/// A world in which some fight in the Greywood.
pub struct Arena {
    data: TempDir,
    server: Option<Server>,
    probation_ticks: &'static str,
    swings: watch::Receiver<Vec<String>>,
    stop: CancellationToken,
    playing: JoinSet<()>,
}

impl Arena {
    /// Starts it; changes are watched for so many ticks.
    pub async fn open(probation_ticks: &'static str, fighters: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = start(&data, probation_ticks).await;
        let (tell, swings) = watch::channel(Vec::new());
        let (tell, stop, mut playing) = (Arc::new(tell), CancellationToken::new(), JoinSet::new());
        for index in 0..fighters {
            let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, 7).await.unwrap();
            let (mut client, _) = fighter.join(&server).await.unwrap();
            let (tell, stop) = (Arc::clone(&tell), stop.clone());
            playing.spawn(async move {
                let listen = |heard: &Heard| {
                    if let Heard::Delta { events, .. } = heard {
                        let by = events.iter().filter_map(|event| match event {
                            Event::Swing(swing) => Some(swing.by.clone()),
                            _ => None,
                        });
                        let by: Vec<String> = by.collect();
                        if !by.is_empty() {
                            tell.send_modify(|all| all.extend(by));
                        }
                    }
                };
                // A server that is killed on purpose ends the play; whether a connection may drop is
                // another story.
                drop(fighter.play(&mut client, &stop, listen).await);
            });
        }
        Self { data, server: Some(server), probation_ticks, swings, stop, playing }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The server's data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// `lore push`, which must be taken.
    pub async fn push(&mut self, module: &[u8], args: &[&str]) -> Value {
        let (taken, said) = self.try_push(module, args).await;
        assert!(taken, "{said}");
        let answers: Value = serde_json::from_str(&said).unwrap();
        answers[0].clone()
    }

    /// `lore push`: whether it was taken, and what it said.
    pub async fn try_push(&mut self, module: &[u8], args: &[&str]) -> (bool, String) {
        let file: PathBuf = self.data.path().join("pushed.wasm");
        std::fs::write(&file, module).unwrap();
        let mut all = vec!["push", file.to_str().unwrap(), "--json", "--why", "a story"];
        all.extend(args);
        lore(self, &all).await
    }

    /// A change when it is settled.
    pub async fn settled(&self, id: &Value) -> Value {
        let operator = self.server().operator().await.unwrap();
        operator.change(id.as_u64().unwrap(), 60).await.unwrap()
    }

    /// A change as it is.
    pub async fn change(&self, id: &Value) -> Value {
        self.server().operator().await.unwrap().change(id.as_u64().unwrap(), 0).await.unwrap()
    }

    pub async fn status(&self) -> Value {
        self.server().operator().await.unwrap().status().await.unwrap()
    }

    /// Label of the combat module of all zones.
    pub async fn live_label(&self) -> String {
        let status = self.status().await;
        let combat = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == "combat");
        combat.unwrap()["label"].as_str().unwrap().to_owned()
    }

    /// Waits until a module has decided a swing from now on.
    pub async fn swing_by(&mut self, label: &str) {
        let from = self.swings.borrow().len();
        let swung = self.swings.wait_for(|swings| swings.iter().skip(from).any(|by| by == label));
        let swung = tokio::time::timeout(PATIENCE, swung).await;
        assert!(swung.is_ok_and(|swung| swung.is_ok()), "no swing by {label}");
    }

    /// `kill -9`, then a new server on the same data; nobody plays there.
    pub async fn kill_and_restart(&mut self) {
        self.server.take().unwrap().kill().unwrap();
        while self.playing.join_next().await.is_some() {}
        self.server = Some(start(&self.data, self.probation_ticks).await);
    }

    pub async fn close(mut self) {
        self.stop.cancel();
        while self.playing.join_next().await.is_some() {}
    }
}

async fn start(data: &TempDir, probation_ticks: &'static str) -> Server {
    let folder = data.path().to_owned();
    let settings = [("LORE_RELOAD_PROBATION_TICKS", probation_ticks)];
    tokio::task::spawn_blocking(move || Server::start_set(&folder, &settings).unwrap()).await.unwrap()
}

/// Runs `lore` with the operator's arguments: whether it worked, and what it said.
pub async fn lore(arena: &Arena, args: &[&str]) -> (bool, String) {
    let mut command = arena.server().operate(args[0]);
    command.args(&args[1..]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub fn state_of(change: &Value) -> &str {
    change["state"].as_str().unwrap()
}

/// Names of the zones a push was swapped in.
fn zones(pushed: &Value) -> Vec<&str> {
    pushed["zones"].as_array().unwrap().iter().map(|zone| zone["zone"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_runs_in_its_zone_first_and_then_everywhere() {
    let modules = combat(&[("0.4.1", ""), ("0.4.3", " ")]).await;
    let mut arena = Arena::open("150", 2).await;
    let starter = arena.live_label().await;
    let pushed = arena.push(&modules[0], &["--canary", "greywood"]).await;
    assert_eq!((pushed["state"].as_str(), zones(&pushed)), (Some("canary"), vec!["greywood"]), "{pushed}");
    assert_eq!(arena.live_label().await, starter, "the other zones stay what they were");
    arena.swing_by(pushed["label"].as_str().unwrap()).await;
    let live = arena.settled(&pushed["change"]).await;
    assert_eq!(state_of(&live), "live", "{live}");
    assert_eq!(arena.live_label().await, pushed["label"]);
    let states: Vec<&str> =
        live["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["checked", "proven", "staged", "canary", "staged", "probation", "live"]);
    assert_eq!(live["watched"].as_object().unwrap().len(), 4, "{live}");

    // Mistakes are told, and change nothing.
    let (taken, said) = arena.try_push(&modules[0], &["--canary", "narnia"]).await;
    assert!(taken && said.contains("\"unchanged\":true"), "it is live: {said}");
    let content = root().join("content");
    let (taken, said) = lore(&arena, &["push", content.to_str().unwrap(), "--canary", "greywood"]).await;
    assert!(!taken && said.contains("between zones"), "{said}");
    let (taken, said) = arena.try_push(&modules[1], &["--canary", "100%"]).await;
    assert!(
        !taken && said.contains("there is no zone `100%`; there are: ") && said.contains("greywood"),
        "{said}"
    );

    // A share of the four zones, whichever they are.
    let half = arena.push(&modules[1], &["--canary", "50%", "--hold"]).await;
    assert_eq!((half["state"].as_str(), zones(&half).len()), (Some("canary"), 2), "{half}");
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_goes_on_with_the_canary_where_it_was() {
    let modules = combat(&[("0.4.1", ""), ("0.4.2", " ")]).await;
    let mut arena = Arena::open("100000", 2).await;
    let starter = arena.live_label().await;
    let pushed = arena.push(&modules[0], &["--canary", "greywood", "--hold"]).await;
    arena.kill_and_restart().await;
    let change = arena.change(&pushed["change"]).await;
    assert_eq!(state_of(&change), "canary", "{change}");
    assert_eq!(arena.live_label().await, starter);
    let status = arena.status().await;
    let number = |zone: &str| {
        let row = status["zones"].as_array().unwrap().iter().find(|row| row["name"] == zone).unwrap();
        row["generation"].as_u64().unwrap()
    };
    assert_ne!(number("greywood"), number("downtown"), "{status}");

    // Another push of the script ends it, in all zones.
    let second = arena.push(&modules[1], &[]).await;
    assert_eq!(zones(&second).len(), 4, "{second}");
    assert_eq!(state_of(&arena.change(&pushed["change"]).await), "superseded");

    // Beside what is not trusted itself nothing is tried.
    let (taken, said) = arena.try_push(&modules[0], &["--canary", "greywood"]).await;
    assert!(!taken && said.contains("probation"), "{said}");
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_change_waits_for_a_person() {
    let modules = combat(&[("0.4.1", ""), ("0.4.2", " ")]).await;
    let mut arena = Arena::open("20", 0).await;
    let starter = arena.live_label().await;
    let first = arena.push(&modules[0], &["--hold"]).await;
    assert_eq!((&first["state"], zones(&first)), (&json!("held"), Vec::new()), "{first}");
    arena.kill_and_restart().await;
    assert_eq!(arena.live_label().await, starter);
    let id = first["change"].to_string();
    let (rejected, said) = lore(&arena, &["reject", &id, "--why", "not today"]).await;
    assert!(rejected, "{said}");
    let change = arena.change(&first["change"]).await;
    let last = change["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["state"], &last["why"]), (&json!("refused"), &json!("not today")), "{change}");
    let (approved, said) = lore(&arena, &["approve", &id]).await;
    assert!(!approved && said.contains("refused"), "{said}");

    let second = arena.push(&modules[1], &["--hold"]).await;
    let id = second["change"].to_string();
    let (approved, said) = lore(&arena, &["approve", &id, "--json", "--why", "looks good"]).await;
    assert!(approved, "{said}");
    let live = arena.settled(&second["change"]).await;
    assert_eq!(state_of(&live), "live", "{live}");
    assert!(live["steps"].to_string().contains("looks good"), "{live}");
    assert_eq!(arena.live_label().await, second["label"]);
    arena.close().await;
}
