//! The script seam: what the simulation asks, and what it may be answered.
//!
//! The records mirror `wit/` field by field. Two implementations exist: `host-api` calls
//! WebAssembly components, [`crate::native::NativeRules`] computes the same rules in Rust for
//! tests and as the yardstick of benchmarks.
//!
//! A call never fails: where a script gave no valid answer, the implementation answers with the
//! declared fallback of that kind (the `fallback` function beside each decision) and
//! [`Origin::Fallback`]. The simulation checks and clamps every answer again before it applies it.

mod chat;
mod craft;
mod encounter;
mod event;
mod zone;

pub use chat::{BlockReason, Channel, Hit, Judgement, Line, Ruling, is_speech};
pub use craft::{Attempt, Charge, Crafted, Fee, Service};
pub use encounter::{
    Act, Bout, BoutOccasion, Direction, DuelVerdict, DuelistView, Move, Pairing, PhaseView, Terms, Turn,
};
pub use event::{Course, EventMoment, EventOccasion, EventOutcome, Merit, Prize, StageView};
pub use zone::{Decree, Moment, Occasion};

use crate::content::{Deed, Element, Position};
use crate::ids::{CharacterId, DefId, EntityId, ModuleStamp};
use borsh::{BorshDeserialize, BorshSerialize};

mod trade;

pub use trade::{
    Deal, Fall, Gain, Grown, Growth, Haul, Kill, LevelStep, Piece, Quote, Requirement, RowView, Side, Spoils,
    TableView, Toll,
};

/// Who gave an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Origin {
    /// The module with this stamp.
    Script(ModuleStamp),
    /// The declared fallback, because the script failed on this view or does not exist.
    Fallback,
    /// Definitions with this digest: what follows from data alone, such as what an item does.
    Content(u64),
}

/// One answer with its provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Answer<T> {
    /// The decision.
    pub value: T,
    /// Who took it.
    pub origin: Origin,
}

/// What every call is told besides its views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Context {
    /// Tick of the zone.
    pub tick: u64,
    /// Milliseconds per tick.
    pub tick_ms: u32,
    /// `zone/NAME`.
    pub zone: DefId,
    /// Minute of the game's day, 0..1440.
    pub minute_of_day: u32,
}

/// The rules of the game. Every method answers exactly one decision per view, in order, into the
/// cleared `out`; the order of the views must not influence any answer.
pub trait Rules {
    /// `ability.plan-casts`.
    fn plan_casts(&mut self, ctx: &Context, casts: &[Cast], out: &mut Vec<Answer<Plan>>);
    /// `combat.resolve`.
    fn resolve(&mut self, ctx: &Context, attacks: &[Attack], out: &mut Vec<Answer<Outcome>>);
    /// `ability.pulse-statuses`.
    fn pulse_statuses(&mut self, ctx: &Context, pulses: &[Pulse], out: &mut Vec<Answer<PulseOutcome>>);
    /// `npc.think` of the script `script/NAME`.
    fn think(&mut self, ctx: &Context, script: DefId, npcs: &[Perception], out: &mut Vec<Answer<Decision>>);
    /// `quest.advance` of the script `script/NAME`.
    fn advance(
        &mut self,
        ctx: &Context,
        script: DefId,
        inquiries: &[Inquiry],
        out: &mut Vec<Answer<QuestStep>>,
    );
    /// `dialog.converse` of the script `script/NAME`.
    fn converse(
        &mut self,
        ctx: &Context,
        script: DefId,
        talks: &[Conversation],
        out: &mut Vec<Answer<DialogReply>>,
    );
    /// `chat.judge` of the script `script/NAME`.
    fn judge(&mut self, ctx: &Context, script: DefId, lines: &[Line], out: &mut Vec<Answer<Judgement>>);
    /// `zone.govern` of the script `script/NAME`.
    fn govern(&mut self, ctx: &Context, script: DefId, moments: &[Moment], out: &mut Vec<Answer<Decree>>);
    /// `event.conduct` of the script `script/NAME`.
    fn conduct(
        &mut self,
        ctx: &Context,
        script: DefId,
        moments: &[EventMoment],
        out: &mut Vec<Answer<Course>>,
    );
    /// `event.reward` of the script `script/NAME`.
    fn reward_merits(&mut self, ctx: &Context, script: DefId, merits: &[Merit], out: &mut Vec<Answer<Prize>>);
    /// `loot.roll`.
    fn roll_loot(&mut self, ctx: &Context, deaths: &[Spoils], out: &mut Vec<Answer<Haul>>);
    /// `progression.require-experience`.
    fn require_experience(&mut self, ctx: &Context, steps: &[LevelStep], out: &mut Vec<Answer<Requirement>>);
    /// `progression.grow-stats`.
    fn grow_stats(&mut self, ctx: &Context, growths: &[Growth], out: &mut Vec<Answer<Grown>>);
    /// `progression.reward-kills`.
    fn reward_kills(&mut self, ctx: &Context, kills: &[Kill], out: &mut Vec<Answer<Gain>>);
    /// `progression.punish-deaths`.
    fn punish_deaths(&mut self, ctx: &Context, falls: &[Fall], out: &mut Vec<Answer<Toll>>);
    /// `economy.quote-prices`.
    fn quote_prices(&mut self, ctx: &Context, deals: &[Deal], out: &mut Vec<Answer<Quote>>);
    /// `economy.craft`.
    fn craft(&mut self, ctx: &Context, attempts: &[Attempt], out: &mut Vec<Answer<Crafted>>);
    /// `economy.fees`.
    fn fees(&mut self, ctx: &Context, charges: &[Charge], out: &mut Vec<Answer<Fee>>);
    /// `encounter.direct` of the script `script/NAME`.
    fn direct(&mut self, ctx: &Context, script: DefId, bouts: &[Bout], out: &mut Vec<Answer<Direction>>);
    /// `encounter.open-duels` of the script `script/NAME`.
    fn open_duels(&mut self, ctx: &Context, script: DefId, pairs: &[Pairing], out: &mut Vec<Answer<Terms>>);
    /// `encounter.take-turns` of the script `script/NAME`.
    fn take_turns(&mut self, ctx: &Context, script: DefId, turns: &[Turn], out: &mut Vec<Answer<Act>>);
}

