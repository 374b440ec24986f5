//! Zones take a limited number of characters: who joins a full one is placed elsewhere, who walks into
//! a full one is put back.

use crate::live::{Fighter, Server, root};
use anyhow::{Context, bail, ensure};
use runtime::load::client::{CallFailed, Client};
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use std::path::Path;
use std::time::Duration;

/// Where the Greywood meets downtown, millimetres, and one step of a tenth of a second.
const GATE: (i32, i32) = (300_000, 597_000);
const STEP_MM: i32 = 900;
const PATIENCE: Duration = Duration::from_secs(20);

/// The starter content in which downtown takes two characters and every other zone one.
fn crowded_content(folder: &Path) -> anyhow::Result<()> {
    for (path, text) in runtime::content::read_files(&root().join("content"))? {
        let cap = if path.ends_with("downtown.toml") { 2 } else { 1 };
        let lines = text.lines().map(|line| match line.starts_with("population_cap") {
            true => format!("population_cap = {cap}\n"),
            false => format!("{line}\n"),
        });
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        std::fs::write(file, lines.collect::<String>())?;
    }
    Ok(())
}

/// Listens until `wanted` is heard and returns what it made of it.
async fn hear<T>(client: &mut Client, mut wanted: impl FnMut(&Heard) -> Option<T>) -> anyhow::Result<T> {
    let listening = async {
        loop {
            if let Some(found) = wanted(&client.next().await?) {
                return anyhow::Ok(found);
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.context("it was not heard")?
}

fn told(heard: &Heard) -> Option<String> {
    match heard {
        Heard::System(message) => Some(message.text.clone()),
        _ => None,
    }
}

fn snapshot(heard: &Heard) -> Option<()> {
    matches!(heard, Heard::Snapshot).then_some(())
}

/// Walks towards the gate until `wanted` is heard, at the pace of the acknowledgements.
async fn walk_to_the_gate<T>(
    client: &mut Client,
    mut wanted: impl FnMut(&Heard) -> Option<T>,
) -> anyhow::Result<T> {
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let until = tokio::time::Instant::now() + PATIENCE;
    let own = client.replica().own().context("who am I?")?;
    let (mut x, mut y) = (own.x, own.y);
    while tokio::time::Instant::now() < until {
        tokio::select! {
            heard = client.next() => {
                let heard = heard?;
                if let Heard::Corrected(corrected) = &heard {
                    (x, y) = (corrected.x, corrected.y);
                }
                if let Some(found) = wanted(&heard) {
                    return Ok(found);
                }
            }
            _ = pace.tick() => {
                x += (GATE.0 - x).clamp(-STEP_MM / 2, STEP_MM / 2);
                y += (GATE.1 - y).clamp(-STEP_MM / 2, STEP_MM / 2);
                client.walk(x, y).await?;
            }
        }
    }
    bail!("the gate led nowhere")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_a_zone_full_is_placed_elsewhere_or_put_back() -> anyhow::Result<()> {
    let (data, content) = (tempfile::tempdir()?, tempfile::tempdir()?);
    crowded_content(content.path())?;
    let server = Server::start_with(data.path(), content.path())?;
    let mut inside = Vec::new();
    let mut zones = Vec::new();
    for index in 0..5 {
        let mut fighter = Fighter::enlist(&server, Scenario::Crowd, index, 1).await?;
        let (mut client, joined) = fighter.join(&server).await?;
        if index >= 2 {
            let said = hear(&mut client, told).await?;
            ensure!(said.starts_with("Downtown is full. You are in "), "{said}");
        }
        hear(&mut client, snapshot).await?;
        zones.push(joined.zone);
        inside.push(client);
    }
    zones[2..4].sort_unstable();
    ensure!(zones == ["downtown", "downtown", "international", "westview", "greywood"], "{zones:?}");

    let mut late = Fighter::enlist(&server, Scenario::Crowd, 5, 1).await?;
    match late.join(&server).await {
        Ok((_, joined)) => bail!("a sixth got in: {}", joined.zone),
        Err(error) => match error.downcast_ref::<CallFailed>() {
            Some(CallFailed::Refused { error, .. }) if error.stable_code() == "zone_full" => {}
            _ => return Err(error),
        },
    }

    let mut hunter = inside.pop().context("five are inside")?;
    let said = walk_to_the_gate(&mut hunter, told).await?;
    ensure!(said == "There is no room in Downtown.", "{said}");
    hear(&mut hunter, snapshot).await?;
    ensure!(hunter.replica().zone.as_ref().is_some_and(|zone| zone.name == "greywood"), "not put back");

    let citizen = inside.remove(0);
    leave(citizen).await?;
    walk_to_the_gate(&mut hunter, |heard| matches!(heard, Heard::Crossed(_)).then_some(())).await?;
    hear(&mut hunter, snapshot).await?;
    ensure!(hunter.replica().zone.as_ref().is_some_and(|zone| zone.name == "downtown"), "not let in");

    let (_, joined) = late.join(&server).await.context("the wood has room again")?;
    ensure!(joined.zone == "greywood", "{}", joined.zone);
    inside.push(hunter);
    for client in inside {
        ensure!(client.faults().0 == 0, "{:?}", client.faults());
        leave(client).await?;
    }
    Ok(())
}

async fn leave(mut client: Client) -> anyhow::Result<()> {
    client.call::<serde_json::Value>("world.leave", serde_json::json!({})).await?;
    client.close().await;
    Ok(())
}
