//! How the clients of a run move, the same on every side: first to a place of their own, then about. Steps follow from
//! the seed and the number of the client alone.

use super::ground::{FASTEST_M_S, Ground};
use sim::rng::Rng;

/// Steps a second.
pub const STEPS_PER_SECOND: u32 = 10;
/// One step on the way to the own place, millimetres: a little slower than allowed.
const HURRIED_MM: i32 = FASTEST_M_S * 1_000 / STEPS_PER_SECOND as i32 * 9 / 10;
/// One step about: 5 m a second, in eight directions.
const STROLLS_MM: [(i32, i32); 8] =
    [(500, 0), (354, 354), (0, 500), (-354, 354), (-500, 0), (-354, -354), (0, -500), (354, -354)];
/// Steps in one direction.
const STRAIGHT: (u32, u32) = (10, 50);

/// What a client is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Connects, and does no more.
    Idle,
    /// Joins and walks about.
    Wander,
    /// Joins, walks to where it sees nobody, and stays.
    Stand,
}

/// One client's way.
pub struct Walker {
    rng: Rng,
    ground: Ground,
    at: (i32, i32),
    /// Its own place, until it is there.
    goal: Option<(i32, i32)>,
    strolls: bool,
    direction: usize,
    left: u32,
}

impl Walker {
    /// Number `index` of `clients`, at the entrance.
    pub fn new(ground: Ground, role: Role, (index, clients): (usize, usize), seed: u64) -> Self {
        let mut rng = Rng(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let side = ground.side_mm.unsigned_abs();
        let goal = match role {
            Role::Idle => None,
            Role::Wander => Some((rng.below(side + 1) as i32, rng.below(side + 1) as i32)),
            Role::Stand => Some(Ground::lattice(clients, index)),
        };
        Self {
            rng,
            ground,
            at: ground.entrance(),
            goal,
            strolls: role == Role::Wander,
            direction: 0,
            left: 0,
        }
    }

    /// Where it is.
    pub fn at(&self) -> (i32, i32) {
        self.at
    }

    /// Whether it has come to its own place.
    pub fn has_arrived(&self) -> bool {
        self.goal.is_none()
    }

    /// It is somewhere else than it thought.
    pub fn put(&mut self, at: (i32, i32)) {
        self.at = at;
    }

    /// Where the next step leads; `None` for who stays.
    pub fn step(&mut self) -> Option<(i32, i32)> {
        if let Some(goal) = self.goal {
            self.at = hurry(self.at, goal);
            if self.at == goal {
                self.goal = None;
            }
            return Some(self.at);
        }
        if !self.strolls {
            return None;
        }
        if self.left == 0 {
            self.direction = self.rng.below(STROLLS_MM.len() as u32) as usize;
            self.left = self.rng.within(STRAIGHT.0, STRAIGHT.1);
        }
        self.left -= 1;
        let ahead = self.ahead();
        let on_ground = |at: i32| (0..=self.ground.side_mm).contains(&at);
        self.at = if on_ground(ahead.0) && on_ground(ahead.1) {
            ahead
        } else {
            // Back where it came from, rather than along the edge.
            self.direction = (self.direction + STROLLS_MM.len() / 2) % STROLLS_MM.len();
            let (x, y) = self.ahead();
            (x.clamp(0, self.ground.side_mm), y.clamp(0, self.ground.side_mm))
        };
        Some(self.at)
    }

    fn ahead(&self) -> (i32, i32) {
        let (east, north) = STROLLS_MM[self.direction];
        (self.at.0 + east, self.at.1 + north)
    }
}

fn hurry(from: (i32, i32), goal: (i32, i32)) -> (i32, i32) {
    let (east, north) = (i64::from(goal.0 - from.0), i64::from(goal.1 - from.1));
    let distance = (east * east + north * north).isqrt();
    let step = i64::from(HURRIED_MM);
    if distance <= step {
        return goal;
    }
    (
        (i64::from(from.0) + east * step / distance) as i32,
        (i64::from(from.1) + north * step / distance) as i32,
    )
}

/// How many of those at these places one of them sees on average, itself included.
pub fn in_sight(places: &[(i32, i32)], radius_mm: i32) -> f64 {
    let square = i64::from(radius_mm) * i64::from(radius_mm);
    let sees = |a: &(i32, i32), b: &(i32, i32)| {
        let (dx, dy) = (i64::from(a.0 - b.0), i64::from(a.1 - b.1));
        dx * dx + dy * dy <= square
    };
    let pairs: usize = places.iter().map(|one| places.iter().filter(|other| sees(one, other)).count()).sum();
    pairs as f64 / places.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walkers_arrive_then_stay_on_the_ground_and_go_no_faster_than_they_may() {
        let ground = Ground::spread(400);
        for index in 0..20 {
            let mut walker = Walker::new(ground, Role::Wander, (index, 20), 42);
            let (mut from, mut hurried) = (walker.at(), 0);
            for _ in 0..2_000 {
                hurried += u32::from(!walker.has_arrived());
                let to = walker.step().expect("it walks");
                let (dx, dy) = (i64::from(to.0 - from.0), i64::from(to.1 - from.1));
                assert!((dx * dx + dy * dy).isqrt() <= i64::from(HURRIED_MM), "seed 42, {from:?} to {to:?}");
                assert!((0..=ground.side_mm).contains(&to.0) && (0..=ground.side_mm).contains(&to.1));
                from = to;
            }
            assert!(walker.has_arrived() && hurried < 60, "{hurried} steps");
        }
    }

    #[test]
    fn the_same_seed_leads_the_same_way() {
        let way = |seed| {
            let mut walker = Walker::new(Ground::spread(100), Role::Wander, (3, 100), seed);
            (0..200).filter_map(|_| walker.step()).collect::<Vec<_>>()
        };
        assert_eq!(way(42), way(42));
        assert_ne!(way(42), way(43));
    }

    #[test]
    fn who_stands_apart_sees_only_itself() {
        let ground = Ground::apart(30);
        let places: Vec<_> = (0..30)
            .map(|index| {
                let mut walker = Walker::new(ground, Role::Stand, (index, 30), 42);
                while walker.step().is_some() {}
                walker.at()
            })
            .collect();
        assert!((in_sight(&places, ground.radius_mm) - 1.0).abs() < f64::EPSILON);
        assert!((in_sight(&places, ground.side_mm * 2) - 30.0).abs() < f64::EPSILON);
    }
}
