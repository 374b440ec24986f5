//! The chat filter as players meet it: words are masked for everybody, a refused line is told to its
//! sender alone, who goes on is muted; another filter is live with the next line, and a replay tells why.

use crate::live::{Workshop, lore};
use crate::support::socket::Socket;
use crate::support::world::World;
use anyhow::ensure;
use serde_json::{Value, json};

const FILE: &str = "src/filter.rs";
const MASK: &str = "if hidden(at) { '*' } else { c }";
const FLOWERS: &str = "if hidden(at) { '~' } else { c }";

/// Says something; what both hear, with who let it through.
async fn said(from: &mut Socket, to: &mut Socket, text: &str) -> (String, String) {
    from.done("chat.send", json!({"text": text})).await;
    let own = from.notified("chat.message").await;
    let heard = to.notified("chat.message").await;
    assert_eq!(own, heard, "everybody hears the same");
    let member = |name: &str| heard[name].as_str().unwrap().to_owned();
    (member("text"), member("by"))
}

fn push(world: &World, bytes: &[u8]) {
    let file = world.data().join("filter.wasm");
    std::fs::write(&file, bytes).unwrap();
    let output = world.lore(&["push", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn words_are_masked_refused_and_counted_and_the_next_version_decides_otherwise() -> anyhow::Result<()> {
    let other =
        tokio::task::spawn_blocking(|| Workshop::open()?.build("chat-filter", "0.1.7", FILE, MASK, FLOWERS));
    let other = other.await??;
    let world = World::start();
    let (_, mut loud) = world.player("warrior").await;
    let (_, mut calm) = world.player("mage").await;

    let (text, by) = said(&mut loud, &mut calm, "Well met!").await;
    ensure!(text == "Well met!" && by.starts_with("chat-filter@0.1."), "{text} by {by}");
    ensure!(said(&mut loud, &mut calm, "Damn, D4MN that wolf").await.0 == "****, **** that wolf");

    push(&world, &other);
    let (text, by) = said(&mut loud, &mut calm, "Damn that wolf").await;
    ensure!(text == "~~~~ that wolf" && by.starts_with("chat-filter@0.1.7+"), "{text} by {by}");
    let back = world.lore(&["rollback", "chat-filter"]);
    ensure!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    ensure!(said(&mut loud, &mut calm, "Damn them all").await.0 == "**** them all");

    for _ in 0..3 {
        loud.rejected("chat.send", json!({"text": "kys"}), "chat_profanity").await;
    }
    loud.rejected("chat.send", json!({"text": "what have I done?"}), "chat_muted").await;
    // Only what was heard was heard: the next line of the other is the next that comes.
    ensure!(said(&mut calm, &mut loud, "Silence at last.").await.0 == "Silence at last.");
    ensure!(calm.unheard("chat.message") == 0 && loud.unheard("chat.message") == 0);

    // The log tells by which version every line was judged, and on what grounds.
    let me = loud.replica.you.to_string();
    let data = world.data().to_owned();
    loud.close().await;
    calm.close().await;
    let mut world = world;
    world.terminate();
    ensure!(world.ended().await.success());
    let log = data.join("replay/downtown");
    let mut replay = lore();
    replay.arg("replay").arg(log).args(["--json", "--all", "--entity", &me]).arg("--data").arg(&data);
    let output = replay.output()?;
    let played: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success() && played["difference"].is_null(), "{played}");
    let decisions = played["decisions"].as_array().unwrap();
    let judged: Vec<&Value> = decisions.iter().filter(|d| d["export"] == "chat.judge").collect();
    ensure!(judged.len() == 8, "{} lines were judged: {judged:?}", judged.len());
    let by_other = |d: &&&Value| d["by"].as_str().unwrap().starts_with("chat-filter@0.1.7+");
    ensure!(judged.iter().filter(by_other).count() == 1, "{judged:?}");
    ensure!(judged[7]["answer"].as_str().unwrap().contains("Muted"), "{}", judged[7]);
    Ok(())
}
