//! Fights with rules of their own, as players meet them: a boss goes through its phases and forgets who
//! leaves it alone, duels are agreed on and fought to every end there is. Scripts are swapped in the middle of
//! both, and what a duel came to outlives the server.

use crate::live::{Workshop, lore, root};
use crate::memories::{planned, recorded, replays, schema};
use crate::migration::rollback;
use crate::reload_pipeline::{live_label, push};
use crate::support::socket::Socket;
use crate::support::world::{Copied, Setup, World};
use serde_json::{Value, json};
use sqlx::{Connection, Row};

/// Who comes to help there, and is nowhere else.
const WHELP: &str = r#"[npc.whelp]
title = "Whelp"
level = 1
stats = { health = 400 }
script = "wolf"
hostile = true
speed = 7
aggro = 5
leash = 40
basic = "bite"
"#;

/// The den of a boss that hurts nobody, and that whelps come to help; who enters stands before it.
fn den() -> Setup {
    let content = Copied::content();
    content
        .replace("progression.toml", "start_zone = \"downtown\"", "start_zone = \"greywood\"")
        .replace("zones/greywood.toml", "entrance = [300, 585]", "entrance = [300, 106]")
        .replace("zones/greywood.toml", "at = [300, 92]\nradius = 6\ncount = 3", "at = [40, 560]\nradius = 6")
        .replace("npcs.toml", "health = 900, attack = 20, weapon_damage = 10", "health = 250, attack = 0")
        .replace("npcs.toml", "health = 80, attack = 7, weapon_damage = 4", "health = 80, attack = 0")
        .replace("npcs.toml", "[npc.wolf]\n", &format!("{WHELP}\n[npc.wolf]\n"))
        .replace("encounters.toml", "adds = \"wolf\"", "adds = \"whelp\"");
    Setup::default().content(content)
}

/// Whelps in sight.
fn whelps(socket: &Socket) -> usize {
    let is = |it: &&Value| it["template"] == "whelp" && it["hp"] != 0;
    socket.replica.entities.values().filter(is).count()
}

/// Fights the boss until the whole zone is told something of it; what.
async fn fight_on(socket: &mut Socket, boss: u64) -> String {
    loop {
        while socket.unheard("system.message") > 0 {
            let told = socket.notified("system.message").await["text"].as_str().unwrap().to_owned();
            if told.starts_with("Old Greyjaw") {
                return told;
            }
        }
        let (x, y) = at(&socket.replica.entities[&boss]);
        let (mine_x, mine_y) = socket.place();
        if (x - mine_x).abs().max((y - mine_y).abs()) > 1_500 {
            socket.walk(x, y, 10_000).await;
        }
        // It may just have moved.
        let _ = socket.patient("combat.attack", &json!({"target": boss})).await;
    }
}

fn at(entity: &Value) -> (i64, i64) {
    (entity["x"].as_i64().unwrap(), entity["y"].as_i64().unwrap())
}

