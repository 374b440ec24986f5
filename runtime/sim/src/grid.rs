//! The spatial index: who is near a place.
//!
//! Rebuilt once a tick by counting sort, so that the entities of one row of cells lie side by side
//! and a query is one slice per row. Queries see the places of the end of the last step.

use crate::content::Position;
use crate::ids::EntityId;

/// Edge of a cell. A compromise between the interest radius (100 m) and what NPCs look for (20 m), and between rows that
/// a query has to look at and cells that a rebuild has to.
const CELL_MM: i32 = 32_000;

/// The index over the ground of one zone.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    columns: usize,
    rows: usize,
    /// Where each cell begins in `points`; two more than there are cells.
    starts: Vec<u32>,
    points: Vec<Point>,
    /// Scratch of the rebuild: the cell of every entity.
    cells: Vec<u32>,
}

/// An entity and where it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point {
    /// Who.
    pub id: EntityId,
    /// Place in the order of all entities.
    pub index: u32,
    /// Where.
    pub at: Position,
}

impl Grid {
    /// An empty index of a ground of this extent, millimetres.
    pub fn new(width_mm: i32, height_mm: i32) -> Self {
        let cells = |extent_mm: i32| (extent_mm.max(1) as usize).div_ceil(CELL_MM as usize);
        Self { columns: cells(width_mm), rows: cells(height_mm), ..Self::default() }
    }

    fn column(&self, x_mm: i32) -> usize {
        ((x_mm.max(0) / CELL_MM) as usize).min(self.columns - 1)
    }

    fn row(&self, y_mm: i32) -> usize {
        ((y_mm.max(0) / CELL_MM) as usize).min(self.rows - 1)
    }

    /// Forgets everybody and takes these in, in the order of all entities; who is outside counts to the nearest cell.
    pub fn rebuild(&mut self, points: impl Iterator<Item = (EntityId, Position)> + Clone) {
        let points = (0..).zip(points).map(|(index, (id, at))| Point { id, index, at });
        let mut cells = std::mem::take(&mut self.cells);
        cells.clear();
        cells.extend(
            points.clone().map(|p| (self.row(p.at.y_mm) * self.columns + self.column(p.at.x_mm)) as u32),
        );

        // Counted one cell further on than they begin: filling then moves every start to where it belongs.
        self.starts.clear();
        self.starts.resize(self.columns * self.rows + 2, 0);
        for &cell in &cells {
            self.starts[cell as usize + 2] += 1;
        }
        let mut before = 0;
        for start in &mut self.starts {
            before += *start;
            *start = before;
        }
        self.points.resize(cells.len(), Point::default());
        for (point, &cell) in points.zip(&cells) {
            let next = &mut self.starts[cell as usize + 1];
            self.points[*next as usize] = point;
            *next += 1;
        }
        self.cells = cells;
    }

    /// Everybody within `radius_mm` of `centre`, row by row of cells.
    pub fn within(&self, centre: Position, radius_mm: u32, mut visit: impl FnMut(&Point)) {
        if self.points.is_empty() {
            return;
        }
        let radius = i32::try_from(radius_mm).unwrap_or(i32::MAX);
        let (left, right) = (
            self.column(centre.x_mm.saturating_sub(radius)),
            self.column(centre.x_mm.saturating_add(radius)),
        );
        let (bottom, top) =
            (self.row(centre.y_mm.saturating_sub(radius)), self.row(centre.y_mm.saturating_add(radius)));
        let square = i64::from(radius) * i64::from(radius);
        for row in bottom..=top {
            let first = self.starts[row * self.columns + left] as usize;
            let last = self.starts[row * self.columns + right + 1] as usize;
            for point in &self.points[first..last] {
                let dx = i64::from(point.at.x_mm) - i64::from(centre.x_mm);
                let dy = i64::from(point.at.y_mm) - i64::from(centre.y_mm);
                if dx * dx + dy * dy <= square {
                    visit(point);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn finds_exactly_what_a_full_search_finds() {
        let seed = 7;
        let mut rng = Rng(seed);
        let points: Vec<Point> = (1..=2_000)
            .map(|id| Point {
                id: EntityId(id),
                index: 0,
                at: Position { x_mm: rng.below(400_001) as i32, y_mm: rng.below(300_001) as i32 },
            })
            .collect();
        let mut grid = Grid::new(400_000, 300_000);
        grid.rebuild(points.iter().map(|point| (point.id, point.at)));
        for _ in 0..200 {
            let centre = Position { x_mm: rng.below(400_001) as i32, y_mm: rng.below(300_001) as i32 };
            let radius = rng.below(120_000);
            let mut found = Vec::new();
            grid.within(centre, radius, |point| {
                assert_eq!(points[point.index as usize].id, point.id);
                found.push(point.id);
            });
            found.sort_unstable();
            let expected: Vec<EntityId> = points
                .iter()
                .filter(|p| {
                    let (dx, dy) = (i64::from(p.at.x_mm - centre.x_mm), i64::from(p.at.y_mm - centre.y_mm));
                    dx * dx + dy * dy <= i64::from(radius) * i64::from(radius)
                })
                .map(|p| p.id)
                .collect();
            assert_eq!(found, expected, "seed {seed}, centre {centre:?}, radius {radius}");
        }
    }
}
