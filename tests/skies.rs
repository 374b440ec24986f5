//! The script of a zone as players meet it: it makes the weather from the first tick, a new version shows
//! at once and speaks to the whole zone, and what it decided happens again in a replay.

use crate::live::{Workshop, lore};
use crate::support::world::World;
use anyhow::ensure;
use serde_json::Value;

const FILE: &str = "src/hours.rs";
const DRAWN: &str = "    let weather = draw(moment);\n";
/// Winter comes with the swap.
const WINTER: &str = "    if moment.occasion == Occasion::Changed {
        return Decree {
            id: moment.id,
            weather: Weather::Snow,
            temperature_dc: -55,
            spawn_permille: 500,
            announcement: NIGHT_FALLS,
            greeting: 0,
            memory: 1,
        };
    }
    let weather = draw(moment);
";

#[tokio::test]
async fn a_new_version_of_the_weather_is_seen_at_once_and_goes_away_with_it() -> anyhow::Result<()> {
    let winter =
        tokio::task::spawn_blocking(|| Workshop::open()?.build("weather", "0.1.7", FILE, DRAWN, WINTER));
    let winter = winter.await??;
    let mut world = World::start();
    let (_, mut socket) = world.player("warrior").await;
    let first = socket.replica.environment.clone();
    // Downtown knows no snow; eight in the morning is four degrees colder than noon.
    ensure!(first["weather"] != "snow" && first["temperature"].as_f64() > Some(-5.5), "{first}");

    let file = world.data().join("weather.wasm");
    std::fs::write(&file, winter)?;
    let pushed = world.lore(&["push", file.to_str().unwrap()]);
    ensure!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    socket.until("the snow", |socket| (socket.replica.environment["weather"] == "snow").then_some(())).await;
    ensure!(socket.replica.environment["temperature"] == -5.5, "{}", socket.replica.environment);
    let told = socket.notified("system.message").await;
    ensure!(told["text"] == "Night falls over Downtown.", "{told}");

    let back = world.lore(&["rollback", "weather"]);
    ensure!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    socket
        .until("the end of winter", |socket| (socket.replica.environment["weather"] != "snow").then_some(()))
        .await;
    let me = socket.replica.you.to_string();
    socket.close().await;
    world.terminate();
    ensure!(world.ended().await.success());
    let log = world.data().join("replay/downtown");
    let mut replay = lore();
    replay.arg("replay").arg(log).args(["--json", "--all", "--entity", &me]).arg("--data").arg(world.data());
    let output = replay.output()?;
    let played: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success() && played["difference"].is_null(), "{played}");
    let decisions = played["decisions"].as_array().unwrap();
    let winter = decisions.iter().find(|d| d["by"].as_str().unwrap().starts_with("weather@0.1.7+"));
    ensure!(winter.is_some_and(|d| d["export"] == "zone.govern"), "{decisions:?}");
    Ok(())
}
