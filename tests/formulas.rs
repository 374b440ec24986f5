//! The starter's scripts of combat, abilities, loot, levels, prices, chat, weather, encounters and events against the same rules
//! in Rust, answer by answer, and combat against the probabilities that a designer would work out on paper.

use crate::live::seed;
use crate::support::{guests, starter};
use host_api::{Counters, Generation, Kind, Module};
use runtime::build::Language;
use sim::content::{Element, Rarity, Stats, Weather};
use sim::native::{NativeRules, hit_chance};
use sim::rng::Rng;
use sim::rules::{
    Answer, Attack, Bout, BoutOccasion, Cast, Channel, Context, Deal, DuelistView, EventMoment,
    EventOccasion, Fall, Growth, Hit, HitKind, Kill, LevelStep, Line, Merit, Moment, Move, Occasion, Outcome,
    Pairing, PhaseView, Pulse, RowView, Rules, Side, Spoils, StageView, TableView, Turn,
};
use sim::{DefId, EntityId, def_id};
use std::fmt::Debug;

const VIEWS: usize = 100_000;
const BATCH: usize = 1_000;
const CONTEXT: Context = Context { tick: 77, tick_ms: 50, zone: def_id("zone/greywood"), minute_of_day: 600 };
const ELEMENTS: [Element; 8] = [
    Element::Physical,
    Element::Fire,
    Element::Frost,
    Element::Lightning,
    Element::Poison,
    Element::Holy,
    Element::Shadow,
    Element::Arcane,
];

/// Numbers as they occur, and now and then as they should not.
struct Draw(Rng);

impl Draw {
    fn among(&mut self, low: i32, high: i32) -> i32 {
        match self.0.below(40) {
            0 => i32::MIN,
            1 => i32::MAX,
            2 => 0,
            3 => self.0.next_u64() as i32,
            _ => low + self.0.below(high.abs_diff(low) + 1) as i32,
        }
    }

    fn up_to(&mut self, most: u32) -> u32 {
        match self.0.below(40) {
            0 => u32::MAX,
            1 => 0,
            2 => most,
            _ => self.0.below(most + 1),
        }
    }

    fn element(&mut self) -> Element {
        ELEMENTS[self.0.below(ELEMENTS.len() as u32) as usize]
    }

    fn coin(&mut self) -> bool {
        self.0.below(4) == 0
    }

    fn attack(&mut self, id: u32) -> Attack {
        Attack {
            id,
            attacker: EntityId(self.0.next_u64()),
            defender: EntityId(self.0.next_u64()),
            element: self.element(),
            attacker_level: self.up_to(60),
            defender_level: self.up_to(60),
            attacker_is_npc: id.is_multiple_of(2),
            defender_is_npc: id.is_multiple_of(3),
            accuracy: self.among(0, 150),
            evasion: self.among(0, 150),
            distance_mm: self.up_to(40_000),
            attack_power: self.among(0, 300),
            weapon_damage: self.among(0, 100),
            // The simulation passes on no more.
            power_permille: self.up_to(5_000).min(100_000),
            critical_chance: self.up_to(60).min(100),
            defence: self.among(0, 80),
            resistance_permille: self.among(-500, 900),
            block_chance: self.up_to(60).min(100),
            dodge_chance: self.up_to(60).min(100),
            defender_health: self.among(1, 1_000),
            defender_health_max: 1_000,
            seed: self.0.next_u64(),
        }
    }

    fn cast(&mut self, id: u32) -> Cast {
        let caster = EntityId(self.0.next_u64());
        let target = if self.coin() { caster } else { EntityId(self.0.next_u64()) };
        Cast {
            id,
            caster,
            target,
            ability: if self.0.below(50) == 0 { DefId::NONE } else { def_id("ability/strike") },
            caster_level: self.up_to(60),
            caster_is_npc: self.coin(),
            distance_mm: self.up_to(6_000),
            health: self.among(1, 500),
            health_max: 500,
            mana: self.among(0, 60),
            energy: self.among(0, 60),
            cooldown_left_ticks: if self.coin() { self.up_to(40) } else { 0 },
            since_last_action_ticks: self.up_to(60),
            stunned: self.0.below(10) == 0,
            silenced: self.0.below(10) == 0,
            range_mm: self.up_to(20_000),
            mana_cost: self.up_to(20),
            energy_cost: self.up_to(20),
            cooldown_ticks: self.up_to(200),
            power_permille: self.up_to(3_000),
            element: self.element(),
            status: if self.coin() { def_id("status/bleeding") } else { DefId::NONE },
            status_ticks: self.up_to(200),
            heal: self.up_to(100),
            seed: self.0.next_u64(),
        }
    }

