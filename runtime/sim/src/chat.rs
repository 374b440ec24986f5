//! Chat: what a character says goes through the filter that the content names, then to everybody in
//! the zone. The words are data on their way to people; nothing here gives them a meaning.

use crate::content::Chat;
use crate::digest::Digest;
use crate::ids::{CharacterId, DefId, RequestId};
use crate::input::Condition;
use crate::limits;
use crate::output::{Accepted, Event, EventKind, Output, Rejection, Reply};
use crate::rng::{Purpose, fork};
use crate::rules::{Answer, Channel, Hit, Judgement, Line, Origin, Rules, Ruling, is_speech};
use crate::world::{Character, World};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

/// Longest word that is looked up, bytes; the loader takes no longer ones.
const WORD_BYTES: usize = 32;

/// What the host keeps of how a character speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Voice {
    /// The filter's number for this sender.
    pub(crate) strikes: u32,
    /// Tick of the last line that was judged.
    last: Option<u64>,
    /// Fingerprint of its text.
    said: u64,
    /// How often in a row it was said.
    repeats: u32,
}

impl Voice {
    /// Of a character that comes from another zone.
    pub(crate) fn resumed(condition: &Condition, tick: u64) -> Self {
        let spoke = condition.silent_ticks < u32::MAX;
        let last = spoke.then(|| tick.saturating_sub(u64::from(condition.silent_ticks)));
        Self { strikes: condition.strikes.min(limits::STRIKES_MAX), last, ..Self::default() }
    }

    /// Ticks since it last spoke; `u32::MAX` if it never has.
    pub(crate) fn silent_ticks(&self, tick: u64) -> u32 {
        let since = self.last.map_or(u64::MAX, |last| tick.saturating_sub(last));
        since.min(u64::from(u32::MAX)) as u32
    }
}

impl Chat {
    /// A text that players read and no filter judges, with a star for every character of a listed word.
    pub fn mask(&self, text: &str) -> String {
        mask(text, &find_words(&self.words, text, usize::MAX))
    }
}

/// A line that waits for its judgement in this step.
pub(crate) struct PendingLine {
    pub(crate) character: CharacterId,
    pub(crate) request: RequestId,
    pub(crate) text: String,
}

impl World {
    pub(crate) fn run_chat(&mut self, rules: &mut dyn Rules, out: &mut Output) {
        let mut pending = std::mem::take(&mut self.scratch.lines);
        if self.content.chat.script == DefId::NONE {
            let origin = self.content_origin();
            pending.drain(..).for_each(|line| self.say(line, origin, out));
            self.scratch.lines = pending;
            return;
        }
        // Who says several things in one tick is judged for one after the other.
        while !pending.is_empty() {
            let mut speaking = BTreeSet::new();
            let (now, later) = pending.into_iter().partition(|line| speaking.insert(line.character));
            self.judge(now, rules, out);
            pending = later;
        }
    }

    fn judge(&mut self, mut pending: Vec<PendingLine>, rules: &mut dyn Rules, out: &mut Output) {
        pending.retain(|line| self.characters.contains_key(&line.character));
        let lines: Vec<Line> = pending
            .iter()
            .enumerate()
            .map(|(id, line)| self.view_line(id as u32, line, &self.characters[&line.character]))
            .collect();
        let mut answers = Vec::with_capacity(lines.len());
        rules.judge(&self.context(), self.content.chat.script, &lines, &mut answers);
        assert_eq!(answers.len(), lines.len(), "one judgement per line");
        for ((pending, line), answer) in pending.into_iter().zip(&lines).zip(answers) {
            self.obey_judgement(pending, line, answer, out);
        }
    }

    fn view_line(&self, id: u32, line: &PendingLine, character: &Character) -> Line {
        let voice = &character.voice;
        let alive = self.entities.entry(character.entity).is_some_and(crate::entity::Entity::is_alive);
        Line {
            id,
            sender: character.entity,
            sender_level: character.state.level,
            channel: Channel::Zone,
            text: line.text.clone(),
            flags: if alive { 0 } else { Line::DEAD },
            hits: find_words(&self.content.chat.words, &line.text, limits::CHAT_HITS),
            strikes: voice.strikes,
            since_last_ticks: voice.silent_ticks(self.tick),
            repeats: if voice.said == fingerprint(&line.text) { voice.repeats } else { 0 },
            seed: fork(self.seed, self.tick, character.entity.0, Purpose::Chat),
        }
    }

