//! Pages of other servers, by the origins that browsers tell of them.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Why `*` is refused where there are real players.
pub const ANY_IN_PRODUCTION: &str = "`*` is any origin, which is not for production; list yours";

/// Where a page is from, as its browser tells it: `https://play.example`, `http://127.0.0.1:5173`, `null` for a file; or
/// `*`, which is anywhere.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// A text that no browser would tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin; write \"https://play.example\" or \"http://127.0.0.1:5173\", without a path")]
pub struct OriginError(String);

impl Origin {
    /// Whether it is anywhere.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Whether a page from there is meant.
    pub fn is_of(&self, page: &str) -> bool {
        self.is_any() || self.0.eq_ignore_ascii_case(page)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@*".contains(&byte))
        };
        let is_page = |(scheme, host): (&str, &str)| is_plain(scheme) && is_plain(host);
        match matches!(text, "*" | "null") || text.split_once("://").is_some_and(is_page) {
            true => Ok(Self(text.to_owned())),
            false => Err(OriginError(text.chars().take(60).collect())),
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.trim().parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_its_whole_origin() {
        let origin = |text: &str| text.parse::<Origin>().expect("an origin");
        assert!(origin("https://play.example").is_of("https://Play.example"));
        assert!(origin("null").is_of("null"));
        assert!(origin("*").is_of("https://play.example") && origin("*").is_any());
        for other in ["http://play.example", "https://play.example:8443", "https://evil.example", "null", ""]
        {
            assert!(!origin("https://play.example").is_of(other), "{other}");
        }
        assert_eq!(String::from(origin("http://127.0.0.1:5173")), "http://127.0.0.1:5173");
    }

    #[test]
    fn what_no_browser_tells_is_no_origin() {
        for wrong in
            ["", "play.example", "https://", "://x", "https://play.example/", "https://*.example", "a b://c"]
        {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