    fn pulse(&mut self, id: u32) -> Pulse {
        Pulse {
            id,
            source: EntityId(self.0.next_u64()),
            bearer: EntityId(self.0.next_u64()),
            status: def_id("status/bleeding"),
            stacks: self.up_to(5),
            age_ticks: self.up_to(200),
            left_ticks: self.up_to(200),
            health: self.among(1, 500),
            health_max: 500,
            strength: self.among(-30, 30),
            element: self.element(),
            resistance_permille: self.among(-500, 900),
            seed: self.0.next_u64(),
        }
    }
}

impl Draw {
    /// A line of up to twelve words, some of them listed.
    fn line(&mut self, id: u32) -> Line {
        const WORDS: [&str; 10] =
            ["well", "DAMN", "süß", "wolf", "LOOK", "www.x.org", "https://y", "🐺", "kys", "AT THAT BEAST"];
        let (mut text, mut hits) = (String::new(), Vec::new());
        for _ in 0..=self.0.below(12) {
            let word = WORDS[self.0.below(WORDS.len() as u32) as usize];
            if self.0.below(5) == 0 {
                let severity = 1 + self.0.below(3) * self.0.below(2);
                hits.push(Hit { start: text.len() as u32, len: word.len() as u32, severity });
            }
            text.push_str(word);
            text.push(' ');
        }
        Line {
            id,
            sender: EntityId(self.0.next_u64()),
            sender_level: self.up_to(60),
            channel: Channel::Zone,
            text,
            flags: self.0.below(2),
            hits,
            strikes: self.up_to(10).min(1_000),
            since_last_ticks: self.up_to(3_000),
            repeats: self.up_to(5),
            seed: self.0.next_u64(),
        }
    }

    fn moment(&mut self, id: u32) -> Moment {
        let skies =
            [Weather::Clear, Weather::Cloudy, Weather::Rain, Weather::Storm, Weather::Fog, Weather::Snow];
        let chances = (0..self.0.below(6)).map(|sky| (skies[sky as usize], self.up_to(10))).collect();
        Moment {
            id,
            zone: def_id("zone/greywood"),
            occasion: [Occasion::Started, Occasion::Hour, Occasion::Changed][self.0.below(3) as usize],
            hour: self.0.next_u64(),
            minute_of_day: self.up_to(1_439),
            weather: skies[self.0.below(6) as usize],
            temperature_dc: self.among(-300, 400),
            spawn_permille: self.up_to(2_000),
            noon_temperature_dc: self.among(-300, 400),
            chances,
            population: self.up_to(100),
            population_cap: 100,
            memory: self.0.next_u64() as i64,
            seed: self.0.next_u64(),
        }
    }
}

/// What the script of world events is asked.
impl Draw {
    fn event_moment(&mut self, id: u32) -> EventMoment {
        let occasions = [
            EventOccasion::Started,
            EventOccasion::Changed,
            EventOccasion::StageOver,
            EventOccasion::Kill,
            EventOccasion::Second,
        ];
        let stages: Vec<StageView> = (0..=self.0.below(3))
            .map(|_| StageView {
                duration_ticks: self.up_to(1_200),
                kills_needed: if self.coin() { 0 } else { self.up_to(10) },
                creatures: self.up_to(80),
                announcement: DefId(self.0.below(3)),
            })
            .collect();
        EventMoment {
            id,
            event: def_id("event/wolf_moon"),
            occasion: occasions[self.0.below(5) as usize],
            stage: self.0.below(stages.len() as u32 + 1),
            stages,
            stage_ticks: self.up_to(1_500),
            due: self.coin(),
            trigger_count: self.up_to(20),
            trigger_needed: self.up_to(20),
            cooldown_left_ticks: if self.coin() { self.up_to(100) } else { 0 },
            kills: self.up_to(12),
            spawned: self.up_to(12),
            alive: self.0.below(4),
            participants: self.up_to(10),
            nearby: self.up_to(10),
            on_success: DefId(self.0.below(3)),
            on_failure: DefId(self.0.below(3)),
            memory: self.0.next_u64() as i64,
            seed: self.0.next_u64(),
        }
    }

