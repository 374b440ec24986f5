//! A report beside an older one: what got worse by more than chance does.

use super::report::SCHEMA;
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// Why two reports cannot be compared.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CompareError {
    /// The old one is no report.
    #[error("it is no report of `lore load --json`: it has no `{0}`")]
    NoReport(&'static str),
    /// The old one is of a later version.
    #[error("it has schema {0}, this version knows up to {SCHEMA}; compare with the newer `lore`")]
    TooNew(u64),
}

/// Which way is worse.
#[derive(Clone, Copy)]
enum Worse {
    Up,
    Down,
}

/// A figure that is compared.
struct Figure {
    name: &'static str,
    /// JSON pointer.
    at: &'static str,
    worse: Worse,
    /// Share of the old value that is chance.
    chance: f64,
    /// The same in the figure's unit, for small values.
    slack: f64,
}

const fn figure(name: &'static str, at: &'static str, worse: Worse, chance: f64, slack: f64) -> Figure {
    Figure { name, at, worse, chance, slack }
}

const FIGURES: [Figure; 28] = [
    figure("protocol errors", "/protocol_errors", Worse::Up, 0.0, 0.0),
    figure("disconnects", "/disconnects", Worse::Up, 0.0, 0.0),
    figure("lost replies", "/lost_replies", Worse::Up, 0.0, 0.0),
    figure("bots joined", "/joined", Worse::Down, 0.0, 0.0),
    figure("arrival p50, ms", "/arrival_ms/p50", Worse::Up, 0.25, 5.0),
    figure("arrival p99, ms", "/arrival_ms/p99", Worse::Up, 0.25, 20.0),
    figure("move to ack p50, ms", "/move_ack_ms/p50", Worse::Up, 0.15, 3.0),
    figure("move to ack p99, ms", "/move_ack_ms/p99", Worse::Up, 0.2, 5.0),
    figure("call to answer p99, ms", "/call_ms/p99", Worse::Up, 0.2, 5.0),
    figure("attack to event p99, ms", "/combat_event_ms/p99", Worse::Up, 0.2, 5.0),
    figure("between frames p99, ms", "/frame_interval_ms/p99", Worse::Up, 0.15, 5.0),
    figure("frames a client and second", "/frames_per_client_s", Worse::Down, 0.02, 0.1),
    figure("bytes a client and second", "/bytes_per_client_s", Worse::Up, 0.05, 50.0),
    figure("bytes sent a client and second", "/sent_bytes_per_client_s", Worse::Up, 0.05, 10.0),
    figure("server tick p99, ms", "/server/tick_ms/p99", Worse::Up, 0.2, 1.0),
    figure("server CPU, %", "/server/cpu_percent", Worse::Up, 0.1, 2.0),
    figure("server KiB a connection", "/server/kib_per_connection", Worse::Up, 0.15, 2.0),
    figure("storm until all in, s", "/storm/all_s", Worse::Up, 0.25, 0.2),
    figure("storm arrival p50, ms", "/storm/arrival_ms/p50", Worse::Up, 0.25, 50.0),
    figure("storm arrival p99, ms", "/storm/arrival_ms/p99", Worse::Up, 0.25, 50.0),
    figure("storm unanswered calls", "/storm/unanswered", Worse::Up, 0.25, 2.0),
    figure("storm untold changes", "/storm/untold", Worse::Up, 0.0, 0.0),
    figure("storm sessions resumed", "/storm/resumed", Worse::Down, 0.0, 0.0),
    figure("storm joined anew", "/storm/joined_anew", Worse::Up, 0.0, 0.0),
    figure("storm messages lost", "/storm/messages_lost", Worse::Up, 0.0, 0.0),
    figure("storm messages doubled", "/storm/messages_doubled", Worse::Up, 0.0, 0.0),
    figure("storm commands lost", "/storm/commands_lost", Worse::Up, 0.0, 0.0),
    figure("storm commands doubled", "/storm/commands_doubled", Worse::Up, 0.0, 0.0),
];

/// What a run has to have in common with another to be compared.
const SAME: [&str; 6] = ["/scenario", "/encoding", "/bots", "/storm_bots", "/seconds", "/seed"];

/// One figure in both reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// With its unit.
    pub name: &'static str,
    /// In the old report.
    pub old: f64,
    /// In the new one.
    pub new: f64,
    /// Worse by more than chance.
    pub regressed: bool,
}

/// Two reports, figure by figure; those that one of them does not have are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The figures.
    pub rows: Vec<Row>,
    /// Why the two may not be comparable.
    pub cautions: Vec<String>,
}

impl Comparison {
    /// Whether something got worse; never if one of the runs is void.
    pub fn has_regressed(&self) -> bool {
        self.rows.iter().any(|row| row.regressed)
    }
}

