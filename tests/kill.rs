//! The server is killed at random moments while characters fight, loot and take quests: nothing that a
//! client was told is gone afterwards, and nothing exists twice.
//!
//! What was told is looked for in the journal, in its order: a death may rightly take experience back
//! after it was told, so comparing with the newest state alone would prove nothing. That state and
//! journal agree is the store's own audit. `LORE_KILLS` and `LORE_KILL_BOTS` make it longer.

use crate::live::{Fighter, Server, scale, seed};
use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use runtime::load::client::Client;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::load::wire::{InventoryUpdate, Quest};
use runtime::store::Store;
use serde::Deserialize;
use sqlx::{Connection, Row};
use std::collections::BTreeMap;
use std::path::Path;
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
}

#[derive(Deserialize)]
struct Quests {
    quests: Vec<Quest>,
}

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
                Some(item) => self.slots.insert(slot.slot, (item.clone(), slot.count)),
                None => self.slots.remove(&slot.slot),
            };
        }
        for (place, item) in &update.equipment {
            match item {
                Some(item) => self.equipment.insert(place.clone(), item.clone()),
                None => self.equipment.remove(place),
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
                self.quests.insert(update.quest.name.clone(), update.quest.clone());
            }
            Heard::Reply { method: "inventory.list", outcome: Ok(list), .. } => {
                let list: InventoryUpdate = serde_json::from_str(list)?;
                self.slots.clear();
                self.equipment.clear();
                self.gold.extend(list.gold);
                self.inventory(&list);
            }
            Heard::Reply { method: "quest.list", outcome: Ok(list), .. } => {
                let list: Quests = serde_json::from_str(list)?;
                self.quests = list.quests.into_iter().map(|quest| (quest.name.clone(), quest)).collect();
            }
            _ => {}
        }
        Ok(())
    }
}

/// Joins and hears out, in order, what the server has on the character.
async fn rejoin(server: &Server, fighter: &mut Fighter) -> anyhow::Result<(Client, Told)> {
    let (mut client, joined) = fighter.join(server).await?;
    let mut now = Told::default();
    now.progress.push((joined.character.level, joined.character.experience));
    now.gold.push(joined.character.gold);
    client.send("inventory.list", serde_json::json!({})).await?;
    client.send("quest.list", serde_json::json!({})).await?;
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

async fn journal(database: &mut sqlx::SqliteConnection, character: i64) -> anyhow::Result<Journal> {
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
async fn check_store(data: &Path, all: &[(Fighter, Told)]) -> anyhow::Result<()> {
    let store = Store::open_sqlite(data).await?;
    let report = store.audit().await?;
    store.close().await;
    ensure!(report.discrepancies.is_empty(), "state and journal disagree: {:?}", report.discrepancies);
    let url = format!("sqlite://{}", data.join("lore.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await?;
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
        playing.spawn(async move {
            let mut unreadable = None;
            let played = fighter
                .play(&mut client, &CancellationToken::new(), |heard| {
                    unreadable = now.hear(heard).err().or(unreadable.take());
                })
                .await;
            // The kill is what ends the connection.
            let lost = played.is_err();
            let (faults, words) = client.faults();
            ensure!(unreadable.is_none() && faults == 0, "{unreadable:?} {words:?}");
            ensure!(lost, "play ended without a kill");
            Ok((fighter, now))
        });
    }
    // Not a wait for anything: the random moment itself.
    tokio::time::sleep(Duration::from_millis(rng.random_range(500..6_000))).await;
    server.kill()?;
    playing.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_lost() -> anyhow::Result<()> {
    let (kills, bots, seed) = (scale("LORE_KILLS", 3), scale("LORE_KILL_BOTS", 8), seed("kill"));
    let mut rng = StdRng::seed_from_u64(seed);
    let data = tempfile::tempdir()?;
    let mut server = Server::start(data.path())?;
    let mut all = Vec::new();
    for index in 0..bots {
        all.push((Fighter::enlist(&server, Scenario::Mixed, index, seed).await?, Told::default()));
    }
    let mut facts = 0;
    for kill in 0..kills {
        all = round(server, all, &mut rng).await?;
        check_store(data.path(), &all).await.with_context(|| format!("after kill {}", kill + 1))?;
        facts += all.iter().map(|(_, told)| told.progress.len() + told.items.len()).sum::<usize>();
        server = Server::start(data.path())?;
    }
    for (fighter, told) in &mut all {
        let (client, now) = rejoin(&server, fighter).await?;
        check_quests(&fighter.player.name, told, &now)?;
        client.close().await;
    }
    eprintln!("kill: {kills} kills, {bots} characters, {facts} values told and found");
    Ok(())
}
