//! Views of every kind of script, drawn by chance.

use sim::content::{Element, Rarity, Stats, Weather};
use sim::rng::Rng;
use sim::rules::{
    Attack, Attempt, Bout, BoutOccasion, Cast, Channel, Charge, Deal, DuelistView, EventMoment,
    EventOccasion, Fall, Growth, Hit, Kill, LevelStep, Line, Merit, Moment, Move, Occasion, Pairing,
    PhaseView, Pulse, RowView, Service, Side, Spoils, StageView, TableView, Turn,
};
use sim::{DefId, EntityId, def_id};

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
pub struct Draw(pub Rng);

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

    pub fn attack(&mut self, id: u32) -> Attack {
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

    pub fn cast(&mut self, id: u32) -> Cast {
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

    pub fn pulse(&mut self, id: u32) -> Pulse {
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
    pub fn line(&mut self, id: u32) -> Line {
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

    pub fn moment(&mut self, id: u32) -> Moment {
        let skies =
            [Weather::Clear, Weather::Cloudy, Weather::Rain, Weather::Storm, Weather::Fog, Weather::Snow];
        let occasions = [
            Occasion::Started,
            Occasion::Hour,
            Occasion::Changed,
            Occasion::Entered,
            Occasion::Left,
            Occasion::Stopping,
        ];
        let chances = (0..self.0.below(6)).map(|sky| (skies[sky as usize], self.up_to(10))).collect();
        Moment {
            id,
            zone: def_id("zone/greywood"),
            occasion: occasions[self.0.below(6) as usize],
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
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
    pub fn event_moment(&mut self, id: u32) -> EventMoment {
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

    pub fn merit(&mut self, id: u32) -> Merit {
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
    pub fn spoils(&mut self, id: u32) -> Spoils {
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

    pub fn level_step(&mut self, id: u32) -> LevelStep {
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

    pub fn growth(&mut self, id: u32) -> Growth {
        let (base, per_level) = (self.stats(), self.stats());
        Growth { id, class: def_id("class/mage"), level: self.up_to(60), base, per_level }
    }

    pub fn kill(&mut self, id: u32) -> Kill {
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

    pub fn fall(&mut self, id: u32) -> Fall {
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

    pub fn deal(&mut self, id: u32) -> Deal {
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

/// What the script of prices is asked besides.
impl Draw {
    pub fn attempt(&mut self, id: u32) -> Attempt {
        Attempt {
            id,
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            recipe: def_id("recipe/fur_jerkin"),
            required_level: self.up_to(60),
            product: def_id("item/leather_jerkin"),
            rarity: self.rarity(),
            pieces: 1 + self.0.below(4),
            masterwork: if self.coin() { DefId::NONE } else { def_id("item/fur_jerkin") },
            chance_permille: self.up_to(1_000),
            quality_permille: self.up_to(1_000),
            // The simulation passes on no more.
            count: self.up_to(20).min(100),
            seed: self.0.next_u64(),
        }
    }

    pub fn charge(&mut self, id: u32) -> Charge {
        Charge {
            id,
            service: if self.coin() { Service::Respawn } else { Service::Crafting },
            character: EntityId(self.0.next_u64()),
            level: self.up_to(60),
            subject: def_id("recipe/fur_jerkin"),
            count: self.up_to(100),
            amount: self.up_to(1_000_000),
            balance: self.up_to(10_000),
        }
    }
}

/// What the script of encounters is asked.
impl Draw {
    pub fn bout(&mut self, id: u32) -> Bout {
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

    pub fn pairing(&mut self, id: u32) -> Pairing {
        let (challenger, opponent) = (self.duelist(), self.duelist());
        Pairing { id, challenger, opponent, turn_ticks: 20 + self.0.below(2_381), seed: self.0.next_u64() }
    }

    pub fn turn(&mut self, id: u32) -> Turn {
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
