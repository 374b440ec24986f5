//! One client's conversation as a pure state machine: text in, actions out; later answers in,
//! frames out. No socket, no clock (time is an argument), no zone.

use super::rate::TokenBucket;
use crate::client::limits;
use crate::client::rpc::{self, Call, Frame, Id, Params, RpcError};
use crate::zone::Ask;
use sim::content::{EquipSlot, Position};
use sim::input::Command;
use sim::{CharacterId, DuelId, EntityId, RequestId, def_id};
use std::collections::HashMap;
use std::time::Duration;

/// Whether the client's character is in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Welcomed, without a character.
    Connected,
    /// `world.join` is under way.
    Joining,
    /// In the world.
    Joined(CharacterId),
    /// `world.leave` is under way.
    Leaving,
}

/// What the driver must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this frame.
    Send(String),
    /// Bring the character into the world, then answer.
    Join {
        /// To answer.
        request: RequestId,
        /// Whom; not yet known to belong to the account.
        character: CharacterId,
    },
    /// Take the character out of the world, then answer.
    Leave {
        /// To answer.
        request: RequestId,
    },
    /// Hand this to the character's zone, which answers.
    Submit {
        /// To answer.
        request: RequestId,
        /// What.
        ask: Ask,
    },
    /// Answer with the tick of the zone and the time.
    Ping {
        /// To answer.
        request: RequestId,
        /// To repeat, JSON text.
        nonce: Option<i64>,
    },
    /// The client floods the server: close.
    Flood,
}

/// The conversation with one client.
pub struct Session {
    state: State,
    next_request: u64,
    pending: HashMap<RequestId, Pending>,
    batches: HashMap<u64, Batch>,
    messages: TokenBucket,
    attacks: TokenBucket,
    skills: TokenBucket,
    chats: TokenBucket,
    challenges: TokenBucket,
    turns: TokenBucket,
    quest_accepts: TokenBucket,
    inventory: TokenBucket,
    joins: TokenBucket,
    syncs: TokenBucket,
    lists: TokenBucket,
    refused: u32,
    refused_since: Duration,
}

/// A request that waits for its answer.
struct Pending {
    id: Id,
    batch: Option<u64>,
    received_at: Duration,
}

