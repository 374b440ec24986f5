//! Reading server-sent events, as far as this server sends them.

use super::client::CallError;
use serde_json::Value;

/// Bytes of one event at most; ours are far smaller.
const EVENT_BYTES: usize = 1 << 20;

/// An answer that goes on.
pub struct EventStream {
    url: String,
    response: reqwest::Response,
    /// What has come of the next event.
    buffer: Vec<u8>,
}

impl EventStream {
    pub(super) fn new(url: String, response: reqwest::Response) -> Self {
        Self { url, response, buffer: Vec::new() }
    }

    /// The next event's name and data; `None` when the server has ended.
    ///
    /// # Errors
    /// The connection broke, or an event is longer than any should be.
    pub async fn next(&mut self) -> Result<Option<(String, String)>, CallError> {
        loop {
            if let Some(event) = self.take() {
                // Comments keep the connection alive and have no data.
                if !event.1.is_empty() {
                    return Ok(Some(event));
                }
                continue;
            }
            if self.buffer.len() > EVENT_BYTES {
                return Err(CallError::Refused(format!("an event of more than {EVENT_BYTES} bytes")));
            }
            let url = &self.url;
            let unreachable = |source| CallError::Unreachable { url: url.clone(), source };
            match self.response.chunk().await.map_err(unreachable)? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// All of it as one JSON document.
    ///
    /// # Errors
    /// The connection broke, or it is none.
    pub async fn whole(self) -> Result<Value, CallError> {
        let url = self.url;
        self.response.json().await.map_err(|source| CallError::Unreachable { url, source })
    }

    fn take(&mut self) -> Option<(String, String)> {
        let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
        Some(parse(&String::from_utf8_lossy(&event)))
    }
}

/// Name and data of one event.
fn parse(event: &str) -> (String, String) {
    let (mut name, mut data) = ("message".to_owned(), String::new());
    for line in event.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            value.trim_start().clone_into(&mut name);
        } else if let Some(value) = line.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    (name, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_a_name_and_data() {
        assert_eq!(parse("event: line\ndata: {\"a\":1}\n\n"), ("line".into(), "{\"a\":1}".into()));
        assert_eq!(parse("data: a\ndata: b\n\n"), ("message".into(), "a\nb".into()));
        assert_eq!(parse(":\n\n").1, "");
    }
}
