//! What leaves a tick.

use crate::content::{EquipSlot, ItemCount, Position};
use crate::ids::{CharacterId, DefId, DuelId, EntityId, RequestId};
use crate::input::{CharacterState, QuestProgress, Stack};
use crate::rules::{BlockReason, EventOutcome, HitKind, Origin, Verdict};

/// Everything one step produced, in the order it happened. Reused between ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Answers to commands.
    pub replies: Vec<Reply>,
    /// What could be seen; each has a place, so that only those near are told.
    pub events: Vec<Event>,
    /// What must be durable. A client may be told of a fact only after it was committed.
    pub facts: Vec<Fact>,
    /// What one character alone is told, at once.
    pub notices: Vec<(CharacterId, Notice)>,
    /// Characters that are no longer in the zone, with where they go.
    pub departures: Vec<Departure>,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whom.
    pub character: CharacterId,
    /// To what.
    pub request: RequestId,
    /// Accepted, or why not. If the command caused facts, tell the client after their commit.
    pub result: Result<Accepted, Rejection>,
}

/// A command was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Nothing more to say.
    Done,
    /// A conversation is open; the notice tells what is said.
    Dialog,
    /// An NPC without a dialog says its greeting, as an event.
    Greeting,
    /// An item was picked up.
    PickedUp,
    /// What a shop asks and pays.
    Prices(Box<PriceList>),
    /// Something was bought or sold.
    Traded {
        /// Gold for one.
        unit: u32,
        /// How many.
        count: u32,
    },
    /// Somebody was challenged to a duel.
    Challenged {
        /// What it is called from now on.
        duel: DuelId,
    },
}

/// What a shop asks and pays one character. What it does not deal in is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// `shop/NAME`.
    pub shop: DefId,
    /// What it sells.
    pub asks: Vec<Price>,
    /// What it buys of what the character carries.
    pub pays: Vec<Price>,
    /// Who decided.
    pub origin: Origin,
}

/// The price of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// `item/NAME`.
    pub item: DefId,
    /// Gold for one.
    pub unit: u32,
}

/// Why a command was not carried out. Stable codes: clients rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// The character is not in this zone.
    NotInZone,
    /// The character is dead.
    Dead,
    /// No such entity, or it is out of sight.
    NoTarget,
    /// The target cannot be attacked, talked to or picked up.
    WrongTarget,
    /// Too far away for this.
    OutOfRange,
    /// The character does not have this ability (yet).
    UnknownAbility,
    /// The ability script refused; never [`Verdict::Allow`].
    Ability(Verdict),
    /// No such quest.
    UnknownQuest,
    /// The quest script did not allow it in this state.
    QuestState,
    /// Too many active quests.
    QuestLimit,
    /// No conversation is open.
    NoDialog,
    /// That choice is not offered.
    UnknownChoice,
    /// Nothing in that slot.
    EmptySlot,
    /// The item cannot be used that way.
    WrongItem,
    /// Level or class forbids it.
    Requirement,
    /// No free slot.
    InventoryFull,
    /// More than there is, or zero.
    BadCount,
    /// The line is empty or too long.
    BadText,
    /// The chat filter refused the line.
    Chat(BlockReason),
    /// The zone is full.
    ZoneFull,
    /// The shop does not sell this, or does not deal in it.
    NotForSale,
    /// The character cannot pay.
    NotEnoughGold,
    /// The price is not the one the character agreed to.
    PriceChanged,
    /// Too many trades in this tick.
    ShopBusy,
    /// The character has no such challenge or duel, or there are no duels here.
    NoDuel,
    /// The other has the turn.
    NotYourTurn,
    /// One of the two has a challenge or a duel already, or the zone has too many.
    DuelBusy,
}

