//! The messages of `docs/protocol.md` that are rare enough for serde; what is sent every tick is
//! written by hand in `zone::encode`.

use super::names::{
    deed_name, equip_slot_name, event_outcome_name, item_kind_name, lighting_name, quest_state_name,
    rarity_name, weather_name,
};
use serde::Serialize;
use sim::DefId;
use sim::content::{Content, EquipSlot, ItemCount};
use sim::input::{CharacterState, QuestProgress, Stack};
use sim::output::{Environment, EventReport, PriceList};
use std::collections::BTreeMap;

/// A notification as a frame.
pub fn notification<P: Serialize>(method: &str, params: &P) -> String {
    #[derive(Serialize)]
    struct Notification<'a, P> {
        jsonrpc: &'static str,
        method: &'a str,
        params: &'a P,
    }
    to_json(&Notification { jsonrpc: "2.0", method, params })
}

/// JSON text of one of our own messages.
pub fn to_json<T: Serialize>(value: &T) -> String {
    // Our messages are structs with string keys: serde_json has no reason to refuse them.
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a message could not be written");
        "null".to_owned()
    })
}

/// `session.welcome`.
#[derive(Serialize)]
pub struct Welcome<'a> {
    /// Names the connection in logs.
    pub session: &'a str,
    /// Name and version.
    pub server: &'a str,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// Whose token it is.
    pub account: i64,
    /// Between two pings.
    pub heartbeat_ms: u64,
    /// Of a message to the server.
    pub max_message_bytes: usize,
}

/// CHARACTER.
#[derive(Serialize)]
pub struct Character<'a> {
    id: i64,
    name: &'a str,
    class: &'a str,
    level: u32,
    experience: u64,
    experience_to_next: u64,
    gold: u64,
    abilities: Vec<Ability<'a>>,
}

#[derive(Serialize)]
struct Ability<'a> {
    name: &'a str,
    title: &'a str,
    range: u32,
    cooldown_ms: u32,
    mana: u32,
    energy: u32,
    target: &'static str,
    required_level: u32,
}

impl<'a> Character<'a> {
    /// The character as the store has it; `experience_to_next` as the zone says.
    pub fn new(state: &'a CharacterState, content: &'a Content, experience_to_next: u64) -> Self {
        let class = content.classes.get(&state.class);
        let basic = class.map(|class| class.basic);
        let others = class.into_iter().flat_map(|class| class.abilities.iter().copied());
        let abilities = basic
            .into_iter()
            .chain(others.filter(|ability| Some(*ability) != basic))
            .filter_map(|id| content.abilities.get(&id))
            .map(|ability| Ability {
                name: &ability.name,
                title: &ability.title,
                range: ability.range_mm,
                cooldown_ms: ability.cooldown_ms,
                mana: ability.mana_cost,
                energy: ability.energy_cost,
                target: match ability.target {
                    sim::content::AbilityTarget::Enemy => "enemy",
                    sim::content::AbilityTarget::Caster => "caster",
                    sim::content::AbilityTarget::Ally => "ally",
                },
                required_level: ability.required_level,
            })
            .collect();
        Self {
            id: state.id.0,
            name: &state.name,
            class: class.map_or("", |class| &class.name),
            level: state.level,
            experience: state.experience,
            experience_to_next,
            gold: state.gold,
            abilities,
        }
    }
}

/// The result of `world.join`.
#[derive(Serialize)]
pub struct Joined<'a> {
    /// Name of the zone.
    pub zone: &'a str,
    /// The character's entity.
    pub entity: u64,
    /// Of the zone.
    pub tick: u64,
    /// Who joined.
    pub character: Character<'a>,
}

/// SLOT of a full list.
#[derive(Serialize)]
pub struct Slot<'a> {
    slot: u16,
    item: &'a str,
    title: &'a str,
    count: u32,
    kind: &'static str,
    rarity: &'static str,
}

/// The result of `inventory.list`.
#[derive(Serialize)]
pub struct Inventory<'a> {
    gold: u64,
    slots: Vec<Slot<'a>>,
    equipment: BTreeMap<&'static str, &'a str>,
}

impl<'a> Inventory<'a> {
    /// What a character has.
    pub fn new(state: &CharacterState, content: &'a Content) -> Self {
        let slot = |(&slot, stack): (&u16, &Stack)| {
            let item = content.items.get(&stack.item)?;
            Some(Slot {
                slot,
                item: &item.name,
                title: &item.title,
                count: stack.count,
                kind: item_kind_name(item.kind),
                rarity: rarity_name(item.rarity),
            })
        };
        let worn = |(slot, item): (&EquipSlot, &DefId)| {
            Some((equip_slot_name(*slot), content.items.get(item)?.name.as_str()))
        };
        Self {
            gold: state.gold,
            slots: state.inventory.iter().filter_map(slot).collect(),
            equipment: state.equipment.iter().filter_map(worn).collect(),
        }
    }
}

