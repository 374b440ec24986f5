//! Bad modules are pushed under load: each is refused with an error that says what is wrong, or contained
//! so that the others are served, and taken out of the world. `LORE_HOSTILE_BOTS` makes the load heavier.

use crate::live::{Fighter, Server, Workshop, scale, seed};
use crate::reload_pipeline::{live_label, push as push_bytes, status as status_of};
use crate::support::world::{World, pack};
use anyhow::{Context, ensure};
use protocol::v1::event::Type as Event;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::admin::AdminToken;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::reload::Archive;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The line of the starter's formula before which the evil is done.
const BEFORE: &str = "    let mut dice = Rng::new(attack.seed);";
/// The one whom the hidden evils strike: a third of all attackers, none of those a candidate is tried with.
const CULPRITS: u64 = 3;
/// What is done there and under which name, and what the server's words must hold. All of it compiles.
const EVILS: [(&str, &str, Fate); 6] = [
    (
        "endless_loop",
        "    loop { std::hint::black_box(attack.id); }",
        Fate::Refused(&["combat", "fuel", "formula.rs"]),
    ),
    ("memory_bomb", "    std::hint::black_box(vec![1_u8; 1 << 30]);", Fate::Refused(&["combat", "memory"])),
    (
        "unknown_id",
        "    if attack.id < u32::MAX { return harmless(attack.id.wrapping_add(1_000_000), HitKind::Miss); }",
        Fate::Refused(&["combat", "was asked about"]),
    ),
    (
        "trap_on_one",
        "    assert!(attack.attacker % 3 != 0, \"not this one\");",
        Fate::Contained("formula.rs"),
    ),
    (
        "loop_on_one",
        "    while attack.attacker % 3 == 0 { std::hint::black_box(attack.id); }",
        Fate::Contained("fuel"),
    ),
    (
        "bomb_on_one",
        "    if attack.attacker % 3 == 0 { std::hint::black_box(vec![1_u8; 1 << 30]); }",
        Fate::Contained("memory"),
    ),
];
const NOISE_BYTES: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(60);
/// Times a module that traps is pushed anew until others were seen to swing in the same tick.
const TRIES: u8 = 3;

/// What must become of a bad module.
#[derive(Clone, Copy)]
enum Fate {
    /// Refused with an error that holds all of these.
    Refused(&'static [&'static str]),
    /// Taken; the failures it is taken out for hold this.
    Contained(&'static str),
}

struct Bad {
    name: &'static str,
    bytes: Vec<u8>,
    fate: Fate,
}

/// The good module and the bad ones.
fn modules(seed: u64) -> anyhow::Result<(Vec<u8>, Vec<Bad>)> {
    let workshop = Workshop::open()?.with_lines();
    let good = workshop.combat("0.1.3", BEFORE, BEFORE)?;
    let mut bad = Vec::new();
    for (name, evil, fate) in EVILS {
        let evil = format!("{evil}\n{BEFORE}");
        bad.push(Bad { name, bytes: workshop.combat("0.1.9", BEFORE, &evil)?, fate });
    }
    let lies = workshop.build("combat", "0.1.9", "lore.toml", "kind = \"combat\"", "kind = \"npc\"")?;
    bad.push(Bad { name: "wrong_world", bytes: lies, fate: Fate::Refused(&["combat", "npc", "export"]) });
    let truncated = good[..good.len() / 2].to_vec();
    bad.push(Bad { name: "truncated", bytes: truncated, fate: Fate::Refused(&[]) });
    let mut noise = vec![0; NOISE_BYTES];
    StdRng::seed_from_u64(seed).fill_bytes(&mut noise);
    bad.push(Bad { name: "noise", bytes: noise, fate: Fate::Refused(&[]) });
    Ok((good, bad))
}

/// The same module with another digest: an empty custom section at its end.
fn distinct(bytes: &[u8], number: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend([0, 3, 1, b'n', number]);
    bytes
}

/// What all fighters together have seen.
#[derive(Clone, Default)]
struct Seen {
    /// Swings by who decided them.
    swings: BTreeMap<String, u64>,
    /// Who decided, by tick and attacker.
    ticks: BTreeMap<u64, BTreeMap<u64, String>>,
}

impl Seen {
    fn last_tick(&self) -> u64 {
        self.ticks.last_key_value().map_or(0, |(tick, _)| *tick)
    }

