//! Text scenarios: a small world, one command a line, what happened as text. For tests only.

use crate::content::*;
use crate::ids::{CharacterId, DefId, EntityId, RequestId, def_id};
use crate::input::{CharacterState, Command, Input};
use crate::native::NativeRules;
use crate::output::{EventKind, FactKind, Notice, Output};
use crate::rules::Rules;
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

pub(crate) const FIELD: DefId = def_id("zone/field");
const WOLF: DefId = def_id("npc/wolf");
const ELDER: DefId = def_id("npc/elder");
const PELT: DefId = def_id("item/pelt");
const STRIKE: DefId = def_id("ability/strike");
const REND: DefId = def_id("ability/rend");
const BASH: DefId = def_id("ability/bash");
const BITE: DefId = def_id("ability/bite");
const HUNT: DefId = def_id("quest/hunt");

fn ability(name: &str, power_permille: u32, status: Option<(DefId, u32)>) -> Ability {
    Ability {
        name: name.into(),
        title: name.into(),
        animation: "slash".into(),
        animation_ms: 400,
        target: AbilityTarget::Enemy,
        range_mm: 3_000,
        mana_cost: 0,
        energy_cost: if status.is_some() { 20 } else { 0 },
        cooldown_ms: if status.is_some() { 3_000 } else { 0 },
        power_permille,
        element: Element::Physical,
        heal: 0,
        status,
        required_level: 1,
    }
}

fn status(name: &str, period_ms: u32, strength: i32, stun: bool) -> Status {
    Status {
        name: name.into(),
        title: name.into(),
        period_ms,
        strength,
        element: Element::Physical,
        max_stacks: 3,
        stun,
        silence: false,
        speed_permille: 1_000,
        helpful: false,
    }
}

fn npc(name: &str, hostile: bool) -> Npc {
    Npc {
        name: name.into(),
        title: name.into(),
        level: 1,
        stats: Stats { health: 60, attack: 4, accuracy: 60, evasion: 40, ..Stats::default() },
        script: def_id("script/wolf"),
        hostile,
        boss: false,
        speed_mm_s: 6_000,
        aggro_mm: if hostile { 12_000 } else { 0 },
        leash_mm: 40_000,
        wander_mm: 0,
        flee_below_permille: 0,
        basic: BITE,
        special: DefId::NONE,
        experience: 40,
        gold: (2, 5),
        loot: if hostile { def_id("loot/wolf") } else { DefId::NONE },
        dialog: DefId::NONE,
        shop: if hostile { DefId::NONE } else { def_id("shop/stall") },
        greeting: "Well met.".into(),
        encounter: DefId::NONE,
        duels: !hostile,
    }
}

fn item(name: &str, kind: ItemKind, max_stack: u32) -> Item {
    Item {
        name: name.into(),
        title: name.into(),
        icon: name.into(),
        kind,
        rarity: Rarity::Common,
        required_level: 1,
        classes: Vec::new(),
        bonus: Stats::default(),
        max_stack,
        value: 1,
        heal: 30,
        restore_mana: 0,
    }
}

