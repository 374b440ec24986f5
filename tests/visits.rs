//! The script of a zone as those meet it who come and go: greeted alone, spoken of to all, and told when the zone
//! ends. Whatever it does then, the server ends.

use crate::live::{Workshop, lore};
use crate::support::socket::Socket;
use crate::support::world::World;
use anyhow::ensure;
use serde_json::Value;

const FILE: &str = "src/hours.rs";
const SILENT: &str = "        _ => 0,
    };
    let is_day = DAY.contains(&hour);
    let greeting = if moment.occasion == Occasion::Entered && !is_day { NIGHT_ROADS } else { 0 };
";
/// Has a word for everybody.
const TALKATIVE: &str = "        Occasion::Entered => STORM_RISES,
        Occasion::Left => NIGHT_FALLS,
        _ => 0,
    };
    let is_day = DAY.contains(&hour);
    let greeting = if moment.occasion == Occasion::Entered { NIGHT_ROADS } else { 0 };
";
const GREETING: &str = "It is night in Downtown, and more than wolves is about. Keep to the light.";
const COME: &str = "A storm comes up over Downtown.";
const GONE: &str = "Night falls over Downtown.";
const ASLEEP: &str = "Downtown goes to sleep. What you have is safe; come back in a moment.";

async fn build(version: &'static str, from: &'static str, to: &'static str) -> anyhow::Result<Vec<u8>> {
    tokio::task::spawn_blocking(move || Workshop::open()?.build("weather", version, FILE, from, to)).await?
}

fn push(world: &World, module: &[u8]) -> anyhow::Result<()> {
    let file = world.data().join("weather.wasm");
    std::fs::write(&file, module)?;
    let pushed = world.lore(&["push", file.to_str().unwrap(), "--skip-proof"]);
    ensure!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    Ok(())
}

async fn told(socket: &mut Socket) -> String {
    socket.notified("system.message").await["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_comes_is_greeted_who_goes_is_missed_and_the_end_is_told() -> anyhow::Result<()> {
    let talkative = build("0.1.8", SILENT, TALKATIVE).await?;
    let mut world = World::start();
    push(&world, &talkative)?;
    let (_, mut ada) = world.player("warrior").await;
    assert_eq!([told(&mut ada).await, told(&mut ada).await], [GREETING, COME]);
    let sky = ada.replica.environment.clone();
    let (_, mut bob) = world.player("mage").await;
    // Whoever is there hears of the newcomer, and the greeting is the newcomer's own.
    assert_eq!((told(&mut ada).await.as_str(), ada.unheard("system.message")), (COME, 0));
    assert_eq!([told(&mut bob).await, told(&mut bob).await], [GREETING, COME]);
    bob.done("world.leave", serde_json::json!({})).await;
    bob.close().await;
    assert_eq!(told(&mut ada).await, GONE);
    ensure!(ada.replica.environment["weather"] == sky["weather"], "visitors bring no weather");

    let me = ada.replica.you.to_string();
    world.terminate();
    assert_eq!([told(&mut ada).await, told(&mut ada).await], [GONE, ASLEEP]);
    ensure!(ada.close_code().await == 1012);
    ensure!(world.ended().await.success());

    // All of it happens again, to the bit.
    let log = world.data().join("replay/downtown");
    let mut replay = lore();
    replay.arg("replay").arg(log).args(["--json", "--all", "--entity", &me]).arg("--data").arg(world.data());
    let output = replay.output()?;
    let played: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success() && played["difference"].is_null(), "{played}");
    let decisions = played["decisions"].as_array().unwrap();
    for occasion in ["Entered", "Left", "Stopping"] {
        let asked = decisions.iter().filter(|decision| {
            decision["export"] == "zone.govern"
                && decision["by"].as_str().unwrap().starts_with("weather@0.1.8+")
                && decision["view"].as_str().unwrap().contains(&format!("occasion: {occasion}"))
        });
        let expected = if occasion == "Stopping" { 1 } else { 2 };
        let asked = asked.count();
        ensure!(asked == expected, "{occasion}: asked {asked} times");
    }
    Ok(())
}

#[tokio::test]
async fn a_script_that_never_ends_does_not_keep_the_server() -> anyhow::Result<()> {
    let (from, to) = (
        "        Occasion::Stopping => ZONE_SLEEPS,\n",
        "        Occasion::Stopping => loop {\n            std::hint::black_box(0);\n        },\n",
    );
    let endless = build("0.1.9", from, to).await?;
    let mut world = World::start();
    push(&world, &endless)?;
    let (_, mut socket) = world.player("warrior").await;
    world.terminate();
    ensure!(socket.notified("system.reconnect").await["reason"] == "shutdown");
    ensure!(socket.close_code().await == 1012);
    ensure!(world.ended().await.success());
    ensure!(socket.unheard("system.message") == 0, "what did not answer says nothing");
    Ok(())
}