/// See `combat.attack` in `wit/combat.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Attack {
    pub id: u32,
    pub attacker: EntityId,
    pub defender: EntityId,
    pub element: Element,
    pub attacker_level: u32,
    pub defender_level: u32,
    pub attacker_is_npc: bool,
    pub defender_is_npc: bool,
    pub accuracy: i32,
    pub evasion: i32,
    pub distance_mm: u32,
    pub attack_power: i32,
    pub weapon_damage: i32,
    pub power_permille: u32,
    pub critical_chance: u32,
    pub defence: i32,
    pub resistance_permille: i32,
    pub block_chance: u32,
    pub dodge_chance: u32,
    pub defender_health: i32,
    pub defender_health_max: i32,
    pub seed: u64,
}

/// What became of a swing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum HitKind {
    Miss,
    Dodge,
    Block,
    Hit,
    Critical,
}

/// See `combat.outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Outcome {
    pub id: u32,
    pub kind: HitKind,
    pub base: i32,
    pub raw: i32,
    pub amount: i32,
    pub threat: i32,
}

impl Outcome {
    /// Fallback: the swing misses.
    pub fn fallback(id: u32) -> Self {
        Self { id, kind: HitKind::Miss, base: 0, raw: 0, amount: 0, threat: 0 }
    }
}

/// See `ability.cast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Cast {
    pub id: u32,
    pub caster: EntityId,
    pub target: EntityId,
    pub ability: DefId,
    pub caster_level: u32,
    pub caster_is_npc: bool,
    pub distance_mm: u32,
    pub health: i32,
    pub health_max: i32,
    pub mana: i32,
    pub energy: i32,
    pub cooldown_left_ticks: u32,
    pub since_last_action_ticks: u32,
    pub stunned: bool,
    pub silenced: bool,
    pub range_mm: u32,
    pub mana_cost: u32,
    pub energy_cost: u32,
    pub cooldown_ticks: u32,
    pub power_permille: u32,
    pub element: Element,
    pub status: DefId,
    pub status_ticks: u32,
    pub heal: u32,
    pub seed: u64,
}

/// Whether an ability happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Verdict {
    Allow,
    OutOfRange,
    OnCooldown,
    TooSoon,
    NotEnoughMana,
    NotEnoughEnergy,
    Stunned,
    Silenced,
    Invalid,
}

/// See `ability.plan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Plan {
    pub id: u32,
    pub verdict: Verdict,
    pub mana_cost: u32,
    pub energy_cost: u32,
    pub cooldown_ticks: u32,
    pub power_permille: u32,
    pub element: Element,
    pub status: DefId,
    pub status_ticks: u32,
    pub status_stacks: u32,
    pub heal: u32,
}

impl Plan {
    /// Fallback: the ability does not happen.
    pub fn fallback(id: u32) -> Self {
        Self {
            id,
            verdict: Verdict::Invalid,
            mana_cost: 0,
            energy_cost: 0,
            cooldown_ticks: 0,
            power_permille: 0,
            element: Element::Physical,
            status: DefId::NONE,
            status_ticks: 0,
            status_stacks: 0,
            heal: 0,
        }
    }
}

/// See `ability.pulse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Pulse {
    pub id: u32,
    pub source: EntityId,
    pub bearer: EntityId,
    pub status: DefId,
    pub stacks: u32,
    pub age_ticks: u32,
    pub left_ticks: u32,
    pub health: i32,
    pub health_max: i32,
    pub strength: i32,
    pub element: Element,
    pub resistance_permille: i32,
    pub seed: u64,
}

