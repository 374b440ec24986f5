//! One plausible view per export: what a candidate is asked before anybody depends on it.

use sim::content::{Deed, Element, Position, Rarity, Stats, Weather};
use sim::rules::{
    Attack, Attempt, Bout, BoutOccasion, Cast, Channel, Charge, Context, Conversation, Deal, DuelistView,
    EventMoment, EventOccasion, Fall, Growth, Hit, Inquiry, Kill, LevelStep, Line, Merit, Moment, Move,
    NpcState, ObjectiveView, Occasion, Pairing, Perception, PhaseView, Pulse, QuestState, RowView, Service,
    Side, Spoils, StageView, TableView, Trigger, Turn,
};
use sim::{CharacterId, EntityId, def_id};

pub(crate) const CONTEXT: Context =
    Context { tick: 1_000, tick_ms: 50, zone: def_id("zone/sample"), minute_of_day: 720 };

const SEED: u64 = 0x5eed_0000_0000_0001;

pub(crate) fn attack() -> Attack {
    Attack {
        id: 1,
        attacker: EntityId(11),
        defender: EntityId(12),
        element: Element::Physical,
        attacker_level: 5,
        defender_level: 5,
        attacker_is_npc: false,
        defender_is_npc: true,
        accuracy: 50,
        evasion: 50,
        distance_mm: 1_500,
        attack_power: 20,
        weapon_damage: 10,
        power_permille: 1_000,
        critical_chance: 10,
        defence: 5,
        resistance_permille: 100,
        block_chance: 5,
        dodge_chance: 5,
        defender_health: 200,
        defender_health_max: 250,
        seed: SEED,
    }
}

pub(crate) fn cast() -> Cast {
    Cast {
        id: 1,
        caster: EntityId(11),
        target: EntityId(12),
        ability: def_id("ability/sample"),
        caster_level: 5,
        caster_is_npc: false,
        distance_mm: 1_500,
        health: 150,
        health_max: 200,
        mana: 80,
        energy: 80,
        cooldown_left_ticks: 0,
        since_last_action_ticks: 40,
        stunned: false,
        silenced: false,
        range_mm: 3_000,
        mana_cost: 10,
        energy_cost: 5,
        cooldown_ticks: 60,
        power_permille: 1_200,
        element: Element::Fire,
        status: def_id("status/sample"),
        status_ticks: 100,
        heal: 0,
        seed: SEED,
    }
}

pub(crate) fn pulse() -> Pulse {
    Pulse {
        id: 1,
        source: EntityId(11),
        bearer: EntityId(12),
        status: def_id("status/sample"),
        stacks: 2,
        age_ticks: 20,
        left_ticks: 80,
        health: 150,
        health_max: 200,
        strength: 6,
        element: Element::Fire,
        resistance_permille: 100,
        seed: SEED,
    }
}

pub(crate) fn perception() -> Perception {
    Perception {
        id: EntityId(21),
        template: def_id("npc/sample"),
        level: 5,
        state: NpcState::Idle,
        state_ticks: 40,
        memory: 0,
        health_permille: 1_000,
        at: Position::units(50, 50),
        home: Position::units(50, 50),
        distance_home_mm: 0,
        target: EntityId::NONE,
        target_at: Position::default(),
        target_distance_mm: 0,
        target_health_permille: 0,
        nearest: EntityId(11),
        nearest_distance_mm: 9_000,
        friends_fighting: 0,
        friends_idle: 1,
        stunned: false,
        ready_in_ticks: 0,
        aggro_mm: 10_000,
        leash_mm: 30_000,
        wander_mm: 5_000,
        reach_mm: 2_000,
        flee_below_permille: 200,
        basic: def_id("ability/sample"),
        special: def_id("ability/sample-special"),
        special_ready_in_ticks: 0,
        seed: SEED,
    }
}

pub(crate) fn inquiry() -> Inquiry {
    let subject = def_id("npc/sample");
    Inquiry {
        id: 1,
        character: CharacterId(7),
        entity: EntityId(11),
        level: 5,
        required_level: 1,
        prerequisites_met: true,
        repeatable: false,
        quest: def_id("quest/sample"),
        state: QuestState::Active,
        objectives: vec![ObjectiveView { deed: Deed::Kill, subject, needed: 3, done: 1 }],
        memory: 0,
        trigger: Trigger::Happened { deed: Deed::Kill, subject, amount: 1 },
        seed: SEED,
    }
}

