//! What a bot wants: pure decisions from what it knows. No socket, no clock, seeded chance.

use super::replica::Entity;
use super::replica::Replica;
use protocol::v1::{Choice, Crossing, EntityKind, Zone};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::time::Duration;

/// How often a bot thinks: a client sends its movement at 10 Hz.
pub const PACE: Duration = Duration::from_millis(100);
/// Between two attacks; the server allows two a second.
pub(super) const ATTACK_GAP: Duration = Duration::from_millis(600);
/// After that an attack without a swing is given up.
pub const ATTACK_PATIENCE: Duration = Duration::from_secs(3);
/// Between two lines of chat; the server allows 30 a minute.
const CHAT_GAP: Duration = Duration::from_secs(12);
/// Between two answers in a conversation.
const DIALOG_GAP: Duration = Duration::from_millis(700);
/// Answers given in one conversation.
const DIALOG_TURNS: u32 = 6;
/// How long a bot looks for somebody to talk to and talks.
const TALK_PATIENCE: Duration = Duration::from_secs(60);
/// How long a bot stands in a crossing that does not let it pass, and how long it makes room then.
const CROSSING_PATIENCE: Duration = Duration::from_secs(2);
const STROLL: Duration = Duration::from_secs(5);
/// Share of the full speed that bots walk at: leaves room for jitter.
const STRIDE_PERMILLE: i64 = 900;
/// Where one can talk and pick up, with a margin, millimetres.
const REACH_MM: i64 = 4_000;
/// Items farther away are left lying, millimetres.
const LOOT_MM: i64 = 12_000;
/// How far members of a crowd walk from where they started, millimetres.
const CROWD_MM: i32 = 20_000;
/// How far others stroll, millimetres.
const STROLL_MM: i32 = 60_000;
/// Who is this close to a beast fights it: others look for another one, millimetres.
const CLAIM_MM: i64 = 8_000;
/// Beasts among which a hunter chooses by chance, so that not all run for the same one.
const CHOICE: usize = 4;
/// Items that are remembered as tried.
const TRIED_ITEMS: usize = 32;
/// Where wolves live in the starter content.
const HUNTING_GROUND: &str = "greywood";
/// Who gives the first quest, and the quest.
const INNKEEPER: &str = "mira";
const FIRST_QUEST: &str = "wolves_at_the_gate";

/// What the bots of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Half hunt, a quarter talks and then hunts, a quarter strolls and chats.
    Mixed,
    /// Everybody goes to the hunting ground and fights.
    Fight,
    /// Everybody moves where characters start, in sight of all others.
    Crowd,
    /// Everybody moves around a place of its own, so that a dozen others are in sight however many there are.
    Spread,
    /// A dense place in which half fight what is hostile there, or duel each other.
    City,
    /// A spread, and beside it others who all arrive within a second.
    LoginStorm,
    /// A spread whose connections are all dropped at once, and all come back.
    ReconnectStorm,
}

impl Scenario {
    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Fight => "fight",
            Self::Crowd => "crowd",
            Self::Spread => "spread",
            Self::City => "city",
            Self::LoginStorm => "login-storm",
            Self::ReconnectStorm => "reconnect-storm",
        }
    }

    /// Whether the bots decide by what is around them, and so have to know it.
    pub fn looks_around(self) -> bool {
        matches!(self, Self::Mixed | Self::Fight)
    }
}

