//! What may be said: `chat.judge`.

use super::{Hook, call_export, in_range, same_cases, same_id, share};
use crate::bindings::chat::exports::lore::script::chat as wit;
use crate::failure::BadOutput;
use crate::made_up;
use crate::manifest::Export;
use crate::samples;
use sim::limits::STRIKES_MAX;
use sim::rng::Rng;
use sim::rules::{BlockReason, Channel, Judgement, Line, Ruling, is_speech};

pub(crate) struct Judge;

impl Hook for Judge {
    const EXPORT: Export = Export::Judge;
    type View = Line;
    type Answer = Judgement;
    type Wire = wit::Line;
    type Reply = wit::Judgement;

    call_export!(Chat, lore_script_chat, func_judge);

    fn sample() -> Line {
        samples::line()
    }

    fn vary(view: &mut Line, number: u32, dice: &mut Rng) {
        made_up::line(view, number, dice);
    }

    fn id(view: &Line) -> u64 {
        view.id.into()
    }

    fn lower(view: &Line) -> wit::Line {
        let hits = view.hits.iter();
        wit::Line {
            id: view.id,
            sender: view.sender.0,
            sender_level: view.sender_level,
            channel: view.channel.into(),
            text: view.text.clone(),
            flags: view.flags,
            hits: hits
                .map(|hit| wit::Hit { start: hit.start, len: hit.len, severity: hit.severity })
                .collect(),
            strikes: view.strikes,
            since_last_ticks: view.since_last_ticks,
            repeats: view.repeats,
            seed: view.seed,
        }
    }

    fn lift(view: &Line, reply: wit::Judgement) -> Result<Judgement, BadOutput> {
        same_id(view.id, reply.id)?;
        let strikes = i32::try_from(reply.strikes).unwrap_or(i32::MAX);
        in_range("strikes", strikes, 0..=STRIKES_MAX as i32, "0..=1,000")?;
        let ruling = match reply.ruling {
            wit::Ruling::Pass => Ruling::Pass,
            wit::Ruling::Block(reason) => Ruling::Block(reason.into()),
            wit::Ruling::Replace(text) if is_speech(&text) => Ruling::Replace(text),
            wit::Ruling::Replace(text) => {
                let expected = "1 to 500 bytes that are not blank, without control characters";
                return Err(BadOutput::Text { what: "replacement", len: text.len(), expected });
            }
        };
        Ok(Judgement { id: reply.id, ruling, strikes: reply.strikes })
    }

    fn fallback(view: &Line) -> Judgement {
        Judgement::fallback(view)
    }

    fn remembers(answer: &Judgement) -> bool {
        answer.strikes != 0
    }

    fn measure(answer: &Judgement) -> impl IntoIterator<Item = (&'static str, f64)> {
        [
            ("replaced", share(matches!(answer.ruling, Ruling::Replace(_)))),
            ("blocked", share(matches!(answer.ruling, Ruling::Block(_)))),
            ("strikes", answer.strikes.into()),
        ]
    }
}

same_cases! { Channel = wit::Channel { Zone, Global, Party, Guild, Whisper } }
same_cases! { BlockReason = wit::Reason { Profanity, Spam, Shouting, Link, Muted, Other } }