pub(crate) fn conversation() -> Conversation {
    Conversation {
        id: 1,
        character: EntityId(11),
        npc: EntityId(21),
        npc_template: def_id("npc/sample"),
        dialog: def_id("dialog/sample"),
        level: 5,
        gold: 100,
        node: sim::DefId::NONE,
        choice: sim::DefId::NONE,
        flags: 0,
        quests: vec![(def_id("quest/sample"), QuestState::Available)],
        items: vec![(def_id("item/sample"), 1)],
        seed: SEED,
    }
}

pub(crate) fn line() -> Line {
    let text = "Damn, that wolf was big!".to_owned();
    Line {
        id: 1,
        sender: EntityId(11),
        sender_level: 5,
        channel: Channel::Zone,
        text,
        flags: 0,
        hits: vec![Hit { start: 0, len: 4, severity: 1 }],
        strikes: 1,
        since_last_ticks: 200,
        repeats: 0,
        seed: SEED,
    }
}

pub(crate) fn spoils() -> Spoils {
    let row = |table, guaranteed, weight, item, nested, most| RowView {
        table,
        guaranteed,
        weight,
        item,
        nested,
        rarity: Rarity::Uncommon,
        least: 1,
        most,
    };
    let (none, item) = (sim::DefId::NONE, def_id("item/sample"));
    Spoils {
        id: 1,
        looter: EntityId(11),
        looter_level: 5,
        luck_permille: 100,
        prey: EntityId(21),
        npc: def_id("npc/sample"),
        npc_level: 4,
        boss: false,
        fighters: 2,
        gold_least: 2,
        gold_most: 8,
        tables: vec![
            TableView { table: def_id("loot/sample"), rolls: 2 },
            TableView { table: def_id("loot/sample-gems"), rolls: 1 },
        ],
        rows: vec![
            row(0, true, 1, item, 0, 2),
            row(0, false, 60, none, 0, 1),
            row(0, false, 30, item, 0, 3),
            row(0, false, 10, none, 1, 1),
            row(1, false, 1, def_id("item/sample-gem"), 0, 1),
        ],
        seed: SEED,
    }
}

pub(crate) fn moment() -> Moment {
    Moment {
        id: 1,
        zone: def_id("zone/sample"),
        occasion: Occasion::Hour,
        character: EntityId::NONE,
        level: 0,
        hour: 20,
        minute_of_day: 1_200,
        weather: Weather::Cloudy,
        temperature_dc: 120,
        spawn_permille: 1_000,
        noon_temperature_dc: 180,
        chances: vec![(Weather::Clear, 3), (Weather::Rain, 1)],
        population: 12,
        population_cap: 100,
        memory: 0,
        seed: SEED,
    }
}

pub(crate) fn event_moment() -> EventMoment {
    let stage = |kills_needed, creatures| StageView {
        duration_ticks: 2_400,
        kills_needed,
        creatures,
        announcement: sim::DefId::NONE,
    };
    EventMoment {
        id: 1,
        event: def_id("event/sample"),
        occasion: EventOccasion::Second,
        stage: 0,
        stages: vec![stage(6, 6), stage(1, 3)],
        stage_ticks: 0,
        due: true,
        trigger_count: 15,
        trigger_needed: 15,
        cooldown_left_ticks: 0,
        kills: 0,
        spawned: 0,
        alive: 0,
        participants: 0,
        nearby: 4,
        on_success: def_id("announcement/sample"),
        on_failure: sim::DefId::NONE,
        memory: 0,
        seed: SEED,
    }
}

pub(crate) fn merit() -> Merit {
    Merit {
        id: 1,
        event: def_id("event/sample"),
        character: EntityId(11),
        level: 5,
        points: 420,
        kills: 3,
        share_permille: 500,
        rank: 1,
        participants: 3,
        seed: SEED,
    }
}

pub(crate) fn level_step() -> LevelStep {
    LevelStep { id: 1, level: 5, top: 20, experience: 1_000 }
}

