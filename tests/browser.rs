//! The first minutes in a real browser: `tests/browser/play.mjs` against a real server. Passed over
//! where Node, Chromium or the web client's tools are missing, but never on CI.

use crate::live::root;
use crate::support::world::World;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Seconds the script may take.
const PATIENCE_S: &str = "150";

/// What the story needs and this machine lacks.
fn missing() -> Option<&'static str> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|node| node.status.success()) {
        Some("node")
    } else if !Path::new(&chromium).exists() {
        Some("chromium (CHROMIUM names another place)")
    } else if !root().join("web/node_modules/playwright-core").exists() {
        Some("web/node_modules (run `npm ci` in web/)")
    } else {
        None
    }
}

async fn play(encoding: &str) {
    if let Some(what) = missing() {
        assert!(std::env::var_os("CI").is_none(), "CI must run the browser story: {what} is missing");
        eprintln!("skipped the browser story: {what} is missing");
        return;
    }
    let world = World::start();
    let mut play = Command::new("node");
    play.arg(root().join("tests/browser/play.mjs")).args(["--url", &world.http, "--timeout", PATIENCE_S]);
    play.args(["--encoding", encoding]);
    let output = tokio::task::spawn_blocking(move || play.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let saw: Value =
        serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said} {complaint}"));
    assert_eq!(saw["ok"], true, "{saw:#} {complaint}");
    assert_eq!(saw["encoding"], encoding);
    assert_eq!(saw["resumed"], true, "the line broke once: {saw:#}");
    assert!(output.status.success());
    eprintln!(
        "browser, {encoding}: {} s, {} fights, {}",
        saw["seconds"], saw["fights"], saw["quest"]["objectives"]
    );
}

/// What the client of the page asks for when nobody says anything else.
#[tokio::test]
async fn a_newcomer_plays_in_a_browser() {
    play("proto").await;
}

#[tokio::test]
async fn a_newcomer_plays_in_a_browser_in_json() {
    play("json").await;
}