    fn merit(&mut self, id: u32) -> Merit {
        Merit {
            id,
            event: def_id("event/wolf_moon"),
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            points: self.0.next_u64(),
            kills: self.up_to(20),
            share_permille: self.up_to(1_000),
            rank: 1 + self.0.below(5),
            participants: self.up_to(500),
            seed: self.0.next_u64(),
        }
    }
}

/// What the trading scripts are asked.
impl Draw {
    fn rarity(&mut self) -> Rarity {
        let all = [Rarity::Poor, Rarity::Common, Rarity::Uncommon, Rarity::Rare, Rarity::Epic];
        all[self.0.below(5) as usize]
    }

    /// Up to four tables that lead to one another at will, even in circles.
    fn spoils(&mut self, id: u32) -> Spoils {
        let tables = self.0.below(5);
        let rows = (0..self.0.below(12)).map(|_| RowView {
            table: self.0.below(5),
            guaranteed: self.coin(),
            weight: 1 + self.up_to(1_000).min(999_999),
            item: if self.coin() { DefId::NONE } else { def_id("item/wolf_pelt") },
            nested: if self.coin() { self.0.below(5) } else { 0 },
            rarity: self.rarity(),
            least: self.0.below(3),
            most: 2 + self.0.below(4),
        });
        let rows: Vec<RowView> = rows.collect();
        Spoils {
            id,
            looter: EntityId(self.0.next_u64()),
            looter_level: self.up_to(60),
            luck_permille: self.among(-1_000, 3_000),
            prey: EntityId(self.0.next_u64()),
            npc: def_id("npc/wolf"),
            npc_level: self.up_to(60),
            boss: self.coin(),
            fighters: self.up_to(5),
            gold_least: self.0.below(50),
            gold_most: 50 + self.0.below(100),
            tables: (0..tables).map(|n| TableView { table: DefId(n + 1), rolls: self.0.below(4) }).collect(),
            rows,
            seed: self.0.next_u64(),
        }
    }

    fn level_step(&mut self, id: u32) -> LevelStep {
        let experience = u64::from(self.up_to(1_000_000)) * 1_000;
        LevelStep {
            id,
            level: self.up_to(60),
            top: self.up_to(60),
            experience: experience.min(1_000_000_000_000),
        }
    }

    /// Small enough that no level's numbers are more than the host accepts.
    fn stats(&mut self) -> Stats {
        let mut number = || self.0.below(2_001) as i32 - 1_000;
        Stats {
            health: number(),
            mana: number(),
            energy: number(),
            attack: number(),
            weapon_damage: number(),
            accuracy: number(),
            evasion: number(),
            defence: number(),
            critical_chance: number(),
            block_chance: number(),
            dodge_chance: number(),
            luck: number(),
            resistance_permille: std::array::from_fn(|_| number()),
        }
    }

    fn growth(&mut self, id: u32) -> Growth {
        let (base, per_level) = (self.stats(), self.stats());
        Growth { id, class: def_id("class/mage"), level: self.up_to(60), base, per_level }
    }

    fn kill(&mut self, id: u32) -> Kill {
        Kill {
            id,
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            prey: EntityId(self.0.next_u64()),
            npc: def_id("npc/wolf"),
            npc_level: self.up_to(60),
            boss: self.coin(),
            experience: self.up_to(10_000),
            fighters: self.up_to(10),
            share_permille: self.up_to(1_000),
            seed: self.0.next_u64(),
        }
    }

    fn fall(&mut self, id: u32) -> Fall {
        Fall {
            id,
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            experience: u64::from(self.up_to(1_000_000)),
            needed: u64::from(self.up_to(1_000_000)) * 200,
            killer: def_id("npc/wolf"),
            loss_permille: self.up_to(1_000),
            respawn_ticks: self.up_to(1_000).min(72_000),
            seed: self.0.next_u64(),
        }
    }

    fn deal(&mut self, id: u32) -> Deal {
        Deal {
            id,
            side: if self.coin() { Side::Sell } else { Side::Buy },
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            npc: EntityId(self.0.next_u64()),
            npc_template: def_id("npc/tobin"),
            shop: def_id("shop/trader"),
            item: def_id("item/bread"),
            rarity: self.rarity(),
            value: self.up_to(500),
            count: self.up_to(20),
            permille: self.up_to(2_000),
            seed: self.0.next_u64(),
        }
    }
}

