//! What a session remembers for a client that comes back over another connection: what it was sent, and which of its
//! calls were received, so that none is carried out twice.

use super::{Action, Session, State};
use crate::client::frame::{Frame, Numbered};
use crate::client::reliable::{Missed, Reliable};
use crate::client::rpc::RpcError;
use sim::RequestId;
use std::time::Duration;

impl Session {
    /// The same, for a client that may come back: what must not be lost is numbered and kept.
    pub fn resumable(mut self) -> Self {
        self.sent = Some(Reliable::default());
        self
    }

    /// A notification that must not be lost, as it is sent.
    pub fn tell(&mut self, frame: Frame) -> Numbered {
        self.number(frame, None)
    }

    /// The same for what a client that was away can do without: kept only while there is room for the rest.
    pub fn overhear(&mut self, frame: Frame) -> Numbered {
        match &self.sent {
            Some(sent) if !sent.is_half_full() => self.tell(frame),
            _ => frame.into(),
        }
    }

    /// The client is back and has heard everything up to `seq`: what it missed, in order. Calls up to
    /// [`Session::last_id`] are known from now on, and not carried out again.
    ///
    /// # Errors
    /// [`Missed`]: not all of it is kept.
    pub fn resume(&mut self, seq: u64) -> Result<Vec<Numbered>, Missed> {
        let missed = self.sent.as_mut().ok_or(Missed { first: 1, last: 0 })?.after(seq)?;
        self.known_ids = self.last_id;
        self.was_resumed = true;
        Ok(missed)
    }

    /// Greatest id of a call so far, if they have numbers.
    pub fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    /// Whether there is nothing to come back to: nothing was done in it yet.
    pub fn is_unused(&self) -> bool {
        let is_silent = self.sent.as_ref().is_none_or(|sent| sent.last() == 0);
        self.state == State::Authenticated && self.pending.is_empty() && is_silent && !self.was_resumed
    }

    /// Numbers and keeps what must not be lost, but nothing that is told while another session may take the place of this
    /// one.
    pub(super) fn number(&mut self, frame: Frame, answers: Option<u64>) -> Numbered {
        match &mut self.sent {
            Some(sent) if self.state != State::Resuming => sent.send(frame, answers),
            _ => frame.into(),
        }
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        if let Some(sent) = &mut self.sent {
            sent.acknowledge(seq);
        }
    }

    /// Whether a call was received before the client came back.
    pub(super) fn is_known(&self, id: u64) -> bool {
        self.known_ids.is_some_and(|known| id <= known)
    }

    /// A call that is known: its answer is sent again while it is kept. If it still waits for it, that will come; if
    /// the client has acknowledged it, it needs none.
    pub(super) fn repeat(&mut self, id: u64, now: Duration, actions: &mut Vec<Action>) {
        if self.allowance.take("", now).is_err() {
            return self.count_refusal(now, actions);
        }
        actions.extend(self.sent.as_ref().and_then(|sent| sent.answer_to(id)).map(Action::Send));
    }

