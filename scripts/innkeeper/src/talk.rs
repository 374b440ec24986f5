//! The conversation as a tree.
//!
//! Conditions: quest states, gold, items carried, flags, the hour. Actions: accept and turn in
//! quests, bed for gold, a loaf for newcomers.

use crate::wit::exports::lore::script::dialog::{Action, Conversation, ItemCount, QuestState, Reply};
use lore_sdk::def_id;

/// Price of a bed, gold.
pub const BED_GOLD: u32 = 5;
/// Flag: the newcomer's loaf was given.
pub const FLAG_LOAF: u32 = 0;
/// Flag: has heard of Old Greyjaw.
pub const FLAG_GOSSIP: u32 = 1;
/// The newcomer's loaf.
pub const BREAD: u32 = def_id("item/bread");
const LOAVES: u32 = 2;
const PELT: u32 = def_id("item/wolf_pelt");
/// From midnight to this minute of the day the door is locked and one has to knock.
pub const SMALL_HOURS_MIN: u32 = 5 * 60;
/// Pelts that make her mention the furrier.
const MANY_PELTS: u32 = 10;

/// A node of `dialog/innkeeper`.
macro_rules! node {
    ($node:literal) => {
        const { def_id(concat!("dialog/innkeeper/", $node)) }
    };
}
/// A choice of a node of `dialog/innkeeper`.
macro_rules! choice {
    ($node:literal, $choice:literal) => {
        const { def_id(concat!("dialog/innkeeper/", $node, "/", $choice)) }
    };
}

/// One quest she gives, with its nodes.
struct Job {
    quest: u32,
    offer: u32,
    accept: u32,
    decline: u32,
    reminder: u32,
    reminder_back: u32,
    done: u32,
    turn_in: u32,
    thanks: u32,
    thanks_back: u32,
}

macro_rules! job {
    ($name:literal) => {
        Job {
            quest: def_id(concat!("quest/", $name)),
            offer: def_id(concat!("dialog/innkeeper/", $name, "_offer")),
            accept: def_id(concat!("dialog/innkeeper/", $name, "_offer/accept")),
            decline: def_id(concat!("dialog/innkeeper/", $name, "_offer/decline")),
            reminder: def_id(concat!("dialog/innkeeper/", $name, "_reminder")),
            reminder_back: def_id(concat!("dialog/innkeeper/", $name, "_reminder/back")),
            done: def_id(concat!("dialog/innkeeper/", $name, "_done")),
            turn_in: def_id(concat!("dialog/innkeeper/", $name, "_done/turn_in")),
            thanks: def_id(concat!("dialog/innkeeper/", $name, "_thanks")),
            thanks_back: def_id(concat!("dialog/innkeeper/", $name, "_thanks/back")),
        }
    };
}

/// The quest line in order; the last can be repeated.
const JOBS: [Job; 4] =
    [job!("wolves_at_the_gate"), job!("pelts_for_winter"), job!("old_greyjaw"), job!("grey_bounty")];

/// One reply. Unknown choices lead back to the greeting, so that a conversation that was open
/// while the script changed does not end in nothing.
pub fn reply(talk: &Conversation, minute_of_day: u32) -> Reply {
    if let Some(job) = JOBS.iter().find(|job| talk.choice == job.accept) {
        return accept(talk, job);
    }
    if let Some(job) = JOBS.iter().find(|job| talk.choice == job.turn_in) {
        return turn_in(talk, job);
    }
    match talk.choice {
        c if c == choice!("greeting", "ask_work") => work(talk),
        c if c == choice!("greeting", "ask_rooms") => rooms(talk),
        c if c == choice!("greeting", "ask_rumours") => rumours(talk),
        c if c == choice!("greeting", "take_bread") => bread(talk, minute_of_day),
        c if c == choice!("rooms", "rent") => rent(talk),
        c if c == choice!("greeting", "farewell") => say(talk, 0, vec![]),
        _ => greeting(talk, minute_of_day),
    }
}

