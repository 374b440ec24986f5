//! Values as people write them: on a command line as JSON, TOML, or a file with either; in scenarios as TOML.

use anyhow::{Context as _, bail};
use serde_json::Value;
use std::path::Path;

/// Bytes of a file that is read.
const BYTES: u64 = 1 << 20;

/// `{"a": 1}`, `{ a = 1 }`, `a = 1`, or the name of a file with one of them.
///
/// # Errors
/// It is none of these.
pub fn written(text: &str) -> anyhow::Result<Value> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Value::Null);
    }
    if trimmed.starts_with('{') {
        if let Ok(value) = serde_json::from_str(trimmed) {
            return Ok(value);
        }
        #[derive(serde::Deserialize)]
        struct Inline {
            value: Value,
        }
        let inline: Inline = toml::from_str(&format!("value = {trimmed}"))
            .with_context(|| format!("`{trimmed}` is neither JSON nor an inline table of TOML"))?;
        return Ok(inline.value);
    }
    let path = Path::new(trimmed);
    if let Ok(meta) = std::fs::metadata(path) {
        if meta.len() > BYTES {
            bail!("{} has {} bytes, at most {BYTES} are read", path.display(), meta.len());
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(&text).with_context(|| path.display().to_string());
        }
        return toml::from_str(&text).with_context(|| path.display().to_string());
    }
    toml::from_str(trimmed)
        .with_context(|| format!("`{trimmed}` is no file, and no TOML such as `level = 3`"))
}

/// As TOML, which has no numbers beyond 63 bits: `lore test` reads them as text.
pub fn toml_of(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(is) => toml::Value::Boolean(*is),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => toml::Value::Integer(whole),
            (None, _) if number.is_u64() => toml::Value::String(number.to_string()),
            (None, float) => toml::Value::Float(float?),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml_of).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Some((name.clone(), toml_of(value)?));
            toml::Value::Table(fields.iter().filter_map(field).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_written_in_json_and_toml() {
        for text in [r#"{"a": {"b": 1}}"#, "{ a = { b = 1 } }", "a.b = 1", "a = { b = 1 }"] {
            assert_eq!(written(text).unwrap(), json!({"a": {"b": 1}}), "{text}");
        }
        assert_eq!(written(" ").unwrap(), Value::Null);
        let large = json!({"a": u64::MAX, "b": null, "c": [{"d": -1}, "it's"]});
        let inline = toml_of(&large).unwrap().to_string();
        assert_eq!(
            written(&inline).unwrap(),
            json!({"a": u64::MAX.to_string(), "c": [{"d": -1}, "it's"]}),
            "{inline}"
        );
        let error = format!("{:#}", written("no such file").unwrap_err());
        assert!(error.contains("is no file, and no TOML"), "{error}");
    }
}