/// A field with an elder, a wolf 30 m to the east and more wolves far away.
pub(crate) fn content() -> Content {
    let zone = Zone {
        name: "field".into(),
        title: "Field".into(),
        width_mm: 300_000,
        height_mm: 200_000,
        population_cap: 50,
        max_speed_mm_s: 10_000,
        interest_radius_mm: 100_000,
        entrance: Position::units(20, 20),
        crossings: vec![Crossing {
            area: Area { min: Position::units(0, 190), max: Position::units(300, 200) },
            to: FIELD,
            arrive: Position::units(20, 20),
        }],
        spawns: vec![
            Spawn { npc: ELDER, at: Position::units(22, 20), radius_mm: 0, count: 1, respawn_ms: 1_000 },
            Spawn { npc: WOLF, at: Position::units(50, 20), radius_mm: 0, count: 1, respawn_ms: 2_000 },
            Spawn {
                npc: WOLF,
                at: Position::units(200, 120),
                radius_mm: 40_000,
                count: 20,
                respawn_ms: 2_000,
            },
        ],
        places: BTreeMap::from([(
            def_id("area/hill"),
            Place {
                name: "hill".into(),
                area: Area { min: Position::units(30, 0), max: Position::units(35, 40) },
            },
        )]),
        script: def_id("script/weather"),
        weather: vec![(Weather::Clear, 3), (Weather::Rain, 1)],
        noon_temperature_dc: 180,
    };
    let class = Class {
        name: "warrior".into(),
        title: "Warrior".into(),
        base: Stats {
            health: 120,
            mana: 10,
            energy: 100,
            attack: 12,
            accuracy: 70,
            evasion: 50,
            critical_chance: 10,
            ..Stats::default()
        },
        growth: Stats { health: 10, attack: 1, ..Stats::default() },
        basic: STRIKE,
        abilities: vec![REND, BASH],
        starting_items: Vec::new(),
        health_regen_permille: 20,
        mana_regen_permille: 20,
        energy_regen_permille: 50,
    };
    let objective = |deed, subject, needed| Objective { deed, subject, needed, text: String::new() };
    Content {
        digest: 0xc0ffee,
        zones: BTreeMap::from([(FIELD, zone)]),
        classes: BTreeMap::from([(def_id("class/warrior"), class)]),
        abilities: BTreeMap::from([
            (STRIKE, ability("strike", 1_000, None)),
            (BITE, ability("bite", 1_000, None)),
            (REND, ability("rend", 500, Some((def_id("status/bleed"), 3_000)))),
            (BASH, ability("bash", 500, Some((def_id("status/stun"), 1_000)))),
        ]),
        statuses: BTreeMap::from([
            (def_id("status/bleed"), status("bleed", 1_000, 3, false)),
            (def_id("status/stun"), status("stun", 0, 0, true)),
        ]),
        items: BTreeMap::from([
            (PELT, item("pelt", ItemKind::Material, 5)),
            (def_id("item/potion"), item("potion", ItemKind::Consumable, 10)),
            (def_id("item/sword"), item("sword", ItemKind::Equipment(EquipSlot::MainHand), 1)),
        ]),
        npcs: BTreeMap::from([(WOLF, npc("wolf", true)), (ELDER, npc("elder", false))]),
        loot_tables: BTreeMap::from([(
            def_id("loot/wolf"),
            LootTable {
                name: "wolf".into(),
                always: vec![LootEntry { item: PELT, nested: DefId::NONE, weight: 0, count: (1, 2) }],
                rolls: 1,
                entries: vec![
                    LootEntry { item: DefId::NONE, nested: DefId::NONE, weight: 1, count: (0, 0) },
                    LootEntry { item: def_id("item/potion"), nested: DefId::NONE, weight: 1, count: (1, 1) },
                ],
            },
        )]),
        shops: BTreeMap::from([(
            def_id("shop/stall"),
            Shop {
                name: "stall".into(),
                title: "Stall".into(),
                goods: vec![def_id("item/potion"), def_id("item/sword")],
                asks_permille: 1_200,
                pays_permille: 500,
            },
        )]),
        recipes: BTreeMap::from([(def_id("recipe/cloak"), recipe("cloak"))]),
        quests: BTreeMap::from([(
            HUNT,
            Quest {
                name: "hunt".into(),
                title: "Hunt".into(),
                text: String::new(),
                script: def_id("script/quests"),
                required_level: 1,
                requires: Vec::new(),
                repeatable: false,
                giver: ELDER,
                completer: ELDER,
                objectives: vec![objective(Deed::Kill, WOLF, 1), objective(Deed::Deliver, PELT, 1)],
                reward: Reward {
                    experience: 100,
                    gold: 10,
                    items: vec![ItemCount { item: def_id("item/sword"), count: 1 }],
                },
            },
        )]),
        dialogs: BTreeMap::new(),
        announcements: BTreeMap::from([(
            def_id("announcement/night_falls"),
            Announcement { name: "night_falls".into(), text: "Night falls over {zone}.".into() },
        )]),
        encounters: BTreeMap::new(),
        duel: Duel {
            script: def_id("script/encounters"),
            invitation_ms: 2_000,
            turn_ms: 3_000,
            longest_ms: 60_000,
        },
        events: BTreeMap::from([(def_id("event/hunt"), hunt())]),
        chat: Chat {
            script: def_id("script/chat-filter"),
            words: BTreeMap::from([("damn".into(), 1), ("oaf".into(), 2), ("blight".into(), 3)]),
        },
        progression: Progression {
            experience_to_next: vec![100, 250, 500],
            death_loss_permille: 100,
            respawn_ms: 1_000,
            respawn_fee: 0,
            start_zone: FIELD,
            start_gold: 0,
        },
    }
}

