//! The loader on the starter content and on sets with mistakes.

use super::*;
use expect_test::expect;
use sim::content::Position;
use sim::def_id;

fn starter_files() -> BTreeMap<String, String> {
    read_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../content")).unwrap()
}

fn check(files: &[(&str, &str)], expected: &expect_test::Expect) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let errors = load_files(&files).unwrap_err();
    expected.assert_eq(&errors.to_string());
}

#[test]
fn the_starter_content_has_no_mistakes() {
    let (content, summary) = load_files(&starter_files()).unwrap();
    expect![[r#"
        20 files: 14 ability, 13 announcement, 2 class, 1 dialog, 1 encounter, 2 event, 18 item, 6 loot, 9 npc, 4 quest, 3 recipe, 1 shop, 3 status, 4 zone
        {("chat", "chat-filter"), ("dialog", "innkeeper"), ("encounter", "encounters"), ("event", "events"), ("npc", "boss"), ("npc", "townsfolk"), ("npc", "wolf"), ("quest", "quests"), ("zone", "weather")}"#]].assert_eq(&format!("{summary}\n{:?}", summary.scripts));
    assert!(content.zones.contains_key(&content.progression.start_zone));
}

#[test]
fn a_new_character_finds_innkeeper_gate_and_wolves() {
    let (content, _) = load_files(&starter_files()).unwrap();
    let start = &content.zones[&def_id("zone/downtown")];
    assert_eq!(content.progression.start_zone, def_id("zone/downtown"));
    let mira = start.spawns.iter().find(|spawn| spawn.npc == def_id("npc/mira")).unwrap();
    assert!(mira.at.distance_mm(start.entrance) < 30_000);
    let gate = start.crossings.iter().find(|way| way.to == def_id("zone/greywood")).unwrap();
    let nearest = |area: &sim::content::Area, at: Position| Position {
        x_mm: at.x_mm.clamp(area.min.x_mm, area.max.x_mm),
        y_mm: at.y_mm.clamp(area.min.y_mm, area.max.y_mm),
    };
    assert!(nearest(&gate.area, start.entrance).distance_mm(start.entrance) < 150_000);

    let wood = &content.zones[&gate.to];
    let wolves: Vec<_> = wood.spawns.iter().filter(|spawn| spawn.npc == def_id("npc/wolf")).collect();
    assert!(wolves.iter().any(|spawn| spawn.at.distance_mm(gate.arrive) < 60_000));
    assert!(wolves.iter().map(|spawn| spawn.count).sum::<u32>() >= 200, "enough for a crowd");
    // Nobody is attacked on arrival, and lone wolves are out of each other's earshot.
    let wolf = &content.npcs[&def_id("npc/wolf")];
    for spawn in &wolves {
        let reach = spawn.radius_mm + wolf.wander_mm + wolf.aggro_mm;
        assert!(spawn.at.distance_mm(gate.arrive) > reach);
        assert!(spawn.at.distance_mm(wood.entrance) > reach);
    }
    let lone: Vec<_> = wolves.iter().filter(|spawn| spawn.count == 1).collect();
    for (index, spawn) in lone.iter().enumerate() {
        assert!(lone[index + 1..].iter().all(|other| other.at.distance_mm(spawn.at) > 25_000));
    }
    // However crowded the wilds are, no pack hears a lone wolf call.
    assert!(lone.len() >= 10);
    for pack in wolves.iter().filter(|spawn| spawn.count > 1) {
        let hears = pack.radius_mm + 2 * wolf.wander_mm + sim::limits::CALL_RANGE_MM;
        assert!(lone.iter().all(|lone| lone.at.distance_mm(pack.at) > hears), "{pack:?}");
    }
}

#[test]
fn the_boss_is_heard_by_those_who_live_with_it() {
    let (content, _) = load_files(&starter_files()).unwrap();
    let wood = &content.zones[&def_id("zone/greywood")];
    let of = |npc| wood.spawns.iter().filter(move |spawn| spawn.npc == npc);
    let boss = of(def_id("npc/old_greyjaw")).next().unwrap();
    let hear = |spawn: &sim::content::Spawn| {
        spawn.at.distance_mm(boss.at) + spawn.radius_mm <= sim::limits::CALL_RANGE_MM
    };
    assert!(
        of(def_id("npc/dire_wolf")).filter(|spawn| hear(spawn)).map(|spawn| spawn.count).sum::<u32>() >= 3
    );
}

#[test]
fn the_digest_follows_the_words_but_not_the_line_ends() {
    let files = starter_files();
    let digest = |files: &BTreeMap<String, String>| load_files(files).unwrap().0.digest;
    let windows = files.iter().map(|(path, text)| (path.clone(), text.replace('\n', "\r\n"))).collect();
    assert_eq!(digest(&files), digest(&windows));
    let mut changed = files.clone();
    changed.get_mut("npcs.toml").unwrap().push_str("# a word\n");
    assert_ne!(digest(&files), digest(&changed));
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let things = r#"
[item.wolf_pelt]
title = "Pelt"
kind = "material"

[item.Bad-Name]
title = "Bad"
kind = "material"

[item.sword]
title = "Sword"
kind = "equipment"
colour = "red"

[item.cap]
title = "Cap"
kind = "equipment"

[ability.bite]
title = "Bite"
animation = "bite"
animation_time = "400 parsecs"
target = "enemy"

[ability.nap]
title = "Nap"
animation = "nap"
animation_time = "1s"
target = "enemy"

[loot.wolf]
always = [{ item = "wolf_plet" }]
entries = [{ item = "wolf_pelt", count = [3, 1] }]

[itme.spoon]
title = "Spoon"
"#;
    let people = r#"
[npc.wolf]
title = "Wolf"
level = 99
stats = { health = 0, critical_chance = 200 }
script = "wolf"
hostile = true
loot = "wulf"

[item.wolf_pelt]
title = "Pelt"
kind = "material"

[quest.round]
title = "Round"
text = "Round and round"
script = "quests"
requires = ["about"]
giver = "wolf"
completer = "wolf"
objective = [{ deed = "kill", subject = "wolve", text = "Kill" }]

[quest.about]
title = "About"
text = "And about"
script = "quests"
requires = ["round"]
giver = "wolf"
completer = "wolf"
objective = [{ deed = "reach", subject = "den", needed = 0, text = "Reach" }]
"#;
    let zones = r#"
[zone.wood]
title = "Wood"
size = [100, 100]
entrance = [100.001, 50]
noon_temperature = 10

[[zone.wood.crossing]]
area = [[90, 0], [110, 10]]
to = "town"
arrive = [500, 0]

[[zone.wood.crossing]]
area = [[0, 0], [10, 10]]
to = "towm"
arrive = [5, 5]

[[zone.wood.spawn]]
npc = "wolf"
at = [98, 50]
radius = 3
count = 0
respawn = "10s"

[zone.town]
title = "Town"
size = [50, 50]
entrance = [25, 25]
noon_temperature = 10

[progression]
experience_to_next = [100, 0]
death_loss_permille = 2000
respawn = "5s"
start_zone = "town"
start_gold = 1
"#;
    let broken = "[npc.boar]\ntitle = \"Boar\nlevel = 1\n";
    check(
        &[("a/things.toml", things), ("broken.toml", broken), ("people.toml", people), ("zones.toml", zones)],
        &expect![[r#"
            the content has 31 mistake(s):
              a/things.toml:6: the name `Bad-Name` must be 1 to 64 of a-z, 0-9 and `_`
              a/things.toml:10: `sword`: equipment has a `slot`, nothing else has
              a/things.toml:13: unknown field `colour`, expected one of `title`, `icon`, `kind`, `slot`, `rarity`, `required_level`, `classes`, `bonus`, `max_stack`, `value`, `heal`, `restore_mana`
              a/things.toml:15: `cap`: equipment has a `slot`, nothing else has
              a/things.toml:22: `400 parsecs` is no duration such as "1m 30s": unknown time unit "parsecs", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations)
              a/things.toml:25: `nap` does nothing: give it power_permille, heal or status
              a/things.toml:25: `nap` is used on enemies and needs a `range`
              a/things.toml:32: there is no item `wolf_plet` (did you mean `wolf_pelt`?)
              a/things.toml:33: count is [3, 1]: the least comes first
              a/things.toml:35: `itme` is none of zone, class, ability, status, item, npc, loot, shop, recipe, quest, dialog, announcement, encounter, event, progression, chat, duel, proof (did you mean `item`?)
              broken.toml:2: invalid basic string, expected `"`
              people.toml:2: `wolf` is hostile but has no `basic` attack
              people.toml:2: `wolf` must have a `leash` longer than its `aggro`
              people.toml:2: level is 99, must be 1 to 60
              people.toml:5: critical_chance is 200, must be -100 to 100
              people.toml:5: health is 0, must be 1 to 1000000
              people.toml:8: there is no loot `wulf` (did you mean `wolf`?)
              people.toml:10: item `wolf_pelt` is defined twice, first in a/things.toml:2
              people.toml:14: the quest requires itself, directly or through others: nobody could accept it
              people.toml:21: there is no npc `wolve` (did you mean `wolf`?)
              people.toml:23: the quest requires itself, directly or through others: nobody could accept it
              people.toml:30: needed is 0, must be 1 to 10000
              people.toml:30: there is no area `den`
              zones.toml:5: the entrance is outside of the zone, which is [0, 0] to [100, 100]
              zones.toml:8: `arrive` is outside of town, which is [0, 0] to [50, 50]
              zones.toml:8: the area reaches out of the zone, which is [0, 0] to [100, 100]
              zones.toml:15: there is no zone `towm` (did you mean `town`?)
              zones.toml:18: count is 0, must be 1 to 500
              zones.toml:18: the spawn reaches out of the zone, which is [0, 0] to [100, 100]
              zones.toml:31: death_loss_permille is 2000, must be 0 to 1000
              zones.toml:31: every level needs experience"#]],
    );
}

#[test]
fn one_mistake_does_not_hide_the_others_of_its_definition() {
    let items = r#"
[item.cap]
title = "Cap"
kind = "equipmint"
sloot = "head"
rarity = "comon"
bonus = { helth = 3, mana = "much" }

[item.hat]
title = "Hat"
kind = "equipment"
colour = "red"
max_stak = 5

[loot.wolf]
entries = [{ item = "cap", wieght = 3 }, { item = "capp", count = [1, 1] }]
"#;
    let progression = "[progression]\nexperience_to_next = [1]\ndeath_loss_permille = 0\nrespawn = \"1s\"\n";
    check(
        &[("items.toml", items), ("progression.toml", progression)],
        &expect![[r#"
            the content has 11 mistake(s):
              items.toml:4: unknown variant `equipmint`, expected one of `material`, `equipment`, `consumable`, `quest` (did you mean `equipment`?)
              items.toml:5: unknown field `sloot`, expected one of `title`, `icon`, `kind`, `slot`, `rarity`, `required_level`, `classes`, `bonus`, `max_stack`, `value`, `heal`, `restore_mana` (did you mean `slot`?)
              items.toml:6: unknown variant `comon`, expected one of `poor`, `common`, `uncommon`, `rare`, `epic` (did you mean `common`?)
              items.toml:7: invalid type: string "much", expected i32
              items.toml:7: unknown field `helth`, expected one of `health`, `mana`, `energy`, `attack`, `weapon_damage`, `accuracy`, `evasion`, `defence`, `critical_chance`, `block_chance`, `dodge_chance`, `luck`, `resistance_permille` (did you mean `health`?)
              items.toml:9: `hat`: equipment has a `slot`, nothing else has
              items.toml:12: unknown field `colour`, expected one of `title`, `icon`, `kind`, `slot`, `rarity`, `required_level`, `classes`, `bonus`, `max_stack`, `value`, `heal`, `restore_mana`
              items.toml:13: unknown field `max_stak`, expected one of `title`, `icon`, `kind`, `slot`, `rarity`, `required_level`, `classes`, `bonus`, `max_stack`, `value`, `heal`, `restore_mana` (did you mean `max_stack`?)
              items.toml:16: there is no item `capp` (did you mean `cap`?)
              items.toml:16: unknown field `wieght`, expected one of `item`, `table`, `weight`, `count` (did you mean `weight`?)
              progression.toml:1: missing field `start_zone`"#]],
    );
}

#[test]
fn nothing_at_all_is_a_mistake_too() {
    check(
        &[],
        &expect![[r#"
        the content has 1 mistake(s):
          all files:0: no file has a [progression]: add the table (docs/scripting.md, Content)"#]],
    );
}

#[test]
fn tables_in_circles_and_shops_without_sense_are_named() {
    let things = r#"
[item.pelt]
title = "Pelt"
kind = "material"
bonus = { luck = 20000 }

[loot.a]
rolls = 1
entries = [{ table = "b" }, { item = "pelt", table = "c" }]

[loot.b]
always = [{ table = "a" }, { count = [1, 1] }]

[loot.c]
always = [{ table = "pelts" }]

[shop.stall]
title = "Stall"
goods = ["pelt", "pelt", "plet"]
asks_permille = 0
pays_permille = 20000

[shop.empty]
title = "Empty"
goods = []
"#;
    check(
        &[("things.toml", things)],
        &expect![[r#"
            the content has 11 mistake(s):
              things.toml:2: luck is 20000, must be -1000 to 10000
              things.toml:7: loot `a` leads back to itself
              things.toml:9: a row has an `item` or a `table`, not both
              things.toml:11: `b`: every row of `always` needs an `item` or a `table`
              things.toml:11: loot `b` leads back to itself
              things.toml:15: there is no loot `pelts`
              things.toml:17: asks_permille is 0, must be 1 to 10000
              things.toml:17: pays_permille is 20000, must be 0 to 10000
              things.toml:19: `stall` sells `pelt` twice
              things.toml:19: there is no item `plet` (did you mean `pelt`?)
              things.toml:23: the number of goods is 0, must be 1 to 64"#]],
    );
}

#[test]
fn more_recipes_than_one_answer_holds_are_refused() {
    let with = |number: usize| {
        let recipe = |index: usize| {
            let made =
                r#"ingredients = [{ item = "wolf_pelt", count = 2 }], product = { item = "leather_cap" }"#;
            format!("cap_{index} = {{ title = \"Leather Cap\", {made}, chance_permille = 900 }}\n")
        };
        let text = std::iter::once("[recipe]\n".to_owned()).chain((0..number).map(recipe)).collect();
        let mut files = starter_files();
        files.insert("more.toml".to_owned(), text);
        load_files(&files)
    };
    with(100).unwrap();
    let error = with(1_000).unwrap_err().to_string();
    assert!(error.contains("all files:0: the 1003 recipes are "), "{error}");
}

#[test]
fn recipes_without_sense_are_named() {
    let things = r#"
[item.pelt]
title = "Pelt"
kind = "material"

[item.cap]
title = "Cap"
kind = "equipment"
slot = "head"

[recipe.cap]
title = "Cap"
station = "mrai"
required_level = 61
ingredients = [{ item = "pelt", count = 2 }, { item = "pelt" }, { item = "plet" }]
product = { item = "cap", count = 101 }
masterwork = "cap"
chance_permille = 1001
fee = 1000001

[recipe.nothing]
title = "Nothing"
ingredients = []
product = { item = "capp" }
quality_permille = 100

[recipe.hat]
title = "Hat"
ingredients = [{ item = "pelt" }]
produkt = { item = "cap" }
product = { item = "cap" }

[npc.mira]
title = "Mira"
level = 1
stats = { health = 1 }
script = "townsfolk"

[progression]
experience_to_next = [100]
death_loss_permille = 0
respawn = "5s"
respawn_fee = 1000001
start_zone = "town"
start_gold = 1

[zone.town]
title = "Town"
size = [50, 50]
entrance = [25, 25]
noon_temperature = 10
"#;
    check(
        &[("things.toml", things)],
        &expect![[r#"
            the content has 14 mistake(s):
              things.toml:11: `cap` needs both `masterwork` and `quality_permille`, or neither
              things.toml:11: a count of the recipe is 101, must be 0 to 100
              things.toml:11: chance_permille is 1001, must be 0 to 1000
              things.toml:11: fee is 1000001, must be 0 to 1000000
              things.toml:11: required_level is 61, must be 1 to 60
              things.toml:11: the masterwork of `cap` is its product: name a better item, or leave it out
              things.toml:13: there is no npc `mrai` (did you mean `mira`?)
              things.toml:15: `cap` takes `pelt` twice
              things.toml:15: there is no item `plet` (did you mean `pelt`?)
              things.toml:21: `nothing` needs both `masterwork` and `quality_permille`, or neither
              things.toml:21: the number of ingredients is 0, must be 1 to 8
              things.toml:24: there is no item `capp` (did you mean `cap`?)
              things.toml:30: unknown field `produkt`, expected one of `title`, `station`, `required_level`, `ingredients`, `product`, `masterwork`, `chance_permille`, `quality_permille`, `fee` (did you mean `product`?)
              things.toml:39: respawn_fee is 1000001, must be 0 to 1000000"#]],
    );
}

#[test]
fn fights_that_cannot_be_are_named() {
    let fights = r#"
[encounter.alpha]
script = "encounters"
phase = [
    { health_below_permille = 1001 },
    { power_permille = 50, after = "1s" },
    { ability = "bite" },
    { after = "1s", adds = "alpha", announcement = "howl" },
    { after = "1s", adds = "mira", adds_count = 17 },
    { after = "1s", adds_count = 2 },
]

[encounter.nothing]
script = "encounters"

[duel]
script = "encounters"
turn = "3m"
invitaton = "1s"

[announcement.howls]
text = "Howl!"

[ability.bite]
title = "Bite"
animation = "bite"
animation_time = "1s"
target = "enemy"
range = 2
power_permille = 1000

[npc.alpha]
title = "Alpha"
level = 1
stats = { health = 1 }
script = "wolf"
hostile = true
leash = 10
basic = "bite"
encounter = "alpha"
duels = true

[npc.mira]
title = "Mira"
level = 1
stats = { health = 1 }
script = "townsfolk"
encounter = "alfa"
"#;
    check(
        &[("fights.toml", fights)],
        &expect![[r#"
        the content has 14 mistake(s):
          fights.toml:5: health_below_permille is 1001, must be 0 to 1000
          fights.toml:6: power_permille is 50, must be 100 to 5000
          fights.toml:7: the phase never begins: give it `health_below_permille` or `after`
          fights.toml:8: `alpha` comes to help and cannot have an encounter of its own
          fights.toml:8: there is no announcement `howl` (did you mean `howls`?)
          fights.toml:9: `mira` comes to help and cannot have an encounter of its own
          fights.toml:9: adds_count is 17, must be 0 to 16
          fights.toml:10: `adds_count` says how many, `adds` must say of whom
          fights.toml:13: the number of phases is 0, must be 1 to 16
          fights.toml:16: turn is 3m, must be 1s to 2m
          fights.toml:19: unknown field `invitaton`, expected one of `script`, `invitation`, `turn`, `longest` (did you mean `invitation`?)
          fights.toml:32: `alpha` duels: it needs a `basic` attack, and must not be `hostile`
          fights.toml:43: `mira` has an `encounter` but is not `hostile`
          fights.toml:48: there is no encounter `alfa` (did you mean `alpha`?)"#]],
    );
}

#[test]
fn what_is_wrong_with_an_event_is_said_all_at_once() {
    let text = r#"
[event.moon]
title = "Moon"
script = "events"
zone = "wod"
at = [5, 5]
radius = 300
cooldown = "10ms"
schedule = { every = 2, at = 2, lasts = 3 }
trigger = { kills = "wlf", count = 0 }
stage = [
    { text = "", duration = "1m", kills = 3 },
    { text = "Go", duration = "1m", creatures = [{ npc = "wolf", count = 65 }], announcemnt = "none" },
]

[event.nothing]
title = "Nothing"
script = "events"
zone = "wood"
at = [5, 5]
radius = 3
cooldown = "10s"
stage = []
on_success = "nobody"
"#;
    check(
        &[("events.toml", text)],
        &expect![[r#"
        the content has 17 mistake(s):
          events.toml:2: cooldown is 10ms, must be 1s to 1day
          events.toml:2: radius is 300, must be 1 to 200 units
          events.toml:5: there is no zone `wod`
          events.toml:9: at is 2, must be 0 to 1.983 hours of the game
          events.toml:9: lasts is 3, must be 0.017 to 2 hours of the game
          events.toml:10: count is 0, must be 1 to 1000000
          events.toml:10: there is no npc `wlf`
          events.toml:12: the length of the text is 0, must be 1 to 200
          events.toml:12: the stage asks for kills but has no `creatures`
          events.toml:13: count is 65, must be 1 to 64
          events.toml:13: the number of creatures is 65, must be 0 to 64
          events.toml:13: there is no npc `wolf`
          events.toml:13: unknown field `announcemnt`, expected one of `text`, `duration`, `kills`, `creatures`, `announcement` (did you mean `announcement`?)
          events.toml:16: `nothing` has neither a `schedule` nor a `trigger`: nothing would bring it about (write `schedule = { every = 24, at = 20, lasts = 2 }` or `trigger = { kills = "wolf", count = 15 }`)
          events.toml:16: the number of stages is 0, must be 1 to 16
          events.toml:19: there is no zone `wood`
          events.toml:24: there is no announcement `nobody`"#]],
    );
}

#[test]
fn limits_for_changes_are_checked_like_everything_else() {
    check(
        &[("proof.toml", "[proof]\nhold_percent = 50\nrefuse_percent = 49\n")],
        &expect![[r#"
            the content has 1 mistake(s):
              proof.toml:1: `refuse_percent` is below `hold_percent`: nobody would ever be asked"#]],
    );
    check(
        &[("proof.toml", "[proof]\nhold_percent = 1000001\nrefuse_percnt = 5\n")],
        &expect![[r#"
            the content has 2 mistake(s):
              proof.toml:1: hold_percent is 1000001, must be 0 to 1000000
              proof.toml:3: unknown field `refuse_percnt`, expected `hold_percent` or `refuse_percent` (did you mean `refuse_percent`?)"#]],
    );
}
