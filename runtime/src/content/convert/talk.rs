//! What is said: announcements, and what the chat filter goes by.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::super::source::{CHAT, Definitions};
use super::Entry;
use sim::DefId;
use sim::content::{Announcement, Chat};
use std::collections::BTreeMap;

/// Bytes of an announcement.
const ANNOUNCEMENT_BYTES: usize = 500;
/// Listed words, and characters of one.
const WORDS_MAX: usize = 2_000;
const WORD_CHARS: usize = 32;

pub(super) fn announcements(
    entries: Vec<Entry<raw::Announcement>>,
    check: &mut Check<'_>,
) -> BTreeMap<DefId, Announcement> {
    super::by_id(entries, |entry| {
        let Entry { name, at, raw, .. } = entry;
        check.range(at, "the bytes of the text", raw.text.len(), 1..=ANNOUNCEMENT_BYTES);
        Announcement { name, text: raw.text }
    })
}

/// A content without `[chat]` has no filter.
pub(super) fn chat(definitions: &mut Definitions<'_>, check: &mut Check<'_>, summary: &mut Summary) -> Chat {
    let Some(entry) = super::entries::<raw::Chat>(CHAT, definitions, check).pop() else {
        return Chat::default();
    };
    let file = entry.file();
    check.range(entry.at, "the number of words", entry.raw.words.len(), 0..=WORDS_MAX);
    let words = entry.raw.words.into_iter().map(|(word, severity)| {
        let at = At { file, offset: word.span().start };
        let word = word.into_inner();
        check.range(at, "how bad a word is", severity, 1..=3);
        let small = |c: char| c.is_alphabetic() && !c.is_uppercase();
        if !(1..=WORD_CHARS).contains(&word.len()) || !word.chars().all(small) {
            check.error(at, format!("the word `{word}` must be 1 to {WORD_CHARS} bytes of small letters"));
        }
        (word, severity)
    });
    let words = words.collect();
    Chat { script: super::script("chat", &entry.raw.script, summary), words }
}
