//! The messages of `lore.v1`, generated from the schema beside this crate: the same types are written as JSON and as
//! Protocol Buffers, under the same names. What the messages mean is in `docs/protocol.md`.
//!
//! What does not live here: the frames of the socket (`runtime`), and what is written tick by tick without these
//! types, for its speed.

use serde::de::DeserializeOwned;

/// The types of the schema, as they stand in it.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/lore.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/names.rs"));
}

pub use prost;

impl v1::Error {
    /// The most exact stable code: the game's rejection if there is one, else the reason.
    pub fn stable_code(&self) -> &str {
        let data = self.data.as_ref();
        let code = data.and_then(|data| data.rejection.as_deref().or(Some(&*data.reason)));
        code.filter(|code| !code.is_empty()).unwrap_or("without_reason")
    }

    /// When to try again, milliseconds, if that may help.
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.data.as_ref().and_then(|data| data.retry_after_ms)
    }
}

/// JSON that is not what the schema says: which member, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// A value of an enum, by its name in JSON: `NPC_STATE_RETURN_HOME` is `return_home`.
pub trait JsonName: Copy + Into<i32> + TryFrom<i32> {
    /// The name in JSON.
    fn json_name(self) -> &'static str;

    /// The value with this name in JSON.
    fn from_json_name(name: &str) -> Option<Self>;
}

/// A field of an enum type in JSON.
mod name {
    use super::JsonName;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::borrow::Cow;

    pub fn serialize<E: JsonName, S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        match E::try_from(*value) {
            Ok(value) => serializer.serialize_str(value.json_name()),
            // A value of a newer schema.
            Err(_) => serializer.serialize_i32(*value),
        }
    }

    pub fn deserialize<'de, E: JsonName, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        let value = E::from_json_name(&name);
        value
            .map(E::into)
            .ok_or_else(|| serde::de::Error::custom(format_args!("`{name}` is not one of its values")))
    }
}

/// The same for a field that may be missing.
mod optional_name {
    use super::JsonName;
    use serde::{Deserializer, Serializer};

    pub fn serialize<E: JsonName, S: Serializer>(
        value: &Option<i32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::name::serialize::<E, S>(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, E: JsonName, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i32>, D::Error> {
        super::name::deserialize::<E, D>(deserializer).map(Some)
    }
}

/// A message from its JSON; an error names the member.
///
/// # Errors
/// A member is missing, unknown, twice there, or not of its type.
pub fn params<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    serde_json::from_str(text).or_else(|_| located(text))
}

/// Again, slower, and with the path to what is wrong.
fn located<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        // Lines and columns are those of the params, which would only mislead.
        let end = text.rfind(" at line ").unwrap_or(text.len());
        let text: String = text[..end].chars().take(200).collect();
        let names_itself =
            ["unknown field", "missing field", "duplicate field"].iter().any(|it| text.starts_with(it));
        JsonError(if path == "." || names_itself { text } else { format!("`{path}`: {text}") })
    })
}

/// The schema, as its compiler writes it down: for those who have to know its fields at run time.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lore.v1.bin"));

#[cfg(test)]
mod lock;

#[cfg(test)]
mod tests {
    use super::v1::{self, call, event, notification, response};
    use super::*;
    use prost::Message as _;

    fn call(method: &str, params: &str) -> Result<call::Method, String> {
        call::Method::from_json(method, params).expect("a method").map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_is_the_same_in_both_encodings() {
        let method = call("world.move", r#"{"seq":1,"x":-10500,"y":20000}"#).expect("valid");
        assert_eq!(method.name(), "world.move");
        let frame = v1::ClientFrame { calls: vec![v1::Call { id: Some(7), method: Some(method) }] };
        let bytes = frame.encode_to_vec();
        assert!(bytes.len() < 20, "{} bytes", bytes.len());
        assert_eq!(v1::ClientFrame::decode(bytes.as_slice()).expect("decodes"), frame);
        let json = serde_json::to_string(&frame.calls[0].method).expect("JSON");
        assert_eq!(json, r#"{"method":"world.move","params":{"seq":1,"x":-10500,"y":20000}}"#);
    }

    #[test]
    fn what_is_wrong_with_params_is_named() {
        let wrong = |method, params| call(method, params).expect_err("is refused");
        assert_eq!(
            wrong("world.join", r#"{"character":"x"}"#),
            "`character`: invalid type: string \"x\", expected i64"
        );
        assert_eq!(wrong("world.join", "{}"), "missing field `character`");
        assert_eq!(
            wrong("world.join", r#"{"character":1,"odd":2}"#),
            "unknown field `odd`, expected `character`"
        );
        assert!(wrong("world.move", r#"{"seq":-1,"x":0,"y":0}"#).starts_with("`seq`: invalid value"));
        let batch = wrong("world.position.batch", r#"{"moves":[{"seq":1,"x":0,"y":0},{"seq":2,"x":0}]}"#);
        assert!(batch.contains("missing field `y`"), "{batch}");
        assert!(call::Method::from_json("world.position_batch", "{}").is_none(), "its name is the schema's");
        assert!(call::Method::from_json("world.fly", "{}").is_none());
    }

    #[test]
    fn enums_have_names_in_json() {
        let text = r#"{"id":33,"kind":"npc","x":5,"state":"return_home","target":0,"statuses":[{"name":"bleed","stacks":1}]}"#;
        let entity: v1::Entity = serde_json::from_str(text).expect("an entity");
        assert_eq!(entity.state(), v1::NpcState::ReturnHome);
        assert_eq!(serde_json::to_string(&entity).expect("JSON"), text);
        let wrong =
            serde_json::from_str::<v1::Entity>(r#"{"id":1,"state":"asleep"}"#).expect_err("no such state");
        assert!(wrong.to_string().starts_with("`asleep` is not one of its values"), "{wrong}");
    }

    #[test]
    fn a_notification_carries_its_name_and_an_event_its_type() {
        let death = v1::Death { entity: 3, killer: 0, by: "combat@0.1.0".to_owned() };
        let event = v1::Event { r#type: Some(event::Type::Death(death)) };
        let delta =
            v1::WorldDelta { tick: 5, leave: vec![9], events: vec![event], ..v1::WorldDelta::default() };
        let notification = v1::Notification { method: Some(notification::Method::WorldDelta(delta)) };
        let json = serde_json::to_string(&notification.method).expect("JSON");
        let expected = r#"{"method":"world.delta","params":{"tick":5,"leave":[9],"events":[{"type":"death","entity":3,"killer":0,"by":"combat@0.1.0"}]}}"#;
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::from_str::<Option<notification::Method>>(&json).expect("read"),
            notification.method
        );
        let bytes = notification.encode_to_vec();
        assert_eq!(v1::Notification::decode(bytes.as_slice()).expect("decodes"), notification);
    }

    #[test]
    fn a_result_is_read_by_its_method() {
        let result = response::Outcome::from_json("shop.buy", r#"{"price":2,"count":1}"#).expect("a method");
        assert_eq!(result, Ok(response::Outcome::Trade(v1::Trade { price: 2, count: 1 })));
        let result = response::Outcome::from_json("chat.send", "{}").expect("a method");
        assert_eq!(result, Ok(response::Outcome::Done(v1::Done {})));
    }
}
