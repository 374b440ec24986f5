//! Between the trial of a new schema on a copy and the swap, more state changes in one zone than can be migrated at a
//! tick boundary: that zone refuses at the last moment, all run again what they ran, and nothing is in the way of
//! the next push.

use crate::live::{Workshop, root};
use crate::memories::{recorded, replays, schema};
use crate::reload_pipeline::{live_label, push, status};
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// NPCs that remember something else whenever they are asked, which is in every fifth tick: 1,200 of them in
/// each, where 1,000 may be migrated at a boundary.
const HARES: usize = 6_000;
/// Most NPCs of one row of the content.
const ROW: usize = 500;

/// Remembers the tick in which it was last asked.
const CLOCK: &str = r#"//! Remembers.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    wit_bindgen::generate!({ world: "npc-script-with-state", path: "../../wit" });
}

use wit::exports::lore::script::migration::{self, State as Old};
use wit::exports::lore::script::npc::{Context, Decision, Guest, Perception, State};

struct Clock;

fn think(seen: &Perception, tick: u64) -> Decision {
    Decision {
        id: seen.id,
        state: State::Idle,
        target: 0,
        destination: seen.at,
        speed_permille: 0,
        ability: 0,
        call_for_help: false,
        memory: tick as i64,
    }
}

impl Guest for Clock {
    fn think(ctx: Context, perceptions: Vec<Perception>) -> Vec<Decision> {
        lore_sdk::each(&perceptions, |seen| think(seen, ctx.tick))
    }
}

impl migration::Guest for Clock {
    fn schema() -> u32 {
        @SCHEMA
    }
    fn migrate(_from: u32, states: Vec<Old>) -> Vec<Result<Old, String>> {
        states.into_iter().map(Ok).collect()
    }
    fn revert(_to: u32, states: Vec<Old>) -> Vec<Result<Old, String>> {
        states.into_iter().map(Ok).collect()
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Clock with_types_in wit);
"#;

/// Two versions in schema 1 and one in schema 2.
fn clocks() -> [Vec<u8>; 3] {
    let original = std::fs::read_to_string(root().join("scripts/wolf/src/lib.rs")).unwrap();
    let workshop = Workshop::open().unwrap();
    [("1.0.0", "1"), ("1.1.0", "1"), ("2.0.0", "2")].map(|(version, schema)| {
        let source = CLOCK.replace("@SCHEMA", schema);
        workshop.build("wolf", version, "src/lib.rs", &original, &source).unwrap()
    })
}

/// Downtown, full of hares.
fn burrow() -> Copied {
    let content = Copied::content();
    content.replace("zones/downtown.toml", "interest_radius = 100", "interest_radius = 10");
    let hare = "\n[npc.hare]\ntitle = \"Hare\"\nlevel = 1\nstats = { health = 20 }\nscript = \"wolf\"\n";
    let spawns = (0..HARES).step_by(ROW).map(|from| {
        let count = ROW.min(HARES - from);
        format!(
            "\n[[zone.downtown.spawn]]\nnpc = \"hare\"\nat = [200, 200]\nradius = 190\ncount = {count}\nrespawn = \"10s\"\n"
        )
    });
    for (file, more) in [("npcs.toml", hare.to_owned()), ("zones/downtown.toml", spawns.collect())] {
        let mut file = std::fs::OpenOptions::new().append(true).open(content.path().join(file)).unwrap();
        file.write_all(more.as_bytes()).unwrap();
    }
    content
}

/// The generation of each zone.
fn generations(world: &World) -> BTreeMap<String, u64> {
    let status = status(world);
    let zones = status["zones"].as_array().unwrap().iter();
    let named =
        |zone: &Value| (zone["name"].as_str().unwrap().to_owned(), zone["generation"].as_u64().unwrap());
    zones.map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_refuses_late_takes_nothing_along_and_holds_nothing_up() {
    let [one, other, two] = tokio::task::spawn_blocking(clocks).await.unwrap();
    let setup = Setup::default().content(burrow()).setting("LORE_RELOAD_PROBATION_TICKS", "100000");
    let world = setup.start();
    // Nobody thinks where no character is.
    let pushed = push(&world, one).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let first = live_label(&world, "wolf");
    let (_, mut socket) = world.player("warrior").await;
    recorded(&mut socket).await;

    let before = generations(&world);
    let refused = push(&world, two.clone()).await;
    refused.is_problem(409, "state_refused");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("downtown: ") && detail.contains("changed since they were migrated on a copy"),
        "{detail}"
    );
    // The others had it, and were given back what they had before.
    assert_eq!((live_label(&world, "wolf"), schema(&world, "wolf")), (first, (1, "1".to_owned())));
    let after = generations(&world);
    let live = status(&world)["generation"].as_u64().unwrap();
    for (zone, generation) in &after {
        let expected = if zone == "downtown" { before[zone] } else { live };
        assert_eq!(*generation, expected, "{zone}: {before:?} {after:?}");
    }
    assert!(live > before["downtown"], "{before:?} {after:?}");
    recorded(&mut socket).await;

    // A version that has no state to migrate goes everywhere.
    let next = push(&world, other).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(next.body["zones"].as_array().unwrap().len(), 4, "{next:?}");
    let number = next.body["generation"].as_u64().unwrap();
    assert!(generations(&world).values().all(|generation| *generation == number));
    recorded(&mut socket).await;

    // And the refused one, when nothing changes under it.
    socket.done("world.leave", json!({})).await;
    let taken = push(&world, two).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(schema(&world, "wolf"), (2, "2".to_owned()));
    socket.close().await;
    let world = world.restart().await;
    for zone in ["downtown", "greywood"] {
        replays(&world, zone);
    }
}
