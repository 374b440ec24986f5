//! What a bot wants in the scenarios that are about many connections: it moves with every pace, and knows of others no
//! more than it is told in person. Pure: no socket, no clock, seeded chance.

use super::mind::{ATTACK_GAP, Scenario, attack_range, is_prey, leads_out, nearest, step_towards};
use super::replica::Replica;
use super::shelf::{Fate, Shelf};
use protocol::v1::call::Method;
use protocol::v1::{self, DuelChallenged, DuelTurn, Inventory, InventoryUpdate, Zone};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::f64::consts::PI;
use std::time::Duration;

/// How many others a spread has in sight.
const VISIBLE: f64 = 12.5;
/// How far a crowd walks from where characters start, millimetres; all of it within an interest radius of 60 m.
const CROWD_MM: i32 = 20_000;
/// How far two who duel walk while they do: they have to stay within 5 m of each other, millimetres.
const DUEL_MM: i32 = 1_000;
/// Nobody of a spread goes nearer to the edge of a zone, where its crossings are, millimetres.
const MARGIN_MM: i32 = 10_000;
/// Between two challenges; the server allows 10 a minute.
const CHALLENGE_GAP: Duration = Duration::from_secs(7);
/// Between two durable changes of the inventory.
const SHIFT_GAP: Duration = Duration::from_secs(2);

/// What the bot wants done now.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Move there, millimetres.
    Walk(i32, i32),
    /// Any call.
    Call(Method),
}

/// Where a bot belongs: a place and how far it walks from it, millimetres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Home {
    at: (i32, i32),
    spread: i32,
}

/// The will of one bot.
pub struct Walker {
    scenario: Scenario,
    index: usize,
    bots: usize,
    seed: u64,
    rng: StdRng,
    at: Option<(i32, i32)>,
    home: Option<Home>,
    goal: Option<(i32, i32)>,
    zone: String,
    in_place: bool,
    dead: bool,
    dueling: bool,
    next_challenge: Duration,
    next_attack: Duration,
    next_shift: Duration,
    shelf: Shelf,
}

impl Walker {
    /// The will of bot number `index` of `bots`.
    pub fn new(scenario: Scenario, index: usize, bots: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let next_shift = SHIFT_GAP.mul_f64(rng.random_range(0.0..1.0));
        Self {
            scenario,
            index,
            bots,
            seed,
            rng,
            at: None,
            home: None,
            goal: None,
            zone: String::new(),
            in_place: false,
            dead: false,
            dueling: false,
            next_challenge: Duration::ZERO,
            next_attack: Duration::ZERO,
            next_shift,
            shelf: Shelf::default(),
        }
    }

    /// Number of the bot that this one duels with, if it is one that fights.
    pub fn rival(&self) -> Option<usize> {
        let fights = self.scenario == Scenario::City && self.index % 4 < 2 && (self.index ^ 1) < self.bots;
        fights.then_some(self.index ^ 1)
    }

    /// Whether it has walked to where it belongs.
    pub fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// A snapshot came: stand where it says. What to ask now.
    pub fn placed(&mut self, replica: &Replica) -> Option<Method> {
        let (zone, own) = replica.zone.as_ref().zip(replica.own())?;
        self.at = Some((own.x, own.y));
        self.goal = None;
        if self.zone != zone.name {
            self.zone.clone_from(&zone.name);
            self.home = Some(self.home_in(zone, (own.x, own.y)));
        }
        let lists = self.scenario == Scenario::ReconnectStorm && !self.shelf.is_known();
        lists.then_some(Method::InventoryList(v1::InventoryList {}))
    }

    /// The server put the character elsewhere.
    pub fn corrected(&mut self, x: i32, y: i32) {
        (self.at, self.goal) = (Some((x, y)), None);
    }

    /// The character died.
    pub fn died(&mut self) {
        self.dead = true;
    }

    /// The character is back; a correction says where.
    pub fn respawned(&mut self) {
        self.dead = false;
    }

    /// The session goes on after the connection was lost: whether all was told is to be looked at.
    pub fn resumed(&mut self) {
        self.shelf.look_again();
    }

