//! An author follows what scripts of a running server say: the words of a panic, and the failure by file
//! and line, as they happen and afterwards.

use crate::canary::{Arena, combat, lore};
use runtime::telemetry::ScriptLine;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
/// Fails for one attacker in three, which none of the views a candidate is tried with are.
const RARE: &str = "    assert!(attack.attacker % 3 != 0, \"a rare one\");\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failing_script_says_is_heard_at_once_and_kept() {
    let modules = combat(&[("0.3.9", RARE)]).await;
    let mut arena = Arena::open("100000", 6).await;
    let operator = arena.server().operator().await.unwrap();
    let mut stream = operator.logs(Some("combat"), 0, true).await.unwrap();
    let pushed = arena.push(&modules[0], &[]).await;
    let label = pushed["label"].as_str().unwrap().to_owned();
    let (mut words, mut failure) = (None, None);
    while words.is_none() || failure.is_none() {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await.expect("nothing was said");
        let (event, data) = next.unwrap().expect("the server has ended");
        assert_eq!(event, "line");
        let line: ScriptLine = serde_json::from_str(&data).unwrap();
        assert_eq!((line.module.as_str(), line.export.as_str()), (label.as_str(), "combat.resolve"));
        if line.failure {
            failure = Some(line);
        } else if line.message.contains("a rare one") {
            words = Some(line);
        }
    }
    let (words, failure) = (words.unwrap(), failure.unwrap());
    assert!(words.message.contains("combat/src/formula.rs:") && words.level == "error", "{words:?}");
    assert!(failure.message.contains("formula.rs") && failure.zone == "greywood", "{failure:?}");

    let kept = said(&arena, &["logs", "--script", "combat", "--json"]).await;
    let lines: Vec<ScriptLine> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.contains(&words) && lines.contains(&failure), "{kept}");
    assert!(lines.is_sorted_by_key(|line| line.number), "{kept}");
    assert_eq!(said(&arena, &["logs", "--script", "nobody"]).await, "");
    let shown = said(&arena, &["logs"]).await;
    assert!(shown.contains("a rare one") && shown.contains("FAILED: combat@0.3.9"), "{shown}");
    arena.close().await;
}

/// What a command that succeeds prints.
async fn said(arena: &Arena, args: &[&str]) -> String {
    let (succeeded, said) = lore(arena, args).await;
    assert!(succeeded, "{said}");
    said
}
