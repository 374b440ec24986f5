//! The server is killed at random moments while characters fight, loot, change what they wear, drop
//! things and take quests: nothing that a client was told is gone afterwards, and nothing exists twice.
//!
//! What was told is looked for in the journal, in its order: a death may rightly take experience back
//! after it was told, so comparing with the newest state alone would prove nothing. That state and
//! journal agree is what `lore audit` says. `LORE_KILLS` and `LORE_KILL_BOTS` make it longer.

use crate::live::{Fighter, Server, scale, seed};
use crate::support::database::Home;
use anyhow::{Context, ensure};
use protocol::v1::response::Outcome;
use protocol::v1::{EntityKind, InventoryUpdate, Quest, SlotUpdate};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use runtime::load::client::Client;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use serde::Deserialize;
use serde_json::json;
use sqlx::{Connection, Row};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Everything a client was told about what lasts.
#[derive(Clone, Default)]
struct Told {
    /// Level and experience, in the order told since the last check.
    progress: Vec<(u32, u64)>,
    /// Gold, likewise.
    gold: Vec<u64>,
    /// How many of an item, worn ones included, likewise.
    items: Vec<(String, i64)>,
    quests: BTreeMap<String, Quest>,
    slots: BTreeMap<u16, (String, u32)>,
    equipment: BTreeMap<String, String>,
    /// What was last taken off, to be put on again.
    taken_off: Option<String>,
    /// Changes of equipment that were asked for and not answered.
    changing: usize,
}

/// Where the starter's characters carry their weapon.
const HAND: &str = "main_hand";

impl Told {
    fn totals(&self) -> BTreeMap<String, i64> {
        let mut totals = BTreeMap::new();
        for (item, count) in self.slots.values() {
            *totals.entry(item.clone()).or_default() += i64::from(*count);
        }
        for item in self.equipment.values() {
            *totals.entry(item.clone()).or_default() += 1;
        }
        totals
    }

    fn inventory(&mut self, update: &InventoryUpdate) {
        let before = self.totals();
        for slot in &update.slots {
            match &slot.item {
                Some(item) => self.slots.insert(slot.slot as u16, (item.clone(), slot.count)),
                None => self.slots.remove(&(slot.slot as u16)),
            };
        }
        for (place, item) in &update.equipment {
            match item.is_empty() {
                false => self.equipment.insert(place.clone(), item.clone()),
                true => self.equipment.remove(place),
            };
        }
        for (item, count) in self.totals() {
            if before.get(&item) != Some(&count) {
                self.items.push((item, count));
            }
        }
    }

    fn progress(&mut self, level: Option<u32>, experience: Option<u64>) {
        let (old_level, old_experience) = self.progress.last().copied().unwrap_or((1, 0));
        if level.is_some() || experience.is_some() {
            self.progress.push((level.unwrap_or(old_level), experience.unwrap_or(old_experience)));
        }
    }

    fn hear(&mut self, heard: &Heard) -> anyhow::Result<()> {
        match heard {
            Heard::CharacterUpdate(update) => {
                self.progress(update.level, update.experience);
                self.gold.extend(update.gold);
            }
            Heard::InventoryUpdate(update) => self.inventory(update),
            Heard::QuestUpdate(update) => {
                self.quests.extend(update.quest.iter().map(|quest| (quest.name.clone(), quest.clone())));
            }
            Heard::Reply { method: "inventory.equip" | "inventory.unequip", .. } => {
                self.changing = self.changing.saturating_sub(1);
            }
            Heard::Reply { outcome: Ok(Outcome::Inventory(list)), .. } => {
                self.slots.clear();
                self.equipment.clear();
                self.gold.push(list.gold);
                let slot = |slot: &protocol::v1::Slot| SlotUpdate {
                    slot: slot.slot,
                    item: Some(slot.item.clone()),
                    title: None,
                    count: slot.count,
                };
                let slots = list.slots.iter().map(slot).collect();
                self.inventory(&InventoryUpdate { slots, equipment: list.equipment.clone() });
            }
            Heard::Reply { outcome: Ok(Outcome::Quests(list)), .. } => {
                self.quests = list.quests.iter().map(|quest| (quest.name.clone(), quest.clone())).collect();
            }
            _ => {}
        }
        Ok(())
    }
}