pub(crate) fn growth() -> Growth {
    Growth {
        id: 1,
        class: def_id("class/sample"),
        level: 5,
        base: Stats { health: 100, mana: 30, energy: 100, attack: 12, ..Stats::default() },
        per_level: Stats { health: 12, mana: 2, attack: 2, ..Stats::default() },
    }
}

pub(crate) fn kill() -> Kill {
    Kill {
        id: 1,
        character: EntityId(11),
        level: 5,
        prey: EntityId(21),
        npc: def_id("npc/sample"),
        npc_level: 4,
        boss: false,
        experience: 80,
        fighters: 2,
        share_permille: 600,
        seed: SEED,
    }
}

pub(crate) fn fall() -> Fall {
    Fall {
        id: 1,
        character: EntityId(11),
        level: 5,
        experience: 300,
        needed: 1_000,
        killer: def_id("npc/sample"),
        loss_permille: 50,
        respawn_ticks: 100,
        seed: SEED,
    }
}

pub(crate) fn deal() -> Deal {
    Deal {
        id: 1,
        side: Side::Buy,
        character: EntityId(11),
        level: 5,
        npc: EntityId(21),
        npc_template: def_id("npc/sample"),
        shop: def_id("shop/sample"),
        item: def_id("item/sample"),
        rarity: Rarity::Common,
        value: 10,
        count: 1,
        permille: 1_200,
        seed: SEED,
    }
}

pub(crate) fn attempt() -> Attempt {
    Attempt {
        id: 1,
        character: EntityId(11),
        level: 5,
        recipe: def_id("recipe/sample"),
        required_level: 2,
        product: def_id("item/sample"),
        rarity: Rarity::Common,
        pieces: 2,
        masterwork: def_id("item/sample-masterwork"),
        chance_permille: 800,
        quality_permille: 50,
        count: 3,
        seed: SEED,
    }
}

pub(crate) fn charge() -> Charge {
    Charge {
        id: 1,
        service: Service::Crafting,
        character: EntityId(11),
        level: 5,
        subject: def_id("recipe/sample"),
        count: 3,
        amount: 12,
        balance: 100,
    }
}

pub(crate) fn bout() -> Bout {
    let phase = |health_below_permille, adds_count| PhaseView {
        health_below_permille,
        after_ticks: 0,
        power_permille: 1_200,
        adds: def_id("npc/sample-add"),
        adds_count,
        ability: def_id("ability/sample-special"),
        announcement: def_id("announcement/sample"),
    };
    Bout {
        id: 1,
        encounter: def_id("encounter/sample"),
        boss: EntityId(21),
        template: def_id("npc/sample"),
        level: 6,
        occasion: BoutOccasion::Going,
        phase: 1,
        phases: vec![phase(700, 2), phase(300, 3)],
        phase_ticks: 100,
        fight_ticks: 300,
        health_permille: 280,
        fighters: 2,
        adds: 1,
        enrage_ticks: 4_800,
        basic: def_id("ability/sample"),
        special: def_id("ability/sample-special"),
        memory: 0,
        seed: SEED,
    }
}

fn duelist(entity: u64) -> DuelistView {
    DuelistView {
        entity: EntityId(entity),
        is_npc: false,
        level: 5,
        health: 120,
        health_max: 200,
        mana: 40,
        energy: 80,
        accuracy: 60,
        evasion: 50,
    }
}

pub(crate) fn pairing() -> Pairing {
    Pairing { id: 1, challenger: duelist(11), opponent: duelist(12), turn_ticks: 300, seed: SEED }
}

pub(crate) fn turn() -> Turn {
    let plain = Move {
        ability: def_id("ability/sample"),
        power_permille: 1_000,
        heal: 0,
        mana_cost: 0,
        energy_cost: 0,
        cooldown_ticks: 0,
        cooldown_turns: 0,
        ready: true,
    };
    let special = def_id("ability/sample-special");
    Turn {
        id: 1,
        round: 3,
        actor: duelist(11),
        foe: duelist(12),
        chosen: sim::DefId::NONE,
        auto: true,
        timed_out: false,
        moves: vec![plain, Move { ability: special, energy_cost: 20, cooldown_ticks: 80, ..plain }],
        memory: 0,
        seed: SEED,
    }
}