/// Two pelts beside the elder become a sword for sure, and now and then a potion.
fn recipe(name: &str) -> Recipe {
    Recipe {
        name: name.into(),
        title: name.into(),
        station: ELDER,
        required_level: 1,
        ingredients: vec![ItemCount { item: PELT, count: 2 }],
        product: ItemCount { item: def_id("item/sword"), count: 1 },
        masterwork: DefId::NONE,
        chance_permille: 1_000,
        quality_permille: 0,
        fee: 3,
    }
}

/// Four wolves of an hour before midday, or for five dead ones: three kills, then holding out for ten seconds.
fn hunt() -> WorldEvent {
    let stage = |text: &str, duration_ms, kills, count| Stage {
        text: text.into(),
        duration_ms,
        kills,
        creatures: vec![Creatures { npc: WOLF, count }],
        announcement: DefId::NONE,
    };
    WorldEvent {
        name: "hunt".into(),
        title: "The Hunt".into(),
        script: def_id("script/events"),
        zone: FIELD,
        at: Position::units(250, 150),
        radius_mm: 10_000,
        schedule: Some(Schedule { every_minutes: 1_440, at_minute: 540, lasts_minutes: 60 }),
        trigger: Some(EventTrigger { npc: WOLF, count: 5 }),
        cooldown_ms: 5_000,
        stages: vec![stage("Kill them", 60_000, 3, 4), stage("Hold out", 10_000, 0, 2)],
        on_success: def_id("announcement/night_falls"),
        on_failure: DefId::NONE,
        reward: Reward {
            experience: 60,
            gold: 10,
            items: vec![ItemCount { item: def_id("item/potion"), count: 2 }],
        },
    }
}

/// A fresh warrior at the entrance.
pub(crate) fn character(id: i64) -> CharacterState {
    CharacterState {
        id: CharacterId(id),
        name: format!("Hero{id}"),
        class: def_id("class/warrior"),
        level: 1,
        experience: 0,
        gold: 0,
        zone: FIELD,
        at: None,
        health: None,
        mana: None,
        inventory: BTreeMap::new(),
        equipment: BTreeMap::new(),
        quests: BTreeMap::new(),
        dialog_flags: BTreeMap::new(),
        condition: None,
    }
}

/// One hero in the field, driven by lines of text.
pub(crate) struct Scenario {
    pub(crate) world: World,
    pub(crate) rules: Box<dyn Rules>,
    pub(crate) hero: CharacterId,
    pub(crate) log: String,
    request: u64,
    seq: u32,
    pending: Vec<Input>,
    out: Output,
}

impl Scenario {
    pub(crate) fn new() -> Self {
        Self::with(content())
    }

    /// In the field of another content.
    pub(crate) fn with(content: Content) -> Self {
        let world = World::new(FIELD, Arc::new(content), 42, 0, 50);
        let hero = CharacterId(1);
        let mut scenario = Self {
            world,
            rules: Box::new(NativeRules),
            hero,
            log: String::new(),
            request: 0,
            seq: 0,
            pending: vec![Input::Enter(Box::new(character(1)))],
            out: Output::default(),
        };
        scenario.step();
        scenario.log.clear();
        scenario
    }

    /// Another fresh warrior comes in.
    pub(crate) fn enter(&mut self, id: i64) -> CharacterId {
        self.pending.push(Input::Enter(Box::new(character(id))));
        self.step();
        CharacterId(id)
    }

    /// Somebody leaves the world.
    pub(crate) fn leave(&mut self, character: CharacterId) {
        self.pending.push(Input::Leave { character });
    }

    /// The entity of somebody.
    pub(crate) fn body(&self, id: CharacterId) -> EntityId {
        self.world.character(id).expect("in the zone").entity
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.request += 1;
        let request = RequestId(self.request);
        self.pending.push(Input::Command { character: self.hero, request, command });
    }

    pub(crate) fn entity(&self) -> EntityId {
        self.world.character(self.hero).expect("the hero is in the zone").entity
    }

    pub(crate) fn at(&self) -> Position {
        self.world.entity(self.entity()).expect("the hero has an entity").at
    }

    /// The closest living NPC of a template.
    pub(crate) fn nearest(&self, template: &str) -> EntityId {
        let template = def_id(template);
        let here = self.at();
        let is = |e: &&crate::entity::Entity| matches!(&e.kind, crate::entity::EntityKind::Npc(m) if m.template == template);
        let found = self.world.entities().filter(is).min_by_key(|e| e.at.distance_mm(here));
        found.expect("there is one").id
    }