/// What the bot wants done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Move there, millimetres.
    Walk(i32, i32),
    /// `combat.attack`.
    Attack(u64),
    /// `combat.use_skill`.
    UseSkill(String, u64),
    /// `npc.interact`.
    Interact(u64),
    /// `dialog.choose`.
    Choose(String),
    /// `dialog.close`.
    CloseDialog,
    /// `quest.accept`.
    AcceptQuest(&'static str),
    /// `chat.send`.
    Say(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Talk { since: Duration },
    Hunt,
    Stroll { until: Duration },
}

/// The will of one bot.
pub struct Mind {
    scenario: Scenario,
    chats: bool,
    rng: StdRng,
    errand: Errand,
    at: Option<(i32, i32)>,
    home: (i32, i32),
    goal: Option<(i32, i32)>,
    dead: bool,
    dialog: Option<Vec<Choice>>,
    dialog_turns: u32,
    next_answer: Duration,
    next_attack: Duration,
    next_skill: Duration,
    attacking_since: Option<Duration>,
    prey: Option<u64>,
    next_chat: Duration,
    at_crossing_since: Option<Duration>,
    visited: Vec<String>,
    tried_items: VecDeque<u64>,
}

impl Mind {
    /// The will of bot number `index`.
    pub fn new(scenario: Scenario, index: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let role = index % 4;
        let errand = match scenario {
            Scenario::Fight => Errand::Hunt,
            Scenario::Mixed if role == 0 => Errand::Stroll { until: Duration::MAX },
            Scenario::Mixed if role == 1 => Errand::Talk { since: Duration::ZERO },
            Scenario::Mixed => Errand::Hunt,
            // The others are a matter of `super::walker`; here they are crowds.
            _ => Errand::Stroll { until: Duration::MAX },
        };
        let next_chat = CHAT_GAP.mul_f64(rng.random_range(0.0..1.0));
        Self {
            scenario,
            chats: role == 0,
            rng,
            errand,
            at: None,
            home: (0, 0),
            goal: None,
            dead: false,
            dialog: None,
            dialog_turns: 0,
            next_answer: Duration::ZERO,
            next_attack: Duration::ZERO,
            next_skill: Duration::ZERO,
            attacking_since: None,
            prey: None,
            next_chat,
            at_crossing_since: None,
            visited: Vec::new(),
            tried_items: VecDeque::new(),
        }
    }

    /// A snapshot came: stand where it says.
    pub fn placed(&mut self, replica: &Replica) {
        let first = self.at.is_none();
        self.at = replica.own().map(|own| (own.x, own.y));
        if let (true, Some(at)) = (first, self.at) {
            self.home = at;
        }
        self.goal = None;
    }

    /// The server put the character elsewhere.
    pub fn corrected(&mut self, x: i32, y: i32) {
        self.at = Some((x, y));
    }

    /// Crossed into another zone.
    pub fn crossed(&mut self, from: &str) {
        if !self.visited.iter().any(|name| name == from) {
            self.visited.push(from.to_owned());
        }
        self.goal = None;
        self.at_crossing_since = None;
        self.attacking_since = None;
        self.dialog = None;
    }

    /// The character died.
    pub fn died(&mut self) {
        self.dead = true;
        self.attacking_since = None;
        self.dialog = None;
    }

    /// The character is back, somewhere.
    pub fn respawned(&mut self) {
        self.dead = false;
        self.at = None;
        self.goal = None;
    }

    /// Joined again after the connection was lost, wherever the character is now: who was talking begins again.
    pub fn rejoined(&mut self) {
        self.respawned();
        self.attacking_since = None;
        self.dialog = None;
        self.dialog_turns = 0;
    }

    /// Somebody speaks to the character.
    pub fn spoken_to(&mut self, choices: Vec<Choice>) {
        self.dialog = Some(choices);
    }

    /// The conversation is over, or never began.
    pub fn dialog_over(&mut self) {
        self.dialog = None;
        self.dialog_turns = DIALOG_TURNS;
    }

    /// The attack is over: its swing came, or it was refused.
    pub fn attack_over(&mut self) {
        self.attacking_since = None;
    }

    /// What to do at `now` (since the bot joined).
    pub fn think(&mut self, replica: &Replica, now: Duration) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.dead || replica.zone.is_none() {
            return orders;
        }
        if self.at.is_none() {
            self.at = replica.own().map(|own| (own.x, own.y));
        }
        let Some(at) = self.at else {
            return orders;
        };
        if self.chats && now >= self.next_chat {
            self.next_chat = now + CHAT_GAP;
            orders.push(Order::Say(format!("The wolves are close, says bot {}.", replica.you)));
        }
        match self.errand {
            Errand::Stroll { until } => self.stroll(replica, at, now, until, &mut orders),
            Errand::Talk { since } => self.talk(replica, at, now, since, &mut orders),
            Errand::Hunt => self.hunt(replica, at, now, &mut orders),
        }
        orders
    }

    fn stroll(
        &mut self,
        replica: &Replica,
        at: (i32, i32),
        now: Duration,
        until: Duration,
        orders: &mut Vec<Order>,
    ) {
        if now >= until {
            self.errand = Errand::Hunt;
            self.goal = None;
            return;
        }
        let (centre, spread) = match self.scenario {
            Scenario::Mixed | Scenario::Fight => (at, STROLL_MM),
            _ => (self.home, CROWD_MM),
        };
        self.wander(replica, at, centre, spread, orders);
    }

    fn talk(
        &mut self,
        replica: &Replica,
        at: (i32, i32),
        now: Duration,
        since: Duration,
        orders: &mut Vec<Order>,
    ) {
        if self.dialog_turns >= DIALOG_TURNS || now.saturating_sub(since) > TALK_PATIENCE {
            if self.dialog.take().is_some() {
                orders.push(Order::CloseDialog);
            }
            orders.push(Order::AcceptQuest(FIRST_QUEST));
            self.errand = Errand::Hunt;
            self.goal = None;
            return;
        }
        if now < self.next_answer {
            return;
        }
        if let Some(choices) = &self.dialog {
            self.next_answer = now + DIALOG_GAP;
            self.dialog_turns += 1;
            if choices.is_empty() {
                self.dialog_turns = DIALOG_TURNS;
            } else {
                let choice = self.rng.random_range(0..choices.len());
                orders.push(Order::Choose(choices[choice].id.clone()));
            }
            return;
        }
        let innkeeper = nearest(replica, at, |entity| entity.template == INNKEEPER);
        match innkeeper {
            Some((npc, distance)) if distance <= REACH_MM => {
                self.next_answer = now + DIALOG_GAP;
                self.dialog_turns += 1;
                orders.push(Order::Interact(npc.id));
            }
            Some((npc, _)) => self.walk_towards(replica, at, (npc.x, npc.y), orders),
            None => self.wander(replica, at, self.home, STROLL_MM, orders),
        }
    }

    fn hunt(&mut self, replica: &Replica, at: (i32, i32), now: Duration, orders: &mut Vec<Order>) {
        if self.attacking_since.is_some_and(|since| now.saturating_sub(since) > ATTACK_PATIENCE) {
            self.attacking_since = None;
        }
        let prey = self.choose_prey(replica, at);
        let loot = nearest(replica, at, |entity| {
            entity.kind == EntityKind::Item && !self.tried_items.contains(&entity.id)
        });
        match (loot, prey) {
            (Some((item, distance)), _) if distance <= REACH_MM => {
                if self.tried_items.len() == TRIED_ITEMS {
                    self.tried_items.pop_front();
                }
                self.tried_items.push_back(item.id);
                orders.push(Order::Interact(item.id));
            }
            (_, Some((target, distance))) if distance <= attack_range(replica) => {
                self.strike(replica, target.id, now, orders);
            }
            (Some((item, distance)), _) if distance <= self.loot_range() => {
                self.walk_towards(replica, at, (item.x, item.y), orders);
            }
            (_, Some((target, _))) => self.walk_towards(replica, at, (target.x, target.y), orders),
            (_, None) => self.travel(replica, at, now, orders),
        }
    }

    /// Whom to fight: who is in reach, else whom it is after already, else one of the nearest that nobody
    /// fights. A crowd so spreads over the hunting ground instead of following one beast.
    fn choose_prey<'a>(&mut self, replica: &'a Replica, at: (i32, i32)) -> Option<(&'a Entity, i64)> {
        let reach = attack_range(replica);
        let kept = self.prey.and_then(|id| nearest(replica, at, |entity| entity.id == id && is_prey(entity)));
        let in_reach = |prey: &(&Entity, i64)| prey.1 <= reach;
        let chosen = kept
            .filter(in_reach)
            .or_else(|| nearest(replica, at, is_prey).filter(in_reach))
            .or(kept)
            .or_else(|| {
                let mut free = unclaimed(replica, at);
                free.truncate(CHOICE);
                (!free.is_empty()).then(|| free.swap_remove(self.rng.random_range(0..free.len())))
            });
        self.prey = chosen.map(|(prey, _)| prey.id);
        chosen
    }

    /// How far it walks for what lies around.
    fn loot_range(&self) -> i64 {
        match self.scenario {
            Scenario::Fight => REACH_MM,
            _ => LOOT_MM,
        }
    }

    fn strike(&mut self, replica: &Replica, target: u64, now: Duration, orders: &mut Vec<Order>) {
        if now < self.next_attack || self.attacking_since.is_some() {
            return;
        }
        self.next_attack = now + ATTACK_GAP;
        let skill = replica.character.as_ref().and_then(|character| {
            let level = character.level;
            character.abilities.iter().skip(1).find(|a| a.target == "enemy" && a.required_level <= level)
        });
        match skill {
            Some(skill) if now >= self.next_skill => {
                self.next_skill =
                    now + Duration::from_millis(u64::from(skill.cooldown_ms)).max(ATTACK_GAP * 4);
                orders.push(Order::UseSkill(skill.name.clone(), target));
            }
            _ => {
                self.attacking_since = Some(now);
                orders.push(Order::Attack(target));
            }
        }
    }

    /// Nobody to fight here: on to the hunting ground, or look around in it.
    fn travel(&mut self, replica: &Replica, at: (i32, i32), now: Duration, orders: &mut Vec<Order>) {
        let Some(zone) = &replica.zone else {
            return;
        };
        let crossing = (zone.name != HUNTING_GROUND).then(|| self.way_out(&zone.crossings)).flatten();
        let Some(crossing) = crossing else {
            let centre = (zone.width / 2, zone.height / 2);
            self.wander(replica, at, centre, zone.width.min(zone.height) / 2, orders);
            return;
        };
        let goal = (i32::midpoint(crossing.x0, crossing.x1), i32::midpoint(crossing.y0, crossing.y1));
        if at != goal {
            self.walk_towards(replica, at, goal, orders);
            return;
        }
        let since = *self.at_crossing_since.get_or_insert(now);
        if now.saturating_sub(since) > CROSSING_PATIENCE {
            // The other side is full: make room here and try again later.
            self.at_crossing_since = None;
            self.errand = Errand::Stroll { until: now + STROLL };
        }
    }

    fn way_out<'a>(&mut self, crossings: &'a [Crossing]) -> Option<&'a Crossing> {
        let direct = crossings.iter().find(|crossing| crossing.to == HUNTING_GROUND);
        let fresh = crossings.iter().find(|crossing| !self.visited.contains(&crossing.to));
        direct.or(fresh).or(crossings.first())
    }

    fn wander(
        &mut self,
        replica: &Replica,
        at: (i32, i32),
        centre: (i32, i32),
        spread: i32,
        orders: &mut Vec<Order>,
    ) {
        let Some(zone) = &replica.zone else {
            return;
        };
        if self.goal.is_none_or(|goal| goal == at) {
            let spread = spread.max(1);
            let x = (centre.0 + self.rng.random_range(-spread..=spread)).clamp(0, zone.width - 1);
            let y = (centre.1 + self.rng.random_range(-spread..=spread)).clamp(0, zone.height - 1);
            self.goal = (!leads_out(zone, (x, y))).then_some((x, y));
        }
        if let Some(goal) = self.goal {
            self.walk_towards(replica, at, goal, orders);
        }
    }

    fn walk_towards(&mut self, replica: &Replica, at: (i32, i32), goal: (i32, i32), orders: &mut Vec<Order>) {
        let next = step_towards(replica, at, goal);
        if next != at {
            self.at = Some(next);
            orders.push(Order::Walk(next.0, next.1));
        }
    }
}

