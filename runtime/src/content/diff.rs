//! What differs between two sets of definitions, row by row, in the words of who wrote them.

use std::collections::BTreeMap;
use toml::Value;

/// Rows told of one change; the rest is counted.
const ROWS: usize = 200;
/// Characters told of a value, and of a row.
const VALUE: usize = 60;
const ROW: usize = 400;

/// Definitions by kind and name, as they are written.
type Rows = BTreeMap<String, Value>;

/// The definitions that are new, gone or different, one line each: `item/bread: value 3 -> 4`. Both sets
/// must be good; what cannot be parsed counts as empty.
pub fn changed_rows(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let (old, new) = (rows(old), rows(new));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        match (old.get(name), new.get(name)) {
            (None, _) => lines.push(format!("{name}: new")),
            (_, None) => lines.push(format!("{name}: gone")),
            (Some(old), Some(new)) if old != new => {
                let mut fields = Vec::new();
                compare("", Some(old), Some(new), &mut fields);
                lines.push(clip(&format!("{name}: {}", fields.join(", ")), ROW));
            }
            _ => {}
        }
    }
    let more = lines.len().saturating_sub(ROWS);
    lines.truncate(ROWS);
    if more > 0 {
        lines.push(format!("{more} more"));
    }
    lines
}

fn rows(files: &BTreeMap<String, String>) -> Rows {
    let mut rows = Rows::new();
    for text in files.values() {
        let Ok(table) = text.parse::<toml::Table>() else { continue };
        for (kind, definitions) in table {
            match definitions {
                Value::Table(named) if kind != super::source::PROGRESSION => {
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

/// Appends what differs below `path`: `value 3 -> 4`, `objective[1].needed 4 -> 5`, `heal 30 is new`.
fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, fields: &mut Vec<String>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Table(old)), Some(Value::Table(new))) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&inner, old.get(key), new.get(key), fields);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if has_tables(old) || has_tables(new) => {
            for index in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{index}]"), old.get(index), new.get(index), fields);
            }
        }
        (Some(old), Some(new)) => fields.push(format!("{path} {} -> {}", shown(old), shown(new))),
        (None, Some(new)) => fields.push(format!("{path} {} is new", shown(new))),
        (Some(old), None) => fields.push(format!("{path} {} is gone", shown(old))),
        (None, None) => {}
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
