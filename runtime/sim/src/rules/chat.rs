//! What `chat.judge` is shown and answers.

use crate::ids::EntityId;
use crate::limits;
use borsh::{BorshDeserialize, BorshSerialize};

/// Where a line is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Channel {
    Zone,
    Global,
    Party,
    Guild,
    Whisper,
}

/// A listed word in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Hit {
    pub start: u32,
    pub len: u32,
    pub severity: u32,
}

/// See `chat.line` in `wit/chat.wit`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Line {
    pub id: u32,
    pub sender: EntityId,
    pub sender_level: u32,
    pub channel: Channel,
    pub text: String,
    pub flags: u32,
    pub hits: Vec<Hit>,
    pub strikes: u32,
    pub since_last_ticks: u32,
    pub repeats: u32,
    pub seed: u64,
}

impl Line {
    /// Bit of [`Line::flags`]: the sender lies dead.
    pub const DEAD: u32 = 1;
}

/// Why a line is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum BlockReason {
    Profanity,
    Spam,
    Shouting,
    Link,
    Muted,
    Other,
}

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Ruling {
    Pass,
    Replace(String),
    Block(BlockReason),
}

/// See `chat.judgement`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub struct Judgement {
    pub id: u32,
    pub ruling: Ruling,
    pub strikes: u32,
}

impl Judgement {
    /// Fallback: everybody hears the line as it was said; the strikes stay.
    pub fn fallback(line: &Line) -> Self {
        Self { id: line.id, ruling: Ruling::Pass, strikes: line.strikes }
    }
}

/// Whether a text may be said: not blank, at most [`limits::CHAT_BYTES`], no control characters.
pub fn is_speech(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= limits::CHAT_BYTES && !text.chars().any(char::is_control)
}