/// See `ability.pulse-outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct PulseOutcome {
    pub id: u32,
    pub damage: i32,
    pub expire: bool,
}

impl PulseOutcome {
    /// Fallback: the pulse does nothing.
    pub fn fallback(id: u32) -> Self {
        Self { id, damage: 0, expire: false }
    }
}

/// What an NPC is doing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[allow(missing_docs)]
pub enum NpcState {
    #[default]
    Idle,
    Wander,
    Chase,
    Attack,
    Flee,
    ReturnHome,
}

/// See `npc.perception`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Perception {
    pub id: EntityId,
    pub template: DefId,
    pub level: u32,
    pub state: NpcState,
    pub state_ticks: u32,
    pub memory: i64,
    pub health_permille: u32,
    pub at: Position,
    pub home: Position,
    pub distance_home_mm: u32,
    pub target: EntityId,
    pub target_at: Position,
    pub target_distance_mm: u32,
    pub target_health_permille: u32,
    pub nearest: EntityId,
    pub nearest_distance_mm: u32,
    pub friends_fighting: u32,
    pub friends_idle: u32,
    pub stunned: bool,
    pub ready_in_ticks: u32,
    pub aggro_mm: u32,
    pub leash_mm: u32,
    pub wander_mm: u32,
    pub reach_mm: u32,
    pub flee_below_permille: u32,
    pub basic: DefId,
    pub special: DefId,
    pub special_ready_in_ticks: u32,
    pub seed: u64,
}

/// See `npc.decision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Decision {
    pub id: EntityId,
    pub state: NpcState,
    pub target: EntityId,
    pub destination: Position,
    pub speed_permille: u32,
    pub ability: DefId,
    pub call_for_help: bool,
    pub memory: i64,
}

impl Decision {
    /// Fallback: stand still, keep state, target and memory.
    pub fn fallback(npc: &Perception) -> Self {
        Self {
            id: npc.id,
            state: npc.state,
            target: npc.target,
            destination: npc.at,
            speed_permille: 0,
            ability: DefId::NONE,
            call_for_help: false,
            memory: npc.memory,
        }
    }
}

/// The state of a quest for one character.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
#[allow(missing_docs)]
pub enum QuestState {
    #[default]
    Unavailable,
    Available,
    Active,
    Complete,
    TurnedIn,
    Failed,
    Abandoned,
}

/// See `quest.objective`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct ObjectiveView {
    pub deed: Deed,
    pub subject: DefId,
    pub needed: u32,
    pub done: u32,
}

/// See `quest.trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Trigger {
    Offer,
    Accept,
    Happened { deed: Deed, subject: DefId, amount: u32 },
    TurnIn,
    Abandon,
}

/// See `quest.inquiry`; `progress` is flattened into it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Inquiry {
    pub id: u32,
    pub character: CharacterId,
    pub entity: EntityId,
    pub level: u32,
    pub required_level: u32,
    pub prerequisites_met: bool,
    pub repeatable: bool,
    pub quest: DefId,
    pub state: QuestState,
    pub objectives: Vec<ObjectiveView>,
    pub memory: i64,
    pub trigger: Trigger,
    pub seed: u64,
}

/// See `quest.step`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct QuestStep {
    pub id: u32,
    pub state: QuestState,
    pub done: Vec<u32>,
    pub reward_permille: u32,
    pub memory: i64,
}

impl QuestStep {
    /// Fallback: nothing changes.
    pub fn fallback(inquiry: &Inquiry) -> Self {
        Self {
            id: inquiry.id,
            state: inquiry.state,
            done: inquiry.objectives.iter().map(|objective| objective.done).collect(),
            reward_permille: 0,
            memory: inquiry.memory,
        }
    }
}

/// See `dialog.conversation`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Conversation {
    pub id: u32,
    pub character: EntityId,
    pub npc: EntityId,
    pub npc_template: DefId,
    pub dialog: DefId,
    pub level: u32,
    pub gold: u32,
    pub node: DefId,
    pub choice: DefId,
    pub flags: u64,
    pub quests: Vec<(DefId, QuestState)>,
    pub items: Vec<(DefId, u32)>,
    pub seed: u64,
}

/// See `dialog.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum DialogAction {
    AcceptQuest(DefId),
    TurnInQuest(DefId),
    GiveItem { item: DefId, count: u32 },
    TakeItem { item: DefId, count: u32 },
    TakeGold(u32),
    Rest,
    SetFlag(u32),
}

/// See `dialog.reply`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct DialogReply {
    pub id: u32,
    pub node: DefId,
    pub choices: Vec<DefId>,
    pub actions: Vec<DialogAction>,
}

impl DialogReply {
    /// Fallback: the conversation ends.
    pub fn fallback(id: u32) -> Self {
        Self { id, node: DefId::NONE, choices: Vec::new(), actions: Vec::new() }
    }
}
