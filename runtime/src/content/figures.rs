//! The numbers of rows that differ: what each was, what it becomes, how far it moves and how far it may.

use super::diff::Difference;
use super::source::{CHAT, PROOF};
use super::unit;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::fmt;
use toml::Value;

/// Fields that say where, when or on which scale, not how much: places, the hour of an event, degrees.
const NO_AMOUNTS: [&str; 5] = ["at", "area", "arrive", "entrance", "noon_temperature"];
/// Rows of no amounts: the chat filter has grades, and limits are no part of the world.
const NO_AMOUNT_ROWS: [&str; 2] = [CHAT, PROOF];
/// What a fraction of a computer's may be off.
const ROUNDING: f64 = 1e-9;

/// How far a change of content may move a number, `[proof]` in any of its files. Percent by which the larger of
/// both values exceeds the smaller: as far down as up. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveLimits {
    /// Beyond it a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_percent: Option<u32>,
    /// Beyond it the change is refused, and nobody can say yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_percent: Option<u32>,
}

impl MoveLimits {
    /// Of both, what is stricter.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let least = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self {
            hold_percent: least(self.hold_percent, other.hold_percent),
            refuse_percent: least(self.refuse_percent, other.refuse_percent),
        }
    }
}

/// A number that differs between two versions of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Kind of the row: `npc`.
    pub table: String,
    /// Name of the row; empty where there is only one of its kind, such as `progression`.
    pub row: String,
    /// Where in the row: `stats.health`, `entries[1].weight`.
    pub field: String,
    /// As it is written, a number or a duration such as `"4s"`; `None` if the row did not have it.
    pub before: Option<Json>,
    /// The same after the change.
    pub after: Option<Json>,
    /// Its change, percent of what it was; `None` from nothing, from 0 and to nothing.
    pub percent: Option<f64>,
    /// Whether it is an amount, so that it may move too far: a place is none.
    pub counts: bool,
}

impl Figure {
    /// Percent by which the larger value exceeds the smaller: 50 from 100 to 150, and from 150 to 100.
    /// Infinite from or to nothing or 0, and from a gain to a loss.
    pub fn distance_percent(&self) -> f64 {
        let (before, after) = (self.before.as_ref().and_then(amount), self.after.as_ref().and_then(amount));
        match before.zip(after) {
            Some((before, after)) if before * after > 0.0 => {
                let (before, after) = (before.abs(), after.abs());
                (before.max(after) / before.min(after) - 1.0) * 100.0
            }
            _ => f64::INFINITY,
        }
    }

    /// Whether it moves farther than so many percent.
    pub fn is_beyond(&self, percent: u32) -> bool {
        self.counts && self.distance_percent() > f64::from(percent) + ROUNDING
    }

    /// By how much it may change at most in its direction, in words: `50 %`, `-33.3 %`.
    pub fn limit(&self, percent: u32) -> String {
        let percent = f64::from(percent);
        if self.percent.is_some_and(|change| change < 0.0) {
            return format!("-{} %", grouped(100.0 * percent / (100.0 + percent)));
        }
        format!("{} %", grouped(percent))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, row, field, before, after, percent, .. } = self;
        let slash = if row.is_empty() { "" } else { "/" };
        write!(f, "{table}{slash}{row} {field} ")?;
        match (before, after) {
            (Some(before), Some(after)) => write!(f, "{} -> {}", shown(before), shown(after))?,
            (None, Some(after)) => write!(f, "{} is new", shown(after))?,
            (Some(before), None) => write!(f, "{} is gone", shown(before))?,
            (None, None) => {}
        }
        percent.map_or(Ok(()), |percent| write!(f, ", {}{} %", sign(percent), grouped(percent)))
    }
}

fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn sign(percent: f64) -> &'static str {
    if percent < 0.0 { "-" } else { "+" }
}

/// A percentage without its sign, with at most one decimal: `9,900`, `12.5`.
fn grouped(percent: f64) -> String {
    let tenths = (percent.abs() * 10.0).round() as u64;
    let digits = (tenths / 10).to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    match tenths % 10 {
        0 => text,
        tenth => format!("{text}.{tenth}"),
    }
}

