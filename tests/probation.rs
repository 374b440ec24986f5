//! A change is watched where it runs: one that fails is taken back by itself, one that passes is the way
//! back of what comes after it, and a `kill -9` in the middle changes nothing about that.

use crate::canary::{Arena, combat, lore, state_of};
use crate::live::Workshop;
use serde_json::json;

const SKIP: &[&str] = &["--skip-proof"];
/// Fails for one attacker in three, which none of the views a candidate is tried with are.
const RARE: &str = "    assert!(attack.attacker % 3 != 0, \"a rare one\");\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_on_rare_views_is_taken_back_by_itself() {
    let modules = combat(&[("0.3.1", ""), ("0.3.9", RARE)]).await;
    let mut arena = Arena::open("200", 6).await;
    let good = arena.push(&modules[0], &[]).await;
    assert_eq!(good["state"], "probation", "{good}");
    assert_eq!(state_of(&arena.settled(&good["change"]).await), "live");

    // Asked what the zone was asked lately, it would have been found out.
    let (taken, said) = arena.try_push(&modules[1], &[]).await;
    assert!(!taken && said.contains("the proof refuses") && said.contains("formula.rs"), "{said}");
    let bad = arena.push(&modules[1], SKIP).await;
    assert_eq!(bad["before"], good["label"]);
    let gone = arena.settled(&bad["change"]).await;
    assert_eq!(state_of(&gone), "quarantined", "{gone}");
    let breach = &gone["breach"];
    assert_eq!((&breach["rule"], &breach["zone"]), (&json!("failures"), &json!("greywood")), "{gone}");
    assert!(breach["what"].as_str().unwrap().contains("formula.rs"), "{gone}");
    let back_in = breach["back_in_ticks"].as_u64().unwrap();
    eprintln!("probation: taken back after {} ticks, {back_in} after the decision", breach["after_ticks"]);
    let status = arena.status().await;
    let live = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == "combat");
    assert_eq!(live.unwrap()["label"], good["label"]);
    arena.swing_by(good["label"].as_str().unwrap()).await;

    // It does not come back, neither by itself nor by a push.
    let (accepted, said) = arena.try_push(&modules[1], SKIP).await;
    assert!(!accepted && said.contains("quarantined"), "{said}");
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_outcomes_drift_is_taken_back_by_itself() {
    let build = || {
        let harder = ("src/formula.rs", "CRITICAL_PERMILLE: i64 = 1_500;", "CRITICAL_PERMILLE: i64 = 9_000;");
        let limit = ("lore.toml", "requires = []", "requires = []\n\n[proof]\ndrift-percent = 5\n");
        Workshop::open().unwrap().build_edited("combat", "0.3.5", &[harder, limit]).unwrap()
    };
    let module = tokio::task::spawn_blocking(build).await.unwrap();
    let mut arena = Arena::open("100000", 6).await;
    let starter = arena.live_label().await;
    let pushed = arena.push(&module, SKIP).await;
    let gone = arena.settled(&pushed["change"]).await;
    assert_eq!((state_of(&gone), &gone["breach"]["rule"]), ("rolled-back", &json!("drift")), "{gone}");
    let what = gone["breach"]["what"].as_str().unwrap();
    assert!(what.contains("combat.resolve damage"), "{gone}");
    eprintln!("probation: {what}; back in {} ticks", gone["breach"]["back_in_ticks"]);
    assert_eq!(arena.live_label().await, starter);
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_the_last_version_that_passed() {
    let modules = combat(&[("0.3.1", ""), ("0.3.2", " "), ("0.3.9", RARE)]).await;
    let mut arena = Arena::open("100000", 6).await;
    let starter = arena.live_label().await;
    let first = arena.push(&modules[0], &[]).await;
    let second = arena.push(&modules[1], &[]).await;
    assert_eq!(second["before"], first["label"]);
    assert_eq!(state_of(&arena.change(&first["change"]).await), "superseded");
    let third = arena.push(&modules[2], SKIP).await;
    let gone = arena.settled(&third["change"]).await;
    assert_eq!(state_of(&gone), "quarantined", "{gone}");
    assert_eq!(arena.live_label().await, starter, "none of those between has passed");
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_goes_on_with_the_probation() {
    let modules = combat(&[("0.3.1", "")]).await;
    let mut arena = Arena::open("300", 2).await;
    let starter = arena.live_label().await;
    let pushed = arena.push(&modules[0], &[]).await;
    arena.kill_and_restart().await;
    let change = arena.change(&pushed["change"]).await;
    assert_eq!(state_of(&change), "probation", "{change}");
    assert_eq!(arena.live_label().await, pushed["label"]);
    let passed = arena.settled(&pushed["change"]).await;
    assert_eq!(state_of(&passed), "live", "{passed}");
    let output = lore(&arena, &["rollback", "combat", "--json", "--why", "by hand"]).await;
    assert!(output.0, "{}", output.1);
    assert_eq!(state_of(&arena.change(&pushed["change"]).await), "rolled-back");
    assert_eq!(arena.live_label().await, starter);
    arena.close().await;
}
