//! Scripts of two versions of the interface decide in one world at the same time.

use crate::live::Workshop;
use crate::reload_pipeline::{push, sparring, status, swing};
use crate::support::world::World;
use serde_json::Value;

/// The bindings of the starter scripts, and those of the version before.
const NEW: &str = "path: \"../../wit\"";
const OLD: &str = "path: \"../../wit/v0.1\"";
const SAYS_NEW: &str = "api = \"0.2\"";
const SAYS_OLD: &str = "api = \"0.1\"";
/// Where the formula begins, and a rule for NPCs alone that only the new version can have.
const BEGINS: &str = "    let mut dice = Rng::new(attack.seed);";
const NPCS_LOSE_77: &str = "    if attack.defender_is_npc && attack.defender_health_max >= 60_000 {
        return Outcome { id: attack.id, kind: HitKind::Hit, base: 77, raw: 77, amount: 77, threat: 1 };
    }
    let mut dice = Rng::new(attack.seed);";

fn module(world: &World, name: &str) -> Value {
    let mut status = status(world);
    let modules = status["modules"].as_array_mut().unwrap();
    modules.iter_mut().find(|module| module["name"] == name).unwrap().take()
}

#[tokio::test]
async fn an_old_script_and_new_ones_decide_in_one_world() {
    let (old, new, mixed) = tokio::task::spawn_blocking(|| {
        let workshop = Workshop::open().unwrap();
        let bindings = ("src/lib.rs", NEW, OLD);
        let old = workshop.build_edited("combat", "0.1.1", &[bindings, ("lore.toml", SAYS_NEW, SAYS_OLD)]);
        let new = workshop.combat("0.2.0", BEGINS, NPCS_LOSE_77);
        let mixed = workshop.build_edited("combat", "0.1.2", &[bindings]).unwrap_err().to_string();
        (old.unwrap(), new.unwrap(), mixed)
    })
    .await
    .unwrap();
    assert!(mixed.contains("says `api = \"0.2\"`") && mixed.contains("files of 0.1"), "{mixed}");

    let world = sparring().start();
    let (_, mut socket) = world.player("warrior").await;
    let pushed = push(&world, old).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let by = swing(&mut socket).await["by"].as_str().unwrap().to_owned();
    assert!(by.starts_with("combat@0.1.1+"), "{by}");
    let (combat, wolf) = (module(&world, "combat"), module(&world, "wolf"));
    assert_eq!((&combat["api"], &wolf["api"]), (&"0.1".into(), &"0.2".into()));
    for module in [&combat, &wolf] {
        assert!(module["views"].as_u64().unwrap() > 0 && module["fallbacks"] == 0, "{module}");
    }

    let pushed = push(&world, new).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let swing = swing(&mut socket).await;
    assert!(swing["by"].as_str().unwrap().starts_with("combat@0.2.0+"), "{swing}");
    assert_eq!(swing["amount"], 77, "{swing}");
    assert_eq!(module(&world, "combat")["api"], "0.2");
}