impl Rejection {
    /// The stable code on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotInZone => "not_in_zone",
            Self::Dead => "dead",
            Self::NoTarget => "no_target",
            Self::WrongTarget => "wrong_target",
            Self::OutOfRange | Self::Ability(Verdict::OutOfRange) => "out_of_range",
            Self::UnknownAbility => "unknown_ability",
            Self::Ability(Verdict::OnCooldown) => "on_cooldown",
            Self::Ability(Verdict::TooSoon) => "too_soon",
            Self::Ability(Verdict::NotEnoughMana) => "not_enough_mana",
            Self::Ability(Verdict::NotEnoughEnergy) => "not_enough_energy",
            Self::Ability(Verdict::Stunned) => "stunned",
            Self::Ability(Verdict::Silenced) => "silenced",
            Self::Ability(Verdict::Invalid | Verdict::Allow) => "ability_refused",
            Self::UnknownQuest => "unknown_quest",
            Self::QuestState => "quest_state",
            Self::QuestLimit => "quest_limit",
            Self::NoDialog => "no_dialog",
            Self::UnknownChoice => "unknown_choice",
            Self::EmptySlot => "empty_slot",
            Self::WrongItem => "wrong_item",
            Self::Requirement => "requirement",
            Self::InventoryFull => "inventory_full",
            Self::BadCount => "bad_count",
            Self::BadText => "bad_text",
            Self::Chat(BlockReason::Profanity) => "chat_profanity",
            Self::Chat(BlockReason::Spam) => "chat_spam",
            Self::Chat(BlockReason::Shouting) => "chat_shouting",
            Self::Chat(BlockReason::Link) => "chat_link",
            Self::Chat(BlockReason::Muted) => "chat_muted",
            Self::Chat(BlockReason::Other) => "chat_refused",
            Self::ZoneFull => "zone_full",
            Self::NotForSale => "not_for_sale",
            Self::NotEnoughGold => "not_enough_gold",
            Self::PriceChanged => "price_changed",
            Self::ShopBusy => "shop_busy",
            Self::NoDuel => "no_duel",
            Self::NotYourTurn => "not_your_turn",
            Self::DuelBusy => "duel_busy",
        }
    }
}

/// Something that could be seen or heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where; `None` is heard in the whole zone.
    pub at: Option<Position>,
    /// What decided it.
    pub origin: Origin,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A swing and what became of it.
    Swing {
        /// Who.
        attacker: EntityId,
        /// Whom.
        defender: EntityId,
        /// `ability/NAME`.
        ability: DefId,
        /// How it ended.
        hit: HitKind,
        /// After variance.
        base: i32,
        /// After the critical multiplier.
        raw: i32,
        /// Health lost.
        amount: i32,
        /// How it hurts.
        element: crate::content::Element,
    },
    /// A status hurt or healed (negative amount) its bearer.
    Pulse {
        /// Who put it there.
        source: EntityId,
        /// Who bears it.
        bearer: EntityId,
        /// `status/NAME`.
        status: DefId,
        /// Health lost.
        amount: i32,
    },
    /// Somebody got health.
    Heal {
        /// From whom.
        source: EntityId,
        /// Who.
        target: EntityId,
        /// `ability/NAME`, `item/NAME` or `encounter/NAME`.
        by: DefId,
        /// Health gained.
        amount: i32,
    },
    /// Somebody died.
    Death {
        /// Who.
        entity: EntityId,
        /// By whom.
        killer: EntityId,
    },
    /// Somebody spoke.
    Chat {
        /// Speaker.
        entity: EntityId,
        /// Speaker's name.
        name: String,
        /// The words: data, never markup.
        text: String,
    },
    /// The sky of the zone changed, or an hour began.
    Environment(Environment),
    /// The zone is told `announcement/NAME`.
    Announcement(DefId),
    /// A world event began, went on or is over.
    World(EventReport),
}

/// Where a world event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventReport {
    /// `event/NAME`.
    pub event: DefId,
    /// From 1; 0 when it is over.
    pub stage: u32,
    /// Its creatures that died in this stage.
    pub kills: u32,
    /// Until the time of the stage is over.
    pub ends_in_ticks: u32,
    /// Going, or how it ended.
    pub outcome: EventOutcome,
}

/// Time and sky of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Minute of the game's day, 0..1440.
    pub minute_of_day: u32,
    /// From the hour: sunrise 5-7, daylight, sunset 18-20, night.
    pub lighting: Lighting,
    /// What the sky does.
    pub weather: crate::content::Weather,
    /// Tenths of a degree Celsius.
    pub temperature_dc: i32,
}

/// Light of the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lighting {
    /// 5:00 to 7:00.
    Sunrise,
    /// 7:00 to 18:00.
    Daylight,
    /// 18:00 to 20:00.
    Sunset,
    /// 20:00 to 5:00.
    Night,
}