/// Answers of a batch, sent together when the last one is there.
struct Batch {
    open: usize,
    text: String,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session whose token was accepted.
    pub fn new() -> Self {
        Self {
            state: State::Connected,
            next_request: 1,
            pending: HashMap::new(),
            batches: HashMap::new(),
            messages: TokenBucket::new(limits::MESSAGES),
            attacks: TokenBucket::new(limits::ATTACKS),
            skills: TokenBucket::new(limits::SKILLS),
            chats: TokenBucket::new(limits::CHATS),
            challenges: TokenBucket::new(limits::CHALLENGES),
            turns: TokenBucket::new(limits::TURNS),
            quest_accepts: TokenBucket::new(limits::QUEST_ACCEPTS),
            inventory: TokenBucket::new(limits::INVENTORY),
            joins: TokenBucket::new(limits::JOINS),
            syncs: TokenBucket::new(limits::SYNCS),
            lists: TokenBucket::new(limits::LISTS),
            refused: 0,
            refused_since: Duration::ZERO,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The driver tells how a join or a leave ended, before it answers the request.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// Takes one text frame and appends what to do about it. `now` counts from any fixed moment.
    pub fn receive(&mut self, text: &str, now: Duration, actions: &mut Vec<Action>) {
        match rpc::decode(text) {
            Frame::Single(Ok(call)) => self.call(call, None, now, actions),
            Frame::Single(Err((id, error))) => {
                if self.messages.take(now).is_err() {
                    self.count_refusal(now, actions);
                }
                let mut frame = String::new();
                rpc::write_response(&mut frame, &id, &Err(error));
                actions.push(Action::Send(frame));
            }
            Frame::Batch(calls) => self.batch(calls, now, actions),
        }
    }

    fn batch(&mut self, calls: Vec<rpc::Parsed<'_>>, now: Duration, actions: &mut Vec<Action>) {
        let number = self.next_request;
        self.next_request += 1;
        // The batch itself holds one place, so that it cannot end before its last call was read.
        self.batches.insert(number, Batch { open: 1, text: String::new() });
        for call in calls {
            match call {
                Ok(call) => self.call(call, Some(number), now, actions),
                Err((id, error)) => {
                    if self.messages.take(now).is_err() {
                        self.count_refusal(now, actions);
                    }
                    if let Some(batch) = self.batches.get_mut(&number) {
                        batch.append(&id, &Err(error));
                    }
                }
            }
        }
        actions.extend(self.close_place(number).map(Action::Send));
    }

    fn call(&mut self, call: Call<'_>, batch: Option<u64>, now: Duration, actions: &mut Vec<Action>) {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        let full = self.pending.len() >= limits::PENDING_REQUESTS;
        if let Some(id) = call.id {
            if let Some(batch) = batch.and_then(|number| self.batches.get_mut(&number)) {
                batch.open += 1;
            }
            self.pending.insert(request, Pending { id, batch, received_at: now });
        }
        let outcome = match self.admit(&call.method, now) {
            Err(wait) => {
                self.count_refusal(now, actions);
                Err(RpcError::RateLimited(wait))
            }
            Ok(()) if full => Err(RpcError::Busy(Duration::from_millis(100))),
            Ok(()) => self.dispatch(request, &call.method, call.params),
        };
        match outcome {
            Ok(action) => actions.push(action),
            Err(error) => actions.extend(self.answer(request, &Err(error)).map(Action::Send)),
        }
    }

    fn admit(&mut self, method: &str, now: Duration) -> Result<(), Duration> {
        self.messages.take(now)?;
        match method {
            "combat.attack" => self.attacks.take(now),
            "combat.use_skill" => self.skills.take(now),
            "chat.send" => self.chats.take(now),
            "duel.challenge" => self.challenges.take(now),
            "duel.act" => self.turns.take(now),
            "quest.accept" => self.quest_accepts.take(now),
            "world.join" => self.joins.take(now),
            "state.sync" => self.syncs.take(now),
            "quest.list" | "inventory.list" | "shop.list" | "craft.list" => self.lists.take(now),
            _ if ["inventory.", "shop.", "craft."].iter().any(|domain| method.starts_with(domain)) => {
                self.inventory.take(now)
            }
            _ => Ok(()),
        }
    }

    fn count_refusal(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if now.saturating_sub(self.refused_since) > limits::FLOOD_WINDOW {
            self.refused = 0;
            self.refused_since = now;
        }
        self.refused += 1;
        if self.refused == limits::FLOOD_CALLS {
            actions.push(Action::Flood);
        }
    }

    fn dispatch(
        &mut self,
        request: RequestId,
        method: &str,
        mut params: Params<'_>,
    ) -> Result<Action, RpcError> {
        match method {
            "world.join" => {
                let character = CharacterId(params.required("character")?);
                params.finish()?;
                if self.state != State::Connected {
                    let why = "this connection has a character in the world; `world.leave` first";
                    return Err(RpcError::InvalidState(why));
                }
                self.state = State::Joining;
                Ok(Action::Join { request, character })
            }
            "world.leave" => {
                params.finish()?;
                self.require_joined()?;
                self.state = State::Leaving;
                Ok(Action::Leave { request })
            }
            "system.ping" => {
                let nonce = params.optional("nonce")?;
                params.finish()?;
                Ok(Action::Ping { request, nonce })
            }
            _ => {
                let ask = parse_ask(method, &mut params)?;
                params.finish()?;
                self.require_joined()?;
                Ok(Action::Submit { request, ask })
            }
        }
    }

    fn require_joined(&self) -> Result<(), RpcError> {
        match self.state {
            State::Joined(_) => Ok(()),
            State::Connected => Err(RpcError::InvalidState("join the world first: `world.join`")),
            State::Joining => Err(RpcError::InvalidState("wait for the answer to `world.join`")),
            State::Leaving => Err(RpcError::InvalidState("wait for the answer to `world.leave`")),
        }
    }

    /// Answers a request with JSON text or an error. Nothing to send for a notification, for a
    /// request answered before, and while other calls of the batch are open.
    pub fn answer(&mut self, request: RequestId, result: &Result<String, RpcError>) -> Option<String> {
        let pending = self.pending.remove(&request)?;
        let Some(number) = pending.batch else {
            let mut frame = String::new();
            rpc::write_response(&mut frame, &pending.id, result);
            return Some(frame);
        };
        self.batches.get_mut(&number)?.append(&pending.id, result);
        self.close_place(number)
    }

    /// Answers everything that still waits, in the order it came: the token is no good any more.
    pub fn expire(&mut self) -> Vec<String> {
        let mut open: Vec<RequestId> = self.pending.keys().copied().collect();
        open.sort_unstable();
        open.into_iter().filter_map(|request| self.answer(request, &Err(RpcError::SessionExpired))).collect()
    }

    /// When a request that still waits was received.
    pub fn received_at(&self, request: RequestId) -> Option<Duration> {
        self.pending.get(&request).map(|pending| pending.received_at)
    }

    fn close_place(&mut self, number: u64) -> Option<String> {
        let batch = self.batches.get_mut(&number)?;
        batch.open -= 1;
        if batch.open > 0 {
            return None;
        }
        let batch = self.batches.remove(&number)?;
        (!batch.text.is_empty()).then(|| format!("[{}]", batch.text))
    }
}

impl Batch {
    fn append(&mut self, id: &Id, result: &Result<String, RpcError>) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        rpc::write_response(&mut self.text, id, result);
    }
}

/// The methods that the character's zone answers.
fn parse_ask(method: &str, params: &mut Params<'_>) -> Result<Ask, RpcError> {
    let command = match method {
        "world.move" => Command::Move {
            seq: params.required("seq")?,
            to: Position { x_mm: params.required("x")?, y_mm: params.required("y")? },
        },
        "combat.attack" => Command::Attack { target: EntityId(params.required("target")?) },
        "combat.use_skill" => Command::UseSkill {
            ability: definition(params, "ability", "ability")?,
            target: params.optional("target")?.map(EntityId),
        },
        "npc.interact" => Command::Interact { target: EntityId(params.required("target")?) },
        "dialog.choose" => return Ok(Ask::Choose(params.required("choice")?)),
        "dialog.close" => Command::CloseDialog,
        "quest.list" => return Ok(Ask::Quests),
        "quest.accept" => Command::AcceptQuest { quest: definition(params, "quest", "quest")? },
        "quest.turn_in" => Command::TurnInQuest { quest: definition(params, "quest", "quest")? },
        "quest.abandon" => Command::AbandonQuest { quest: definition(params, "quest", "quest")? },
        "inventory.list" => return Ok(Ask::Inventory),
        "inventory.equip" => Command::Equip { slot: params.required("slot")? },
        "inventory.unequip" => Command::Unequip { from: equip_slot(params)? },
        "inventory.use" => Command::UseItem { slot: params.required("slot")? },
        "inventory.drop" => {
            Command::Drop { slot: params.required("slot")?, count: params.required("count")? }
        }
        "inventory.move" => Command::MoveItem {
            from: params.required("from")?,
            to: params.required("to")?,
            count: params.required("count")?,
        },
        "shop.list" => Command::ListShop { npc: EntityId(params.required("npc")?) },
        "shop.buy" => Command::Buy {
            npc: EntityId(params.required("npc")?),
            item: definition(params, "item", "item")?,
            count: params.required("count")?,
            price: params.optional("price")?,
        },
        "shop.sell" => Command::Sell {
            npc: EntityId(params.required("npc")?),
            slot: params.required("slot")?,
            count: params.required("count")?,
            price: params.optional("price")?,
        },
        "craft.list" => return Ok(Ask::Recipes),
        "craft.make" => {
            let (recipe, count) = (params.required("recipe")?, params.optional("count")?.unwrap_or(1));
            return Ok(Ask::Craft { recipe, count });
        }
        "duel.challenge" => Command::Challenge { target: EntityId(params.required("target")?) },
        "duel.accept" => Command::AcceptDuel { duel: DuelId(params.required("duel")?) },
        "duel.decline" => Command::DeclineDuel { duel: DuelId(params.required("duel")?) },
        "duel.act" => {
            let duel = DuelId(params.required("duel")?);
            let ability: Option<String> = params.optional("ability")?;
            Command::DuelAct { duel, ability: ability.map(|name| def_id(&format!("ability/{name}"))) }
        }
        "combat.auto" => Command::AutoDuel { on: params.required("on")? },
        "combat.surrender" => Command::Surrender,
        "chat.send" => Command::Chat { text: params.required("text")? },
        "state.sync" => return Ok(Ask::Snapshot),
        _ => return Err(RpcError::MethodNotFound(method.chars().take(40).collect())),
    };
    Ok(Ask::Command(command))
}

fn definition(params: &mut Params<'_>, member: &str, kind: &str) -> Result<sim::DefId, RpcError> {
    let name: String = params.required(member)?;
    Ok(def_id(&format!("{kind}/{name}")))
}

fn equip_slot(params: &mut Params<'_>) -> Result<EquipSlot, RpcError> {
    let name: String = params.required("from")?;
    crate::client::names::equip_slot(&name).ok_or_else(|| {
        RpcError::InvalidParams("`from` is none of main_hand, off_hand, head, chest, legs, feet".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1);

    fn joined() -> Session {
        let mut session = Session::new();
        session.set_state(State::Joined(CharacterId(1)));
        session
    }

    fn receive(session: &mut Session, text: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        session.receive(text, NOW, &mut actions);
        actions
    }

    fn sent(actions: &[Action]) -> &str {
        match actions {
            [Action::Send(frame)] => frame,
            other => panic!("expected one frame, got {other:?}"),
        }
    }

    #[test]
    fn a_command_before_joining_is_refused() {
        let mut session = Session::new();
        let actions = receive(
            &mut session,
            r#"{"jsonrpc":"2.0","id":1,"method":"combat.attack","params":{"target":3}}"#,
        );
        assert!(sent(&actions).contains(r#""reason":"invalid_state""#));
    }

    #[test]
    fn a_request_is_answered_once_with_its_own_id() {
        let mut session = joined();
        let actions = receive(
            &mut session,
            r#"{"jsonrpc":"2.0","id":"a","method":"combat.attack","params":{"target":3}}"#,
        );
        let [Action::Submit { request, ask }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(*ask, Ask::Command(Command::Attack { target: EntityId(3) }));
        let answer = session.answer(*request, &Ok("{}".to_owned()));
        assert_eq!(answer.as_deref(), Some(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#));
        assert_eq!(session.answer(*request, &Ok("{}".to_owned())), None);
    }

    #[test]
    fn a_batch_is_answered_when_its_last_call_is() {
        let mut session = joined();
        let actions = receive(
            &mut session,
            r#"[{"jsonrpc":"2.0","id":1,"method":"chat.send","params":{"text":"a"}},
                {"jsonrpc":"2.0","id":2,"method":"nonsense"},
                {"jsonrpc":"2.0","method":"dialog.close"},
                {"jsonrpc":"2.0","id":3,"method":"quest.list"}]"#,
        );
        let requests: Vec<_> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Submit { request, .. } => Some(*request),
                _ => None,
            })
            .collect();
        assert_eq!(requests.len(), 3);
        assert_eq!(session.answer(requests[2], &Ok("[]".to_owned())), None);
        assert_eq!(session.answer(requests[1], &Ok("{}".to_owned())), None, "a notification");
        let frame = session.answer(requests[0], &Ok("{}".to_owned())).expect("all answered");
        let values: Vec<serde_json::Value> = serde_json::from_str(&frame).expect("an array");
        assert_eq!(
            values.iter().map(|value| value["id"].as_i64()).collect::<Vec<_>>(),
            [Some(2), Some(3), Some(1)]
        );
    }

    #[test]
    fn a_batch_of_notifications_gets_no_answer() {
        let actions = receive(&mut joined(), r#"[{"jsonrpc":"2.0","method":"nonsense"}]"#);
        assert_eq!(actions, []);
    }

    #[test]
    fn attacks_beyond_the_limit_say_when_to_retry() {
        let mut session = joined();
        let attack = r#"{"jsonrpc":"2.0","id":1,"method":"combat.attack","params":{"target":3}}"#;
        receive(&mut session, attack);
        receive(&mut session, attack);
        assert!(
            sent(&receive(&mut session, attack)).contains(r#""reason":"rate_limited","retry_after_ms":500"#)
        );
    }

    #[test]
    fn a_flood_closes_the_socket_once() {
        let mut session = joined();
        let floods = (0..1_500)
            .flat_map(|_| receive(&mut session, r#"{"jsonrpc":"2.0","method":"dialog.close"}"#))
            .filter(|action| *action == Action::Flood)
            .count();
        assert_eq!(floods, 1);
    }

    #[test]
    fn an_expired_token_leaves_no_call_without_an_answer() {
        let mut session = joined();
        for id in 1..4 {
            receive(&mut session, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"dialog.close"}}"#));
        }
        let frames = session.expire();
        assert_eq!(frames.len(), 3);
        for (frame, id) in frames.iter().zip(1..) {
            let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32002"#);
            assert!(frame.starts_with(&start) && frame.contains("session_expired"), "{frame}");
        }
        assert_eq!(session.expire(), [""; 0], "once");
    }

    #[test]
    fn open_requests_are_bounded() {
        let mut session = joined();
        let mut busy = 0;
        for second in 0..10 {
            for _ in 0..50 {
                let mut actions = Vec::new();
                let text = r#"{"jsonrpc":"2.0","id":1,"method":"dialog.close"}"#;
                session.receive(text, Duration::from_secs(second), &mut actions);
                busy += usize::from(matches!(&actions[..], [Action::Send(frame)] if frame.contains("busy")));
            }
        }
        assert_eq!(busy, 500 - limits::PENDING_REQUESTS);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            receive(&mut joined(), &text);
        }

        #[test]
        fn any_params_are_survived(
            method in "(world|combat|quest|inventory|dialog|chat|npc|shop|craft|duel)\\.(move|attack|use_skill|list|accept|equip|unequip|drop|choose|send|interact|buy|sell|make|challenge|decline|act|auto|surrender)",
            member in "(seq|x|y|target|ability|quest|slot|from|to|count|choice|text|npc|item|price|recipe|duel|on)",
            value in "(-?[0-9]{1,30}|true|null|\"[a-z]*\"|\\[\\]|\\{\\}|1e400|0.5)",
        ) {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"{member}":{value}}}}}"#);
            prop_assert_eq!(receive(&mut joined(), &text).len(), 1);
        }
    }
}