/// `inventory.update`: what changed.
#[derive(Default, Serialize)]
pub struct InventoryUpdate<'a> {
    /// By slot, as it is afterwards.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "values")]
    pub slots: BTreeMap<u16, SlotUpdate<'a>>,
    /// By place; null is empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub equipment: BTreeMap<&'static str, Option<&'a str>>,
}

fn values<S: serde::Serializer, T: Serialize>(
    map: &BTreeMap<u16, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.values())
}

/// One slot of `inventory.update`.
#[derive(Serialize)]
pub struct SlotUpdate<'a> {
    slot: u16,
    item: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    count: u32,
}

impl<'a> SlotUpdate<'a> {
    /// The slot as it is now.
    pub fn new(slot: u16, stack: Option<Stack>, content: &'a Content) -> Self {
        let item = stack.and_then(|stack| content.items.get(&stack.item));
        Self {
            slot,
            item: item.map(|item| item.name.as_str()),
            title: item.map(|item| item.title.as_str()),
            count: stack.map_or(0, |stack| stack.count),
        }
    }
}

/// The result of `shop.list`.
#[derive(Serialize)]
pub struct Shop<'a> {
    shop: &'a str,
    title: &'a str,
    asks: Vec<Price<'a>>,
    pays: Vec<Price<'a>>,
    by: &'a str,
}

/// PRICE.
#[derive(Serialize)]
struct Price<'a> {
    item: &'a str,
    title: &'a str,
    price: u32,
    kind: &'static str,
    rarity: &'static str,
}

impl<'a> Shop<'a> {
    /// What a shop asks and pays; `None` if the content no longer has it.
    pub fn new(list: &PriceList, by: &'a str, content: &'a Content) -> Option<Self> {
        let shop = content.shops.get(&list.shop)?;
        let price = |price: &sim::output::Price| {
            let item = content.items.get(&price.item)?;
            Some(Price {
                item: &item.name,
                title: &item.title,
                price: price.unit,
                kind: item_kind_name(item.kind),
                rarity: rarity_name(item.rarity),
            })
        };
        Some(Self {
            shop: &shop.name,
            title: &shop.title,
            asks: list.asks.iter().filter_map(price).collect(),
            pays: list.pays.iter().filter_map(price).collect(),
            by,
        })
    }
}

/// QUEST.
#[derive(Serialize)]
pub struct Quest<'a> {
    name: &'a str,
    title: &'a str,
    text: &'a str,
    state: &'static str,
    objectives: Vec<Objective<'a>>,
}

#[derive(Serialize)]
struct Objective<'a> {
    text: &'a str,
    deed: &'static str,
    done: u32,
    needed: u32,
}

impl<'a> Quest<'a> {
    /// A quest of a character; `None` if the content no longer has it.
    pub fn new(id: DefId, progress: &QuestProgress, content: &'a Content) -> Option<Self> {
        let quest = content.quests.get(&id)?;
        let done = progress.done.iter().copied().chain(std::iter::repeat(0));
        Some(Self {
            name: &quest.name,
            title: &quest.title,
            text: &quest.text,
            state: quest_state_name(progress.state),
            objectives: quest
                .objectives
                .iter()
                .zip(done)
                .map(|(objective, done)| Objective {
                    text: &objective.text,
                    deed: deed_name(objective.deed),
                    done,
                    needed: objective.needed,
                })
                .collect(),
        })
    }
}

/// The result of `quest.list`.
#[derive(Serialize)]
pub struct Quests<'a> {
    quests: Vec<Quest<'a>>,
}

impl<'a> Quests<'a> {
    /// Every quest the character ever accepted.
    pub fn new(state: &CharacterState, content: &'a Content) -> Self {
        let quests = state.quests.iter().filter_map(|(id, kept)| Quest::new(*id, &kept.value, content));
        Self { quests: quests.collect() }
    }
}

/// `quest.update`.
#[derive(Serialize)]
pub struct QuestUpdate<'a> {
    /// As it is now.
    pub quest: Quest<'a>,
    /// Who decided.
    pub by: &'a str,
}

