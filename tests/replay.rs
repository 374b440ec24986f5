//! What was recorded happens again, to the bit, after a kill; with another module something else
//! happens, and the push that made the difference is found. `LORE_REPLAY_BOTS` and
//! `LORE_REPLAY_SECONDS` make the recorded session longer.

use crate::live::{Fighter, Server, Workshop, lore, scale, seed};
use anyhow::{Context, ensure};
use host_api::{Engine, Module};
use protocol::v1::Hit;
use protocol::v1::event::Type as Event;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::reload::Archive;
use runtime::replay::{Player, limits, play, segments};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CRITICAL: &str = "CRITICAL_PERMILLE: i64 = 1_500";
const PLANTED: &str = "CRITICAL_PERMILLE: i64 = 4_500";
/// Critical hits seen after every push, by all bots together, so that every version had its chance to
/// matter: two different ones at least.
const CRITICALS: u64 = 16;

/// Three versions of the wounds; the second one is another formula, the third one only a new build of it.
fn modules() -> anyhow::Result<[Vec<u8>; 3]> {
    let workshop = Workshop::open()?;
    let build = |version, to| workshop.combat(version, CRITICAL, to);
    Ok([build("0.1.31", CRITICAL)?, build("0.1.32", PLANTED)?, build("0.1.33", PLANTED)?])
}

/// `lore replay LOG --json ...` with a folder of `DATA/replay`.
fn run(data: &Path, log: &str, more: &[&str]) -> anyhow::Result<Output> {
    let log = data.join("replay").join(log);
    Ok(lore().arg("replay").arg(log).arg("--json").arg("--data").arg(data).args(more).output()?)
}

/// Of the Greywood: the exit code and the JSON.
fn replay(data: &Path, more: &[&str]) -> anyhow::Result<(bool, Value)> {
    replay_of(data, "greywood", more)
}

