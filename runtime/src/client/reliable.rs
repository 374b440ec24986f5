//! What a client was sent and must not lose: numbered, and kept until it has said that it has it, so that all of it can
//! be sent again over another connection. Pure: no socket, no clock.
//!
//! What the next frame makes up for (deltas, snapshots) is not numbered and does not come here.

use super::frame::{Frame, Numbered};
use super::limits::{KEPT_BYTES, KEPT_MESSAGES};
use std::collections::VecDeque;

/// The numbered messages of one session. The first is number 1.
#[derive(Debug, Default)]
pub struct Reliable {
    /// Number of the newest.
    last: u64,
    /// The newest of them without a gap, up to [`Reliable::last`].
    kept: VecDeque<Kept>,
    bytes: usize,
}

/// A message that may have to be sent again.
#[derive(Debug)]
struct Kept {
    frame: Frame,
    /// The call it answers, if that has a number; the first one for a batch.
    answers: Option<u64>,
}

/// What would have to be sent again is not kept any more, or was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session holds the messages from {first} to {last}")]
pub struct Missed {
    /// Number of the oldest that is kept.
    pub first: u64,
    /// Number of the newest.
    pub last: u64,
}

impl Reliable {
    /// The message as it is sent. Beyond the bounds the oldest are forgotten, never this one: a client that never
    /// acknowledges can come back too, if it has missed little.
    pub fn send(&mut self, frame: Frame, answers: Option<u64>) -> Numbered {
        self.last += 1;
        self.bytes += frame.len();
        self.kept.push_back(Kept { frame: frame.clone(), answers });
        while self.kept.len() > KEPT_MESSAGES || (self.bytes > KEPT_BYTES && self.kept.len() > 1) {
            self.forget_oldest();
        }
        Numbered { frame, seq: Some(self.last) }
    }

    /// The client has everything up to this one.
    pub fn acknowledge(&mut self, seq: u64) {
        while self.first() <= seq && !self.kept.is_empty() {
            self.forget_oldest();
        }
    }

    /// Everything after the last one that came through, which acknowledges that one.
    ///
    /// # Errors
    /// [`Missed`]: not all of it is kept, or there was no such message. Nothing has changed.
    pub fn after(&mut self, seq: u64) -> Result<Vec<Numbered>, Missed> {
        let (first, last) = (self.first(), self.last);
        if seq > last || seq + 1 < first {
            return Err(Missed { first, last });
        }
        self.acknowledge(seq);
        let numbered = self.kept.iter().zip(self.first()..);
        Ok(numbered.map(|(kept, seq)| Numbered { frame: kept.frame.clone(), seq: Some(seq) }).collect())
    }

    /// The answer to a call, while it is kept.
    pub fn answer_to(&self, id: u64) -> Option<Numbered> {
        let mut numbered = self.kept.iter().zip(self.first()..);
        let (kept, seq) = numbered.find(|(kept, _)| kept.answers == Some(id))?;
        Some(Numbered { frame: kept.frame.clone(), seq: Some(seq) })
    }

    /// Number of the newest; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether the client has everything.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether what can be done without should be left out, so that the rest is not forgotten.
    pub fn is_half_full(&self) -> bool {
        self.kept.len() >= KEPT_MESSAGES / 2 || self.bytes >= KEPT_BYTES / 2
    }

