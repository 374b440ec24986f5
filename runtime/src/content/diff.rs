//! What differs between two sets of definitions, row by row, in the words of who wrote them and in numbers.

use super::figures::{self, Figure, MoveLimits};
use super::source::{PROOF, SINGLE};
use super::unit;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use toml::Value;

/// Rows told of one change; the rest is counted.
const ROWS: usize = 200;
/// Characters told of a value, and of a row.
const VALUE: usize = 60;
const ROW: usize = 400;

/// Definitions by kind and name, as they are written.
type Rows = BTreeMap<String, Value>;

/// Two sets of definitions side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The definitions that are new, gone or different, one line each: `item/bread: value 3 -> 4`. After the
    /// first 200 the others are counted.
    pub rows: Vec<String>,
    /// Names of all that are new.
    pub added: Vec<String>,
    /// Names of all that are gone.
    pub removed: Vec<String>,
    /// Every number that differs in a row that both have, those that move farthest first.
    pub figures: Vec<Figure>,
    /// How far numbers may move: of what both sets say, the stricter.
    pub limits: MoveLimits,
}

/// A value that differs between two versions of a row, and where in the row it stands.
pub(super) struct Difference<'a> {
    /// `objective[1].needed`.
    pub(super) path: String,
    /// `None` if the old version does not have it.
    pub(super) old: Option<&'a Value>,
    /// `None` if the new version does not have it.
    pub(super) new: Option<&'a Value>,
}

/// The definitions in which two sets differ, one line each. Both must be good; what cannot be parsed counts
/// as empty.
pub fn changed_rows(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    compare(old, new).rows
}

/// Compares two sets of files. Both must be good; what cannot be parsed counts as empty.
pub fn compare(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Comparison {
    let (old, new) = (rows(old), rows(new));
    let limits = limits_of(&old).stricter(limits_of(&new));
    let mut compared = Comparison { limits, ..Comparison::default() };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (None, _) => {
                compared.rows.push(format!("{name}: new"));
                compared.added.push(name.clone());
            }
            (_, None) => {
                compared.rows.push(format!("{name}: gone"));
                compared.removed.push(name.clone());
            }
            (Some(old), Some(new)) if old != new => {
                let mut differences = Vec::new();
                differ("", Some(old), Some(new), &mut differences);
                let fields: Vec<String> = differences.iter().map(told).collect();
                compared.rows.push(clip(&format!("{name}: {}", fields.join(", ")), ROW));
                compared.figures.extend(figures::of_row(name, &differences));
            }
            _ => {}
        }
    }
    figures::farthest_first(&mut compared.figures);
    let more = compared.rows.len().saturating_sub(ROWS);
    compared.rows.truncate(ROWS);
    if more > 0 {
        compared.rows.push(format!("{more} more"));
    }
    compared
}

fn rows(files: &BTreeMap<String, String>) -> Rows {
    let mut rows = Rows::new();
    for text in files.values() {
        let Ok(table) = text.parse::<toml::Table>() else { continue };
        for (kind, definitions) in table {
            match definitions {
                Value::Table(named) if !SINGLE.contains(&kind.as_str()) => {
                    let named = named.into_iter().map(|(name, row)| (format!("{kind}/{name}"), row));
                    rows.extend(named);
                }
                one => {
                    rows.insert(kind, one);
                }
            }
        }
    }
    rows
}

/// What a set says about its numbers; nothing is limited without.
fn limits_of(rows: &Rows) -> MoveLimits {
    rows.get(PROOF).and_then(|row| row.clone().try_into().ok()).unwrap_or_default()
}

/// Appends what differs below `path`.
fn differ<'a>(
    path: &str,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    differences: &mut Vec<Difference<'a>>,
) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Table(old)), Some(Value::Table(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differ(&inner, old.get(key), new.get(key), differences);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if has_tables(old) || has_tables(new) => {
            for (was, is) in pairs(old, new) {
                let inner = format!("{path}[{}]", is.or(was).unwrap_or_default());
                let (was, is) = (was.map(|index| &old[index]), is.map(|index| &new[index]));
                differ(&inner, was, is, differences);
            }
        }
        (None, None) => {}
        (old, new) => differences.push(Difference { path: path.to_owned(), old, new }),
    }
}

/// Which entries of two lists belong together: the same ones, then those that name the same things, then the
/// others as they come. In the order of the new list; what is gone comes last.
fn pairs(old: &[Value], new: &[Value]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut was = vec![None; new.len()];
    let mut taken = vec![false; old.len()];
    let keys: [fn(&Value) -> String; 3] = [Value::to_string, names, |_| String::new()];
    for key in keys {
        let mut places: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
        for (index, value) in old.iter().enumerate().filter(|(index, _)| !taken[*index]) {
            places.entry(key(value)).or_default().push_back(index);
        }
        for (value, was) in new.iter().zip(&mut was).filter(|(_, was)| was.is_none()) {
            *was = places.get_mut(&key(value)).and_then(VecDeque::pop_front);
            if let Some(index) = *was {
                taken[index] = true;
            }
        }
    }
    let here = was.into_iter().enumerate().map(|(is, was)| (was, Some(is)));
    let gone = taken.into_iter().enumerate().filter(|(_, taken)| !taken).map(|(was, _)| (Some(was), None));
    here.chain(gone).collect()
}

