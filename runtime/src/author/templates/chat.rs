//! What may be said. Content names it in `[chat]`: `script = "__NAME__"`.

#[allow(missing_docs, unsafe_code)]
pub mod wit {
    //! Generated from `wit/`.
    wit_bindgen::generate!({ world: "chat-script", path: "../../wit" });
}

use wit::exports::lore::script::chat::{Context, Guest, Judgement, Line, Reason, Ruling};

/// What this script exports.
pub struct Script;

impl Guest for Script {
    fn judge(_ctx: Context, lines: Vec<Line>) -> Vec<Judgement> {
        lore_sdk::each(&lines, judge)
    }
}

#[cfg(target_arch = "wasm32")]
wit::export!(Script with_types_in wit);

/// Lines with a listed word that is more than rude are not heard; each is a strike.
pub fn judge(line: &Line) -> Judgement {
    let bad = line.hits.iter().any(|hit| hit.severity > 1);
    let ruling = if bad { Ruling::Block(Reason::Profanity) } else { Ruling::Pass };
    Judgement { id: line.id, ruling, strikes: (line.strikes + u32::from(bad)).min(1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit::exports::lore::script::chat::{Channel, Hit};

    #[test]
    fn insults_are_not_heard() {
        let line = |severity| Line {
            id: 1,
            sender: 1,
            sender_level: 1,
            channel: Channel::Zone,
            text: "oaf".to_owned(),
            flags: 0,
            hits: vec![Hit { start: 0, len: 3, severity }],
            strikes: 0,
            since_last_ticks: 100,
            repeats: 0,
            seed: 1,
        };
        assert!(matches!(judge(&line(1)).ruling, Ruling::Pass));
        let judged = judge(&line(2));
        assert!(matches!(judged.ruling, Ruling::Block(Reason::Profanity)));
        assert_eq!(judged.strikes, 1);
    }
}
