//! What a client reads from the socket, as types: the client's side of `docs/protocol.md`.
//!
//! Only the members a client of ours acts on are named; members that are added to the protocol
//! later are ignored. Nothing here judges: that is [`super::replica`]'s work.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One text frame: a response (with `id`) or a notification (with `method`).
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub jsonrpc: Cow<'a, str>,
    pub id: Option<u64>,
    #[serde(borrow)]
    pub method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    pub error: Option<CallError>,
}

/// Why a call was refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct CallError {
    /// JSON-RPC error code.
    pub code: i64,
    /// For people.
    pub message: String,
    /// The stable reason.
    #[serde(default)]
    pub data: ErrorData,
}

impl CallError {
    /// The most exact stable code: the game's rejection if there is one, else the reason.
    pub fn stable_code(&self) -> &str {
        self.data.rejection.as_deref().or(self.data.reason.as_deref()).unwrap_or("without_reason")
    }
}

/// Details of a [`CallError`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ErrorData {
    /// One of the reasons of the protocol's table of errors.
    pub reason: Option<String>,
    /// The game's own code when the reason is `rejected`.
    pub rejection: Option<String>,
    /// When to try again, milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// First message of the server.
#[derive(Clone, Debug, Deserialize)]
pub struct Welcome {
    /// Name and version of the server.
    pub server: String,
    /// Length of a tick, milliseconds.
    pub tick_ms: u32,
}

/// Answer to `world.join`.
#[derive(Clone, Debug, Deserialize)]
pub struct Joined {
    /// Where the character is.
    pub zone: String,
    /// The character's entity in that zone.
    pub entity: u64,
    /// Who plays.
    pub character: Character,
}

/// A character as its owner sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Character {
    /// Key of the character.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Level, from 1.
    pub level: u32,
    /// Experience since that level began.
    pub experience: u64,
    /// Gold.
    pub gold: u64,
    /// What it can do; the first is the plain attack.
    #[serde(default)]
    pub abilities: Vec<Ability>,
}

/// Something a character can do.
#[derive(Clone, Debug, Deserialize)]
pub struct Ability {
    /// Name in the content.
    pub name: String,
    /// Reach, millimetres.
    pub range: u32,
    /// From use to ready, milliseconds.
    pub cooldown_ms: u32,
    /// `enemy`, `caster` or `ally`.
    pub target: String,
    /// Level a character needs.
    pub required_level: u32,
}

/// Everything in sight.
#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    pub tick: u64,
    pub zone: Zone,
    pub you: u64,
    #[serde(default)]
    pub ack: u64,
    pub entities: Vec<Entity>,
}

/// The zone one stands in.
#[derive(Clone, Debug, Deserialize)]
pub struct Zone {
    /// Name in the content.
    pub name: String,
    /// East-west extent, millimetres.
    pub width: i32,
    /// North-south extent, millimetres.
    pub height: i32,
    /// Full speed, millimetres a second.
    pub max_speed: u32,
    /// Ways out.
    #[serde(default)]
    pub crossings: Vec<Crossing>,
}

/// A way out of a zone: a rectangle, millimetres.
#[derive(Clone, Debug, Deserialize)]
pub struct Crossing {
    /// West edge.
    pub x0: i32,
    /// South edge.
    pub y0: i32,
    /// East edge.
    pub x1: i32,
    /// North edge.
    pub y1: i32,
    /// Name of the zone on the other side.
    pub to: String,
}

/// An entity as it stands in the replica.
#[derive(Clone, Debug, Deserialize)]
pub struct Entity {
    /// Id within the zone.
    pub id: u64,
    /// `npc`, `player` or `item`.
    pub kind: String,
    /// Template in the content.
    #[serde(default)]
    pub template: String,
    /// East, millimetres.
    pub x: i32,
    /// North, millimetres.
    pub y: i32,
    /// Health; items have none.
    #[serde(default)]
    pub hp: i64,
    /// Fights characters.
    #[serde(default)]
    pub hostile: bool,
}

/// Changed members of an entity.
#[derive(Debug, Deserialize)]
pub(super) struct EntityUpdate {
    pub id: u64,
    pub x: Option<i32>,
    pub y: Option<i32>,
    pub hp: Option<i64>,
}