/// A number, or a duration in milliseconds.
fn amount(value: &Json) -> Option<f64> {
    match value {
        Json::String(text) => unit::duration_ms(text).map(|ms| ms as f64),
        value => value.as_f64(),
    }
}

/// A value as a number that can move; `None` if it is none.
fn number(value: &Value) -> Option<Json> {
    match value {
        Value::Integer(number) => Some(json!(number)),
        Value::Float(number) => Some(json!(number)),
        Value::String(text) => unit::duration_ms(text).map(|_| json!(text)),
        _ => None,
    }
}

/// The numbers among what differs in a row; `name` is `KIND/NAME`, or the kind of which there is one.
pub(super) fn of_row(name: &str, differences: &[Difference<'_>]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for Difference { path, old, new } in differences {
        // A new entry of a list is to the list what a new row is to its table.
        let is_entry = path.ends_with(']') && old.is_some() != new.is_some();
        if !is_entry {
            collect(name, path, *old, *new, &mut figures);
        }
    }
    figures
}

/// Every number below a place. What a row gets or loses as a whole counts number by number; where a list gets
/// longer or shorter only the entries that both versions have are compared.
fn collect(name: &str, path: &str, old: Option<&Value>, new: Option<&Value>, figures: &mut Vec<Figure>) {
    match (old, new) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                collect(name, &format!("{path}[{index}]"), Some(old), Some(new), figures);
            }
        }
        (Some(Value::Array(all)), None) | (None, Some(Value::Array(all))) => {
            for (index, one) in all.iter().enumerate().filter(|(_, one)| !one.is_table()) {
                let (old, new) = (old.map(|_| one), new.map(|_| one));
                collect(name, &format!("{path}[{index}]"), old, new, figures);
            }
        }
        (Some(Value::Table(all)), None) | (None, Some(Value::Table(all))) => {
            for (key, one) in all {
                let (old, new) = (old.map(|_| one), new.map(|_| one));
                collect(name, &format!("{path}.{key}"), old, new, figures);
            }
        }
        (old, new) => figures.extend(figure(name, path, old.and_then(number), new.and_then(number))),
    }
}

/// What becomes of one number; `None` if it stays what it is, or none is there.
fn figure(name: &str, field: &str, before: Option<Json>, after: Option<Json>) -> Option<Figure> {
    let (was, is) = (before.as_ref().and_then(amount), after.as_ref().and_then(amount));
    if was == is {
        return None;
    }
    let (table, row) = name.split_once('/').unwrap_or((name, ""));
    let mut fields = field.split('.').map(|part| part.split('[').next().unwrap_or(part));
    let counts = !NO_AMOUNT_ROWS.contains(&table) && !fields.any(|field| NO_AMOUNTS.contains(&field));
    let percent = was.zip(is).filter(|(was, _)| *was != 0.0);
    Some(Figure {
        table: table.to_owned(),
        row: row.to_owned(),
        field: field.to_owned(),
        before,
        after,
        percent: percent.map(|(was, is)| (is - was) / was.abs() * 100.0),
        counts,
    })
}

