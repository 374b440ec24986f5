//! `interest_grid`: the spatial index of a zone without the zone, against looking at everybody.

use super::Bench;
use super::ground::Ground;
use super::report::Reach;
use anyhow::ensure;
use sim::EntityId;
use sim::content::Position;
use sim::grid::{Grid, Point};
use sim::rng::Rng;
use std::time::{Duration, Instant};

const SIZES: [usize; 3] = [10_000, 20_000, 40_000];
const FEW: usize = 2_000;
/// Ticks that are measured.
const ROUNDS: u32 = 100;
/// Those whom a look at everybody is compared for.
const COMPARED: usize = 200;
/// Fastest step of a tick each way, millimetres: 5 m a second.
const STEP_MM: u32 = 250;

/// Entities on the move.
struct Field {
    ground: Ground,
    entities: Vec<Point>,
    steps: Vec<(i32, i32)>,
    grid: Grid,
    /// Whom each saw in the tick before, by id.
    known: Vec<Vec<EntityId>>,
    seen: Vec<EntityId>,
}

/// What was seen in a tick.
#[derive(Default)]
struct Sights {
    visible: u64,
    entered: u64,
    left: u64,
}

impl Field {
    fn new(entities: usize, seed: u64) -> Self {
        let ground = Ground::spread(entities);
        let mut rng = Rng(seed);
        let mut place = || rng.below(ground.side_mm.unsigned_abs() + 1) as i32;
        let at =
            |id| Point { id: EntityId(id), index: id as u32, at: Position { x_mm: place(), y_mm: place() } };
        let entities: Vec<Point> = (0..entities as u64).map(at).collect();
        let mut step = || rng.below(2 * STEP_MM + 1) as i32 - STEP_MM as i32;
        let steps = entities.iter().map(|_| (step(), step())).collect();
        let mut grid = Grid::new(ground.side_mm, ground.side_mm);
        grid.rebuild(entities.iter().map(|point| (point.id, point.at)));
        let known = vec![Vec::new(); entities.len()];
        let mut field = Self { ground, entities, steps, grid, known, seen: Vec::new() };
        field.look();
        field
    }

    fn go(&mut self) {
        let side = self.ground.side_mm;
        for (entity, (east, north)) in self.entities.iter_mut().zip(&mut self.steps) {
            for (at, step) in [(&mut entity.at.x_mm, east), (&mut entity.at.y_mm, north)] {
                if !(0..=side).contains(&(*at + *step)) {
                    *step = -*step;
                }
                *at += *step;
            }
        }
        self.grid.rebuild(self.entities.iter().map(|point| (point.id, point.at)));
    }

    /// Everybody looks around and compares with what it knew.
    fn look(&mut self) -> Sights {
        let mut sights = Sights::default();
        let radius = self.ground.radius_mm.unsigned_abs();
        for (entity, known) in self.entities.iter().zip(&mut self.known) {
            self.seen.clear();
            self.grid.within(entity.at, radius, |point| self.seen.push(point.id));
            self.seen.sort_unstable();
            compare(known, &self.seen, &mut sights);
            std::mem::swap(known, &mut self.seen);
        }
        sights
    }

    /// The same for one of them, found by looking at everybody.
    fn look_at_all(&self, index: usize) -> Vec<EntityId> {
        let (from, square) = (self.entities[index].at, i64::from(self.ground.radius_mm).pow(2));
        let near = |point: &&Point| {
            let dx = i64::from(point.at.x_mm - from.x_mm);
            let dy = i64::from(point.at.y_mm - from.y_mm);
            dx * dx + dy * dy <= square
        };
        self.entities.iter().filter(near).map(|point| point.id).collect()
    }
}

/// Merges two sorted lists.
fn compare(known: &[EntityId], seen: &[EntityId], sights: &mut Sights) {
    let mut known = known.iter().peekable();
    sights.visible += seen.len() as u64;
    for id in seen {
        while known.next_if(|known| *known < id).is_some() {
            sights.left += 1;
        }
        sights.entered += u64::from(known.next_if_eq(&id).is_none());
    }
    sights.left += known.count() as u64;
}

/// Measures in this process: there is nothing to be told apart.
pub fn run(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let rounds = if bench.options.quick { 3 } else { ROUNDS };
    for repeat in 1..=bench.repeats() {
        for entities in bench.sizes(&SIZES, FEW) {
            bench.say(&format!("repeat {repeat}: {entities} entities"));
            measure(bench, entities, rounds)?;
        }
    }
    Ok(())
}

fn measure(bench: &mut Bench<'_>, entities: usize, rounds: u32) -> anyhow::Result<()> {
    let mut field = Field::new(entities, bench.options.seed);
    let (mut going, mut looking) = (Duration::ZERO, Duration::ZERO);
    let mut all = Sights::default();
    for _ in 0..rounds {
        let began = Instant::now();
        field.go();
        let gone = Instant::now();
        let sights = field.look();
        (going, looking) = (going + (gone - began), looking + gone.elapsed());
        all.visible += sights.visible;
        all.entered += sights.entered;
        all.left += sights.left;
    }
    let compared = COMPARED.min(entities);
    let began = Instant::now();
    for index in 0..compared {
        let found = field.look_at_all(index);
        ensure!(
            found == field.known[index],
            "the grid and a look at everybody disagree about entity {index}"
        );
    }
    let brute = began.elapsed().as_nanos() as f64 / compared as f64;
    let moved = entities as f64 * f64::from(rounds);
    let query = looking.as_nanos() as f64 / moved;
    let sheet = &mut bench.sheet;
    let what = |what: &str| format!("{what}, {entities} entities");
    let one = going.as_nanos() as f64 / moved;
    sheet.aim(what("move and index, each"), "grid", "ns", one, Reach::AtMost(15.0));
    let visible = looking.as_nanos() as f64 / all.visible.max(1) as f64;
    sheet.aim(what("visible, enter and leave, each"), "grid", "ns", visible, Reach::AtMost(20.0));
    sheet.add(what("in sight"), "grid", "", all.visible as f64 / moved);
    sheet.add(
        what("entered or left in a tick"),
        "grid",
        "",
        (all.entered + all.left) as f64 / f64::from(rounds),
    );
    sheet.add(what("one who looks"), "grid", "ns", query);
    sheet.add(what("one who looks"), "brute force", "ns", brute);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_entered_and_who_left_is_counted() {
        let ids = |ids: &[u64]| ids.iter().map(|id| EntityId(*id)).collect::<Vec<_>>();
        let mut sights = Sights::default();
        compare(&ids(&[1, 2, 5, 9]), &ids(&[2, 3, 5, 6]), &mut sights);
        assert_eq!((sights.visible, sights.entered, sights.left), (4, 2, 2));
    }

    #[test]
    fn the_grid_finds_whom_a_look_at_everybody_finds() {
        let mut field = Field::new(500, 42);
        for _ in 0..20 {
            field.go();
            field.look();
        }
        for index in 0..500 {
            assert_eq!(field.look_at_all(index), field.known[index], "seed 42, entity {index}");
        }
    }
}