/// What changed since the frame before.
#[derive(Debug, Deserialize)]
pub(super) struct Delta {
    pub tick: u64,
    pub ack: Option<u64>,
    #[serde(default)]
    pub enter: Vec<Entity>,
    #[serde(default)]
    pub update: Vec<EntityUpdate>,
    #[serde(default)]
    pub leave: Vec<u64>,
    #[serde(default)]
    pub events: Vec<Event>,
}

/// Something that could be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A blow.
    Swing(Swing),
    /// A status took effect again.
    Pulse {},
    /// Health came back.
    Heal {},
    /// Somebody died.
    Death {
        /// Who.
        entity: u64,
        /// By whom; missing when nobody in particular.
        killer: Option<u64>,
    },
    /// Time of day or weather changed.
    Environment {},
}

/// A blow and what became of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Swing {
    /// Who.
    pub attacker: u64,
    /// Whom.
    pub defender: u64,
    /// `miss`, `dodge`, `block`, `hit` or `critical`.
    pub hit: String,
    /// Damage before the critical multiplier.
    pub base: i64,
    /// Damage after it.
    pub raw: i64,
    /// Health lost.
    pub amount: i64,
    /// The script version that decided it.
    pub by: String,
}

/// `world.event`.
#[derive(Clone, Debug, Deserialize)]
pub struct WorldEventUpdate {
    /// As it stands.
    pub event: WorldEvent,
}

/// A world event as it stands.
#[derive(Clone, Debug, Deserialize)]
pub struct WorldEvent {
    /// Name in the content.
    pub name: String,
    /// `going`, `success` or `failure`.
    pub state: String,
    /// From 1; 0 when it is over.
    pub stage: u32,
}

/// `event.reward`.
#[derive(Clone, Debug, Deserialize)]
pub struct EventReward {
    /// Name of the event in the content.
    pub event: String,
    /// From 1: who did most.
    pub rank: u32,
}

/// `system.message`.
#[derive(Clone, Debug, Deserialize)]
pub struct SystemMessage {
    /// For people.
    pub text: String,
}

/// `world.corrected`: back to where the server has the character.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Corrected {
    /// The refused movement.
    pub seq: u64,
    /// East, millimetres.
    pub x: i32,
    /// North, millimetres.
    pub y: i32,
}

/// `world.zone`: crossed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Crossed {
    /// Name of the new zone.
    pub zone: String,
}

/// `dialog.show`.
#[derive(Clone, Debug, Deserialize)]
pub struct DialogShown {
    /// What can be answered.
    #[serde(default)]
    pub choices: Vec<Choice>,
}

/// An answer a dialog offers.
#[derive(Clone, Debug, Deserialize)]
pub struct Choice {
    /// Stable name.
    pub id: String,
}

/// `character.update`: members that changed, after their commit.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CharacterUpdate {
    /// New level.
    pub level: Option<u32>,
    /// New experience within the level.
    pub experience: Option<u64>,
    /// New gold.
    pub gold: Option<u64>,
}

/// `inventory.update` and the result of `inventory.list`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct InventoryUpdate {
    /// Gold; only in `inventory.list`.
    pub gold: Option<u64>,
    /// Slots that changed.
    pub slots: Vec<Slot>,
    /// Equipment places that changed; `None` is empty.
    pub equipment: std::collections::BTreeMap<String, Option<String>>,
}

/// A slot of the inventory.
#[derive(Clone, Debug, Deserialize)]
pub struct Slot {
    /// 0..31.
    pub slot: u16,
    /// Name in the content; `None` is empty.
    pub item: Option<String>,
    /// How many.
    pub count: u32,
}

/// `quest.update`.
#[derive(Clone, Debug, Deserialize)]
pub struct QuestUpdate {
    /// The quest as it stands.
    pub quest: Quest,
}

/// A quest of a character.
#[derive(Clone, Debug, Deserialize)]
pub struct Quest {
    /// Name in the content.
    pub name: String,
    /// `active`, `complete`, `turned_in`, `failed` or `abandoned`.
    pub state: String,
    /// How far each objective is.
    #[serde(default)]
    pub objectives: Vec<Objective>,
}

/// One objective of a quest.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Objective {
    /// Deeds done.
    pub done: u32,
    /// Deeds asked for.
    pub needed: u32,
}