/// How near one has to be for the plain attack, with a margin, millimetres.
pub(super) fn attack_range(replica: &Replica) -> i64 {
    let attack = replica.character.as_ref().and_then(|character| character.abilities.first());
    attack.map_or(2_000, |ability| i64::from(ability.range) * 8 / 10)
}

/// Where one is a pace later on the straight way to `goal`.
pub(super) fn step_towards(replica: &Replica, at: (i32, i32), goal: (i32, i32)) -> (i32, i32) {
    let speed = replica.zone.as_ref().map_or(0, |zone| i64::from(zone.max_speed));
    let stride = speed * STRIDE_PERMILLE / 1_000 * PACE.as_millis() as i64 / 1_000;
    let (dx, dy) = (i64::from(goal.0) - i64::from(at.0), i64::from(goal.1) - i64::from(at.1));
    let distance = (dx * dx + dy * dy).isqrt();
    if distance <= stride {
        return goal;
    }
    ((i64::from(at.0) + dx * stride / distance) as i32, (i64::from(at.1) + dy * stride / distance) as i32)
}

/// Whether a place leads out of the zone.
pub(super) fn leads_out(zone: &Zone, (x, y): (i32, i32)) -> bool {
    zone.crossings.iter().any(|c| (c.x0..=c.x1).contains(&x) && (c.y0..=c.y1).contains(&y))
}