    /// Number of the oldest that is kept; of the next one if none is.
    fn first(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.frame.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(text: &str) -> Frame {
        Frame::Text(format!("{{\"{text}\":0}}").into())
    }

    fn text(frame: &Numbered) -> String {
        match frame.whole() {
            Frame::Text(text) => text.to_string(),
            Frame::Binary(_) => panic!("text"),
        }
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_as_it_was() {
        let mut sent = Reliable::default();
        let first = sent.send(frame("a"), Some(5));
        let second = sent.send(frame("b"), None);
        assert_eq!(text(&first), r#"{"seq":1,"a":0}"#);
        assert_eq!(sent.answer_to(5).as_ref(), Some(&first));
        assert_eq!(sent.after(0), Ok(vec![first, second.clone()]));
        assert_eq!(sent.after(1), Ok(vec![second]));
        assert_eq!(sent.answer_to(5), None, "the client has it");
        assert_eq!(sent.after(0), Err(Missed { first: 2, last: 2 }), "acknowledged before");
        assert_eq!(sent.after(2), Ok(Vec::new()));
        assert_eq!(sent.after(3), Err(Missed { first: 3, last: 2 }), "never sent");
        assert_eq!(sent.after(u64::MAX), Err(Missed { first: 3, last: 2 }));
        assert!(sent.is_empty());
    }

    #[test]
    fn who_acknowledges_more_than_there_is_has_all_there_is() {
        let mut sent = Reliable::default();
        sent.send(frame("a"), None);
        sent.acknowledge(u64::MAX);
        assert!(sent.is_empty());
        assert_eq!(text(&sent.send(frame("b"), None)), r#"{"seq":2,"b":0}"#);
    }

    #[test]
    fn it_is_bounded_by_messages_and_by_bytes() {
        let mut sent = Reliable::default();
        for _ in 0..KEPT_MESSAGES + 3 {
            sent.send(frame("a"), None);
        }
        assert!(sent.after(2).is_err());
        assert_eq!(sent.after(3).map(|frames| frames.len()), Ok(KEPT_MESSAGES));
        let mut sent = Reliable::default();
        sent.send(frame("a"), None);
        assert!(!sent.is_half_full());
        sent.send(frame(&"b".repeat(KEPT_BYTES / 2)), None);
        assert!(sent.is_half_full());
        sent.send(frame(&"c".repeat(KEPT_BYTES / 2)), None);
        assert_eq!(sent.after(1), Err(Missed { first: 3, last: 3 }));
        let large = sent.send(frame(&"d".repeat(KEPT_BYTES)), None);
        assert_eq!(sent.after(3), Ok(vec![large]), "one that is too large for it is kept alone");
        let small = sent.send(frame("e"), None);
        assert_eq!(sent.after(4), Ok(vec![small.clone()]));
        assert_eq!(sent.bytes, small.frame.len());
    }

    /// One step of a client and its server over a line that breaks.
    #[derive(Clone, Debug)]
    enum Step {
        /// The server sends; whether it arrives.
        Send,
        /// So many of what is on its way arrive.
        Arrive(usize),
        /// The client acknowledges what it has.
        Acknowledge,
        /// The line breaks: what is on its way is lost; the client comes back.
        Break,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Send),
            3 => (0..6_usize).prop_map(Step::Arrive),
            1 => Just(Step::Acknowledge),
            1 => Just(Step::Break),
        ]
    }

    proptest! {
        #[test]
        fn whoever_comes_back_misses_nothing_and_hears_nothing_twice(
            steps in proptest::collection::vec(step(), 0..200)
        ) {
            let mut sent = Reliable::default();
            let (mut told, mut line) = (Vec::new(), VecDeque::new());
            let mut heard: Vec<Numbered> = Vec::new();
            for step in steps.into_iter().chain([Step::Break, Step::Arrive(usize::MAX)]) {
                match step {
                    Step::Send => {
                        let frame = sent.send(frame(&told.len().to_string()), None);
                        told.push(frame.clone());
                        line.push_back(frame);
                    }
                    Step::Arrive(count) => heard.extend(line.drain(..count.min(line.len()))),
                    Step::Acknowledge => sent.acknowledge(heard.len() as u64),
                    Step::Break => {
                        line.clear();
                        line.extend(sent.after(heard.len() as u64).expect("nothing is forgotten of so few"));
                    }
                }
            }
            prop_assert_eq!(heard, told);
        }

        #[test]
        fn what_is_kept_never_has_a_gap(
            lengths in proptest::collection::vec(0..KEPT_BYTES / 8, 1..60), acknowledged in 0..60_u64
        ) {
            let mut sent = Reliable::default();
            for length in &lengths {
                sent.send(frame(&"x".repeat(*length)), None);
            }
            sent.acknowledge(acknowledged);
            let last = lengths.len() as u64;
            let first = sent.first();
            prop_assert!(first <= last + 1);
            prop_assert!(sent.bytes <= KEPT_BYTES);
            prop_assert_eq!(sent.bytes, sent.kept.iter().map(|kept| kept.frame.len()).sum::<usize>());
            if first > 1 {
                prop_assert_eq!(sent.after(first - 2), Err(Missed { first, last }));
            }
            let again = sent.after(first - 1).expect("kept");
            prop_assert_eq!(again.len() as u64, last + 1 - first);
            for (frame, seq) in again.iter().zip(first..) {
                let start = format!("{{\"seq\":{seq},");
                prop_assert!(text(frame).starts_with(&start));
            }
        }
    }
}
