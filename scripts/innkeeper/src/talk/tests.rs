//! Conversations, and that every node and choice has words in the content.

use super::*;
use crate::wit::exports::lore::script::dialog::QuestStatus;
use std::collections::BTreeMap;

const NOON: u32 = 12 * 60;

fn visitor(choice: &str) -> Conversation {
    Conversation {
        id: 1,
        character: 2,
        npc: 3,
        npc_template: def_id("npc/mira"),
        dialog: def_id("dialog/innkeeper"),
        level: 1,
        gold: 10,
        node: 0,
        choice: if choice.is_empty() { 0 } else { def_id(&format!("dialog/innkeeper/{choice}")) },
        flags: 0,
        quests: JOBS
            .iter()
            .map(|job| QuestStatus { quest: job.quest, state: QuestState::Unavailable })
            .collect(),
        items: vec![ItemCount { item: PELT, count: 0 }],
        seed: 0,
    }
}

fn with_quest(mut talk: Conversation, index: usize, state: QuestState) -> Conversation {
    talk.quests[index].state = state;
    talk
}

/// Full path of every node and choice in the content, by id.
fn words() -> BTreeMap<u32, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/dialogs/innkeeper.toml");
    let content: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let mut words = BTreeMap::new();
    for (name, node) in content["dialog"]["innkeeper"]["node"].as_table().unwrap() {
        let node_path = format!("dialog/innkeeper/{name}");
        for choice in node.get("choices").into_iter().flat_map(|all| all.as_table().unwrap().keys()) {
            let path = format!("{node_path}/{choice}");
            words.insert(def_id(&path), path);
        }
        words.insert(def_id(&node_path), node_path);
    }
    words
}

/// Node and choices by name, and the actions.
fn check(talk: &Conversation, expected: &str) {
    let (reply, words) = (reply(talk, NOON), words());
    let name = |id: &u32| match id {
        0 => "end".to_owned(),
        id => words.get(id).expect("every id has words").rsplit('/').next().unwrap().to_owned(),
    };
    let choices: Vec<String> = reply.choices.iter().map(name).collect();
    let actions: Vec<String> = reply.actions.iter().map(|action| format!(" {action:?}")).collect();
    assert_eq!(format!("{}: {}{}", name(&reply.node), choices.join(" "), actions.concat()), expected);
}

#[test]
fn greets_and_gives_the_loaf_once() {
    check(&visitor(""), "greeting: ask_work ask_rooms take_bread ask_rumours farewell");
    let flags = 1 << FLAG_LOAF;
    check(&Conversation { flags, ..visitor("") }, "greeting: ask_work ask_rooms ask_rumours farewell");
    let given = reply(&visitor("greeting/take_bread"), NOON);
    assert!(matches!(
        given.actions[..],
        [Action::GiveItem(ItemCount { item: BREAD, count: 2 }), Action::SetFlag(0)]
    ));
    let greedy = reply(&Conversation { flags, ..visitor("greeting/take_bread") }, NOON);
    assert!(greedy.actions.is_empty());
}

#[test]
fn a_bed_costs_gold() {
    check(&visitor("greeting/ask_rooms"), "rooms: rent back");
    check(&visitor("rooms/rent"), "rested: back Action::TakeGold(5) Action::Rest");
    check(&Conversation { gold: 4, ..visitor("greeting/ask_rooms") }, "rooms_poor: back");
    check(&Conversation { gold: 4, ..visitor("rooms/rent") }, "rooms_poor: back");
}

#[test]
fn leads_through_the_quest_line() {
    let ask = || visitor("greeting/ask_work");
    check(&ask(), "no_work: back");
    check(&with_quest(ask(), 0, QuestState::Available), "wolves_at_the_gate_offer: accept decline");
    let accept = with_quest(visitor("wolves_at_the_gate_offer/accept"), 0, QuestState::Available);
    let accepted = reply(&accept, NOON);
    assert!(matches!(accepted.actions[..], [Action::AcceptQuest(quest)] if quest == JOBS[0].quest));
    check(&with_quest(ask(), 0, QuestState::Active), "wolves_at_the_gate_reminder: back");
    check(&with_quest(ask(), 0, QuestState::Complete), "wolves_at_the_gate_done: turn_in");
    let done = with_quest(visitor("wolves_at_the_gate_done/turn_in"), 0, QuestState::Complete);
    assert!(matches!(reply(&done, NOON).actions[..], [Action::TurnInQuest(quest)] if quest == JOBS[0].quest));
    let next = with_quest(with_quest(ask(), 0, QuestState::TurnedIn), 1, QuestState::Available);
    check(&next, "pelts_for_winter_offer: accept decline");
}

#[test]
fn stale_choices_do_nothing() {
    check(
        &with_quest(visitor("old_greyjaw_done/turn_in"), 2, QuestState::Active),
        "old_greyjaw_reminder: back",
    );
    check(&visitor("wolves_at_the_gate_offer/accept"), "no_work: back");
    check(&visitor("no/such"), "greeting: ask_work ask_rooms take_bread ask_rumours farewell");
    check(&visitor("greeting/farewell"), "end: ");
}

#[test]
fn gossips_by_flag_and_by_what_one_carries() {
    check(&visitor("greeting/ask_rumours"), "rumour_greyjaw: back Action::SetFlag(1)");
    check(&Conversation { flags: 2, ..visitor("greeting/ask_rumours") }, "rumour_again: back");
    let items = vec![ItemCount { item: PELT, count: 10 }];
    check(&Conversation { items, ..visitor("greeting/ask_rumours") }, "rumour_furrier: back");
}

#[test]
fn bars_the_door_in_the_small_hours() {
    let knock = reply(&visitor(""), 60);
    assert_eq!(knock.node, def_id("dialog/innkeeper/knock"));
    assert_eq!(reply(&visitor("knock/come_in"), 60).node, def_id("dialog/innkeeper/greeting"));
}

#[test]
fn every_job_has_words() {
    let words = words();
    for job in &JOBS {
        let ids = [job.offer, job.accept, job.decline, job.reminder, job.reminder_back];
        let more = [job.done, job.turn_in, job.thanks, job.thanks_back];
        assert!(ids.iter().chain(&more).all(|id| words.contains_key(id)));
    }
}