    /// Joined again after the session was over: nobody will say what became of what was asked for.
    pub fn rejoined(&mut self) {
        (self.dead, self.dueling) = (false, false);
        self.shelf.begin_anew();
    }

    /// Somebody asks for a duel: the answer.
    pub fn challenged(&mut self, challenge: &DuelChallenged) -> Method {
        let duel = challenge.duel;
        match self.rival().is_some() && !self.dueling {
            true => Method::DuelAccept(v1::DuelAccept { duel }),
            false => Method::DuelDecline(v1::DuelDecline { duel }),
        }
    }

    /// A duel goes on; what to do if it is the own turn.
    pub fn duel_turn(&mut self, turn: &DuelTurn, you: u64) -> Option<Method> {
        self.dueling = turn.actor.is_some();
        let ready = turn.moves.iter().find(|known| known.ready);
        let act = v1::DuelAct { duel: turn.duel, ability: ready.map(|known| known.ability.clone()) };
        (turn.actor == Some(you)).then_some(Method::DuelAct(act))
    }

    /// A duel, or a challenge that became none, is over.
    pub fn duel_ended(&mut self) {
        self.dueling = false;
    }

    /// The inventory as it is now. How many places of it are not as they were told to be.
    pub fn listed(&mut self, inventory: &Inventory) -> usize {
        self.shelf.list(inventory)
    }

    /// The inventory changed. Whether that is a second time what was asked for once.
    pub fn told(&mut self, update: &InventoryUpdate) -> bool {
        self.shelf.tell(update)
    }

    /// A durable change of the inventory, if there is something to change and no other under way.
    pub fn shift(&mut self) -> Option<Method> {
        self.shelf.shift(&mut self.rng).map(Method::InventoryMove)
    }

    /// That change is answered; what became of it.
    pub fn shifted(&mut self, is_done: bool) -> Fate {
        self.shelf.answered(is_done)
    }

    /// Whether such a change has no answer yet.
    pub fn waits(&self) -> bool {
        self.shelf.waits()
    }

    /// What to do at `now` (since the bot joined); `rival` is the entity of [`Walker::rival`], 0 if it is not known.
    pub fn think(&mut self, replica: &Replica, rival: u64, now: Duration, steps: &mut Vec<Step>) {
        let (Some(zone), Some(at), Some(home), false) = (&replica.zone, self.at, self.home, self.dead) else {
            return;
        };
        self.walk(replica, zone, at, home, steps);
        if self.rival().is_some() {
            self.fight(replica, at, rival, now, steps);
        }
        if self.scenario == Scenario::ReconnectStorm && now >= self.next_shift {
            self.next_shift = now + SHIFT_GAP;
            steps.extend(self.shift().map(Step::Call));
        }
    }

    fn walk(&mut self, replica: &Replica, zone: &Zone, at: (i32, i32), home: Home, steps: &mut Vec<Step>) {
        self.in_place |= distance(at, home.at) <= i64::from(home.spread) * 3 / 2;
        let goal = match self.goal.filter(|goal| *goal != at) {
            Some(goal) => goal,
            None => self.somewhere(zone, home),
        };
        let next = step_towards(replica, at, goal);
        if leads_out(zone, next) {
            self.goal = None;
            return;
        }
        self.goal = Some(goal);
        if next != at {
            self.at = Some(next);
            steps.push(Step::Walk(next.0, next.1));
        }
    }

    fn fight(&mut self, replica: &Replica, at: (i32, i32), rival: u64, now: Duration, steps: &mut Vec<Step>) {
        let reach = attack_range(replica);
        let foe = nearest(replica, at, is_prey).filter(|(_, distance)| *distance <= reach);
        if let Some((foe, _)) = foe {
            if now >= self.next_attack {
                self.next_attack = now + ATTACK_GAP;
                steps.push(Step::Call(Method::CombatAttack(v1::CombatAttack { target: foe.id })));
            }
            return;
        }
        let challenges = self.index.is_multiple_of(2) && !self.dueling && self.in_place && rival != 0;
        if challenges && now >= self.next_challenge {
            self.next_challenge = now + CHALLENGE_GAP;
            steps.push(Step::Call(Method::DuelChallenge(v1::DuelChallenge { target: rival })));
        }
    }