pub(super) fn is_prey(entity: &Entity) -> bool {
    entity.hostile && entity.hp > 0
}

/// Beasts that no other player stands beside, nearest first.
fn unclaimed(replica: &Replica, at: (i32, i32)) -> Vec<(&Entity, i64)> {
    let others: Vec<&Entity> = replica
        .entities
        .values()
        .filter(|entity| entity.kind == EntityKind::Player && entity.id != replica.you && entity.hp > 0)
        .collect();
    let beside = |prey: &Entity| others.iter().any(|other| distance((prey.x, prey.y), other) <= CLAIM_MM);
    let mut free: Vec<(&Entity, i64)> = replica
        .entities
        .values()
        .filter(|entity| is_prey(entity) && !beside(entity))
        .map(|entity| (entity, distance(at, entity)))
        .collect();
    free.sort_by_key(|(entity, distance)| (*distance, entity.id));
    free
}

fn distance(from: (i32, i32), to: &Entity) -> i64 {
    let (dx, dy) = (i64::from(to.x) - i64::from(from.0), i64::from(to.y) - i64::from(from.1));
    (dx * dx + dy * dy).isqrt()
}

/// The nearest entity that `wanted` accepts, with its distance in millimetres; ties by id.
pub(super) fn nearest(
    replica: &Replica,
    at: (i32, i32),
    wanted: impl Fn(&Entity) -> bool,
) -> Option<(&Entity, i64)> {
    replica
        .entities
        .values()
        .filter(|entity| entity.id != replica.you && wanted(entity))
        .map(|entity| (entity, distance(at, entity)))
        .min_by_key(|(entity, distance)| (*distance, entity.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(entities: &str, zone: &str, crossings: &str) -> Replica {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"world.snapshot","params":{{"tick":1,"ack":0,"zone":{{"name":"{zone}","title":"","width":100000,"height":100000,"max_speed":20000,"interest_radius":100000,"crossings":[{crossings}]}},"you":1,"entities":[{{"id":1,"kind":"player","x":50000,"y":50000,"hp":9}}{entities}]}}}}"#
        );
        let mut replica = Replica::default();
        let mut faults = Vec::new();
        replica.hear_text(&text, &mut faults);
        assert_eq!(faults, []);
        replica
    }

    #[test]
    fn a_hunter_walks_to_the_crossing_and_no_faster_than_allowed() {
        let replica =
            frame("", "downtown", r#"{"x0":99000,"y0":40000,"x1":100000,"y1":60000,"to":"greywood"}"#);
        let mut mind = Mind::new(Scenario::Fight, 0, 1);
        mind.placed(&replica);
        assert_eq!(mind.think(&replica, PACE), [Order::Walk(51_800, 50_000)]);
    }

    #[test]
    fn a_hunter_strikes_what_is_in_reach_and_waits_for_the_swing() {
        let wolf = r#",{"id":5,"kind":"npc","template":"wolf","x":51000,"y":50000,"hp":9,"hostile":true}"#;
        let replica = frame(wolf, "greywood", "");
        let mut mind = Mind::new(Scenario::Fight, 0, 1);
        mind.placed(&replica);
        assert_eq!(mind.think(&replica, PACE), [Order::Attack(5)]);
        assert_eq!(mind.think(&replica, PACE * 8), []);
        mind.attack_over();
        assert_eq!(mind.think(&replica, PACE * 8), [Order::Attack(5)]);
    }

    #[test]
    fn hunters_leave_a_beast_to_who_fights_it_and_stay_with_their_own() {
        let taken = r#",{"id":5,"kind":"npc","template":"wolf","x":60000,"y":50000,"hp":9,"hostile":true},{"id":2,"kind":"player","x":61000,"y":50000,"hp":9}"#;
        let free = r#",{"id":6,"kind":"npc","template":"wolf","x":50000,"y":80000,"hp":9,"hostile":true}"#;
        let closer = r#",{"id":7,"kind":"npc","template":"wolf","x":50000,"y":30000,"hp":9,"hostile":true}"#;
        for index in 0..8 {
            let replica = frame(&format!("{taken}{free}"), "greywood", "");
            let mut mind = Mind::new(Scenario::Fight, index, 1);
            mind.placed(&replica);
            assert_eq!(mind.think(&replica, PACE), [Order::Walk(50_000, 51_800)], "hunter {index}");
            let replica = frame(&format!("{taken}{free}{closer}"), "greywood", "");
            assert_eq!(mind.think(&replica, PACE * 2), [Order::Walk(50_000, 53_600)], "hunter {index}");
        }
    }

    #[test]
    fn a_crowd_stays_near_where_it_started() {
        let replica = frame("", "downtown", "");
        let mut mind = Mind::new(Scenario::Crowd, 3, 1);
        mind.placed(&replica);
        for tick in 1..2_000 {
            for order in mind.think(&replica, PACE * tick) {
                let Order::Walk(x, y) = order else { panic!("{order:?}") };
                assert!((x - 50_000).abs() <= CROWD_MM && (y - 50_000).abs() <= CROWD_MM);
            }
        }
    }
}