    fn after(&self, tick: u64) -> impl Iterator<Item = (u64, &BTreeMap<u64, String>)> {
        self.ticks.range(tick + 1..).map(|(tick, by)| (*tick, by))
    }

    fn first_after(&self, tick: u64, by: &str) -> Option<u64> {
        self.after(tick)
            .find(|(_, deciders)| deciders.values().any(|decider| decider.starts_with(by)))
            .map(|(tick, _)| tick)
    }
}

async fn more_swings(seen: &mut watch::Receiver<Seen>) -> anyhow::Result<()> {
    let before: u64 = seen.borrow().swings.values().sum();
    let more = seen.wait_for(|seen| seen.swings.values().sum::<u64>() >= before + 20);
    tokio::time::timeout(PATIENCE, more).await.context("the fight came to a halt")??;
    Ok(())
}

/// Waits for a swing by `by` after `tick`, and says in which tick it was.
async fn swing_by(seen: &mut watch::Receiver<Seen>, tick: u64, by: &str) -> anyhow::Result<u64> {
    let swung = seen.wait_for(|seen| seen.first_after(tick, by).is_some());
    let seen = tokio::time::timeout(PATIENCE, swung).await.with_context(|| format!("no swing by {by}"))??;
    Ok(seen.first_after(tick, by).unwrap_or(tick))
}

async fn push(server: &Arc<Server>, file: &Path, args: &'static [&str]) -> anyhow::Result<(bool, String)> {
    let (server, file) = (Arc::clone(server), file.to_owned());
    tokio::task::spawn_blocking(move || server.push(&file, args)).await?
}

async fn status(server: &Arc<Server>) -> anyhow::Result<Value> {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || server.status()).await?
}

/// The longest tick of the last minute, of all zones.
fn longest_tick_ms(status: &Value) -> f64 {
    let zones = status["zones"].as_array().into_iter().flatten();
    zones.filter_map(|zone| zone["tick_ms"]["max"].as_f64()).fold(0.0, f64::max)
}

/// A stage for the bad ones: a server, fighters, and what these see.
struct Stage {
    server: Arc<Server>,
    seen: watch::Receiver<Seen>,
    stop: CancellationToken,
    playing: JoinSet<anyhow::Result<usize>>,
}

impl Stage {
    async fn set(data: &Path, bots: usize, seed: u64) -> anyhow::Result<Self> {
        let server = Arc::new(Server::start(data)?);
        let stop = CancellationToken::new();
        let (tell, seen) = watch::channel(Seen::default());
        let tell = Arc::new(tell);
        let mut playing = JoinSet::new();
        for index in 0..bots {
            let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
            let (mut client, _) = fighter.join(&server).await?;
            let (stop, tell) = (stop.clone(), Arc::clone(&tell));
            playing.spawn(async move {
                let listen = |heard: &Heard| listen(&tell, heard);
                fighter.play(&mut client, &stop, listen).await?;
                let lost = fighter.settle(&mut client, listen).await?;
                ensure!(client.faults().0 == 0, "{:?}", client.faults());
                client.close().await;
                Ok(lost)
            });
        }
        Ok(Self { server, seen, stop, playing })
    }

    /// Ends the play: nobody was disconnected, every call was answered.
    async fn clear(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended: Vec<anyhow::Result<usize>> = self.playing.join_all().await;
        let lost: usize = ended.into_iter().sum::<anyhow::Result<usize>>().context("a connection dropped")?;
        ensure!(lost == 0, "{lost} answers were lost");
        Ok(())
    }
}

fn listen(tell: &watch::Sender<Seen>, heard: &Heard) {
    let Heard::Delta { tick, events, .. } = heard else { return };
    if !events.iter().any(|event| matches!(event, Event::Swing(_))) {
        return;
    }
    tell.send_modify(|seen| {
        for event in events {
            if let Event::Swing(swing) = event {
                *seen.swings.entry(swing.by.clone()).or_default() += 1;
                // Only in the Greywood is anybody hostile, so the ticks are those of one zone.
                seen.ticks.entry(*tick).or_default().insert(swing.attacker, swing.by.clone());
            }
        }
    });
}

