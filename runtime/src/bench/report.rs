//! What a run found: figures of interleaved repeats, what is to be reached, and how to show it.

use super::speech::Side;
use serde::Serialize;
use std::fmt;

/// What a figure shall be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// No more.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
    /// No farther from the first than the second.
    Near(f64, f64),
}

impl Reach {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::Near(middle, off) => (value - middle).abs() <= off,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::Near(middle, off) => write!(f, "{middle} +- {off}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug)]
struct Row {
    what: String,
    /// `raw`, `lore`, or what is compared: `lore/raw`.
    of: &'static str,
    unit: &'static str,
    reach: Option<Reach>,
    samples: Vec<f64>,
}

/// One figure as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured, and with how many clients.
    pub what: String,
    /// Of which server, or of which two: `lore/raw`.
    pub of: &'static str,
    /// In what.
    pub unit: &'static str,
    /// Half of the repeats are below.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// How many repeats count.
    pub repeats: usize,
    /// What is to be reached, if anything is.
    pub reach: Option<String>,
    /// Whether the median does.
    pub pass: Option<bool>,
}

/// One point of a picture.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// `raw` or `lore` or a peer.
    pub of: &'static str,
    /// So many clients.
    pub clients: usize,
    /// Took so much of the core.
    pub cpu_percent: f64,
}

/// What a suite found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of the suite.
    pub name: &'static str,
    /// What was done.
    pub work: &'static str,
    /// Of everything random in it.
    pub seed: u64,
    /// Whether it was only to see that it works: figures of a quick run say nothing.
    pub quick: bool,
    /// Of this program: figures of a build for development say nothing.
    pub optimised: bool,
    /// In the order they were measured in.
    pub figures: Vec<Figure>,
    /// Cost over clients, for a picture.
    pub curve: Vec<Point>,
    /// What was skipped or does not count, and why.
    pub notes: Vec<String>,
}

/// Figures while they come in.
#[derive(Default)]
pub struct Sheet {
    rows: Vec<Row>,
    points: Vec<(Side, usize, Vec<f64>)>,
    notes: Vec<String>,
}

impl Sheet {
    /// Adds the figure of one repeat.
    pub fn add(&mut self, what: impl Into<String>, of: &'static str, unit: &'static str, value: f64) {
        self.aim(what, of, unit, value, None::<Reach>);
    }

    /// Adds the figure of one repeat that is to reach something.
    pub fn aim(
        &mut self,
        what: impl Into<String>,
        of: &'static str,
        unit: &'static str,
        value: f64,
        reach: impl Into<Option<Reach>>,
    ) {
        let (what, reach) = (what.into(), reach.into());
        match self.rows.iter_mut().find(|row| row.what == what && row.of == of && row.unit == unit) {
            Some(row) => row.samples.push(value),
            None => self.rows.push(Row { what, of, unit, reach, samples: vec![value] }),
        }
    }

    /// Adds what so many clients cost in one repeat.
    pub fn point(&mut self, side: Side, clients: usize, cpu_percent: f64) {
        match self.points.iter_mut().find(|(of, at, _)| (*of, *at) == (side, clients)) {
            Some((_, _, samples)) => samples.push(cpu_percent),
            None => self.points.push((side, clients, vec![cpu_percent])),
        }
    }

    /// What a side cost with both numbers of clients, by repeat.
    pub fn pairs(&self, side: Side, (few, many): (usize, usize)) -> Vec<(f64, f64)> {
        let of = |clients| {
            let found = self.points.iter().find(|(of, at, _)| (*of, *at) == (side, clients));
            found.map_or(&[][..], |(_, _, samples)| samples.as_slice())
        };
        of(few).iter().copied().zip(of(many).iter().copied()).collect()
    }