/// A version that only its number tells from the starter's.
async fn second_version() -> Vec<u8> {
    let build =
        || Workshop::open()?.build("encounters", "0.2.0", "src/lib.rs", "//! Fights", "//! More fights");
    tokio::task::spawn_blocking(build).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boss_goes_through_its_phases_also_under_a_new_script_and_forgets_who_leaves() {
    let second = second_version().await;
    let mut world = den().start();
    let (_, mut socket) = world.player("warrior").await;
    let boss = socket.replica.find("old_greyjaw").unwrap();
    assert_eq!(whelps(&socket), 0);
    assert_eq!(fight_on(&mut socket, boss).await, "Old Greyjaw howls, and wolves answer in The Greywood.");
    socket.until("the whelps", |socket| (whelps(socket) == 2).then_some(())).await;
    let pushed = push(&world, second).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let label = live_label(&world, "encounters");
    assert!(label.starts_with("encounters@0.2.0+"), "{label}");
    // It goes on where it was: the next it says is what the second phase begins with.
    let rage = "Old Greyjaw bleeds, and his rage is heard all over The Greywood.";
    assert_eq!(fight_on(&mut socket, boss).await, rage);
    assert!(whelps(&socket) <= 2, "nobody has come twice");

    // Beyond its leash it turns back, heals, and is alone again.
    forget(&mut socket, boss).await;
    assert_eq!(fight_on(&mut socket, boss).await, "Old Greyjaw howls, and wolves answer in The Greywood.");
    socket.close().await;
    world.terminate();
    assert!(world.ended().await.success());

    // The new version was asked first why it is asked, and in which phase the fight is.
    let mut replay = lore();
    replay.arg("replay").arg(world.data().join("replay/greywood")).args(["--json", "--all", "--entity"]);
    let output = replay.arg(boss.to_string()).arg("--data").arg(world.data()).output().unwrap();
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && played["difference"].is_null(), "{played}");
    let decisions = played["decisions"].as_array().unwrap();
    let directs = decisions.iter().filter(|one| one["export"] == "encounter.direct");
    let mut newer = directs.filter(|one| one["by"].as_str().unwrap().starts_with("encounters@0.2.0+"));
    let first = newer.next().unwrap()["view"].as_str().unwrap().to_owned();
    assert!(first.contains("occasion: Changed") && first.contains("phase: 1,"), "{first}");
}

/// Leads a boss through its phases and says so: schema 1 keeps in the memory how far it is, schema 2 in the phase, and
/// schema 3 knows nothing of fights that have begun.
const LEADER: &str = r#"
fn stage(bout: &Bout) -> i64 {
    if SCHEMA == 2 { i64::from(bout.phase) } else { bout.memory }
}

fn lead(bout: &Bout, tick_ms: u32) -> Direction {
    let come = bout.phases.iter().rposition(|phase| bout.health_permille <= phase.health_below_permille);
    let (before, now) = (stage(bout), come.map_or(0, |index| index as i64 + 1));
    let stage = before.max(now);
    let begun = bout.phases.get((stage - 1) as usize).filter(|_| stage > before);
    let (phase, memory) = if SCHEMA == 2 { (stage as u32, 0) } else { (0, stage) };
    let announcement = begun.map_or(0, |phase| phase.announcement);
    Direction { phase, memory, announcement, summon: 0, ability: 0, ..bout::direct(bout, tick_ms) }
}

use wit::exports::lore::script::migration::{self, EncounterState, State};

const SCHEMA: u32 = @SCHEMA;

fn turn(states: Vec<State>, to: u32) -> Vec<Result<State, String>> {
    let turn = |state| match state {
        State::Encounter(fight) => {
            let stage = fight.memory.max(i64::from(fight.phase));
            if stage > 0 && to == 3 {
                return Err("nobody knows how it began".to_owned());
            }
            let (phase, memory) = if to == 2 { (stage as u32, 0) } else { (0, stage) };
            Ok(State::Encounter(EncounterState { phase, memory, ..fight }))
        }
        other => Ok(other),
    };
    states.into_iter().map(turn).collect()
}

impl migration::Guest for Encounters {
    fn schema() -> u32 {
        SCHEMA
    }
    fn migrate(_from: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        turn(states, SCHEMA)
    }
    fn revert(to: u32, states: Vec<State>) -> Vec<Result<State, String>> {
        turn(states, to)
    }
}

#[cfg(target_arch = "wasm32")]"#;

/// Versions of the leader in schemas 1, 2 and 3.
fn leaders() -> [Vec<u8>; 3] {
    let original = std::fs::read_to_string(root().join("scripts/encounters/src/lib.rs")).unwrap();
    let workshop = Workshop::open().unwrap();
    ["1", "2", "3"].map(|schema| {
        let source = original
            .replace("\"encounter-script\"", "\"encounter-script-with-state\"")
            .replace("bout::direct(bout, ctx.tick_ms)", "lead(bout, ctx.tick_ms)")
            .replace("\n#[cfg(target_arch = \"wasm32\")]", &LEADER.replace("@SCHEMA", schema));
        workshop.build("encounters", &format!("{schema}.0.0"), "src/lib.rs", &original, &source).unwrap()
    })
}

