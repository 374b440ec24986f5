//! What is said in one tick, on its way to those who hear it. Most clients hear the same, so what they are told is put
//! together once and shared.

use crate::client::frame::{Encoding, Frame, Shared};
use sim::content::Position;
use std::sync::Arc;

/// Lines told in one tick of a zone: twice what 300 players may say in it. Beyond it, words would push out of the
/// outboxes what must not be lost.
const LINES_PER_TICK: usize = 16;

/// Something that is said.
pub(super) struct Line {
    /// Where; `None` is heard everywhere.
    pub at: Option<Position>,
    pub told: Shared,
}

/// What is said in one tick, in order.
#[derive(Default)]
pub(super) struct Speech {
    lines: Vec<Line>,
    /// Lines of this tick, those that are told already included.
    said: usize,
}

impl Speech {
    /// Adds a line, unless enough is said in this tick.
    pub fn say(&mut self, line: Line) {
        if self.said == LINES_PER_TICK {
            return count_dropped(1);
        }
        self.said += 1;
        self.lines.push(line);
    }

    /// What was said since the last time.
    pub fn take(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }
}

/// Lines that nobody is told.
pub(super) fn count_dropped(lines: usize) {
    metrics::counter!("game_chat_lines_dropped_total").increment(lines as u64);
}

/// Lines as they are told to one client after the other.
pub(super) struct Audience<'a> {
    lines: &'a [Line],
    radius_mm: u32,
    /// What the last client of each encoding was told: which lines, a bit for each, and their frames.
    last: [(u32, Arc<[Frame]>); Encoding::ALL.len()],
}

impl<'a> Audience<'a> {
    /// Of those that [`Speech::take`] gives, which are heard so far.
    pub fn new(lines: &'a [Line], radius_mm: u32) -> Self {
        Self { lines, radius_mm, last: Default::default() }
    }

    /// What is heard at a place; `None` for nothing.
    pub fn hear(&mut self, at: Position, encoding: Encoding) -> Option<Arc<[Frame]>> {
        let is_near = |line: &Line| line.at.is_none_or(|from| from.distance_mm(at) <= self.radius_mm);
        let bits = self.lines.iter().enumerate().map(|(number, line)| u32::from(is_near(line)) << number);
        let heard = bits.fold(0, |heard, bit| heard | bit);
        if heard == 0 {
            return None;
        }
        let (same, frames) = &mut self.last[encoding as usize];
        if *same != heard {
            let lines = self.lines.iter().enumerate().filter(|(number, _)| heard >> number & 1 == 1);
            *frames = lines.map(|(_, line)| line.told.frame(encoding)).collect();
            *same = heard;
        }
        Some(Arc::clone(frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v1::ChatMessage;
    use protocol::v1::notification::Method;

    fn line(text: &str, at: Option<(i32, i32)>) -> Line {
        let message = ChatMessage { text: text.to_owned(), ..ChatMessage::default() };
        Line { at: at.map(place), told: Shared::new(Method::ChatMessage(message)) }
    }

    fn place((x_mm, y_mm): (i32, i32)) -> Position {
        Position { x_mm, y_mm }
    }

    #[test]
    fn everybody_hears_what_is_said_near_and_everywhere_in_order_and_shares_it() {
        let lines = [line("west", Some((0, 0))), line("all", None), line("east", Some((10_000, 0)))];
        let mut audience = Audience::new(&lines, 6_000);
        let told = |numbers: &[usize], encoding| -> Vec<Frame> {
            numbers.iter().map(|number| lines[*number].told.frame(encoding)).collect()
        };
        let steps: [(_, &[usize]); 6] = [
            ((0, 0), &[0, 1]),
            ((1_000, 0), &[0, 1]),
            ((10_000, 0), &[1, 2]),
            ((5_000, 0), &[0, 1, 2]),
            ((0, 50_000), &[1]),
            ((0, 0), &[0, 1]),
        ];
        for (at, expected) in steps {
            for encoding in Encoding::ALL {
                let heard = audience.hear(place(at), encoding).expect("one is heard everywhere");
                assert_eq!(*heard, told(expected, encoding), "at {at:?}");
                let again = audience.hear(place(at), encoding).expect("the same");
                assert!(Arc::ptr_eq(&heard, &again));
            }
        }
        assert_eq!(Audience::new(&lines[..1], 6_000).hear(place((0, 6_001)), Encoding::Json), None);
    }

    #[test]
    fn a_tick_has_room_for_so_many_lines() {
        let mut speech = Speech::default();
        for _ in 0..LINES_PER_TICK - 1 {
            speech.say(line("one of many", None));
        }
        assert_eq!(speech.take().len(), LINES_PER_TICK - 1);
        for _ in 0..5 {
            speech.say(line("too much", None));
        }
        assert_eq!(speech.take().len(), 1, "also of those that are told already");
    }
}