/// Takes the weapon off or puts it on again, and now and then drops something for others to find.
async fn fidget(client: &mut Client, told: &mut Told, rng: &mut StdRng) -> anyhow::Result<()> {
    if let Some(weapon) = told.equipment.get(HAND).cloned() {
        told.taken_off = Some(weapon);
        told.changing += 1;
        client.send("inventory.unequip", json!({"from": HAND})).await?;
    } else if let Some(slot) = told.slots.iter().find(|(_, (item, _))| Some(item) == told.taken_off.as_ref())
    {
        told.changing += 1;
        client.send("inventory.equip", json!({"slot": slot.0})).await?;
    }
    let spare = told.slots.iter().find(|(_, (item, _))| Some(item) != told.taken_off.as_ref());
    if let Some((slot, _)) = spare.filter(|_| rng.random_range(0..4) == 0) {
        client.send("inventory.drop", json!({"slot": slot, "count": 1})).await?;
    }
    Ok(())
}

/// Joins and hears out, in order, what the server has on the character.
async fn rejoin(server: &Server, fighter: &mut Fighter) -> anyhow::Result<(Client, Told)> {
    let (mut client, joined) = fighter.join(server).await?;
    let mut now = Told::default();
    let character = joined.character.context("a character")?;
    now.progress.push((character.level, character.experience));
    now.gold.push(character.gold);
    client.send("inventory.list", json!({})).await?;
    client.send("quest.list", json!({})).await?;
    let lists = async {
        while client.replica().pending() > 0 {
            now.hear(&client.next().await?)?;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(10), lists).await.context("the lists did not come")??;
    Ok((client, now))
}

/// What the journal says of one character, in its order.
struct Journal {
    progress: Vec<(u32, u64)>,
    gold: Vec<u64>,
    items: Vec<(String, i64)>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    level: u32,
    #[serde(default)]
    experience: u64,
    #[serde(default)]
    gold: u64,
}

async fn journal(database: &mut sqlx::AnyConnection, character: i64) -> anyhow::Result<Journal> {
    let mut journal = Journal { progress: vec![(1, 0)], gold: Vec::new(), items: Vec::new() };
    let mut totals: BTreeMap<String, i64> = BTreeMap::new();
    let sql = "SELECT kind, subject, delta, payload FROM journal WHERE character_id = $1 ORDER BY id";
    for row in sqlx::query(sql).bind(character).fetch_all(database).await? {
        let (kind, payload): (String, String) = (row.try_get("kind")?, row.try_get("payload")?);
        match kind.as_str() {
            "experience" => {
                let payload: Payload = serde_json::from_str(&payload)?;
                journal.progress.push((payload.level, payload.experience));
            }
            "gold" => journal.gold.push(serde_json::from_str::<Payload>(&payload)?.gold),
            "item" => {
                let (item, delta): (String, i64) = (row.try_get("subject")?, row.try_get("delta")?);
                let total = totals.entry(item.clone()).or_default();
                *total += delta;
                journal.items.push((item, *total));
            }
            _ => {}
        }
    }
    Ok(journal)
}

/// Whether `told` occurs in `recorded`, in order; the same value told again counts once.
fn in_order<T: PartialEq>(told: &[T], recorded: &[T]) -> bool {
    let mut rest = recorded.iter().peekable();
    told.iter().all(|value| {
        while let Some(recorded) = rest.peek() {
            if *recorded == value {
                return true;
            }
            rest.next();
        }
        false
    })
}

/// With the server dead: is what was told in the journal, and does the state agree with the journal?
async fn check_store(home: &Home, all: &[(Fighter, Told)]) -> anyhow::Result<()> {
    tokio::task::block_in_place(|| home.audit())?;
    let mut database = home.connect().await?;
    for (fighter, told) in all {
        let name = &fighter.player.name;
        let recorded = journal(&mut database, fighter.player.character).await?;
        ensure!(
            in_order(&told.progress, &recorded.progress),
            "{name} was told {:?}, journal {:?}",
            told.progress,
            recorded.progress
        );
        ensure!(in_order(&told.gold, &recorded.gold), "{name}: {:?}, journal {:?}", told.gold, recorded.gold);
        for (item, _) in &told.items {
            let of = |all: &[(String, i64)]| -> Vec<i64> {
                all.iter().filter(|(other, _)| other == item).map(|(_, total)| *total).collect()
            };
            let (was_told, is_there) = (of(&told.items), of(&recorded.items));
            ensure!(in_order(&was_told, &is_there), "{name}, {item}: {was_told:?}, journal {is_there:?}");
        }
    }
    database.close().await?;
    Ok(())
}

fn rank(state: &str) -> u32 {
    match state {
        "active" => 1,
        "complete" => 2,
        _ => 3,
    }
}

/// With the server back: worn is what was told, unless an unanswered change was under way.
fn check_equipment(name: &str, told: &Told, now: &Told) -> anyhow::Result<()> {
    let (before, after) = (&told.equipment, &now.equipment);
    ensure!(
        told.changing > 0 || before.is_empty() || before == after,
        "{name} wore {before:?}, now {after:?}"
    );
    Ok(())
}

/// With the server back: no quest is less far than it was told to be.
fn check_quests(name: &str, told: &Told, now: &Told) -> anyhow::Result<()> {
    for (quest, before) in &told.quests {
        let after = now.quests.get(quest).with_context(|| format!("{name}: quest {quest} is gone"))?;
        ensure!(rank(&after.state) >= rank(&before.state), "{name}, {quest}: {before:?}, now {after:?}");
        if after.state == before.state {
            for (before, after) in before.objectives.iter().zip(&after.objectives) {
                ensure!(after.done >= before.done, "{name}, {quest}: {before:?}, now {after:?}");
            }
        }
    }
    Ok(())
}

/// Everybody plays until the server is killed at a random moment.
async fn round(
    server: Server,
    all: Vec<(Fighter, Told)>,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<(Fighter, Told)>> {
    let mut playing = JoinSet::new();
    for (mut fighter, told) in all {
        let (mut client, mut now) = rejoin(&server, &mut fighter).await?;
        check_quests(&fighter.player.name, &told, &now)?;
        check_equipment(&fighter.player.name, &told, &now)?;
        now.taken_off = told.taken_off;
        let mut rng = StdRng::seed_from_u64(rng.random());
        playing.spawn(async move {
            let mut unreadable = None;
            // The kill is what ends the connection.
            loop {
                let moment = CancellationToken::new();
                let ringing = moment.clone();
                let pause = Duration::from_millis(rng.random_range(300..1_200));
                let alarm = tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    ringing.cancel();
                });
                let hear = |heard: &Heard| unreadable = now.hear(heard).err().or(unreadable.take());
                let played = fighter.play(&mut client, &moment, hear).await;
                alarm.abort();
                if played.is_err() || fidget(&mut client, &mut now, &mut rng).await.is_err() {
                    break;
                }
            }
            let (faults, words) = client.faults();
            ensure!(unreadable.is_none() && faults == 0, "{unreadable:?} {words:?}");
            Ok((fighter, now))
        });
    }
    // Not a wait for anything: the random moment itself.
    tokio::time::sleep(Duration::from_millis(rng.random_range(500..6_000))).await;
    server.kill()?;
    playing.join_all().await.into_iter().collect()
}

