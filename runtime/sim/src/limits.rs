//! Every bound of the simulation, with its unit and reason.

/// Inputs admitted per tick and zone; the rest waits in the inbox. 100 players at 20 inputs a
/// second are 100 a tick, so this is forty times the intended load.
pub const INPUTS_PER_TICK: usize = 4_096;
/// Entities of one zone; spawns beyond it are refused and counted.
pub const ENTITIES_PER_ZONE: usize = 20_000;
/// NPCs that one event or one NPC can have called into the zone at once: a crowd that a group can
/// still fight, and a bound on what a script gone wild can fill a zone with.
pub const SUMMONED_PER_SUMMONER: usize = 64;
/// Characters whose part in one event is counted: more than a zone's population, so that only those go
/// uncounted who come when many have left again.
pub const EVENT_PARTICIPANTS: usize = 500;
/// Milliseconds after the time of a stage in which its script can still say what comes next: an event that
/// nobody conducts any more fails, and its creatures leave.
pub const EVENT_OVERTIME_MS: u32 = 60_000;
/// Most a script may pay of an event's reward, permille, as for quests.
pub const EVENT_REWARD_PERMILLE: u32 = 2_000;
/// Ground items of one zone, so that litter never keeps players or NPCs out.
pub const GROUND_ITEMS_PER_ZONE: usize = 4_000;
/// Inventory slots of a character (fixed for now; bags come later).
pub const INVENTORY_SLOTS: u16 = 32;
/// Statuses one entity can bear at once.
pub const STATUSES_PER_ENTITY: usize = 16;
/// Enemies an NPC remembers.
pub const THREAT_ENTRIES: usize = 32;
/// Quests a character may have active at once.
pub const ACTIVE_QUESTS: usize = 25;
/// Bytes of one chat line.
pub const CHAT_BYTES: usize = 500;
/// Listed words of one line that the chat filter is shown: a line of the shortest words has more, but
/// no other verdict.
pub const CHAT_HITS: usize = 32;
/// Strikes the host keeps for a sender: far beyond any filter's patience.
pub const STRIKES_MAX: u32 = 1_000;
/// Hottest and, below zero, coldest a script may make a zone, tenths of a degree Celsius.
pub const TEMPERATURE_MAX_DC: i32 = 1_000;
/// Slowest and fastest a script may fill the places of dead NPCs again, permille of the content's
/// rate: a zone is neither emptied nor flooded.
pub const SPAWN_PERMILLE: (u32, u32) = (100, 10_000);
/// Characters that come and go in one tick and are told to the zone's script, the first ones: more than a zone takes
/// by default.
pub const VISITS_PER_TICK: usize = 256;
/// Highest level a character can reach.
pub const LEVEL_MAX: u32 = 60;
/// Most gold a character can carry.
pub const GOLD_MAX: u64 = 1_000_000_000_000;
/// Damage or healing of one decision, either way.
pub const AMOUNT_MAX: i32 = 1_000_000;
/// Milliseconds between two actions of one entity (C1).
pub const ACTION_GAP_MS: u32 = 500;
/// Movement a client may have saved up, in milliseconds of full speed: covers network jitter.
pub const MOVE_CREDIT_MS: u32 = 400;
/// Extra speed granted before movement is called impossible, permille (B6: 10 %).
pub const MOVE_TOLERANCE_PERMILLE: u32 = 100;
/// Choices and actions a dialog reply may hold.
pub const DIALOG_ITEMS: usize = 8;
/// Distance within which a character can talk, pick up or turn in, millimetres.
pub const INTERACT_RANGE_MM: u32 = 5_000;
/// Friends an NPC can call, and how far its call carries, millimetres.
pub const CALL_RANGE_MM: u32 = 20_000;
/// Ground items disappear after this many milliseconds.
pub const GROUND_ITEM_MS: u32 = 120_000;
/// Pieces one death may leave: an inventory twice over.
pub const LOOT_PIECES: usize = 64;
/// Gold one death may leave, in times of the most the content says.
pub const LOOT_GOLD_TIMES: u32 = 10;
/// Loot tables one death may look into, and their rows: each crosses to the script with every death.
pub const LOOT_TABLES: usize = 16;
/// See [`LOOT_TABLES`].
pub const LOOT_ROWS: usize = 256;
/// Experience of one kill, or between two levels.
pub const EXPERIENCE_MAX: u64 = 1_000_000_000_000;
/// Ticks from death to return: an hour at 20 Hz.
pub const RESPAWN_TICKS_MAX: u32 = 72_000;
/// Gold for one piece of an item.
pub const PRICE_MAX: u32 = 1_000_000_000;
/// Pieces of one purchase or sale: an inventory full of the smallest things.
pub const TRADE_COUNT_MAX: u32 = 10_000;
/// Things one shop sells.
pub const SHOP_GOODS: usize = 64;
/// Prices asked of the economy script in one tick: two calls. Who asks beyond it is told to ask again.
pub const PRICES_PER_TICK: usize = 2_000;
/// Tries of one attempt to make something.
pub const CRAFT_COUNT_MAX: u32 = 100;
/// Attempts that the economy script is asked about in one tick: one call. Who asks beyond it is told to ask again.
pub const CRAFTS_PER_TICK: usize = 1_000;
/// Gold for one service, such as one try of a recipe.
pub const FEE_MAX: u32 = 1_000_000;
/// Kinds of things that a recipe takes.
pub const RECIPE_INGREDIENTS: usize = 8;
/// A share that changes nothing.
pub const UNCHANGED_PERMILLE: u32 = 1_000;
/// Phases of one encounter: each crosses to the script with every question about its boss.
pub const ENCOUNTER_PHASES: usize = 16;
/// Share of its damage that an encounter may make a boss deal: never harmless, never one blow for
/// everybody.
pub const BOSS_POWER_PERMILLE: (u32, u32) = (100, 5_000);
/// Share of its speed that an encounter may give a boss: it always moves, and can be run from.
pub const BOSS_SPEED_PERMILLE: (u32, u32) = (100, 2_000);
/// Adds that one answer may call.
pub const ADDS_PER_DIRECTION: u32 = 16;
/// Adds stand at most so far from the boss that called them, millimetres.
pub const ADDS_RADIUS_MM: u32 = 4_000;
/// Challenges and duels of one zone at once: more than its population allows in pairs, and each costs a
/// view now and then.
pub const DUELS_PER_ZONE: usize = 256;
/// Ticks of one turn of a duel: a second to two minutes at 20 Hz.
pub const TURN_TICKS: (u32, u32) = (20, 2_400);
/// Share of an ability's power in a turn of a duel.
pub const ACT_POWER_MAX_PERMILLE: u32 = 5_000;
/// Turns until an ability is ready again in a duel.
pub const COOLDOWN_TURNS_MAX: u32 = 100;
/// Who is farther away from a foe has left the duel, millimetres: a few steps out of its way.
pub const DUEL_RANGE_MM: u32 = 30_000;
/// Turns of a duel that the journal keeps, the last ones.
pub const DUEL_LOG: usize = 100;
