//! What leaves a tick.

use crate::content::Position;
use crate::ids::{CharacterId, DefId, DuelId, EntityId, RequestId};
use crate::input::CharacterState;
use crate::rules::{BlockReason, EventOutcome, HitKind, Origin, Verdict};

mod duel;
mod fact;

pub use duel::{DuelBlow, DuelEnd, DuelEntry, DuelResult, DuelState, DuelistState, MoveState, Opponent};
pub use fact::{Fact, FactKind, Reason};

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
    /// Ticks until the same command may be accepted, if it was refused for a time that is known.
    pub again_ticks: Option<u32>,
}

impl Reply {
    /// Of something that is not a matter of time.
    pub(crate) fn new(
        character: CharacterId,
        request: RequestId,
        result: Result<Accepted, Rejection>,
    ) -> Self {
        Self { character, request, result, again_ticks: None }
    }
}

/// A command was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Nothing more to say.
    Done,
    /// A conversation was begun; the notice tells what is said.
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
    /// Something was tried to be made.
    Crafted {
        /// Pieces of the product.
        made: u32,
        /// Pieces of the masterwork.
        masterworks: u32,
        /// Tries that failed.
        failed: u32,
        /// Gold paid.
        fee: u32,
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
    /// No such recipe.
    UnknownRecipe,
    /// The character does not carry what the recipe takes.
    MissingIngredients,
    /// Too many attempts in this tick.
    CraftBusy,
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
            Self::UnknownRecipe => "unknown_recipe",
            Self::MissingIngredients => "missing_ingredients",
            Self::CraftBusy => "craft_busy",
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
    /// The zone greets it with `announcement/NAME`.
    Greeted(DefId),
    /// A duel has begun, or a turn of it is over.
    DuelTurn(Box<DuelState>),
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