/// What one character alone is told, without waiting for a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A movement was refused; be here instead.
    Corrected {
        /// The refused movement.
        seq: u32,
        /// Where the server says the character is.
        at: Position,
    },
    /// An NPC says something and offers choices.
    DialogShown {
        /// Who speaks.
        npc: EntityId,
        /// `dialog/NAME`.
        dialog: DefId,
        /// Hash of `dialog/NAME/NODE`.
        node: DefId,
        /// Its text, variables replaced.
        text: String,
        /// Offered choices.
        choices: Vec<DefId>,
        /// Who led the conversation.
        origin: Origin,
    },
    /// The conversation is over.
    DialogEnded,
    /// The character has died and will come back.
    Died {
        /// Ticks until then.
        respawn_ticks: u32,
    },
    /// The character is back.
    Respawned,
    /// Somebody asks for a duel.
    DuelChallenged {
        /// What the challenge is called.
        duel: DuelId,
        /// Who asks.
        from: EntityId,
        /// The name of who asks.
        name: String,
        /// Ticks left to answer.
        answer_ticks: u32,
    },
    /// A challenge did not become a duel.
    ChallengeEnded {
        /// Which.
        duel: DuelId,
        /// Why.
        why: DuelEnd,
    },
    /// A duel has begun, or a turn of it is over.
    DuelTurn(Box<DuelState>),
}

/// A duel, as one of the two is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuelState {
    /// Which.
    pub duel: DuelId,
    /// 1 and up.
    pub round: u32,
    /// Who has the turn, [`EntityId::NONE`] once it is over.
    pub actor: EntityId,
    /// Ticks left for it.
    pub turn_ticks: u32,
    /// The challenger first.
    pub sides: [DuelistState; 2],
    /// What who is told can do.
    pub moves: Vec<MoveState>,
    /// The turn before; none at the beginning.
    pub last: Option<DuelBlow>,
    /// Who decided it, or who begins.
    pub origin: Origin,
}

/// One side of a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DuelistState {
    pub entity: EntityId,
    pub health: i32,
    pub health_max: i32,
    pub mana: i32,
    pub mana_max: i32,
    pub energy: i32,
    pub energy_max: i32,
    /// Leaves its turns to the script.
    pub auto: bool,
}

/// Something one can do in a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveState {
    /// `ability/NAME`.
    pub ability: DefId,
    /// Cost.
    pub mana_cost: u32,
    /// Cost.
    pub energy_cost: u32,
    /// Own turns until it is ready.
    pub cooldown_turns: u32,
    /// Ready, and paid for.
    pub ready: bool,
}

/// What a turn of a duel was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuelBlow {
    /// Whose.
    pub actor: EntityId,
    /// `ability/NAME`; none for a turn that was passed.
    pub ability: DefId,
    /// How a swing ended.
    pub hit: Option<HitKind>,
    /// Health the foe has lost.
    pub amount: i32,
    /// Health the actor has got.
    pub heal: i32,
    /// The time of the turn was over.
    pub timed_out: bool,
    /// Who decided the swing, or the turn if it had none.
    pub origin: Origin,
}

/// A turn of a duel, as one of the two will remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuelEntry {
    /// The own turn, not the other's.
    pub own: bool,
    /// `ability/NAME`; none for a turn that was passed.
    pub ability: DefId,
    /// Health the foe has lost.
    pub amount: i32,
    /// Health the actor has got.
    pub heal: i32,
}

/// Against whom a duel was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opponent {
    /// Another character.
    Character(CharacterId),
    /// `npc/NAME`.
    Npc(DefId),
}

/// How a duel was for one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum DuelResult {
    Won,
    Lost,
    Drawn,
}

impl DuelResult {
    /// On the wire and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Drawn => "drawn",
        }
    }
}

/// Why a challenge or a duel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DuelEnd {
    /// Somebody has no health left.
    Health,
    /// The script has said so.
    Verdict,
    /// Somebody has given up.
    Surrender,
    /// Somebody has gone away.
    Left,
    /// Somebody has died, outside of the duel.
    Died,
    /// It has lasted too long.
    Time,
    /// The challenge was turned down or taken back.
    Declined,
    /// Nobody has answered the challenge.
    Expired,
    /// There are no duels any more.
    Cancelled,
}

impl DuelEnd {
    /// On the wire and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Verdict => "verdict",
            Self::Surrender => "surrender",
            Self::Left => "left",
            Self::Died => "died",
            Self::Time => "time",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A change that must survive: the journal row, and what it does to the current state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Whose.
    pub character: CharacterId,
    /// What decided it.
    pub origin: Origin,
    /// The request that caused it, if one did: reply after the commit.
    pub request: Option<RequestId>,
    /// What.
    pub kind: FactKind,
}