/// The server took a bad module: the culprits get the fallback, the others their decision in the same
/// tick, and after its strikes the good one is back. Ticks in which both were seen.
async fn is_contained(stage: &mut Stage, bad: &Bad, file: &Path, pushed_at: u64) -> anyhow::Result<usize> {
    let name = bad.name;
    let struck = swing_by(&mut stage.seen, pushed_at, "fallback").await.context(name)?;
    let back = swing_by(&mut stage.seen, struck, "combat@0.1.3").await.context("the good one is not back")?;
    let ticks: BTreeMap<u64, BTreeMap<u64, String>> =
        stage.seen.borrow().ticks.range(struck..back).map(|(tick, by)| (*tick, by.clone())).collect();
    let mut together = 0;
    for (tick, deciders) in &ticks {
        let by: BTreeSet<bool> = deciders.values().map(|by| by == "fallback").collect();
        together += usize::from(by.len() == 2);
        for (attacker, by) in deciders {
            let culprit = attacker % CULPRITS == 0;
            ensure!(culprit == (by == "fallback"), "{name}: tick {tick}: {attacker} was decided by {by}");
        }
    }
    let status = status(&stage.server).await?;
    let (quarantined, longest) = (&status["quarantined"], longest_tick_ms(&status));
    let Fate::Contained(words) = bad.fate else { return Ok(together) };
    let reason = quarantined
        .as_object()
        .and_then(|all| all.values().filter_map(Value::as_str).find(|reason| reason.contains(words)))
        .with_context(|| format!("{name} is not quarantined for {words:?}: {quarantined}"))?;
    ensure!(reason.contains("combat@0.1.9") && reason.contains("resolve"), "{name}: {reason}");
    eprintln!(
        "hostile: {name} was contained for {} ticks, then taken out; others were served beside it in {together}; \
         longest tick {longest:.2} ms; {reason}",
        back - struck
    );
    let (taken, said) = push(&stage.server, file, &["--skip-proof"]).await?;
    ensure!(!taken && said.contains("quarantined"), "{name} came back: {said}");
    Ok(together)
}

async fn try_bad(stage: &mut Stage, bad: &Bad, folder: &Path) -> anyhow::Result<()> {
    let name = bad.name;
    let mut together = 0;
    for attempt in 0..TRIES {
        let file: PathBuf = folder.join(format!("{name}-{attempt}.wasm"));
        std::fs::write(&file, distinct(&bad.bytes, attempt))?;
        let mut pushed_at = stage.seen.borrow().last_tick();
        let (mut taken, mut said) = push(&stage.server, &file, &[]).await?;
        if let Fate::Contained(words) = bad.fate {
            // What the zone was asked lately is enough to find it out; only who insists gets it in.
            ensure!(!taken && said.contains("proof") && said.contains(words), "{name} was proven: {said}");
            pushed_at = stage.seen.borrow().last_tick();
            (taken, said) = push(&stage.server, &file, &["--skip-proof"]).await?;
        }
        ensure!(!said.contains("panicked"), "{name}: the push itself fell over: {said}");
        match bad.fate {
            Fate::Refused(words) => {
                ensure!(!taken, "{name} must be refused");
                for word in words {
                    ensure!(said.contains(word), "{name}: nothing about {word:?} in {said}");
                }
                let longest = longest_tick_ms(&status(&stage.server).await?);
                eprintln!("hostile: {name} was refused; longest tick {longest:.2} ms; {}", said.trim());
                return Ok(());
            }
            Fate::Contained(_) => {
                ensure!(taken, "{name} was expected to pass the checks: {said}");
                together += is_contained(stage, bad, &file, pushed_at).await?;
                if together > 0 {
                    return Ok(());
                }
            }
        }
    }
    anyhow::bail!("{name}: never were culprits and others seen in the same tick")
}