    /// Walks in steps of half a second's tenth until the place is reached.
    pub(crate) fn walk(&mut self, x: i32, y: i32) {
        let goal = Position::units(x, y);
        for _ in 0..2_000 {
            let here = self.at();
            let distance = here.distance_mm(goal);
            if distance == 0 {
                return;
            }
            let step = distance.min(500);
            let part = |a: i32, b: i32| {
                a + ((i64::from(b) - i64::from(a)) * i64::from(step) / i64::from(distance)) as i32
            };
            let to = if step == distance {
                goal
            } else {
                Position { x_mm: part(here.x_mm, goal.x_mm), y_mm: part(here.y_mm, goal.y_mm) }
            };
            self.seq += 1;
            self.command(Command::Move { seq: self.seq, to });
            self.step();
            if self.world.character(self.hero).is_none() {
                return;
            }
        }
        panic!("{goal:?} was not reached");
    }

    pub(crate) fn step(&mut self) {
        let mut inputs = std::mem::take(&mut self.pending);
        self.world.step(&mut inputs, self.rules.as_mut(), &mut self.out);
        let out = std::mem::take(&mut self.out);
        self.note(&out);
        self.out = out;
    }

    pub(crate) fn steps(&mut self, count: u32) {
        for _ in 0..count {
            self.step();
        }
    }

    fn note(&mut self, out: &Output) {
        let log = &mut self.log;
        let mut line = |text: String| writeln!(log, "{text}").expect("strings grow");
        for reply in &out.replies {
            match (&reply.result, reply.again_ticks) {
                (Ok(accepted), _) => line(format!("ok {accepted:?}")),
                (Err(rejection), None) => line(format!("no {}", rejection.code())),
                (Err(rejection), Some(ticks)) => line(format!("no {} for {ticks}", rejection.code())),
            }
        }
        for (who, notice) in &out.notices {
            match notice {
                Notice::DuelTurn(_) | Notice::DuelChallenged { .. } | Notice::ChallengeEnded { .. }
                    if *who != self.hero => {}
                Notice::DuelTurn(state) => {
                    let [own, other] = state.sides.map(|side| side.health);
                    let over = if state.actor == EntityId::NONE { ", over" } else { "" };
                    line(format!("round {}: {own} against {other}{over}", state.round));
                }
                Notice::ChallengeEnded { why, .. } => line(format!("challenge {}", why.name())),
                Notice::Corrected { .. } => line("corrected".into()),
                other => line(format!("notice {other:?}")),
            }
        }
        for fact in out.facts.iter().filter(|fact| fact.character == self.hero) {
            match &fact.kind {
                FactKind::Experience { delta, level, experience, .. } => {
                    line(format!("experience {delta:+} -> level {level} + {experience}"));
                }
                FactKind::Gold { delta, gold, .. } => line(format!("gold {delta:+} -> {gold}")),
                FactKind::Item { item, delta, .. } => {
                    line(format!("item {} {delta:+}", self.world.content().items[item].name));
                }
                FactKind::Slot { slot, stack } => {
                    line(format!("slot {slot}: {}", stack.map_or(0, |stack| stack.count)));
                }
                FactKind::Quest { progress, .. } => {
                    line(format!("quest {:?} {:?}", progress.state, progress.done))
                }
                FactKind::Equipment { slot, item } => line(format!("wears {slot:?}: {}", item.is_some())),
                FactKind::Died { .. } => line("died".into()),
                FactKind::Duel { result, why, .. } => {
                    line(format!("duel {} by {}", result.name(), why.name()))
                }
                FactKind::EventReward { rank, participants, points, .. } => {
                    line(format!("event: {rank} of {participants} with {points}"));
                }
                FactKind::EventEnded { .. } => {}
                FactKind::Whereabouts { .. } | FactKind::DialogFlags { .. } => {}
            }
        }
        for fact in &out.facts {
            if let FactKind::EventEnded { success, participants, .. } = &fact.kind {
                line(format!("ended, success: {success}, participants: {participants}"));
            }
        }
        for event in &out.events {
            match &event.kind {
                EventKind::Death { .. } => line("death".into()),
                EventKind::Chat { name, text, .. } => line(format!("{name}: {text}")),
                EventKind::Heal { amount, .. } => line(format!("heal {amount}")),
                EventKind::World(report) => {
                    line(format!("{:?}: stage {}, kills {}", report.outcome, report.stage, report.kills));
                }
                EventKind::Announcement(id) => line(self.world.content().announcements[id].name.clone()),
                _ => {}
            }
        }
        for departure in &out.departures {
            line(format!("departs: {:?}", departure.kind));
        }
    }

    pub(crate) fn take_log(&mut self) -> String {
        std::mem::take(&mut self.log)
    }
}