/// Compares a report with an older one, both as JSON.
///
/// # Errors
/// [`CompareError`] when the old one is none, or is of a version that is not known.
pub fn compare(old: &Value, new: &Value) -> Result<Comparison, CompareError> {
    check(old)?;
    let mut cautions = Vec::new();
    for at in SAME {
        // What older versions did not write is what was the only way then.
        if let (Some(was), Some(is)) = (old.pointer(at), new.pointer(at))
            && was != is
        {
            cautions.push(format!("`{}` was {was} and is {is}", &at[1..]));
        }
    }
    let is_void = |report: &Value| report["void"].as_bool().unwrap_or(false);
    let void = is_void(old) || is_void(new);
    if void {
        cautions.push("one of the runs is void: nothing is called a regression".to_owned());
    }
    let row = |figure: &Figure| {
        let value = |report: &Value| report.pointer(figure.at)?.as_f64();
        let (was, is) = (value(old)?, value(new)?);
        let worse_by = match figure.worse {
            Worse::Up => is - was,
            Worse::Down => was - is,
        };
        let allowed = (was.abs() * figure.chance).max(figure.slack);
        Some(Row { name: figure.name, old: was, new: is, regressed: !void && worse_by > allowed })
    };
    Ok(Comparison { rows: FIGURES.iter().filter_map(row).collect(), cautions })
}

/// Whether a JSON text is a report that can be compared with.
///
/// # Errors
/// [`CompareError`] when it is not.
pub fn check(report: &Value) -> Result<(), CompareError> {
    for member in ["scenario", "bots", "move_ack_ms"] {
        if report.get(member).is_none() {
            return Err(CompareError::NoReport(member));
        }
    }
    match report["schema"].as_u64() {
        Some(schema) if schema > u64::from(SCHEMA) => Err(CompareError::TooNew(schema)),
        _ => Ok(()),
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32} {:>12} {:>12} {:>9}", "compared with before", "before", "now", "change")?;
        for Row { name, old, new, regressed } in &self.rows {
            let change =
                if *old == 0.0 { String::new() } else { format!("{:+.1} %", (new / old - 1.0) * 100.0) };
            let mark = if *regressed { "  REGRESSION" } else { "" };
            writeln!(f, "{name:<32} {old:>12.2} {new:>12.2} {change:>9}{mark}")?;
        }
        self.cautions.iter().try_for_each(|caution| writeln!(f, "caution: {caution}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(ack_p99: f64, frames: f64) -> Value {
        json!({
            "schema": 1, "scenario": "crowd", "encoding": "lore.v1.proto", "bots": 40, "void": false,
            "protocol_errors": 0, "move_ack_ms": {"p50": 30.0, "p99": ack_p99}, "frames_per_client_s": frames,
            "server": {"cpu_percent": null},
        })
    }

    fn regressed(old: &Value, new: &Value) -> Vec<&'static str> {
        let rows = compare(old, new).expect("reports").rows;
        rows.into_iter().filter(|row| row.regressed).map(|row| row.name).collect()
    }

    #[test]
    fn worse_is_what_chance_does_not_explain() {
        let old = report(50.0, 20.0);
        assert_eq!(regressed(&old, &report(59.0, 19.7)), Vec::<&str>::new());
        assert_eq!(regressed(&old, &report(61.0, 20.0)), ["move to ack p99, ms"]);
        assert_eq!(regressed(&old, &report(10.0, 19.0)), ["frames a client and second"]);
        assert_eq!(regressed(&report(1.0, 20.0), &report(5.0, 20.0)), Vec::<&str>::new(), "small times jump");
        let mut broken = report(50.0, 20.0);
        broken["protocol_errors"] = json!(1);
        assert_eq!(regressed(&old, &broken), ["protocol errors"]);
    }

    #[test]
    fn a_storm_is_compared_with_one_that_told_as_much() {
        let (mut old, mut new) = (report(50.0, 20.0), report(50.0, 20.0));
        old["storm"] = json!({"all_s": 3.0});
        new["storm"] = json!({"all_s": 3.1, "resumed": 39, "commands_doubled": 1});
        assert_eq!(regressed(&old, &new), Vec::<&str>::new(), "it did not say how they came back");
        old["storm"] = json!({"all_s": 3.0, "resumed": 40, "commands_doubled": 0});
        assert_eq!(regressed(&old, &new), ["storm sessions resumed", "storm commands doubled"]);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let (old, mut new) = (report(50.0, 20.0), report(500.0, 20.0));
        new["bots"] = json!(80);
        new["void"] = json!(true);
        let comparison = compare(&old, &new).expect("reports");
        assert!(!comparison.has_regressed());
        let cautions = ["`bots` was 40 and is 80", "one of the runs is void: nothing is called a regression"];
        assert_eq!(comparison.cautions, cautions);
        assert!(comparison.to_string().contains("caution: `bots` was 40 and is 80"), "{comparison}");
    }

    #[test]
    fn only_reports_are_compared_with() {
        let new = report(50.0, 20.0);
        assert_eq!(compare(&json!({}), &new), Err(CompareError::NoReport("scenario")));
        assert_eq!(compare(&json!([1]), &new), Err(CompareError::NoReport("scenario")));
        let mut later = report(50.0, 20.0);
        later["schema"] = json!(9);
        assert_eq!(compare(&later, &new), Err(CompareError::TooNew(9)));
        let before_versions = json!({"scenario": "crowd", "bots": 40, "move_ack_ms": {"p50": 1, "p99": 2}});
        assert_eq!(compare(&before_versions, &new).expect("a report").rows.len(), 2);
    }
}
