//! Scripts and content must go together: at a push of either, and at a start, when one of them may have
//! changed on disk meanwhile.

use crate::reload_pipeline::{live_label, push, push_content, read_content};
use crate::support::world::{Copied, Setup, World, pack};
use std::path::Path;
use std::time::Duration;

/// A loot table that only the script of these stories asks for.
const WANTED: &str = "loot/wolf_dens";
const TABLE: &str = "\n[loot.wolf_dens]\nrolls = 1\nentries = [{ item = \"wolf_pelt\", weight = 1 }]\n";

/// The starter's innkeeper, requiring [`WANTED`].
fn demanding() -> Vec<u8> {
    let mut bytes = std::fs::read(pack().join("innkeeper.wasm")).unwrap();
    let (from, to) = ("\"item/wolf_pelt\"", format!("\"{WANTED}\""));
    assert_eq!(from.len(), to.len(), "a section keeps its length");
    let place = bytes.windows(from.len()).position(|window| window == from.as_bytes());
    let place = place.expect("the innkeeper no longer requires wolf pelts");
    bytes[place..place + from.len()].copy_from_slice(to.as_bytes());
    bytes
}

fn append(file: &Path, text: &str) {
    let old = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, old + text).unwrap();
}

/// A world with the demanding innkeeper live, and the file of the loot tables on its disk.
async fn granted() -> (World, std::path::PathBuf) {
    let content = Copied::content();
    let loot = content.path().join("loot.toml");
    append(&loot, TABLE);
    let world = Setup::default().content(content).start();
    let before = live_label(&world, "innkeeper");
    let pushed = push(&world, demanding()).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    assert_ne!(live_label(&world, "innkeeper"), before);
    (world, loot)
}

#[tokio::test]
async fn a_module_that_requires_what_is_not_there_is_refused() {
    let world = World::start();
    let before = live_label(&world, "innkeeper");
    let answer = push(&world, demanding()).await;
    answer.is_problem(422, "content_mismatch");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("innkeeper@") && detail.contains(WANTED), "{detail}");
    assert!(!detail.contains("item/bread"), "only what is missing is named: {detail}");
    assert_eq!(live_label(&world, "innkeeper"), before);
}

#[tokio::test]
async fn content_cannot_take_away_what_a_live_script_requires() {
    let (world, _) = granted().await;
    let live = live_label(&world, "innkeeper");
    // The starter's content has everything but the table.
    let answer = push_content(&world, &read_content(Copied::content().path())).await;
    answer.is_problem(422, "content_mismatch");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(&live) && detail.contains(WANTED), "{detail}");
    assert_eq!(live_label(&world, "innkeeper"), live);
}

#[tokio::test]
async fn a_pack_that_no_longer_fits_what_was_pushed_runs_its_own_and_says_so() {
    let starter = World::start();
    let own = live_label(&starter, "innkeeper");
    drop(starter);
    let (mut world, loot) = granted().await;
    let pushed = live_label(&world, "innkeeper");
    world.terminate();
    assert!(world.ended().await.success());
    let text = std::fs::read_to_string(&loot).unwrap();
    std::fs::write(&loot, text.replace(TABLE, "")).unwrap();

    let world = world.start_again();
    let (line, _) = world.said("what was live does not fit any more", 0, Duration::from_secs(10)).await;
    assert!(line.contains(&pushed) && line.contains(WANTED), "{line}");
    assert_eq!(live_label(&world, "innkeeper"), own);
    // It can be played, and changed again.
    let (_, socket) = world.player("mage").await;
    socket.close().await;
    let answer = push(&world, demanding()).await;
    answer.is_problem(422, "content_mismatch");
}