    /// # Errors
    /// There is something already that would be lost.
    pub(super) fn begin_resume(&mut self, request: RequestId) -> Result<(), RpcError> {
        let stands_alone = self.pending.get(&request).is_some_and(|pending| pending.batch.is_none());
        if self.state != State::Authenticated || !stands_alone || self.pending.len() > 1 {
            let why = "`session.resume` comes first, with an id and alone in its frame; this session goes on";
            return Err(RpcError::InvalidState(why));
        }
        self.state = State::Resuming;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frame::{Encoding, notification};
    use crate::client::limits;
    use proptest::prelude::*;
    use protocol::v1::notification::Method as Notice;
    use protocol::v1::response::Outcome;
    use protocol::v1::{Done, SystemMessage};
    use sim::CharacterId;
    use std::collections::{BTreeMap, VecDeque};

    const NOW: Duration = Duration::from_secs(1);

    fn joined() -> Session {
        let mut session = Session::new(Encoding::Json).resumable();
        session.set_state(State::InWorld(CharacterId(1)));
        session
    }

    fn receive(session: &mut Session, text: &str) -> Vec<Action> {
        receive_at(session, text, NOW)
    }

    fn receive_at(session: &mut Session, text: &str, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        session.receive_text(text, now, &mut actions);
        actions
    }

    fn call(id: u64) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"dialog.close"}}"#)
    }

    fn submitted(actions: &[Action]) -> Vec<RequestId> {
        let request = |action: &Action| match action {
            Action::Submit { request, .. } => Some(*request),
            _ => None,
        };
        actions.iter().filter_map(request).collect()
    }

    fn done() -> Result<Outcome, RpcError> {
        Ok(Outcome::Done(Done {}))
    }

    fn text(frame: &Numbered) -> String {
        match frame.whole() {
            Frame::Text(text) => text.to_string(),
            Frame::Binary(_) => panic!("text"),
        }
    }

    #[test]
    fn a_call_is_carried_out_once_whatever_the_line_does() {
        let mut session = joined();
        let [answered, open] = [1, 2].map(|id| submitted(&receive(&mut session, &call(id)))[0]);
        let answer = session.answer(answered, done()).expect("it waits");
        assert_eq!(text(&answer), r#"{"seq":1,"jsonrpc":"2.0","id":1,"result":{}}"#);

        // Neither answer has come through. Both calls are known; the third was never received.
        assert_eq!((session.resume(0), session.last_id()), (Ok(vec![answer.clone()]), Some(2)));
        assert_eq!(receive(&mut session, &call(1)), [Action::Send(answer)], "sent again as it was");
        assert_eq!(receive(&mut session, &call(2)), [], "it is under way");
        let third = submitted(&receive(&mut session, &call(3)));
        assert_eq!(third.len(), 1);
        let answer = session.answer(open, done()).expect("it waits");
        assert_eq!(text(&answer), r#"{"seq":2,"jsonrpc":"2.0","id":2,"result":{}}"#);
        receive(&mut session, r#"{"jsonrpc":"2.0","method":"session.ack","params":{"seq":2}}"#);
        assert_eq!(receive(&mut session, &call(2)), [], "the client has said that it has it");
        assert_eq!(session.resume(2), Ok(Vec::new()));
        assert_eq!(receive(&mut session, &call(3)), []);
        assert!(session.resume(1).is_err());
    }

    #[test]
    fn only_who_comes_back_must_count_its_calls_up() {
        let mut session = joined();
        for _ in 0..2 {
            assert_eq!(submitted(&receive(&mut session, &call(7))).len(), 1);
        }
        // Without numbers nothing is known, and everything carried out.
        session.resume(0).expect("nothing was sent");
        let named = r#"{"jsonrpc":"2.0","id":"a","method":"dialog.close"}"#;
        let told = r#"{"jsonrpc":"2.0","method":"dialog.close"}"#;
        for text in [named, named, told, told] {
            assert_eq!(submitted(&receive(&mut session, text)).len(), 1, "{text}");
        }
        assert_eq!(session.last_id(), Some(7));
    }

    #[test]
    fn a_batch_is_one_message_and_known_as_one() {
        let mut session = joined();
        let batch = format!("[{},{}]", call(1), call(2));
        let requests = submitted(&receive(&mut session, &batch));
        assert_eq!(session.answer(requests[1], done()), None);
        let answer = session.answer(requests[0], done()).expect("both are done");
        assert!(text(&answer).starts_with(r#"[{"seq":1,"jsonrpc":"2.0","id":2,"#), "{answer:?}");
        session.resume(0).expect("kept");
        assert_eq!(receive(&mut session, &batch), [Action::Send(answer)]);
    }

    #[test]
    fn a_resume_comes_first_and_alone() {
        let resume = r#"{"jsonrpc":"2.0","id":1,"method":"session.resume","params":{"token":"t","seq":3}}"#;
        let refused = |actions: Vec<Action>| match &actions[..] {
            [Action::Send(frame)] => text(frame).contains("invalid_state"),
            _ => false,
        };
        assert!(refused(receive(&mut joined(), resume)), "it has a character");
        let fresh = || Session::new(Encoding::Json).resumable();
        assert!(refused(receive(&mut fresh(), &format!("[{resume}]"))), "in a batch");
        assert_eq!(receive(&mut fresh(), &resume.replace(r#""id":1,"#, "")), [], "without an id");

        let mut session = fresh();
        let actions = receive(&mut session, resume);
        let [Action::Resume { request, token, seq: 3 }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(token, "t");
        let ping = r#"{"jsonrpc":"2.0","id":2,"method":"system.ping"}"#;
        assert!(refused(receive(&mut session, ping)), "meanwhile");
        let answer = session.answer(*request, Err(RpcError::Unauthorized("no"))).expect("it waits");
        assert!(text(&answer).starts_with(r#"{"jsonrpc":"2.0","id":1,"error""#), "not numbered: {answer:?}");
        session.set_state(State::Authenticated);
        assert!(session.is_unused(), "as if nothing had been asked");
    }

    #[test]
    fn a_resume_is_answered_without_a_number_whatever_the_answer_is() {
        let resume = r#"{"jsonrpc":"2.0","id":1,"method":"session.resume","params":{"token":"t","seq":3}}"#;
        let is_numbered = |answer: &Numbered| !text(answer).starts_with(r#"{"jsonrpc":"2.0","id":1,"error""#);
        let fresh = || Session::new(Encoding::Json).resumable();
        let mut session = fresh();
        for _ in 0..5 {
            let actions = receive(&mut session, resume);
            let [Action::Resume { request, .. }] = &actions[..] else { panic!("{actions:?}") };
            // As after a defect: the state goes back first.
            session.set_state(State::Authenticated);
            let answer = session.answer(*request, Err(RpcError::Internal)).expect("it waits");
            assert!(!is_numbered(&answer), "{answer:?}");
        }
        let refused = |session: &mut Session, call: &str, why: &str| {
            let actions = receive(session, call);
            let [Action::Send(answer)] = &actions[..] else { panic!("{actions:?}") };
            assert!(!is_numbered(answer) && text(answer).contains(why), "{answer:?}");
        };
        refused(&mut session, resume, "rate_limited");
        assert!(session.is_unused(), "as if nothing had been asked");
        let mut session = fresh();
        refused(&mut session, &resume.replace(":3", ":-3"), "-32602");
        assert!(session.is_unused(), "as if nothing had been asked");
        refused(&mut joined(), resume, "invalid_state");
    }

    #[test]
    fn speech_makes_way_for_what_must_not_be_lost() {
        let mut session = joined();
        let line = |text: &str| {
            notification(
                Encoding::Json,
                Notice::SystemMessage(SystemMessage { text: text.into(), ..Default::default() }),
            )
        };
        let told = (0..10_000).filter(|_| session.overhear(line("hello")).seq.is_some()).count();
        assert!((100..limits::KEPT_MESSAGES).contains(&told), "{told}");
        session.tell(line("you won"));
        assert_eq!(session.resume(0).map(|frames| frames.len()), Ok(told + 1));
        let mut alone = Session::new(Encoding::Json);
        assert_eq!(alone.overhear(line("hello")).seq, None, "nobody will come back");
    }

    /// What may happen to a client and its session.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// The client calls.
        Call,
        /// The session receives what is on its way, up to so many.
        Receive(usize),
        /// The zone answers one of the open requests.
        Answer(usize),
        /// The client hears up to so many.
        Hear(usize),
        /// The client acknowledges.
        Acknowledge,
        /// The line breaks and the client comes back; whether it repeats all its open calls or only those that were
        /// not received.
        Break(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Call),
            3 => (1..4_usize).prop_map(Step::Receive),
            3 => (0..8_usize).prop_map(Step::Answer),
            3 => (1..4_usize).prop_map(Step::Hear),
            1 => Just(Step::Acknowledge),
            1 => any::<bool>().prop_map(Step::Break),
        ]
    }

    #[derive(Default)]
    struct Line {
        up: VecDeque<String>,
        down: VecDeque<String>,
    }

    /// The session with its zone and its client, minutes apart so that no limit is met.
    struct Play {
        session: Session,
        now: Duration,
        line: Line,
        next_id: u64,
        /// Calls without an answer, as the client knows them.
        open: BTreeMap<u64, String>,
        heard: u64,
        answers: BTreeMap<u64, usize>,
        /// Requests of the zone.
        submitted: Vec<RequestId>,
        carried_out: usize,
    }

    impl Play {
        fn perform(&mut self, actions: Vec<Action>) {
            for action in actions {
                match action {
                    Action::Submit { request, .. } => {
                        self.carried_out += 1;
                        self.submitted.push(request);
                    }
                    Action::Send(frame) => self.line.down.push_back(text(&frame)),
                    other => assert!(matches!(other, Action::Done { .. }), "{other:?}"),
                }
            }
        }

        fn hear(&mut self, message: &str) {
            let message: serde_json::Value = serde_json::from_str(message).expect("JSON");
            let seq = message["seq"].as_u64().expect("numbered");
            if seq <= self.heard {
                return;
            }
            assert_eq!(seq, self.heard + 1, "a gap");
            self.heard = seq;
            let id = message["id"].as_u64().expect("an answer");
            *self.answers.entry(id).or_default() += 1;
            self.open.remove(&id);
        }

        fn step(&mut self, step: Step) {
            self.now += Duration::from_secs(60);
            match step {
                Step::Call => {
                    let text = call(self.next_id);
                    self.open.insert(self.next_id, text.clone());
                    self.line.up.push_back(text);
                    self.next_id += 1;
                }
                Step::Receive(most) => {
                    for _ in 0..most {
                        let Some(text) = self.line.up.pop_front() else { return };
                        let actions = receive_at(&mut self.session, &text, self.now);
                        self.perform(actions);
                    }
                }
                Step::Answer(which) => {
                    if !self.submitted.is_empty() {
                        let request = self.submitted.remove(which % self.submitted.len());
                        let frame = self.session.answer(request, done()).expect("it waits");
                        self.line.down.push_back(text(&frame));
                    }
                }
                Step::Hear(most) => {
                    for _ in 0..most {
                        let Some(message) = self.line.down.pop_front() else { return };
                        self.hear(&message);
                    }
                }
                Step::Acknowledge => {
                    let ack = format!(
                        r#"{{"jsonrpc":"2.0","method":"session.ack","params":{{"seq":{}}}}}"#,
                        self.heard
                    );
                    self.line.up.push_back(ack);
                }
                Step::Break(repeats_all) => {
                    self.line = Line::default();
                    let missed = self.session.resume(self.heard).expect("nothing is forgotten of so few");
                    self.line.down.extend(missed.iter().map(text));
                    let last = self.session.last_id();
                    let again = self.open.iter().filter(|(id, _)| repeats_all || Some(**id) > last);
                    self.line.up.extend(again.map(|(_, text)| text.clone()));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_call_is_carried_out_and_answered_once(
            steps in proptest::collection::vec(step(), 0..120), repeats in any::<bool>()
        ) {
            let mut play = Play {
                session: joined(),
                now: NOW,
                line: Line::default(),
                next_id: 1,
                open: BTreeMap::new(),
                heard: 0,
                answers: BTreeMap::new(),
                submitted: Vec::new(),
                carried_out: 0,
            };
            for step in steps.into_iter().chain([Step::Break(repeats), Step::Receive(usize::MAX)]) {
                play.step(step);
            }
            while !play.submitted.is_empty() {
                play.step(Step::Answer(0));
            }
            play.step(Step::Hear(usize::MAX));
            let calls = play.next_id as usize - 1;
            prop_assert_eq!(play.carried_out, calls);
            prop_assert_eq!(play.answers.len(), calls);
            prop_assert!(play.answers.values().all(|times| *times == 1));
            prop_assert!(play.open.is_empty());
        }
    }
}