    /// Says something once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Figures in the order of their first repeat, those of one kind together; points by side and number.
    pub fn finish(self) -> (Vec<Figure>, Vec<Point>, Vec<String>) {
        let figures = self.rows.into_iter().map(Figure::from).collect();
        let mut points = self.points;
        points.sort_by_key(|(side, clients, _)| (*side, *clients));
        let curve = points.into_iter().map(|(side, clients, samples)| Point {
            of: side.name(),
            clients,
            cpu_percent: median(&samples).1,
        });
        (figures, curve.collect(), self.notes)
    }
}

impl From<Row> for Figure {
    fn from(row: Row) -> Self {
        let (min, median, max) = median(&row.samples);
        Self {
            pass: row.reach.map(|reach| reach.is_met(median)),
            reach: row.reach.map(|reach| reach.to_string()),
            repeats: row.samples.len(),
            what: row.what,
            of: row.of,
            unit: row.unit,
            median,
            min,
            max,
        }
    }
}

/// Lowest, middle and highest; of an even number the middle of the two in the middle.
fn median(samples: &[f64]) -> (f64, f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return (0.0, 0.0, 0.0) };
    let half = sorted.len() / 2;
    let middle =
        if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
    (*min, middle, *max)
}

/// As many places as tell something.
fn number(value: f64) -> String {
    let places = if value.abs() >= 1_000.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.places$}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.work)?;
        writeln!(f, "seed {}", self.seed)?;
        if self.quick || !self.optimised {
            let why = if self.quick { "a quick run" } else { "a build without optimisation" };
            writeln!(f, "{why}: the figures say that it works, not how well")?;
        }
        let wide = self.figures.iter().map(|figure| figure.what.len()).max().unwrap_or(0).max(4);
        writeln!(
            f,
            "\n{:<wide$}  {:<14} {:>10} {:>10} {:>10}  {:<8} {:>14}",
            "WHAT", "OF", "MEDIAN", "MIN", "MAX", "UNIT", "REACH"
        )?;
        for figure in &self.figures {
            let verdict = match figure.pass {
                Some(true) => "  PASS",
                Some(false) => "  over",
                None => "",
            };
            let line = format!(
                "{:<wide$}  {:<14} {:>10} {:>10} {:>10}  {:<8} {:>14}{verdict}",
                figure.what,
                figure.of,
                number(figure.median),
                number(figure.min),
                number(figure.max),
                figure.unit,
                figure.reach.as_deref().unwrap_or_default(),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert_eq!(median(&[]), (0.0, 0.0, 0.0));
    }

    #[test]
    fn figures_are_told_with_what_is_to_be_reached() {
        let mut sheet = Sheet::default();
        for (ours, raw) in [(12.0, 10.0), (14.0, 10.0)] {
            sheet.add("CPU, 400 clients", "raw", "%", raw);
            sheet.aim("CPU, 400 clients", "lore/raw", "x", ours / raw, Reach::AtMost(1.25));
            sheet.aim("frames, 400 clients", "lore", "/s", 20.05, Reach::Near(20.0, 0.1));
            sheet.point(Side::Lore, 400, ours);
            sheet.note("colyseus skipped: node is not here");
        }
        let (figures, curve, notes) = sheet.finish();
        assert_eq!((curve[0].of, curve[0].clients), ("lore", 400));
        assert!((curve[0].cpu_percent - 13.0).abs() < 1e-9);
        let report = Report {
            name: "zone",
            work: "walk",
            seed: 42,
            quick: false,
            optimised: true,
            figures,
            curve,
            notes,
        };
        let text = report.to_string();
        let row = |what: &str| text.lines().find(|line| line.contains(what)).expect("a row").to_owned();
        assert!(row("lore/raw").ends_with("over"), "{text}");
        assert!(row("lore/raw").contains("1.30") && row("lore/raw").contains("<= 1.25"), "{text}");
        assert!(row("frames").ends_with("20 +- 0.1  PASS"), "{text}");
        assert_eq!(text.matches("note: ").count(), 1, "{text}");
    }
}