    /// A place to go to next.
    fn somewhere(&mut self, zone: &Zone, home: Home) -> (i32, i32) {
        let mut around = |centre: i32, extent: i32| {
            let spread = home.spread.max(1);
            (centre + self.rng.random_range(-spread..=spread)).clamp(0, extent - 1)
        };
        (around(home.at.0, zone.width), around(home.at.1, zone.height))
    }

    fn home_in(&self, zone: &Zone, arrived: (i32, i32)) -> Home {
        let crowd = CROWD_MM.min(zone.interest_radius as i32 / 3);
        match self.scenario {
            Scenario::Spread | Scenario::LoginStorm | Scenario::ReconnectStorm => {
                cell(zone, self.index, self.bots)
            }
            Scenario::City if self.rival().is_some() => {
                // The same for both of a pair.
                let mut rng = StdRng::seed_from_u64(self.seed ^ (self.index / 2) as u64);
                let mut off = |extent: i32, from: i32| {
                    let place = from + rng.random_range(-crowd..=crowd);
                    place.clamp(MARGIN_MM.min(extent / 2), (extent - MARGIN_MM).max(extent / 2))
                };
                Home { at: (off(zone.width, arrived.0), off(zone.height, arrived.1)), spread: DUEL_MM }
            }
            _ => Home { at: arrived, spread: crowd },
        }
    }
}

/// The cell of bot number `index` in a square in which [`VISIBLE`] of `bots` are in sight of each, in the middle of the
/// zone; a smaller zone is filled, and more are in sight.
fn cell(zone: &Zone, index: usize, bots: usize) -> Home {
    let radius = f64::from(zone.interest_radius);
    let side = (radius * (PI * bots as f64 / VISIBLE).sqrt()) as i32;
    let columns = (bots as f64).sqrt().ceil().max(1.0) as usize;
    let rows = bots.div_ceil(columns).max(1);
    let place = |number: usize, of: usize, extent: i32| {
        let side = i64::from(side.min(extent - 2 * MARGIN_MM).max(1));
        let from = (i64::from(extent) - side) / 2;
        (from + side * (2 * number as i64 + 1) / (2 * of as i64)) as i32
    };
    let at = (place(index % columns, columns, zone.width), place(index / columns % rows, rows, zone.height));
    Home { at, spread: (side / columns as i32 / 2).max(DUEL_MM) }
}