/// Puts what moves farthest first, and last what is no amount.
pub(super) fn farthest_first(figures: &mut [Figure]) {
    figures
        .sort_by(|a, b| b.counts.cmp(&a.counts).then(b.distance_percent().total_cmp(&a.distance_percent())));
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;
    use expect_test::expect;
    use std::collections::BTreeMap;

    fn figures(old: &str, new: &str) -> Vec<Figure> {
        let files = |text: &str| BTreeMap::from([("a.toml".to_owned(), text.to_owned())]);
        compare(&files(old), &files(new)).figures
    }

    fn told(old: &str, new: &str) -> String {
        let line = |figure: &Figure| match figure.counts {
            true => figure.to_string(),
            false => format!("({figure})"),
        };
        figures(old, new).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_number_of_a_changed_row_is_found_with_its_change() {
        let old = "[npc.wolf]\nlevel = 1\nstats = { health = 40, attack = 8 }\ngold = [2, 4]\nspeed = 7.5\n\
                   [ability.bite]\ncooldown = \"1500ms\"\ntitle = \"Bite\"\n\
                   [progression]\nexperience_to_next = [100, 250]\nstart_gold = 10\n";
        let new = "[npc.wolf]\nlevel = 1\nstats = { health = 4000, attack = 7 }\ngold = [2, 5]\nspeed = 7\n\
                   [ability.bite]\ncooldown = \"3s\"\ntitle = \"Gnaw\"\n\
                   [progression]\nexperience_to_next = [100, 275, 450]\nstart_gold = 0\n";
        expect![[r#"
            progression start_gold 10 -> 0, -100 %
            npc/wolf stats.health 40 -> 4000, +9,900 %
            ability/bite cooldown 1500ms -> 3s, +100 %
            npc/wolf gold[1] 4 -> 5, +25 %
            npc/wolf stats.attack 8 -> 7, -12.5 %
            progression experience_to_next[1] 250 -> 275, +10 %
            npc/wolf speed 7.5 -> 7, -6.7 %"#]]
        .assert_eq(&told(old, new));
    }

    #[test]
    fn what_a_row_gets_or_loses_counts_and_a_new_entry_of_a_list_does_not() {
        let old =
            "[item.cap]\nvalue = 3\nheal = 5\n[loot.wolf]\nentries = [{ item = \"pelt\", weight = 3 }]\n";
        let new = "[item.cap]\nvalue = 3\nbonus = { attack = 900 }\n\
                   [loot.wolf]\nrolls = 2\nentries = [{ item = \"pelt\", weight = 3, count = [1, 9] }, { item = \"fang\", weight = 7 }]\n\
                   [item.new]\nvalue = 5\n";
        let mut lines: Vec<String> = told(old, new).lines().map(ToOwned::to_owned).collect();
        lines.sort();
        expect![[r#"
            item/cap bonus.attack 900 is new
            item/cap heal 5 is gone
            loot/wolf entries[0].count[0] 1 is new
            loot/wolf entries[0].count[1] 9 is new
            loot/wolf rolls 2 is new"#]]
        .assert_eq(&lines.join("\n"));
        assert!(
            figures(old, new).iter().all(|figure| figure.is_beyond(1_000_000)),
            "there is nothing to compare"
        );
    }

    #[test]
    fn places_hours_degrees_and_grades_are_no_amounts() {
        let old = "[zone.wood]\nentrance = [300, 585]\nnoon_temperature = 2\nplace = { den = { area = [[1, 2], [3, 4]] } }\n\
                   [event.moon]\nschedule = { every = 24, at = 2 }\n[chat]\nwords = { damn = 1 }\n[proof]\nhold_percent = 9\n";
        let new = "[zone.wood]\nentrance = [300, 5]\nnoon_temperature = 20\nplace = { den = { area = [[1, 2], [3, 9]] } }\n\
                   [event.moon]\nschedule = { every = 48, at = 22 }\n[chat]\nwords = { damn = 3 }\n[proof]\nhold_percent = 99\n";
        let (mut counted, mut not) = (Vec::new(), 0);
        for figure in figures(old, new) {
            match figure.counts {
                true => counted.push(figure.to_string()),
                false => not += 1,
            }
        }
        assert_eq!(counted, ["event/moon schedule.every 24 -> 48, +100 %"]);
        assert_eq!(not, 6);
    }

    #[test]
    fn down_is_as_far_as_up() {
        let beyond = |from: &str, to: &str, percent| {
            let row = |value: &str| format!("[item.bread]\nvalue = {value}\n");
            let figures = figures(&row(from), &row(to));
            figures[0].is_beyond(percent)
        };
        assert!(!beyond("100", "150", 50) && beyond("100", "151", 50));
        assert!(!beyond("150", "100", 50) && beyond("150", "99", 50));
        assert!(!beyond("1.0", "1.1", 10) && beyond("1.0", "1.11", 10));
        assert!(beyond("0", "1", 900) && beyond("1", "0", 900) && beyond("-3", "3", 900));
        let halved = figures("[item.bread]\nvalue = 150\n", "[item.bread]\nvalue = 75\n");
        assert_eq!(
            (halved[0].limit(50), halved[0].to_string()),
            ("-33.3 %".to_owned(), "item/bread value 150 -> 75, -50 %".to_owned())
        );
        assert!(!beyond("-100", "-150", 50) && beyond("-100", "-151", 50));
    }
}
