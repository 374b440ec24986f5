//! The proof of one script may take long: another one that fails meanwhile is taken out of the world without
//! waiting for it.

use crate::live::Workshop;
use crate::reload_pipeline::{live_label, push};
use crate::support::http_server::Answer;
use crate::support::world::{Setup, World, pack};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const FILE: &str = "src/filter.rs";
const JUDGE: &str = "pub fn judge(line: &Line, tick_ms: u32) -> Judgement {";
const TOUCHY: &str = "\n    assert!(!line.text.contains(\"boom\"), \"it went off\");";
/// Failing ticks that end a change that is watched.
const STRIKES: usize = 5;
/// Looks at a change until its proof is made.
const LOOKS: usize = 200;

/// The starter's formula, as another version of it.
fn another_combat() -> Vec<u8> {
    let mut bytes = std::fs::read(pack().join("combat.wasm")).unwrap();
    let (version, other) = (br#""version":"0.1.0""#, br#""version":"0.1.7""#);
    let at = bytes.windows(version.len()).rposition(|bytes| bytes == version).expect("a manifest");
    bytes[at..at + version.len()].copy_from_slice(other);
    bytes
}

async fn change(world: &World, id: u64, wait: u64) -> Value {
    let path = format!("/admin/v1/changes/{id}?wait={wait}");
    Answer::of(world.operator(Method::GET, &path)).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_taken_out_while_another_script_is_proven() {
    let touchy = || {
        let planted = format!("{JUDGE}{TOUCHY}");
        Workshop::open().unwrap().build("chat-filter", "0.1.7", FILE, JUDGE, &planted).unwrap()
    };
    let touchy = tokio::task::spawn_blocking(touchy).await.unwrap();
    let world = Setup::default().setting("LORE_RELOAD_PROBATION_TICKS", "100000").start();
    let starter = live_label(&world, "chat-filter");
    let (_, mut socket) = world.player("warrior").await;
    let pushed = push(&world, touchy).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let failing = pushed.body["change"].as_u64().unwrap();

    // A disk that takes the proof of the next change when it is read here, and no sooner.
    let (proven, disk) = (failing + 1, world.data().join(format!("proofs/{:08}.new", failing + 1)));
    assert!(Command::new("mkfifo").arg(&disk).status().unwrap().success());
    let request = world.operator(Method::POST, "/admin/v1/modules?who=story&why=because");
    let request = request.header("content-type", "application/octet-stream").body(another_combat());
    let hanging = tokio::spawn(Answer::of(request));
    let mut looks = 0;
    while change(&world, proven, 0).await["proof"].is_null() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        looks += 1;
        assert!(looks < LOOKS, "the proof is not made");
    }

    // Each answer is one of another tick.
    for strike in 0..STRIKES {
        socket.done("chat.send", json!({"text": format!("boom {strike}")})).await;
        assert_eq!(socket.notified("chat.message").await["by"], "fallback");
    }
    let gone = change(&world, failing, 60).await;
    assert_eq!(gone["state"], "quarantined", "{gone}");
    assert_eq!(live_label(&world, "chat-filter"), starter);
    socket.done("chat.send", json!({"text": "boom boom"})).await;
    assert_eq!(socket.notified("chat.message").await["by"], starter);
    let waiting = change(&world, proven, 0).await;
    assert_eq!(waiting["state"], "checked", "it is still in its proof: {waiting}");

    // Such a disk cannot be relied on, and says so; the next push has another one.
    let read = tokio::task::spawn_blocking(move || std::fs::read(disk)).await.unwrap().unwrap();
    assert!(String::from_utf8(read).unwrap().contains("combat@0.1.7+"));
    hanging.await.unwrap().is_problem(507, "storage");
    assert_eq!(change(&world, proven, 0).await["state"], "refused");
    let again = push(&world, another_combat()).await;
    assert_eq!((again.status.as_u16(), &again.body["state"]), (200, &json!("probation")), "{again:?}");
    assert!(live_label(&world, "combat").starts_with("combat@0.1.7+"));
    socket.close().await;
}