/// `character.update`: what changed.
#[derive(Default, Serialize)]
pub struct CharacterUpdate<'a> {
    /// Afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Afterwards, in that level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience: Option<u64>,
    /// Needed in that level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience_to_next: Option<u64>,
    /// Change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experience_delta: Option<i64>,
    /// Afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gold: Option<u64>,
    /// Change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gold_delta: Option<i64>,
    /// Who decided.
    pub by: &'a str,
}

/// ENVIRONMENT.
#[derive(Serialize)]
pub struct EnvironmentView {
    minute_of_day: u32,
    lighting: &'static str,
    weather: &'static str,
    temperature: f64,
}

impl From<Environment> for EnvironmentView {
    fn from(environment: Environment) -> Self {
        Self {
            minute_of_day: environment.minute_of_day,
            lighting: lighting_name(environment.lighting),
            weather: weather_name(environment.weather),
            temperature: f64::from(environment.temperature_dc) / 10.0,
        }
    }
}

/// HAPPENING.
#[derive(Serialize)]
pub struct WorldEvent<'a> {
    name: &'a str,
    title: &'a str,
    state: &'static str,
    stage: u32,
    stages: u32,
    text: &'a str,
    kills: u32,
    kills_needed: u32,
    ends_in_ms: u64,
    x: i32,
    y: i32,
    radius: u32,
}

impl<'a> WorldEvent<'a> {
    /// Where an event stands; `None` if the content no longer has it.
    pub fn new(report: &EventReport, content: &'a Content, tick_ms: u32) -> Option<Self> {
        let event = content.events.get(&report.event)?;
        let stage = event.stages.get((report.stage as usize).wrapping_sub(1));
        Some(Self {
            name: &event.name,
            title: &event.title,
            state: event_outcome_name(report.outcome),
            stage: report.stage,
            stages: event.stages.len() as u32,
            text: stage.map_or("", |stage| &stage.text),
            kills: report.kills,
            kills_needed: stage.map_or(0, |stage| stage.kills),
            ends_in_ms: u64::from(report.ends_in_ticks) * u64::from(tick_ms),
            x: event.at.x_mm,
            y: event.at.y_mm,
            radius: event.radius_mm,
        })
    }
}

/// `world.event`.
#[derive(Serialize)]
pub struct WorldEventUpdate<'a> {
    /// As it is now.
    pub event: WorldEvent<'a>,
    /// Who decided.
    pub by: &'a str,
}

/// `event.reward`.
#[derive(Serialize)]
pub struct EventReward<'a> {
    /// Name of the event.
    pub event: &'a str,
    /// For people.
    pub title: &'a str,
    /// From 1: who did most.
    pub rank: u32,
    /// How many took part.
    pub participants: u32,
    /// What the character did.
    pub points: u64,
    /// Paid.
    pub experience: u64,
    /// Paid.
    pub gold: u64,
    /// Paid.
    pub items: Vec<Prize<'a>>,
    /// Who decided.
    pub by: &'a str,
}

/// One item of `event.reward`.
#[derive(Serialize)]
pub struct Prize<'a> {
    item: &'a str,
    title: &'a str,
    count: u32,
}

impl<'a> Prize<'a> {
    /// Those that the content has.
    pub fn all(items: &[ItemCount], content: &'a Content) -> Vec<Self> {
        let prize = |some: &ItemCount| {
            let item = content.items.get(&some.item)?;
            Some(Self { item: &item.name, title: &item.title, count: some.count })
        };
        items.iter().filter_map(prize).collect()
    }
}

/// `chat.message`.
#[derive(Serialize)]
pub struct ChatMessage<'a> {
    /// `zone`.
    pub channel: &'static str,
    /// Speaker.
    pub from: u64,
    /// Speaker's name.
    pub name: &'a str,
    /// Plain text.
    pub text: &'a str,
    /// Which version of the filter let it through.
    pub by: &'a str,
}

/// `dialog.show`.
#[derive(Serialize)]
pub struct DialogShow<'a> {
    /// Who speaks.
    pub npc: u64,
    /// Name of the dialog.
    pub dialog: &'a str,
    /// Name of the node.
    pub node: &'a str,
    /// Variables replaced.
    pub text: &'a str,
    /// What can be answered.
    pub choices: Vec<Choice<'a>>,
    /// Who decided.
    pub by: &'a str,
}

/// One answer of `dialog.show`.
#[derive(Serialize)]
pub struct Choice<'a> {
    /// For `dialog.choose`.
    pub id: &'a str,
    /// The words.
    pub text: &'a str,
}
