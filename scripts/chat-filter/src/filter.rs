//! The filter: one judgement per line. The words it knows of stand in `content/chat.toml`.

use crate::wit::exports::lore::script::chat::{Hit, Judgement, Line, Reason, Ruling};

/// Strikes at which a sender is no longer heard.
pub const MUTED_AT: u32 = 6;
/// Silence that lets a sender off one strike, milliseconds.
pub const FORGIVEN_MS: u32 = 60_000;
/// The same words again sooner than this are spam, milliseconds.
pub const REPEAT_MS: u32 = 30_000;
/// Repetitions of the same words that are let pass.
pub const REPEATS: u32 = 2;
/// Level from which links may be sent.
pub const LINK_LEVEL: u32 = 3;
/// Letters from which capitals are shouting.
pub const SHOUT_LETTERS: usize = 12;
/// Most strikes the host keeps.
const STRIKES_MAX: u32 = 1_000;

/// Refuses the muted, the profane, the repeated and newcomers' links, in this order; masks rude words and
/// lowers shouting in the rest.
pub fn judge(line: &Line, tick_ms: u32) -> Judgement {
    let ticks = |ms: u32| lore_sdk::ticks(ms, tick_ms).max(1);
    let strikes = line.strikes.saturating_sub(line.since_last_ticks / ticks(FORGIVEN_MS));
    let block = |reason, more: u32| Judgement {
        id: line.id,
        ruling: Ruling::Block(reason),
        strikes: (strikes + more).min(STRIKES_MAX),
    };
    let worst = line.hits.iter().map(|hit| hit.severity).max().unwrap_or(0);
    if strikes >= MUTED_AT {
        return block(Reason::Muted, 0);
    }
    if worst >= 3 {
        return block(Reason::Profanity, 2);
    }
    if line.repeats > REPEATS && line.since_last_ticks < ticks(REPEAT_MS) {
        return block(Reason::Spam, 1);
    }
    if line.sender_level < LINK_LEVEL && has_link(&line.text) {
        return block(Reason::Link, 1);
    }
    let mut text = mask(&line.text, &line.hits);
    if is_shouting(&text) {
        text.make_ascii_lowercase();
    }
    let ruling = if text == line.text { Ruling::Pass } else { Ruling::Replace(text) };
    Judgement { id: line.id, ruling, strikes: (strikes + u32::from(worst == 2)).min(STRIKES_MAX) }
}

fn has_link(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["http://", "https://", "www."].iter().any(|mark| text.contains(mark))
}

fn is_shouting(text: &str) -> bool {
    let letters = text.chars().filter(char::is_ascii_alphabetic).count();
    let capitals = text.chars().filter(char::is_ascii_uppercase).count();
    letters >= SHOUT_LETTERS && capitals * 10 >= letters * 7
}

/// The text with a star for every character of a listed word.
fn mask(text: &str, hits: &[Hit]) -> String {
    let hidden = |at: usize| {
        hits.iter().any(|hit| (hit.start as usize..hit.start as usize + hit.len as usize).contains(&at))
    };
    text.char_indices().map(|(at, c)| if hidden(at) { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests;