/// Noise that no client of ours has looked at: the server refuses it, or hangs up on it.
async fn noise_straight_to_the_port(server: &Server, data: &Path) -> anyhow::Result<()> {
    let token = std::fs::read_to_string(AdminToken::path(data))?;
    let sending = reqwest::Client::new()
        .post(format!("{}/admin/v1/modules", server.admin))
        .bearer_auth(token.trim())
        .header("content-type", "application/octet-stream")
        .body(vec![7_u8; NOISE_BYTES])
        .timeout(PATIENCE)
        .send();
    match sending.await {
        Ok(answer) => {
            ensure!(answer.status().as_u16() == 413, "{answer:?}");
            eprintln!("hostile: noise without a client: {}", answer.text().await?);
        }
        Err(error) if !error.is_timeout() => eprintln!("hostile: noise without a client: {error}"),
        Err(error) => return Err(error).context("the server neither refused nor hung up"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_modules_are_refused_or_contained() -> anyhow::Result<()> {
    let (bots, seed) = (scale("LORE_HOSTILE_BOTS", 16), seed("hostile"));
    let (good, bad) = tokio::task::spawn_blocking(move || modules(seed)).await??;
    let data = tempfile::tempdir()?;
    let mut stage = Stage::set(data.path(), bots, seed).await?;
    more_swings(&mut stage.seen).await.context("nobody fights")?;
    let file = data.path().join("good.wasm");
    std::fs::write(&file, &good)?;
    let (taken, said) = push(&stage.server, &file, &[]).await?;
    ensure!(taken, "the good one must be taken: {said}");
    // It is what the bad ones give way to once it has passed its probation.
    let operator = stage.server.operator().await?;
    let good = operator.change(1, PATIENCE.as_secs()).await?;
    ensure!(good["state"] == "live", "the good one did not pass: {good}");
    for bad in &bad {
        try_bad(&mut stage, bad, data.path()).await?;
        more_swings(&mut stage.seen).await.with_context(|| format!("after {}", bad.name))?;
    }
    let tick = stage.seen.borrow().last_tick();
    swing_by(&mut stage.seen, tick, "combat@0.1.3")
        .await
        .context("the good one does not decide in the end")?;
    noise_straight_to_the_port(&stage.server, data.path()).await?;
    let status = status(&stage.server).await?;
    let zones = status["zones"].as_array().context("no zones")?;
    ensure!(zones.iter().all(|zone| zone["restarts"] == 0), "a zone was restarted: {zones:?}");
    let swings = stage.seen.borrow().swings.clone();
    stage.clear().await?;
    eprintln!("hostile: {bots} bots, 0 disconnects, 0 lost replies, swings {swings:?}");
    Ok(())
}

/// Puts modules among those that must not run again, as what takes them out of the world does.
fn bar(data: &Path, modules: &[&[u8]]) -> anyhow::Result<()> {
    let archive = Archive::open(data)?;
    let mut set = archive.live()?;
    for module in modules {
        let digest = blake3::hash(module).to_hex().to_string();
        set.quarantined.bar(digest, "failed in 5 ticks".to_owned(), |_| true);
    }
    Ok(archive.set_live(&set)?)
}

#[tokio::test]
async fn what_was_quarantined_does_not_come_back_with_a_pack() -> anyhow::Result<()> {
    let own = std::fs::read(pack().join("combat.wasm"))?;
    let (good, bad) = (distinct(&own, 1), distinct(&own, 2));
    let folder = tempfile::tempdir()?;
    for entry in std::fs::read_dir(pack())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wasm") {
            std::fs::copy(&path, folder.path().join(path.file_name().context("a name")?))?;
        }
    }
    std::fs::write(folder.path().join("combat.wasm"), &bad)?;

    let mut world = World::start();
    let pushed = push_bytes(&world, good.clone()).await;
    ensure!(pushed.status == 200, "{pushed:?}");
    let live = live_label(&world, "combat");
    world.terminate();
    ensure!(world.ended().await.success(), "it did not end well");
    bar(world.data(), &[&bad])?;

    let world = world.with_pack(folder.path()).start_again();
    let (line, _) = world.said("what the pack has was quarantined", 0, PATIENCE).await;
    ensure!(line.contains(&live) && line.contains("failed in 5 ticks"), "{line}");
    ensure!(live_label(&world, "combat") == live, "what was live goes on");
    push_bytes(&world, bad.clone()).await.is_problem(409, "quarantined");
    let mut world = world.restart().await;
    ensure!(live_label(&world, "combat") == live, "also the next time");

    // Without any version that may run it rests, and the world goes on.
    world.terminate();
    ensure!(world.ended().await.success(), "it did not end well");
    bar(world.data(), &[&good, &own])?;
    let world = world.start_again();
    let (line, _) = world.said("it rests until a repaired one is pushed", 0, PATIENCE).await;
    ensure!(line.contains("combat@0.1.0+"), "{line}");
    let status = status_of(&world);
    let combat = status["modules"].as_array().context("modules")?.iter().find(|row| row["name"] == "combat");
    let combat = combat.context("combat is there")?;
    ensure!(combat["resting"].as_str().is_some_and(|why| why.contains("failed in 5 ticks")), "{combat}");
    Ok(())
}