/// What the script of encounters is asked.
impl Draw {
    fn bout(&mut self, id: u32) -> Bout {
        let occasions =
            [BoutOccasion::Engaged, BoutOccasion::Going, BoutOccasion::Reset, BoutOccasion::Changed];
        let phases = (0..self.0.below(5)).map(|_| PhaseView {
            health_below_permille: self.0.below(1_001) * self.0.below(2),
            after_ticks: self.up_to(2_000) * self.0.below(2),
            power_permille: 100 + self.0.below(4_901),
            adds: if self.coin() { DefId::NONE } else { def_id("npc/wolf") },
            adds_count: self.0.below(17),
            ability: if self.coin() { DefId::NONE } else { def_id("ability/maul") },
            announcement: if self.coin() { DefId::NONE } else { def_id("announcement/greyjaw_howls") },
        });
        let phases: Vec<PhaseView> = phases.collect();
        Bout {
            id,
            encounter: def_id("encounter/greyjaw"),
            boss: EntityId(self.0.next_u64()),
            template: def_id("npc/old_greyjaw"),
            level: self.up_to(60),
            occasion: occasions[self.0.below(4) as usize],
            phase: self.up_to(phases.len() as u32),
            phases,
            phase_ticks: self.up_to(2_000),
            fight_ticks: self.up_to(8_000),
            health_permille: self.0.below(1_001),
            fighters: self.up_to(10),
            adds: self.up_to(16),
            enrage_ticks: self.up_to(8_000) * self.0.below(2),
            basic: def_id("ability/bite"),
            special: def_id("ability/maul"),
            memory: if self.coin() { self.0.next_u64() as i64 } else { i64::from(self.up_to(8_000)) },
            seed: self.0.next_u64(),
        }
    }

    fn duelist(&mut self) -> DuelistView {
        let health_max = self.among(1, 500);
        DuelistView {
            entity: EntityId(self.0.next_u64()),
            is_npc: self.coin(),
            level: self.up_to(60),
            health: self.among(1, 500),
            health_max,
            mana: self.among(0, 60),
            energy: self.among(0, 60),
            accuracy: self.among(0, 150),
            evasion: self.among(40, 60),
        }
    }

    fn pairing(&mut self, id: u32) -> Pairing {
        let (challenger, opponent) = (self.duelist(), self.duelist());
        Pairing { id, challenger, opponent, turn_ticks: 20 + self.0.below(2_381), seed: self.0.next_u64() }
    }

    fn turn(&mut self, id: u32) -> Turn {
        let abilities = ["strike", "cleave", "rend", "mend"].map(|name| def_id(&format!("ability/{name}")));
        let count = self.0.below(5) as usize;
        let moves = abilities.into_iter().take(count).map(|ability| Move {
            ability,
            power_permille: self.up_to(3_000) * self.0.below(2),
            heal: self.up_to(100) * self.0.below(2),
            mana_cost: self.up_to(20),
            energy_cost: self.up_to(20),
            cooldown_ticks: self.up_to(300),
            cooldown_turns: self.up_to(3),
            ready: !self.coin(),
        });
        let moves = moves.collect();
        let chosen = if self.coin() { DefId::NONE } else { abilities[self.0.below(4) as usize] };
        Turn {
            id,
            round: self.up_to(70),
            actor: self.duelist(),
            foe: self.duelist(),
            chosen,
            auto: self.coin(),
            timed_out: self.coin(),
            moves,
            memory: if self.coin() { self.0.next_u64() as i64 } else { i64::from(self.0.below(4)) },
            seed: self.0.next_u64(),
        }
    }
}

/// Asks both about the same views and compares every answer whole.
fn agree<V: Debug, T: PartialEq + Debug>(
    seed: u64,
    views: usize,
    mut draw: impl FnMut(u32) -> V,
    mut ask: impl FnMut(&[V], &mut Vec<Answer<T>>, &mut Vec<Answer<T>>),
) {
    let (mut script, mut native) = (Vec::new(), Vec::new());
    for batch in 0..views / BATCH {
        let views: Vec<V> = (0..BATCH).map(|i| draw((batch * BATCH + i) as u32)).collect();
        ask(&views, &mut script, &mut native);
        assert_eq!((script.len(), native.len()), (BATCH, BATCH));
        for ((view, script), native) in views.iter().zip(&script).zip(&native) {
            assert_eq!(script.value, native.value, "script and Rust differ over {view:?}, seed {seed}");
        }
    }
}