    fn obey_judgement(
        &mut self,
        mut pending: PendingLine,
        line: &Line,
        answer: Answer<Judgement>,
        out: &mut Output,
    ) {
        let PendingLine { character: id, request, .. } = pending;
        let Some(character) = self.characters.get_mut(&id) else { return };
        character.voice = Voice {
            strikes: answer.value.strikes.min(limits::STRIKES_MAX),
            last: Some(self.tick),
            said: fingerprint(&line.text),
            repeats: line.repeats.saturating_add(1),
        };
        match answer.value.ruling {
            Ruling::Block(reason) => {
                let result = Err(Rejection::Chat(reason));
                return out.replies.push(Reply::new(id, request, result));
            }
            Ruling::Replace(text) if is_speech(&text) => pending.text = text,
            Ruling::Replace(_) | Ruling::Pass => {}
        }
        self.say(pending, answer.origin, out);
    }

    fn say(&self, line: PendingLine, origin: Origin, out: &mut Output) {
        let PendingLine { character: id, request, text } = line;
        let Some(character) = self.characters.get(&id) else { return };
        let kind = EventKind::Chat { entity: character.entity, name: character.state.name.clone(), text };
        out.events.push(Event { at: None, origin, kind });
        out.replies.push(Reply::new(id, request, Ok(Accepted::Done)));
    }
}

fn fingerprint(text: &str) -> u64 {
    let mut digest = Digest::new();
    digest.write(text.as_bytes());
    digest.finish()
}

/// The first listed words of a text, in order and so many at most: whole words, whatever their capitals, with the usual
/// digits and signs in place of letters.
fn find_words(words: &BTreeMap<String, u32>, text: &str, most: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    if words.is_empty() {
        return hits;
    }
    let (mut word, mut start) = (String::new(), 0);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_alphanumeric() || matches!(c, '@' | '$') {
            if word.is_empty() {
                start = at;
            }
            // What is too long for a listed word stays too long.
            if word.len() <= WORD_BYTES {
                word.extend(letter(c).to_lowercase());
            }
        } else if !word.is_empty() {
            if let Some(&severity) = words.get(&word)
                && hits.len() < most
            {
                hits.push(Hit { start: start as u32, len: (at - start) as u32, severity });
            }
            word.clear();
        }
    }
    hits
}

/// The text with a star for every character of a listed word.
pub(crate) fn mask(text: &str, hits: &[Hit]) -> String {
    let hidden = |at: usize| {
        hits.iter().any(|hit| (hit.start as usize..hit.start as usize + hit.len as usize).contains(&at))
    };
    text.char_indices().map(|(at, c)| if hidden(at) { '*' } else { c }).collect()
}

/// The letter that a digit or sign is used for.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_words_are_found_whole_in_any_dress() {
        let words = BTreeMap::from([("damn".to_owned(), 1), ("süß".to_owned(), 2)]);
        let found = |text: &str| -> Vec<(String, u32)> {
            let cut = |hit: &Hit| text[hit.start as usize..][..hit.len as usize].to_owned();
            find_words(&words, text, 9).iter().map(|hit| (cut(hit), hit.severity)).collect()
        };
        assert_eq!(found("Damn! d4mn, (D@MN)"), [("Damn", 1), ("d4mn", 1), ("D@MN", 1)].map(own));
        assert_eq!(found("SÜß, damn"), [("SÜß", 2), ("damn", 1)].map(own));
        assert_eq!(found("damnation goddamn damn_ed"), [("damn", 1)].map(own));
        assert!(found(&"x".repeat(400)).is_empty());
        assert_eq!(find_words(&words, &"damn ".repeat(100), 32).len(), 32);
        let chat = Chat { words, ..Chat::default() };
        assert_eq!(chat.mask("SÜß damnation, D@MN"), "*** damnation, ****");
        assert_eq!(chat.mask(&"damn ".repeat(100)), "**** ".repeat(100));
    }

    fn own((text, severity): (&str, u32)) -> (String, u32) {
        (text.to_owned(), severity)
    }
}