/// What an entry of a list is about: its texts but for durations.
fn names(entry: &Value) -> String {
    let texts = entry.as_table().into_iter().flatten().filter_map(|(key, value)| {
        let text = value.as_str().filter(|text| unit::duration_ms(text).is_none())?;
        Some(format!("{key}={text}\n"))
    });
    texts.collect()
}

/// A difference in words: `value 3 -> 4`, `heal 30 is new`.
fn told(difference: &Difference<'_>) -> String {
    let Difference { path, old, new } = difference;
    match (old, new) {
        (Some(old), Some(new)) => format!("{path} {} -> {}", shown(old), shown(new)),
        (None, Some(new)) => format!("{path} {} is new", shown(new)),
        (Some(old), None) => format!("{path} {} is gone", shown(old)),
        (None, None) => String::new(),
    }
}

fn has_tables(values: &[Value]) -> bool {
    values.iter().any(Value::is_table)
}

fn shown(value: &Value) -> String {
    clip(&value.to_string(), VALUE)
}

fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn files(text: &str) -> BTreeMap<String, String> {
        [("a.toml".to_owned(), text.to_owned())].into()
    }

    #[test]
    fn each_changed_row_says_what_changed_in_it() {
        let old = files(
            "[item.bread]\nvalue = 3\nheal = 10\ntitle = \"Bread\"\n[item.rope]\nvalue = 1\n\
             [loot.wolf]\nentries = [{ item = \"pelt\" }, { item = \"meat\", weight = 2 }]\n\
             [progression]\nstart_gold = 5\n[item.same]\nvalue = 1\n",
        );
        let new = files(
            "[item.bread]\nvalue = 4\nmax_stack = 5\ntitle = \"Bread\"\n[item.cheese]\nvalue = 1\n\
             [loot.wolf]\nentries = [{ item = \"pelt\" }, { item = \"meat\", weight = 3 }, { item = \"fang\" }]\n\
             [item.same]\nvalue = 1 # a word\n[progression]\nstart_gold = 6\n",
        );
        expect![[r#"
            item/bread: heal 10 is gone, max_stack 5 is new, value 3 -> 4
            item/cheese: new
            item/rope: gone
            loot/wolf: entries[1].weight 2 -> 3, entries[2] { item = "fang" } is new
            progression: start_gold 5 -> 6"#]]
        .assert_eq(&changed_rows(&old, &new).join("\n"));
    }

    #[test]
    fn what_is_put_into_a_list_does_not_shift_the_others() {
        let old = files(
            "[loot.wolf]\nentries = [{ weight = 60 }, { item = \"fang\", weight = 30 }, { item = \"cap\", weight = 5 }]\n",
        );
        let new = files(
            "[loot.wolf]\nentries = [{ item = \"pelt\", weight = 9 }, { weight = 61 }, { item = \"cap\", weight = 5 }]\n",
        );
        expect![[r#"loot/wolf: entries[0].item "fang" -> "pelt", entries[0].weight 30 -> 9, entries[1].weight 60 -> 61"#]]
            .assert_eq(&changed_rows(&old, &new).join("\n"));
        let fewer = files("[loot.wolf]\nentries = [{ item = \"cap\", weight = 5 }]\n");
        expect![[r#"loot/wolf: entries[0] { weight = 60 } is gone, entries[1] { item = "fang", weight = 30 } is gone"#]]
            .assert_eq(&changed_rows(&old, &fewer).join("\n"));
    }

    #[test]
    fn what_there_is_once_is_one_row() {
        let (old, new) = (
            files("[chat]\nscript = \"a\"\nwords = { damn = 1 }\n[duel]\nturn = \"15s\"\n"),
            files("[chat]\nscript = \"a\"\nwords = { damn = 2 }\n[duel]\nturn = \"20s\"\n"),
        );
        expect![[r#"
            chat: words.damn 1 -> 2
            duel: turn "15s" -> "20s""#]]
        .assert_eq(&changed_rows(&old, &new).join("\n"));
    }

    #[test]
    fn of_the_limits_of_both_sets_the_stricter_count() {
        let (loose, strict) = (
            files("[proof]\nhold_percent = 50\nrefuse_percent = 900\n"),
            files("[proof]\nhold_percent = 500\nrefuse_percent = 600\n"),
        );
        let stricter = MoveLimits { hold_percent: Some(50), refuse_percent: Some(600) };
        assert_eq!(compare(&loose, &strict).limits, stricter);
        assert_eq!(compare(&strict, &loose).limits, stricter);
        let half = MoveLimits { hold_percent: Some(50), refuse_percent: Some(900) };
        assert_eq!(compare(&loose, &files("")).limits, half, "of one that says nothing too");
        assert_eq!(compare(&files(""), &files("")).limits, MoveLimits::default());
    }

    #[test]
    fn a_row_that_moved_to_another_file_is_the_same() {
        let mut moved = files("[item.bread]\nvalue = 3\n");
        let old = moved.clone();
        let text = moved.remove("a.toml").unwrap_or_default();
        moved.insert("b/c.toml".to_owned(), text);
        assert_eq!(changed_rows(&old, &moved), Vec::<String>::new());
    }

    #[test]
    fn a_thousand_rows_are_not_all_told() {
        let many: String = (0..1_000).map(|n| format!("[item.i{n}]\nvalue = {n}\n")).collect();
        let lines = changed_rows(&files(""), &files(&many));
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (ROWS + 1, Some("800 more")));
    }
}
