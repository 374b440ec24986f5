//! Where the events of a tick happened: every client is told of those in its sight, without a look at all of them.

use sim::content::Position;

/// The events of one tick, by their numbers.
#[derive(Default)]
pub struct EventIndex {
    count: u32,
    /// Those that are told everywhere.
    everywhere: Vec<u32>,
    /// The others, from west to east.
    placed: Vec<(Position, u32)>,
}

impl EventIndex {
    /// For the next tick.
    pub fn clear(&mut self) {
        self.count = 0;
        self.everywhere.clear();
        self.placed.clear();
    }

    /// Adds the next event.
    pub fn push(&mut self, at: Option<Position>) {
        match at {
            Some(at) => self.placed.push((at, self.count)),
            None => self.everywhere.push(self.count),
        }
        self.count += 1;
    }

    /// All are there.
    pub fn sort(&mut self) {
        self.placed.sort_unstable_by_key(|(at, _)| at.x_mm);
    }

    /// Collects those within `radius_mm` of a place into `out` (cleared first), in the order they happened.
    pub fn within(&self, centre: Position, radius_mm: u32, out: &mut Vec<u32>) {
        out.clear();
        out.extend_from_slice(&self.everywhere);
        let radius = i32::try_from(radius_mm).unwrap_or(i32::MAX);
        let (west, east) = (centre.x_mm.saturating_sub(radius), centre.x_mm.saturating_add(radius));
        let first = self.placed.partition_point(|(at, _)| at.x_mm < west);
        let square = u64::from(radius_mm) * u64::from(radius_mm);
        for (at, number) in self.placed[first..].iter().take_while(|(at, _)| at.x_mm <= east) {
            let (dx, dy) =
                (u64::from(at.x_mm.abs_diff(centre.x_mm)), u64::from(at.y_mm.abs_diff(centre.y_mm)));
            if (dx * dx).saturating_add(dy * dy) <= square {
                out.push(*number);
            }
        }
        out.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_in_sight_and_no_other_in_the_order_they_happened(
            places in proptest::collection::vec(proptest::option::of((0..500_i32, 0..500_i32)), 0..60),
            (x_mm, y_mm) in (0..500_i32, 0..500_i32),
            radius in 0..300_u32,
        ) {
            let place = |(x_mm, y_mm)| Position { x_mm, y_mm };
            let (mut index, mut found) = (EventIndex::default(), vec![7]);
            places.iter().for_each(|at| index.push(at.map(place)));
            index.sort();
            index.within(Position { x_mm, y_mm }, radius, &mut found);
            let is_near = |(x, y): (i32, i32)| (x - x_mm).pow(2) + (y - y_mm).pow(2) <= (radius * radius) as i32;
            let near = (0..).zip(&places).filter(|(_, at)| at.is_none_or(is_near)).map(|(number, _)| number);
            prop_assert_eq!(found, near.collect::<Vec<u32>>());
        }
    }
}