#[test]
fn the_scripts_compute_what_the_rules_in_rust_compute() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    agree(
        seed,
        VIEWS,
        |id| draw.attack(id),
        |views, script, native| {
            rules.resolve(&CONTEXT, views, script);
            NativeRules.resolve(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.cast(id),
        |views, script, native| {
            rules.plan_casts(&CONTEXT, views, script);
            NativeRules.plan_casts(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.pulse(id),
        |views, script, native| {
            rules.pulse_statuses(&CONTEXT, views, script);
            NativeRules.pulse_statuses(&CONTEXT, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.line(id),
        |views, script, native| {
            rules.judge(&CONTEXT, def_id("script/chat-filter"), views, script);
            NativeRules.judge(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.moment(id),
        |views, script, native| {
            rules.govern(&CONTEXT, def_id("script/weather"), views, script);
            NativeRules.govern(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.event_moment(id),
        |views, script, native| {
            rules.conduct(&CONTEXT, def_id("script/events"), views, script);
            NativeRules.conduct(&CONTEXT, DefId::NONE, views, native);
        },
    );
    agree(
        seed,
        VIEWS,
        |id| draw.merit(id),
        |views, script, native| {
            rules.reward_merits(&CONTEXT, def_id("script/events"), views, script);
            NativeRules.reward_merits(&CONTEXT, DefId::NONE, views, native);
        },
    );
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

#[test]
fn loot_levels_and_prices_are_what_the_rules_in_rust_say() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    macro_rules! compare {
        ($($view:ident: $ask:ident),*) => {$(
            agree(
                seed,
                VIEWS,
                |id| draw.$view(id),
                |views, script, native| {
                    rules.$ask(&CONTEXT, views, script);
                    NativeRules.$ask(&CONTEXT, views, native);
                },
            );
        )*};
    }
    compare! {
        spoils: roll_loot,
        level_step: require_experience,
        growth: grow_stats,
        kill: reward_kills,
        fall: punish_deaths,
        deal: quote_prices
    }
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

#[test]
fn bosses_and_duels_go_on_as_the_rules_in_rust_say() {
    let Some(generation) = starter::generation() else { return };
    let seed = seed("formulas");
    let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
    let script = def_id("script/encounters");
    macro_rules! compare {
        ($($view:ident: $ask:ident),*) => {$(
            agree(
                seed,
                VIEWS,
                |id| draw.$view(id),
                |views, answers, native| {
                    rules.$ask(&CONTEXT, script, views, answers);
                    NativeRules.$ask(&CONTEXT, DefId::NONE, views, native);
                },
            );
        )*};
    }
    compare! { bout: direct, pairing: open_duels, turn: take_turns }
    let failures = rules.drain_failures();
    assert!(failures.is_empty(), "seed {seed}: {}", failures[0]);
}

/// Views for an interpreter, which takes its time.
const FEW: usize = 10 * BATCH;

#[test]
fn c_and_typescript_compute_what_the_rules_in_rust_compute() {
    let seed = seed("formulas in C and TypeScript");
    for (language, views) in [(Language::C, VIEWS), (Language::TypeScript, FEW)] {
        if !guests::can_build(language) {
            continue;
        }
        let Some(starter) = starter::generation() else { return };
        let component = guests::Guests::open().formula(language);
        let module = Module::load(starter::engine(), &component).unwrap_or_else(|error| panic!("{error}"));
        let others = starter.modules().filter(|module| module.kind() != Kind::Combat).cloned();
        let generation = Generation::new(2, others.chain([module])).unwrap();
        let (mut draw, mut rules) = (Draw(Rng(seed)), starter::rules(&generation));
        agree(
            seed,
            views,
            // TypeScript is given the upper 53 bits of a seed: such seeds are the same to all.
            |id| {
                let attack = draw.attack(id);
                Attack { id: id | 1 << 31, seed: attack.seed >> 11, ..attack }
            },
            |views, script, native| {
                rules.resolve(&CONTEXT, views, script);
                let failures = rules.drain_failures();
                assert!(failures.is_empty(), "{language}, seed {seed}: {}", failures[0]);
                NativeRules.resolve(&CONTEXT, views, native);
            },
        );
        for stats in rules.stats().filter(|stats| stats.kind == Kind::Combat) {
            let Counters { calls, items, fuel, time_ns, .. } = stats.counters;
            let (fuel, time) = (fuel / items, time_ns / items);
            eprintln!(
                "formulas: {language}, {items} swings in {calls} calls, {fuel} fuel and {time} ns each"
            );
        }
    }
}

/// `part` of `whole` is within five standard deviations of `percent`.
fn assert_share(what: &str, part: usize, whole: usize, percent: f64) {
    let (n, p) = (whole as f64, percent / 100.0);
    let deviation = (n * p * (1.0 - p)).sqrt();
    let off = (part as f64 - n * p).abs();
    assert!(off <= 5.0 * deviation.max(1.0), "{what}: {part} of {whole}, {percent} % expected");
}

#[test]
fn swings_land_crit_and_vary_as_the_formula_says() {
    let Some(generation) = starter::generation() else { return };
    let mut rules = starter::rules(&generation);
    // A fixed seed: five standard deviations would be passed once in a million honest runs.
    let mut draw = Draw(Rng(0x10ae_f0a6));
    for (accuracy, evasion, distance_mm, critical, block, dodge) in [
        (50, 50, 1_500, 10, 0, 0),
        (90, 40, 2_000, 25, 15, 5),
        (20, 120, 30_000, 50, 30, 20),
        (150, 0, 0, 100, 50, 10),
        (0, 150, 40_000, 0, 100, 0),
    ] {
        let swing = |id: u32, draw: &mut Draw| Attack {
            accuracy,
            evasion,
            distance_mm,
            critical_chance: critical,
            block_chance: block,
            dodge_chance: dodge,
            attack_power: 900,
            weapon_damage: 100,
            power_permille: 2_000,
            defence: 50,
            resistance_permille: 250,
            ..draw.attack(id)
        };
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(VIEWS);
        let mut answers = Vec::new();
        for _ in 0..VIEWS / BATCH {
            let views: Vec<Attack> = (0..BATCH).map(|id| swing(id as u32, &mut draw)).collect();
            rules.resolve(&CONTEXT, &views, &mut answers);
            outcomes.extend(answers.iter().map(|answer| answer.value));
        }
        let count = |kind| outcomes.iter().filter(|outcome| outcome.kind == kind).count();
        let (miss, dodged, blocked) = (count(HitKind::Miss), count(HitKind::Dodge), count(HitKind::Block));
        let (hit, crit) = (count(HitKind::Hit), count(HitKind::Critical));
        let chance = hit_chance(accuracy, evasion, distance_mm);
        let on_paper = 70 + (accuracy - 50) / 2 - (evasion - 50) / 2 - distance_mm as i32 / 1_000 / 10;
        assert_eq!(chance as i32, on_paper.clamp(5, 95));
        assert_share("missed", miss, VIEWS, f64::from(100 - chance));
        assert_share("dodged", dodged, VIEWS - miss, f64::from(dodge));
        let landed = hit + crit + blocked;
        assert_share("critical", crit, landed, f64::from(critical));
        assert_share("blocked", blocked, landed - crit, f64::from(block));
        check_damage(&outcomes);
    }
}

/// 2,000 on average, 1,600 to 2,400; half as much again on a critical hit, half when blocked; a
/// quarter resisted, then 50 off.
fn check_damage(outcomes: &[Outcome]) {
    let landed: Vec<&Outcome> =
        outcomes.iter().filter(|o| !matches!(o.kind, HitKind::Miss | HitKind::Dodge)).collect();
    for outcome in &landed {
        assert!((1_600..=2_400).contains(&outcome.base), "{outcome:?}");
        let (raw, passed) = match outcome.kind {
            HitKind::Critical => (outcome.base * 3 / 2, outcome.base * 3 / 2),
            HitKind::Block => (outcome.base, outcome.base / 2),
            _ => (outcome.base, outcome.base),
        };
        assert_eq!((outcome.raw, outcome.amount), (raw, passed * 3 / 4 - 50), "{outcome:?}");
    }
    // 401 equally likely steps of 2: variance (401² - 1) / 12 * 2².
    let n = landed.len() as f64;
    let mean = landed.iter().map(|outcome| f64::from(outcome.base)).sum::<f64>() / n;
    let variance = landed.iter().map(|outcome| (f64::from(outcome.base) - mean).powi(2)).sum::<f64>() / n;
    let expected = (401.0_f64.powi(2) - 1.0) / 12.0 * 4.0;
    assert!((mean - 2_000.0).abs() <= 5.0 * (expected / n).sqrt(), "mean {mean} of {n}");
    // The fourth moment of a uniform distribution is 9/5 of the squared variance.
    let spread = expected * (0.8 / n).sqrt();
    assert!((variance - expected).abs() <= 5.0 * spread, "variance {variance}, {expected} expected, of {n}");
}