fn distance(a: (i32, i32), b: (i32, i32)) -> i64 {
    let (dx, dy) = (i64::from(a.0) - i64::from(b.0), i64::from(a.1) - i64::from(b.1));
    (dx * dx + dy * dy).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::mind::PACE;
    use crate::load::replica::Entity;

    fn zone(extent: i32) -> Zone {
        let crossing = v1::Crossing { x0: 0, y0: 0, x1: extent, y1: 5_000, to: "greywood".to_owned() };
        Zone {
            name: "downtown".to_owned(),
            width: extent,
            height: extent,
            max_speed: 20_000,
            interest_radius: 100_000,
            crossings: vec![crossing],
            ..Zone::default()
        }
    }

    fn standing(extent: i32, at: (i32, i32)) -> Replica {
        let (kind, template) = (v1::EntityKind::Player, String::new());
        let own = Entity { id: 1, kind, template, x: at.0, y: at.1, hp: 9, hostile: false };
        let mut replica = Replica::default();
        replica.entities.insert(1, own);
        (replica.you, replica.zone) = (1, Some(zone(extent)));
        replica
    }

    /// Lets it walk for so many paces; where it is after each.
    fn walked(walker: &mut Walker, replica: &Replica, paces: u32) -> Vec<(i32, i32)> {
        let mut steps = Vec::new();
        for pace in 1..=paces {
            walker.think(replica, 0, PACE * pace, &mut steps);
        }
        let walk = |step| match step {
            Step::Walk(x, y) => Some((x, y)),
            Step::Call(_) => None,
        };
        steps.into_iter().filter_map(walk).collect()
    }

    #[test]
    fn a_crowd_moves_with_every_pace_and_all_see_all() {
        let replica = standing(400_000, (200_000, 100_000));
        for index in 0..4 {
            let mut walker = Walker::new(Scenario::Crowd, index, 4, 1);
            assert_eq!(walker.placed(&replica), None);
            let places = walked(&mut walker, &replica, 300);
            assert_eq!(places.len(), 300, "it does not stand still");
            for (x, y) in places {
                assert!((x - 200_000).abs() <= CROWD_MM && (y - 100_000).abs() <= CROWD_MM, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_spread_has_a_dozen_in_sight_whatever_their_number() {
        for bots in [100, 400, 1_600] {
            let side = (50_133.0 * f64::from(bots).sqrt()) as i32 + 2 * MARGIN_MM;
            let homes: Vec<Home> =
                (0..bots).map(|index| cell(&zone(side), index as usize, bots as usize)).collect();
            let pairs = homes.iter().flat_map(|a| homes.iter().map(|b| distance(a.at, b.at)));
            let visible = pairs.filter(|distance| *distance <= 100_000).count() as f64 / f64::from(bots);
            // Who lives at the edge sees fewer, and so does who stays in the middle of its cell.
            assert!((7.0..=13.0).contains(&visible), "{bots}: {visible}");
        }
    }

    #[test]
    fn a_spread_walks_to_its_places_and_stays_in_the_zone() {
        let replica = standing(400_000, (200_000, 100_000));
        for index in [0, 17, 39] {
            let mut walker = Walker::new(Scenario::Spread, index, 40, 1);
            walker.placed(&replica);
            let places = walked(&mut walker, &replica, 600);
            assert!(walker.is_in_place());
            assert!(places.iter().all(|at| !leads_out(&zone(400_000), *at)));
            let home = cell(&zone(400_000), index, 40);
            let last = places.last().expect("it walks");
            assert!(distance(*last, home.at) <= i64::from(home.spread) * 3 / 2, "{last:?} of {home:?}");
        }
    }

    #[test]
    fn two_of_four_in_the_city_duel_each_other() {
        let replica = standing(400_000, (200_000, 100_000));
        let mut city: Vec<Walker> = (0..6).map(|index| Walker::new(Scenario::City, index, 5, 1)).collect();
        let rivals: Vec<Option<usize>> = city.iter().map(Walker::rival).collect();
        assert_eq!(rivals, [Some(1), Some(0), None, None, None, Some(4)]);
        for walker in &mut city {
            walker.placed(&replica);
        }
        assert_eq!(city[0].home, city[1].home);
        let mut steps = Vec::new();
        for pace in 0..40 {
            city[0].think(&replica, 77, PACE * pace, &mut steps);
        }
        let calls: Vec<Step> = steps.into_iter().filter(|step| matches!(step, Step::Call(_))).collect();
        let challenge = Method::DuelChallenge(v1::DuelChallenge { target: 77 });
        assert_eq!(calls, [Step::Call(challenge)], "once in seven seconds");
        let asked = DuelChallenged { duel: 3, ..DuelChallenged::default() };
        assert_eq!(city[1].challenged(&asked), Method::DuelAccept(v1::DuelAccept { duel: 3 }));
        assert_eq!(city[2].challenged(&asked), Method::DuelDecline(v1::DuelDecline { duel: 3 }));
    }

    #[test]
    fn a_duelist_takes_the_first_move_that_is_ready_in_its_own_turn() {
        let mut walker = Walker::new(Scenario::City, 0, 2, 1);
        let known = |ability: &str, ready| v1::DuelMove {
            ability: ability.to_owned(),
            ready,
            ..v1::DuelMove::default()
        };
        let moves = vec![known("rest", false), known("strike", true)];
        let turn = DuelTurn { duel: 3, actor: Some(12), moves, ..DuelTurn::default() };
        assert_eq!(walker.duel_turn(&turn, 13), None);
        let act = v1::DuelAct { duel: 3, ability: Some("strike".to_owned()) };
        assert_eq!(walker.duel_turn(&turn, 12), Some(Method::DuelAct(act)));
    }
}