fn greeting(talk: &Conversation, minute_of_day: u32) -> Reply {
    if minute_of_day < SMALL_HOURS_MIN && talk.choice == 0 {
        return say(talk, node!("knock"), vec![choice!("knock", "come_in")]);
    }
    let mut choices = vec![choice!("greeting", "ask_work"), choice!("greeting", "ask_rooms")];
    if !has_flag(talk, FLAG_LOAF) {
        choices.push(choice!("greeting", "take_bread"));
    }
    choices.push(choice!("greeting", "ask_rumours"));
    choices.push(choice!("greeting", "farewell"));
    say(talk, node!("greeting"), choices)
}

/// The first quest of the line that has something to say.
fn work(talk: &Conversation) -> Reply {
    for job in &JOBS {
        match state(talk, job.quest) {
            QuestState::Complete => return say(talk, job.done, vec![job.turn_in]),
            QuestState::Active => return say(talk, job.reminder, vec![job.reminder_back]),
            QuestState::Available => return say(talk, job.offer, vec![job.accept, job.decline]),
            _ => {}
        }
    }
    say(talk, node!("no_work"), vec![choice!("no_work", "back")])
}

fn accept(talk: &Conversation, job: &Job) -> Reply {
    if state(talk, job.quest) != QuestState::Available {
        return work(talk);
    }
    let reply = say(talk, job.reminder, vec![job.reminder_back]);
    Reply { actions: vec![Action::AcceptQuest(job.quest)], ..reply }
}

fn turn_in(talk: &Conversation, job: &Job) -> Reply {
    if state(talk, job.quest) != QuestState::Complete {
        return work(talk);
    }
    let reply = say(talk, job.thanks, vec![job.thanks_back]);
    Reply { actions: vec![Action::TurnInQuest(job.quest)], ..reply }
}

fn rooms(talk: &Conversation) -> Reply {
    if talk.gold < BED_GOLD {
        return say(talk, node!("rooms_poor"), vec![choice!("rooms_poor", "back")]);
    }
    say(talk, node!("rooms"), vec![choice!("rooms", "rent"), choice!("rooms", "back")])
}

fn rent(talk: &Conversation) -> Reply {
    if talk.gold < BED_GOLD {
        return rooms(talk);
    }
    let reply = say(talk, node!("rested"), vec![choice!("rested", "back")]);
    Reply { actions: vec![Action::TakeGold(BED_GOLD), Action::Rest], ..reply }
}

fn bread(talk: &Conversation, minute_of_day: u32) -> Reply {
    if has_flag(talk, FLAG_LOAF) {
        return greeting(talk, minute_of_day);
    }
    let loaf = Action::GiveItem(ItemCount { item: BREAD, count: LOAVES });
    let reply = say(talk, node!("bread"), vec![choice!("bread", "back")]);
    Reply { actions: vec![loaf, Action::SetFlag(FLAG_LOAF)], ..reply }
}

fn rumours(talk: &Conversation) -> Reply {
    if carried(talk, PELT) >= MANY_PELTS {
        return say(talk, node!("rumour_furrier"), vec![choice!("rumour_furrier", "back")]);
    }
    if has_flag(talk, FLAG_GOSSIP) {
        return say(talk, node!("rumour_again"), vec![choice!("rumour_again", "back")]);
    }
    let reply = say(talk, node!("rumour_greyjaw"), vec![choice!("rumour_greyjaw", "back")]);
    Reply { actions: vec![Action::SetFlag(FLAG_GOSSIP)], ..reply }
}

fn say(talk: &Conversation, node: u32, choices: Vec<u32>) -> Reply {
    Reply { id: talk.id, node, choices, actions: vec![] }
}

fn state(talk: &Conversation, quest: u32) -> QuestState {
    let known = talk.quests.iter().find(|status| status.quest == quest);
    known.map_or(QuestState::Unavailable, |status| status.state)
}

fn carried(talk: &Conversation, item: u32) -> u32 {
    talk.items.iter().filter(|stack| stack.item == item).map(|stack| stack.count).sum()
}

fn has_flag(talk: &Conversation, flag: u32) -> bool {
    talk.flags >> flag & 1 == 1
}