/// Every fourth character has a mind to talk to the innkeeper: it does so before the first kill, so that there are
/// quests to lose.
async fn take_quests(server: &Server, all: &mut [(Fighter, Told)]) -> anyhow::Result<()> {
    let talkers = all.iter_mut().skip(1).step_by(4);
    let errands = talkers.map(|(fighter, told)| async {
        let (mut client, mut now) = rejoin(server, fighter).await?;
        let taken = CancellationToken::new();
        let mut unreadable = None;
        let hear = |heard: &Heard| {
            unreadable = now.hear(heard).err().or(unreadable.take());
            if matches!(heard, Heard::QuestUpdate(_)) {
                taken.cancel();
            }
        };
        let errand = fighter.play(&mut client, &taken, hear);
        let ended = tokio::time::timeout(Duration::from_secs(120), errand).await;
        ended.with_context(|| format!("{} got no quest", fighter.player.name))??;
        ensure!(unreadable.is_none(), "{unreadable:?}");
        client.close().await;
        *told = now;
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(errands).await?;
    Ok(())
}

/// Kills the server again and again, wherever it keeps its world.
async fn kill_and_look(home: &Home, store: &str) -> anyhow::Result<()> {
    let (kills, bots, seed) = (scale("LORE_KILLS", 3), scale("LORE_KILL_BOTS", 8), seed("kill"));
    let mut rng = StdRng::seed_from_u64(seed);
    let mut server = home.serve()?;
    let mut all = Vec::new();
    for index in 0..bots {
        all.push((Fighter::enlist(&server, Scenario::Mixed, index, seed).await?, Told::default()));
    }
    take_quests(&server, &mut all).await?;
    let (mut facts, mut quests) = (0, 0);
    for kill in 0..kills {
        all = round(server, all, &mut rng).await?;
        check_store(home, &all).await.with_context(|| format!("after kill {}", kill + 1))?;
        let values = |told: &Told| told.progress.len() + told.gold.len() + told.items.len();
        facts += all.iter().map(|(_, told)| values(told)).sum::<usize>();
        quests += all.iter().map(|(_, told)| told.quests.len()).sum::<usize>();
        server = home.serve()?;
    }
    for (fighter, told) in &mut all {
        let (client, now) = rejoin(&server, fighter).await?;
        check_quests(&fighter.player.name, told, &now)?;
        check_equipment(&fighter.player.name, told, &now)?;
        client.close().await;
    }
    eprintln!(
        "kill: {store}, {kills} kills, {bots} characters, {facts} values and {quests} quests told and found, \
         0 lost, state and journal agree"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_lost() -> anyhow::Result<()> {
    let home = Home::embedded()?;
    kill_and_look(&home, "SQLite").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_lost_on_postgresql() -> anyhow::Result<()> {
    let Some(home) = Home::postgres("kill").await? else { return Ok(()) };
    let outcome = kill_and_look(&home, "PostgreSQL").await;
    home.remove().await?;
    outcome
}

/// How often the item changes hands.
const PASSES: usize = 20;

/// Puts one piece of `item` from whoever has it to the ground, in sight of both; its entity, which is
/// newer than the one `before`.
async fn drop_one(clients: &mut [(Client, Told); 2], item: &str, before: u64) -> anyhow::Result<u64> {
    let giver =
        clients.iter().position(|(_, told)| told.totals().contains_key(item)).context("nobody has it")?;
    let (client, told) = &mut clients[giver];
    let slot = told.slots.iter().find(|(_, (name, _))| name == item).context("it is worn")?.0;
    client.call::<serde_json::Value>("inventory.drop", json!({"slot": slot, "count": 1})).await?;
    let mut dropped = 0;
    for (client, told) in clients {
        let seeing = async {
            loop {
                let mut entities = client.replica().entities.values();
                let lying =
                    entities.find(|e| e.kind == EntityKind::Item && e.template == item && e.id > before);
                if let Some(lying) = lying {
                    return anyhow::Ok(lying.id);
                }
                told.hear(&client.next().await?)?;
            }
        };
        dropped = tokio::time::timeout(Duration::from_secs(10), seeing).await.context("nothing fell")??;
    }
    Ok(dropped)
}

/// Reaches for the entity; whether it was got, with everything heard on the way.
async fn grab((client, told): &mut (Client, Told), entity: u64) -> anyhow::Result<bool> {
    let asked = client.send("npc.interact", json!({"target": entity})).await?;
    let answer = async {
        loop {
            let heard = client.next().await?;
            told.hear(&heard)?;
            if let Heard::Reply { id, outcome, .. } = heard
                && id == asked
            {
                return anyhow::Ok(outcome.is_ok());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answer).await.context("no answer")?
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_on_the_ground_has_one_taker() -> anyhow::Result<()> {
    let seed = seed("one taker");
    let home = Home::embedded()?;
    let server = home.serve()?;
    let mut one = Fighter::enlist(&server, Scenario::Crowd, 0, seed).await?;
    let mut two = Fighter::enlist(&server, Scenario::Crowd, 0, seed).await?;
    let mut clients = [rejoin(&server, &mut one).await?, rejoin(&server, &mut two).await?];
    let item = "bread";
    let had: i64 = clients.iter().map(|(_, told)| told.totals().get(item).copied().unwrap_or(0)).sum();
    ensure!(had > 0, "the starter's characters bring bread");
    let mut lying = 0;
    for pass in 0..PASSES {
        lying = drop_one(&mut clients, item, lying).await?;
        let [first, second] = &mut clients;
        let (first, second) = tokio::join!(grab(first, lying), grab(second, lying));
        let (first, second) = (first?, second?);
        ensure!(first != second, "pass {pass}: got by the one: {first}, by the other: {second}");
    }
    server.kill()?;
    tokio::task::block_in_place(|| home.audit())?;
    let server = home.serve()?;
    let mut has = 0;
    for fighter in [&mut one, &mut two] {
        let (client, now) = rejoin(&server, fighter).await?;
        has += now.totals().get(item).copied().unwrap_or(0);
        client.close().await;
    }
    ensure!(has == had, "there were {had} pieces of {item}, now there are {has}");
    Ok(())
}
