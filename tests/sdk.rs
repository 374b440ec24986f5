//! The client SDK against a real server, in both encodings: `tests/sdk/play.mjs` plays, loses its line, outlives its
//! token and the server, and is banned. Passed over where Node or the built SDK is missing, but never on CI.

use crate::live::root;
use crate::support::world::Setup;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Seconds the script may take.
const PATIENCE_S: &str = "150";
/// The script waits for the end of the first token, and does everything before in less.
const ACCESS_TTL: &str = "20s";

/// What the story needs and this machine lacks.
fn missing() -> Option<&'static str> {
    let runs =
        |name: &str| Command::new(name).arg("--version").output().is_ok_and(|told| told.status.success());
    if !runs("node") {
        Some("node")
    } else if !runs("npm") {
        Some("npm")
    } else if !root().join("web/node_modules/ws").exists() {
        Some("web/node_modules (run `npm ci` in web/)")
    } else if !root().join("web/sdk/lib/index.js").exists() {
        Some("web/sdk/lib (run `npm run sdk` in web/)")
    } else {
        None
    }
}

async fn play(encoding: &str) {
    if let Some(what) = missing() {
        assert!(std::env::var_os("CI").is_none(), "CI must run the story of the SDK: {what} is missing");
        eprintln!("skipped the story of the SDK: {what} is missing");
        return;
    }
    let mut world = Setup::default().setting("LORE_ACCESS_TTL", ACCESS_TTL).start();
    let token = std::fs::read_to_string(world.data().join("admin-token")).unwrap();
    let mut script = Command::new("node");
    script.arg(root().join("tests/sdk/play.mjs")).args(["--url", &world.http, "--admin", &world.admin]);
    script.args(["--encoding", encoding, "--timeout", PATIENCE_S]).env("LORE_ADMIN_TOKEN", token.trim());
    let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = piped.spawn().unwrap();
    let mut answers = script.stdin.take().unwrap();
    let mut saw = Value::Null;
    for line in BufReader::new(script.stdout.take().unwrap()).lines().map(Result::unwrap) {
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if told["wants"] == "restart" {
            world = world.restart().await;
            writeln!(answers, "{}", json!({"url": world.http, "admin": world.admin})).unwrap();
        } else {
            saw = told;
        }
    }
    drop(answers);
    let output = script.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(saw["ok"], true, "{saw:#} {complaint}");
    assert_eq!(saw["encoding"], encoding);
    assert!(output.status.success(), "{complaint}");
    eprintln!("the SDK, {encoding}: {} s, {} resumed, told {}", saw["seconds"], saw["resumed"], saw["told"]);
}

#[tokio::test]
async fn the_sdk_plays_in_protocol_buffers() {
    play("proto").await;
}

#[tokio::test]
async fn the_sdk_plays_in_json() {
    play("json").await;
}
