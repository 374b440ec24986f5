//! From documents (the settings, what an operator sends) to policies: a document says what is to differ, and
//! everything that is wrong with it is told at once.

use super::policy::Policy;
use crate::content::suggestion;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is wrong with a document, one mistake a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Policy {
    /// This policy with what a document says otherwise.
    ///
    /// # Errors
    /// Every mistake in it: limits that there are not, values that are none, values that make no sense.
    pub fn with(&self, document: &Value) -> Result<Self, Mistakes> {
        let mut reading = Reading { base: self.document(), whole: self.document(), mistakes: Vec::new() };
        match document {
            Value::Object(members) => reading.table("", members),
            _ => reading.mistakes.push("a policy is a table of limits, such as [connection]".to_owned()),
        }
        let Reading { whole, mut mistakes, .. } = reading;
        let policy = match serde_json::from_value::<Self>(whole) {
            Ok(policy) => policy,
            // Each value has been read before.
            Err(error) => return Err(Mistakes(vec![error.to_string()])),
        };
        mistakes.extend(policy.mistakes());
        if mistakes.is_empty() { Ok(policy) } else { Err(Mistakes(mistakes)) }
    }

    /// The whole policy as a document.
    pub fn document(&self) -> Value {
        // Structs of numbers and strings: serde_json has no reason to refuse them.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The limits by name, with the values of this policy: `connection.messages`.
    pub fn limits(&self) -> Vec<(String, Value)> {
        fn list(at: &str, table: Map<String, Value>, limits: &mut Vec<(String, Value)>) {
            for (name, value) in table {
                let name = if at.is_empty() { name } else { format!("{at}.{name}") };
                match value {
                    Value::Object(table) => list(&name, table, limits),
                    value => limits.push((name, value)),
                }
            }
        }
        let mut limits = Vec::new();
        if let Value::Object(table) = self.document() {
            list("", table, &mut limits);
        }
        limits
    }

    /// Reads the part of the settings: what they do not say is as by default.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn in_settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(deserializer)?;
        Self::default().with(&document).map_err(D::Error::custom)
    }
}

/// A document that is being read.
struct Reading {
    /// A policy that is valid.
    base: Value,
    /// The same with every value of the document that is one.
    whole: Value,
    mistakes: Vec<String>,
}

impl Reading {
    /// Reads a table at a JSON pointer.
    fn table(&mut self, pointer: &str, members: &Map<String, Value>) {
        for (name, given) in members {
            let at = format!("{pointer}/{name}");
            let path = at[1..].replace('/', ".");
            let Some(Value::Object(known)) = self.base.pointer(pointer) else { return };
            match known.get(name) {
                None => {
                    let meant = suggestion(name, known.keys().map(String::as_str));
                    self.mistakes.push(format!("{path}: there is no such limit{meant}"));
                }
                Some(Value::Object(_)) => match given {
                    Value::Object(members) => self.table(&at, members),
                    _ => self.mistakes.push(format!("{path}: it is a table of limits, not one value")),
                },
                Some(value) => {
                    let given = like(value, given);
                    self.limit(&at, &path, given);
                }
            }
        }
    }

    /// Reads one value: in a policy in which all others are good.
    fn limit(&mut self, at: &str, path: &str, given: Value) {
        let mut only = self.base.clone();
        let (Some(place), Some(kept)) = (only.pointer_mut(at), self.whole.pointer_mut(at)) else { return };
        place.clone_from(&given);
        match serde_json::from_value::<Policy>(only) {
            Ok(_) => *kept = given,
            Err(error) => self.mistakes.push(format!("{path}: {error}")),
        }
    }
}

/// Variables hold text, also where a number is meant.
fn like(value: &Value, given: &Value) -> Value {
    match (value, given) {
        (Value::Number(_), Value::String(text)) => {
            text.parse::<u64>().map_or_else(|_| given.clone(), Value::from)
        }
        _ => given.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abuse::Rate;
    use expect_test::expect;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_document_says_what_differs() {
        let document = json!({
            "connection": {"attack": "5/s burst 9"},
            "sockets": {"per-account": "2"},
            "frames": {"head": "2s"},
            "trusted-proxies": ["10.0.0.0/8"],
        });
        let policy = Policy::default().with(&document).expect("a policy");
        let mut expected = Policy::default();
        expected.connection.attack = Rate::per_second(5, 9);
        expected.sockets.per_account = 2;
        expected.frames.head = Duration::from_secs(2);
        expected.trusted_proxies = policy.trusted_proxies.clone();
        assert_eq!(policy, expected);
        assert_eq!(serde_json::to_value(&policy.trusted_proxies).expect("JSON"), json!(["10.0.0.0/8"]));
        assert_eq!(policy.with(&json!({})), Ok(policy.clone()));
        assert_eq!(Policy::default().with(&policy.document()), Ok(policy));
    }

    #[test]
    fn all_mistakes_are_told_with_what_was_meant() {
        let document = json!({
            "conection": {},
            "connection": {"atack": "1/s", "chat": "often", "messages": "60/s burst 1000"},
            "sockets": 5,
            "score": {"flood": -1, "refused": "many"},
            "trusted-proxies": ["proxy.example"],
        });
        let mistakes = Policy::default().with(&document).expect_err("is refused");
        expect![[r#"
            conection: there is no such limit (did you mean `connection`?)
            connection.atack: there is no such limit (did you mean `attack`?)
            connection.chat: `often` is no rate; write "2/s burst 4" or "30/min burst 5", with numbers from 1 on
            score.flood: invalid value: integer `-1`, expected u32
            score.refused: invalid type: string "many", expected u32
            sockets: it is a table of limits, not one value
            trusted-proxies: `proxy.example` is no block of addresses; write "10.0.0.0/8" or "192.0.2.1"
            the burst of connection.messages: it is 1000, must be 32 to 120"#]]
        .assert_eq(&mistakes.to_string());
        assert!(Policy::default().with(&json!([])).is_err());
    }

    #[test]
    fn limits_have_names() {
        let limits = Policy::default().limits();
        assert!(limits.contains(&("connection.quest-accept".to_owned(), json!("1/s burst 1"))), "{limits:?}");
        assert!(limits.contains(&("trusted-proxies".to_owned(), json!([]))), "{limits:?}");
        assert!(limits.len() > 45, "{}", limits.len());
    }
}