/// Leaves the boss alone until it has forgotten the fight and is by itself.
async fn forget(socket: &mut Socket, boss: u64) {
    socket.walk(300_000, 150_000, 10_000).await;
    let healed = |socket: &mut Socket| {
        let boss = socket.replica.entities.get(&boss)?;
        (boss["hp"] == boss["hp_max"] && whelps(socket) == 0).then_some(())
    };
    socket.until("peace", healed).await;
    socket.forget_notes();
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_boss_is_outlives_what_it_is_kept_in() {
    let [one, two, three] = tokio::task::spawn_blocking(leaders).await.unwrap();
    let (howl, rage) = (
        "Old Greyjaw howls, and wolves answer in The Greywood.",
        "Old Greyjaw bleeds, and his rage is heard all over The Greywood.",
    );
    let world = den().setting("LORE_RELOAD_PROBATION_TICKS", "20").start();
    assert_eq!(push(&world, one).await.status, 200);
    let first = live_label(&world, "encounters");
    assert_eq!(schema(&world, "encounters"), (1, "1".to_owned()));
    let (_, mut socket) = world.player("warrior").await;
    let boss = socket.replica.find("old_greyjaw").unwrap();
    assert_eq!(fight_on(&mut socket, boss).await, howl);

    let state = planned(&world, &two, "accept").await;
    assert_eq!((&state["live"], &state["changed"], &state["failed"]), (&json!(1), &json!(1), &json!(0)));
    let example = &state["examples"][0];
    let (before, after) = (json!("phase 0, memory 1"), json!("phase 1, memory 0"));
    assert_eq!((&example["before"], &example["after"]), (&before, &after), "{state}");
    let pushed = push(&world, two).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let second = live_label(&world, "encounters");

    let state = planned(&world, &three, "refuse").await;
    assert_eq!(state["failed"], 1, "{state}");
    let refused = push(&world, three).await;
    refused.is_problem(409, "state_refused");
    let whose = format!("the fight of NPC {boss}: nobody knows how it began");
    assert!(refused.body["detail"].as_str().unwrap().contains(&whose), "{refused:?}");
    assert_eq!(live_label(&world, "encounters"), second);

    // It has howled: what it says next is what the second phase begins with.
    assert_eq!(fight_on(&mut socket, boss).await, rage);
    forget(&mut socket, boss).await;
    assert_eq!(fight_on(&mut socket, boss).await, howl);
    // What the second version wrote comes back in what the first one reads.
    let back = rollback(&world, "encounters").await;
    assert_eq!((back.status.as_u16(), &back.body["label"]), (200, &json!(first)), "{back:?}");
    assert_eq!(fight_on(&mut socket, boss).await, rage);
    recorded(&mut socket).await;
    socket.close().await;
    replays(&world.killed(), "greywood");
}

/// Two newcomers beside each other.
async fn pair(world: &World) -> [(i64, Socket); 2] {
    let (ada, one) = world.player("warrior").await;
    let (bob, other) = world.player("mage").await;
    [(ada.character, one), (bob.character, other)]
}

/// Challenges and is accepted; the number of the duel.
async fn agree(one: &mut Socket, other: &mut Socket) -> u64 {
    let target = other.replica.you;
    let duel = one.done("duel.challenge", json!({"target": target})).await["duel"].as_u64().unwrap();
    while other.notified("duel.challenged").await["duel"] != duel {}
    other.done("duel.accept", json!({"duel": duel})).await;
    duel
}

/// How a duel ended, and why.
async fn ended(socket: &mut Socket, duel: u64) -> (Value, Value) {
    loop {
        let ended = socket.notified("duel.ended").await;
        if ended["duel"] == duel {
            return (ended["result"].clone(), ended["why"].clone());
        }
    }
}

/// Chooses whenever it is its turn until the duel is over: all it was shown.
async fn play(socket: &mut Socket, duel: u64) -> Vec<Value> {
    let (me, mut shown) = (socket.replica.you, Vec::new());
    loop {
        let turn = socket.notified("duel.turn").await;
        assert_eq!(turn["duel"], duel);
        let actor = turn["actor"].as_u64();
        if actor == Some(me) {
            let mut moves = turn["moves"].as_array().unwrap().iter();
            let last = moves.rfind(|known| known["ready"] == true).unwrap()["ability"].clone();
            // Time may have been quicker on a busy machine.
            let _ = socket.patient("duel.act", &json!({"duel": duel, "ability": last})).await;
        }
        shown.push(turn);
        if actor.is_none() {
            return shown;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agree_on_a_duel_and_one_of_them_wins_it() {
    let second = second_version().await;
    let world = World::start();
    let [(ada, mut one), (bob, mut other)] = pair(&world).await;
    let target = other.replica.you;

    let offered = one.done("duel.challenge", json!({"target": target})).await;
    let duel = offered["duel"].as_u64().unwrap();
    one.rejected("duel.challenge", json!({"target": target}), "duel_busy").await;
    one.rejected("duel.accept", json!({"duel": duel}), "no_duel").await;
    other.done("duel.decline", json!({"duel": duel})).await;
    assert_eq!(ended(&mut one, duel).await, (Value::Null, json!("declined")));
    let challenged = other.notified("duel.challenged").await;
    assert_eq!((&challenged["duel"], &challenged["from"]), (&json!(duel), &json!(one.replica.you)));

    let duel = agree(&mut one, &mut other).await;
    let turn = other.notified("duel.turn").await;
    let waits = if turn["actor"] == one.replica.you { &mut other } else { &mut one };
    waits.rejected("duel.act", json!({"duel": duel, "ability": "strike"}), "not_your_turn").await;
    other.done("combat.auto", json!({"on": true})).await;
    let pushed = push(&world, second).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let shown = play(&mut one, duel).await;
    let first = &shown[0];
    assert!(first["last"].is_null() && first["by"].as_str().unwrap().starts_with("encounters@"), "{first}");
    let last = shown.last().unwrap();
    assert!(last["by"].as_str().unwrap().starts_with("encounters@0.2.0+"), "the swap ended nothing: {last}");
    let blows: Vec<&Value> = shown.iter().skip(1).map(|turn| &turn["last"]).collect();
    assert!(blows.iter().any(|blow| blow["by"].as_str().unwrap().starts_with("combat@")), "{blows:?}");
    let losers: Vec<&Value> =
        last["sides"].as_array().unwrap().iter().filter(|side| side["hp"] == 0).collect();
    assert_eq!(losers.len(), 1, "{last}");
    let won = losers[0]["entity"] != one.replica.you;
    let word = |won: bool| json!(if won { "won" } else { "lost" });
    assert_eq!(ended(&mut one, duel).await, (word(won), json!("health")));
    assert_eq!(ended(&mut other, duel).await, (word(!won), json!("health")));
    // Outside, nobody was hurt.
    let me = one.replica.me();
    assert_eq!(me["hp"], me["hp_max"]);
    one.close().await;
    other.close().await;

    let world = world.killed();
    let (winner, loser) = if won { (ada, bob) } else { (bob, ada) };
    for character in [ada, bob] {
        let rows = duels_of(&world, character).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        let (reason, payload, by) = &rows[0];
        assert_eq!(
            (reason.as_str(), &payload["winner"], &payload["loser"]),
            ("health", &json!(winner), &json!(loser))
        );
        assert!(payload["rounds"].as_u64().unwrap() as usize >= payload["log"].as_array().unwrap().len() / 2);
        assert!(by.starts_with("encounters@0.2.0+"), "{by}");
    }
    let audit = lore().args(["audit", "--json", "--data"]).arg(world.data()).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

/// Reason, payload and who decided, of the duels the journal has of a character.
async fn duels_of(world: &World, character: i64) -> Vec<(String, Value, String)> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", world.data().join("lore.db").display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    let sql = "SELECT reason, payload, by_module FROM journal WHERE character_id = $1 AND kind = 'duel' ORDER BY id";
    let rows = sqlx::query(sql).bind(character).fetch_all(&mut database).await.unwrap();
    database.close().await.unwrap();
    let row = |row: &sqlx::any::AnyRow| {
        let payload: String = row.get("payload");
        (row.get("reason"), serde_json::from_str(&payload).unwrap(), row.get("by_module"))
    };
    rows.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duel_ends_by_surrender_by_leaving_and_by_time() {
    let content = Copied::content();
    content.replace("encounters.toml", "invitation = \"30s\"", "invitation = \"4s\"").replace(
        "encounters.toml",
        "turn = \"15s\"",
        "turn = \"1s\"",
    );
    let world = Setup::default().content(content).start();
    let [(_, mut one), (bob, mut other)] = pair(&world).await;
    one.rejected("combat.surrender", json!({}), "no_duel").await;
    one.rejected("combat.auto", json!({"on": true}), "no_duel").await;
    one.rejected("duel.act", json!({"duel": 1}), "no_duel").await;
    one.rejected("duel.challenge", json!({"target": 9_999_999}), "no_target").await;
    let (me, mira) = (one.replica.you, one.replica.find("mira").unwrap());
    one.rejected("duel.challenge", json!({"target": me}), "wrong_target").await;
    one.rejected("duel.challenge", json!({"target": mira}), "wrong_target").await;
    let berrit = one.replica.find("sergeant_berrit").unwrap();
    one.rejected("duel.challenge", json!({"target": berrit}), "out_of_range").await;

    // Nobody answers.
    let target = other.replica.you;
    let offered = one.done("duel.challenge", json!({"target": target})).await;
    let duel = offered["duel"].as_u64().unwrap();
    assert_eq!(ended(&mut one, duel).await, (Value::Null, json!("expired")));

    let duel = agree(&mut one, &mut other).await;
    one.done("combat.surrender", json!({})).await;
    assert_eq!(ended(&mut one, duel).await, (json!("lost"), json!("surrender")));
    assert_eq!(ended(&mut other, duel).await, (json!("won"), json!("surrender")));

    // Who never chooses loses by the rules of the script: one acts, the other dreams.
    let duel = agree(&mut one, &mut other).await;
    one.done("combat.auto", json!({"on": true})).await;
    let dreamt = |turn: &Value| turn["duel"] == duel && turn["last"]["timed_out"] == true;
    loop {
        if dreamt(&other.notified("duel.turn").await) {
            break;
        }
    }
    let (result, why) = ended(&mut other, duel).await;
    assert_eq!(result, "lost");
    assert!(why == "verdict" || why == "health", "{why}");

    // An NPC takes every challenge, and a new one once the last is over.
    let hero = world.hero("warrior").await;
    let mut fighter = world.join(&hero).await;
    fighter.walk(204_000, 94_000, 20_000).await;
    let berrit = fighter.replica.find("sergeant_berrit").unwrap();
    let begun = fighter.done("duel.challenge", json!({"target": berrit})).await;
    let duel = begun["duel"].as_u64().unwrap();
    fighter.done("combat.auto", json!({"on": true})).await;
    let (result, why) = ended(&mut fighter, duel).await;
    assert!(result == "won" || result == "lost", "{result}");
    assert_eq!(why, "health");
    let rows = duels_of(&world, hero.character).await;
    assert!(rows[0].1["winner"] == "npc/sergeant_berrit" || rows[0].1["loser"] == "npc/sergeant_berrit");

    let duel = agree(&mut one, &mut other).await;
    other.done("world.leave", json!({})).await;
    assert_eq!(ended(&mut one, duel).await, (json!("won"), json!("left")));
    assert_eq!(duels_of(&world, bob).await.last().unwrap().0, "left");
    for socket in [one, other, fighter] {
        socket.close().await;
    }
}
