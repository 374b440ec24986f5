//! The starter's chat filter in Rust.

use crate::chat::mask;
use crate::rules::{BlockReason, Context, Judgement, Line, Ruling};

/// Strikes at which a sender is no longer heard.
const MUTED_AT: u32 = 6;
/// Silence that lets a sender off one strike, milliseconds.
const FORGIVEN_MS: u32 = 60_000;
/// The same words again sooner than this are spam, milliseconds.
const REPEAT_MS: u32 = 30_000;
/// Repetitions of the same words that are let pass.
const REPEATS: u32 = 2;
/// Level from which links may be sent.
const LINK_LEVEL: u32 = 3;
/// Letters from which capitals are shouting.
const SHOUT_LETTERS: usize = 12;

/// One line, judged: muted, profane, repeated, a newcomer's link; else shown, with rude words masked and
/// capitals lowered.
pub(super) fn judge(line: &Line, ctx: &Context) -> Judgement {
    let ticks = |ms: u32| ms.div_ceil(ctx.tick_ms.max(1)).max(1);
    let strikes = line.strikes.saturating_sub(line.since_last_ticks / ticks(FORGIVEN_MS));
    let block =
        |reason, more| Judgement { id: line.id, ruling: Ruling::Block(reason), strikes: add(strikes, more) };
    let worst = line.hits.iter().map(|hit| hit.severity).max().unwrap_or(0);
    if strikes >= MUTED_AT {
        return block(BlockReason::Muted, 0);
    }
    if worst >= 3 {
        return block(BlockReason::Profanity, 2);
    }
    if line.repeats > REPEATS && line.since_last_ticks < ticks(REPEAT_MS) {
        return block(BlockReason::Spam, 1);
    }
    if line.sender_level < LINK_LEVEL && has_link(&line.text) {
        return block(BlockReason::Link, 1);
    }
    let mut text = mask(&line.text, &line.hits);
    if is_shouting(&text) {
        text.make_ascii_lowercase();
    }
    let ruling = if text == line.text { Ruling::Pass } else { Ruling::Replace(text) };
    Judgement { id: line.id, ruling, strikes: add(strikes, u32::from(worst == 2)) }
}

fn add(strikes: u32, more: u32) -> u32 {
    (strikes + more).min(crate::limits::STRIKES_MAX)
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