/// What changed. Each variant carries both the change (for the journal) and the value after it
/// (for the current state), so that storing it needs no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Experience was gained or lost, perhaps with levels.
    Experience {
        /// Change; negative by death.
        delta: i64,
        /// Why.
        reason: Reason,
        /// Level afterwards.
        level: u32,
        /// Experience in that level afterwards.
        experience: u64,
    },
    /// Gold came or went.
    Gold {
        /// Change.
        delta: i64,
        /// Why.
        reason: Reason,
        /// Gold afterwards.
        gold: u64,
    },
    /// The contents of an inventory slot changed.
    Slot {
        /// Which.
        slot: u16,
        /// What is in it afterwards.
        stack: Option<Stack>,
    },
    /// An equipment slot changed.
    Equipment {
        /// Which.
        slot: EquipSlot,
        /// What is worn afterwards.
        item: Option<DefId>,
    },
    /// Items came into or left the character's possession (not moves between its slots).
    Item {
        /// `item/NAME`.
        item: DefId,
        /// Change of the number owned.
        delta: i64,
        /// Why.
        reason: Reason,
    },
    /// A quest changed.
    Quest {
        /// `quest/NAME`.
        quest: DefId,
        /// How it stands afterwards.
        progress: QuestProgress,
        /// The schema that is written in.
        schema: u32,
    },
    /// A dialog flag was set.
    DialogFlags {
        /// `dialog/NAME`.
        dialog: DefId,
        /// All flags afterwards.
        flags: u64,
        /// The schema these are written in.
        schema: u32,
    },
    /// The character died.
    Died {
        /// By what kind of NPC, or none.
        killer: DefId,
    },
    /// A duel is over.
    Duel {
        /// Which, in its zone.
        duel: DuelId,
        /// Against whom.
        opponent: Opponent,
        /// How it was for this character.
        result: DuelResult,
        /// Why it is over.
        why: DuelEnd,
        /// Rounds it has taken.
        rounds: u32,
        /// Its last turns, at most [`crate::limits::DUEL_LOG`].
        log: Vec<DuelEntry>,
    },
    /// The character was paid for its part in a world event; what it got has facts of its own.
    EventReward {
        /// `event/NAME`.
        event: DefId,
        /// From 1: who did most.
        rank: u32,
        /// How many took part.
        participants: u32,
        /// What it did: health it took from creatures of the event.
        points: u64,
        /// Paid.
        experience: u64,
        /// Paid.
        gold: u64,
        /// Paid; what did not fit lies at its feet.
        items: Vec<ItemCount>,
    },
    /// A world event of the zone is over; of no character.
    EventEnded {
        /// `event/NAME`.
        event: DefId,
        /// Whether it came to a good end.
        success: bool,
        /// How many took part.
        participants: u32,
    },
    /// Where the character is: on leaving, on crossing, and every few seconds.
    Whereabouts {
        /// `zone/NAME`.
        zone: DefId,
        /// Where.
        at: Position,
        /// Health.
        health: i32,
        /// Mana.
        mana: i32,
    },
}

/// Sources and sinks of experience, gold and items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Killing `npc/NAME`.
    Kill(DefId),
    /// Loot of `npc/NAME`.
    Loot(DefId),
    /// Reward of `quest/NAME`.
    QuestReward(DefId),
    /// Handed in for `quest/NAME`.
    QuestDelivery(DefId),
    /// `dialog/NAME` gave or took it.
    Dialog(DefId),
    /// Used up.
    Consumed,
    /// Put on the ground.
    Dropped,
    /// Taken from the ground.
    PickedUp,
    /// Lost by death.
    Death,
    /// Bought from `shop/NAME`.
    Bought(DefId),
    /// Sold to `shop/NAME`.
    Sold(DefId),
    /// Reward of `event/NAME`.
    Event(DefId),
}

/// A character that left the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// All of it, as it left; `zone` and `at` are where it goes.
    pub state: Box<CharacterState>,
    /// Its last acknowledged movement.
    pub last_seq: u32,
    /// Why.
    pub kind: DepartureKind,
}

/// Why a character left a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepartureKind {
    /// Its client is gone.
    Left,
    /// It walked into a crossing; `state.zone` names the other side.
    Crossed,
    /// It could not enter: the zone is full. Nothing about it was changed.
    Refused,
}