fn replay_of(data: &Path, log: &str, more: &[&str]) -> anyhow::Result<(bool, Value)> {
    let output = run(data, log, more)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let json = serde_json::from_str(&said)
        .with_context(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((output.status.success(), json))
}

/// What `--with` says against a module.
fn refused(data: &Path, with: &str) -> anyhow::Result<String> {
    let output = run(data, "greywood", &["--with", with])?;
    ensure!(!output.status.success(), "{with} is played: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The log of the Greywood twice, as of a server that lost all it had and began anew.
fn break_log(data: &Path) -> anyhow::Result<()> {
    let (whole, broken) = (data.join("replay/greywood"), data.join("replay/broken"));
    std::fs::create_dir_all(&broken)?;
    let files = segments(&whole)?;
    for (number, file) in files.iter().chain(&files).enumerate() {
        std::fs::copy(file, broken.join(format!("{number:06}.replay")))?;
    }
    Ok(())
}

/// A module under another name.
fn renamed(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (name, other) = (br#""name":"combat""#, br#""name":"kombat""#);
    let at = module.windows(name.len()).rposition(|bytes| bytes == name).context("no manifest")?;
    let mut module = module.to_vec();
    module[at..at + name.len()].copy_from_slice(other);
    Ok(module)
}

/// Bots fight while the modules are pushed one after the other; then the server is killed.
async fn record(data: &Path, modules: &[Vec<u8>], seed: u64) -> anyhow::Result<()> {
    // All zones on one thread; each is played again alone.
    let server = Server::start_set(data, &[("LORE_SIM_THREADS", "1")])?;
    let stop = CancellationToken::new();
    let (tell, mut criticals) = watch::channel(0_u64);
    let tell = Arc::new(tell);
    let mut playing = JoinSet::new();
    for index in 0..scale("LORE_REPLAY_BOTS", 8) {
        let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
        let (mut client, _) = fighter.join(&server).await?;
        let (stop, tell) = (stop.clone(), Arc::clone(&tell));
        playing.spawn(async move {
            let listen = |heard: &Heard| {
                let Heard::Delta { events, .. } = heard else { return };
                let critical =
                    |event: &&Event| matches!(event, Event::Swing(swing) if swing.hit() == Hit::Critical);
                let more = events.iter().filter(critical).count() as u64;
                tell.send_if_modified(|criticals| {
                    *criticals += more;
                    more > 0
                });
            };
            fighter.play(&mut client, &stop, listen).await
        });
    }
    let began = Instant::now();
    let operator = server.operator().await?;
    for module in modules {
        let goal = *criticals.borrow() + CRITICALS;
        criticals.wait_for(|criticals| *criticals >= goal).await?;
        operator.push_module(module.clone(), "replay").await?;
    }
    let (goal, enough) =
        (*criticals.borrow() + CRITICALS, Duration::from_secs(scale("LORE_REPLAY_SECONDS", 0) as u64));
    criticals.wait_for(|criticals| *criticals >= goal && began.elapsed() >= enough).await?;
    // The log reaches the disk every second; what is lost of it is its end.
    let written = Instant::now() + Duration::from_secs(3);
    criticals.wait_for(|_| Instant::now() >= written).await?;
    stop.cancel();
    playing.join_all().await.into_iter().collect::<anyhow::Result<()>>()?;
    server.kill()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_happens_again_and_the_push_that_mattered_is_found() -> anyhow::Result<()> {
    let seed = seed("replay");
    let modules = tokio::task::spawn_blocking(modules).await??;
    let data = tempfile::tempdir()?;
    tokio::time::timeout(Duration::from_secs(900), record(data.path(), &modules, seed)).await??;

    let (same, played) = replay(data.path(), &[])?;
    ensure!(same && played["difference"].is_null(), "the replay differs: {played}");
    ensure!(played["swaps"] == 3 && played["inputs"].as_u64() > Some(100), "{played}");
    ensure!(played["outcome"]["critical"].as_u64() >= Some(4), "{played}");
    eprintln!(
        "replay: {} ticks, {} inputs, {} swings, bit-equal, {:.0} times real time",
        played["ticks"],
        played["inputs"],
        played["outcome"]["swings"],
        played["times_real_time"].as_f64().unwrap_or(0.0)
    );

    let (_, bisected) = replay(data.path(), &["--bisect"])?;
    ensure!(bisected["swaps"] == 3 && bisected["culprit"]["number"] == 2, "{bisected}");
    let brought = bisected["culprit"]["labels"].to_string();
    ensure!(brought.contains("combat@0.1.32+"), "{brought}");
    eprintln!("replay: bisect names {brought} after {} plays", bisected["plays"]);

    let file = data.path().join("planted.wasm");
    std::fs::write(&file, &modules[2])?;
    let planted = file.to_str().context("a path")?;
    let (same, compared) = replay(data.path(), &["--with", planted])?;
    ensure!(same, "as recorded it is still the same: {compared}");
    let tick = compared["difference"]["tick"].as_u64().context("another formula changes something")?;
    ensure!(compared["difference"]["entity"].is_array(), "{compared}");
    ensure!(compared["changed"]["outcome"] != compared["recorded"]["outcome"], "{compared}");

    // Of a log with a break only what comes after it can be judged, and that is said. The module comes from
    // the archive now.
    break_log(data.path())?;
    let (_, bisected) = replay_of(data.path(), "broken", &["--bisect"])?;
    ensure!(bisected["swaps"] == 6 && bisected["unjudged"] == 3 && bisected["breaks"] == 1, "{bisected}");
    ensure!(bisected["culprit"]["number"] == 5, "{bisected}");
    ensure!(bisected["unbroken_from"] == played["from"], "{bisected}");
    let (same, stored) = replay_of(data.path(), "broken", &["--with", "combat@0.1.33"])?;
    ensure!(same && stored["difference"] == compared["difference"], "{stored}");
    let changed = &stored["changed"];
    ensure!(changed["breaks"] == 1 && changed["unbroken_from"] == played["from"], "{changed}");

    // What is not there, and what would take nobody's place.
    let error = refused(data.path(), "combat@0.1.99")?;
    ensure!(error.contains("combat@0.1.33+") && error.contains("combat@0.1.31+"), "{error}");
    let kombat = data.path().join("kombat.wasm");
    std::fs::write(&kombat, renamed(&modules[2])?)?;
    let error = refused(data.path(), kombat.to_str().context("a path")?)?;
    ensure!(error.contains("no kombat") && error.contains("combat, "), "{error}");

    // Who differs first was hit, and the log tells by which decision.
    let entity = compared["difference"]["entity"][0].to_string();
    let until = tick.to_string();
    let (_, explained) = replay(data.path(), &["--until", &until, "--entity", &entity])?;
    ensure!(explained["decisions_left_out"] == 0, "{explained}");
    let decisions = explained["decisions"].as_array().context("decisions")?;
    let swing = decisions.iter().find(|decision| decision["export"] == "combat.resolve");
    let swing = swing.with_context(|| format!("no swing among {decisions:?}"))?;
    ensure!(swing["by"].as_str().is_some_and(|by| by.starts_with("combat@0.1.")), "{swing}");
    ensure!(swing["view"].as_str().is_some_and(|view| view.contains("defender_health")), "{swing}");

    // The tick becomes a test, which the script passes that was asked, and the planted one does not.
    let workshop = Workshop::open()?;
    let test = workshop.scripts().join("combat/tests/exported.toml");
    std::fs::create_dir_all(test.parent().context("a folder")?)?;
    let out = test.to_str().context("a path")?;
    let of = ["--export-test", &until, "--entity", &entity, "--script", "combat", "--out", out];
    let (written, exported) = replay(data.path(), &of)?;
    ensure!(written && exported["cases"].as_u64() >= Some(1), "{exported}");
    let mut passed = Vec::new();
    for (name, bytes) in [("same", &modules[0]), ("planted", &modules[2])] {
        let module = data.path().join(format!("{name}.wasm"));
        std::fs::write(&module, bytes)?;
        let mut test = lore();
        test.args(["test", out, "--json", "--scripts"]).arg(workshop.scripts()).arg("--module").arg(module);
        let output = test.output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let report: Value = serde_json::from_str(&said)
            .with_context(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))?;
        ensure!(report["cases"] == exported["cases"], "{report}");
        passed.push(output.status.success());
    }
    ensure!(passed == [true, false], "{passed:?}: {}", std::fs::read_to_string(&test)?);
    eprintln!("replay: tick {tick} is a test of {} with {} cases", exported["label"], exported["cases"]);
    std::fs::remove_file(test)?;
    drop(workshop);

    // So it is in this process, which is another build than the server's where `LORE_BIN` names a release.
    let engine = Engine::new(limits(), None)?;
    let module = Module::load(&engine, &modules[2])?;
    let archive = Arc::new(Archive::open(data.path())?);
    let files = segments(&data.path().join("replay/greywood"))?;
    let mut player = Player::new(engine.clone(), Arc::clone(&archive));
    let again = play(&files, &mut player, u64::MAX, &mut |_| {})?;
    ensure!(again.difference.is_none(), "{again:?}");

    // A replay that is not what was recorded is noticed, at the tick where it begins.
    let mut player = Player::new(engine, archive).with_module(module);
    let played = play(&files, &mut player, u64::MAX, &mut |_| {})?;
    ensure!(played.difference.as_ref().is_some_and(|difference| difference.tick == tick), "{played:?}");
    Ok(())
}
