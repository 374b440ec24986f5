//! What a zone is told: who comes and goes, what they ask, what its operator wants.

use super::{Member, RETRY, Room};
use crate::client::rpc::RpcError;
use crate::client::{Client, CloseReason, craft, wire};
use crate::zone::{Arrival, Ask, Message, ZoneIndex};
use protocol::v1::Done;
use protocol::v1::response::Outcome;
use sim::content::Content;
use sim::input::{CharacterState, Command, Input};
use sim::output::Rejection;
use sim::{CharacterId, DefId, RequestId, def_id};
use std::sync::Arc;

impl Room {
    /// Takes messages until the tick has its fill of inputs.
    pub(super) fn read_inbox(&mut self) {
        while self.inputs.len() < sim::limits::INPUTS_PER_TICK {
            let Ok(message) = self.inbox.try_recv() else { return };
            match message {
                Message::Enter(arrival) => self.enter(*arrival),
                Message::Leave { client, character, request } => self.leave(client, character, request),
                Message::Ask { client, character, request, ask } => {
                    self.ask(&client, character, request, ask)
                }
                Message::Swap(swap) => self.swap(*swap),
                Message::Inspect(answer) => {
                    // Who asked may have given up waiting.
                    let _ = answer.send(self.rules.stats());
                }
                Message::Recordings { kind, script, most, answer } => {
                    // As above.
                    let _ = answer.send(self.rules.recording(kind, script, most));
                }
                Message::States { schemas, answer } => {
                    // As above.
                    let _ = answer.send(self.world.old_states(&schemas));
                }
                Message::Drain => {
                    if !self.draining {
                        self.inputs.push(Input::Stop);
                    }
                    self.draining = true;
                    self.inputs.extend(self.members.keys().map(|id| Input::Leave { character: *id }));
                }
            }
        }
    }

    fn enter(&mut self, arrival: Arrival) {
        let Arrival { client, state, seat, last_seq, request } = arrival;
        if self.draining {
            client.close(CloseReason::Restart);
            self.early.freed.push(state.id);
            return;
        }
        let joining = request.map(|request| {
            let to_next = self.world.experience_to_next(state.level);
            (request, wire::character(&state, self.world.content(), to_next))
        });
        self.members.insert(state.id, Member::new(client, seat, last_seq, self.world.tick(), joining));
        self.inputs.push(Input::Enter(Box::new(state)));
    }

    fn leave(&mut self, client: Arc<Client>, character: CharacterId, request: RequestId) {
        if let Some(member) =
            self.members.get_mut(&character).filter(|member| Arc::ptr_eq(&member.client, &client))
        {
            if member.leaving.replace(request).is_none() {
                self.inputs.push(Input::Leave { character });
            }
            return;
        }
        // It has walked on: behind its arrival, wherever that is.
        let elsewhere = (client.zone() != self.index).then(|| client.zone());
        match self.posted_to(&client).or(elsewhere) {
            Some(index) => self.post.push_back((index, Message::Leave { client, character, request })),
            None => {
                let error = RpcError::Rejected(Rejection::NotInZone.code());
                self.mail.answer(&client, request, Err(error));
            }
        }
    }

    fn posted_to(&self, client: &Arc<Client>) -> Option<ZoneIndex> {
        self.post.iter().find_map(|(index, message)| match message {
            Message::Enter(arrival) if Arc::ptr_eq(&arrival.client, client) => Some(*index),
            _ => None,
        })
    }

    fn ask(&mut self, client: &Arc<Client>, character: CharacterId, request: RequestId, ask: Ask) {
        let Some(member) =
            self.members.get_mut(&character).filter(|member| Arc::ptr_eq(&member.client, client))
        else {
            return self.pass_on(client, character, request, ask);
        };
        let command = match ask {
            Ask::Command(command) => command,
            Ask::Moves(moves) => {
                let commands = moves.into_iter().map(|(seq, to)| Command::Move { seq, to });
                self.inputs.extend(commands.map(|command| Input::Command { character, request, command }));
                return self.mail.done(client, request);
            }
            Ask::Choose(name) => match choice(self.world.content(), member.dialog, &name) {
                Ok(choice) => Command::ChooseDialog { choice },
                Err(rejection) => {
                    return self.mail.answer(client, request, Err(RpcError::Rejected(rejection.code())));
                }
            },
            Ask::Craft { recipe, count } => match craft::recipe(self.world.content(), &recipe) {
                Ok(recipe) => Command::Craft { recipe, count },
                Err(error) => return self.mail.answer(client, request, Err(error)),
            },
            Ask::Recipes => {
                let recipes = craft::recipes(self.world.content());
                return self.mail.answer(client, request, Ok(Outcome::Recipes(recipes)));
            }
            Ask::Snapshot => {
                member.view.needs_snapshot = true;
                return self.mail.done(client, request);
            }
            Ask::Quests => {
                let quests = |state: &_, content: &_| Outcome::Quests(wire::quests(state, content));
                return self.answer_after_commit(character, request, self.describe(character, quests));
            }
            Ask::Inventory => {
                let inventory = |state: &_, content: &_| Outcome::Inventory(wire::inventory(state, content));
                return self.answer_after_commit(character, request, self.describe(character, inventory));
            }
        };
        if matches!(command, Command::Move { .. }) {
            self.mail.done(client, request);
        }
        self.inputs.push(Input::Command { character, request, command });
    }

    fn describe(
        &self,
        character: CharacterId,
        answer: impl Fn(&CharacterState, &Content) -> Outcome,
    ) -> Outcome {
        match self.world.character(character) {
            Some(character) => answer(&character.state, self.world.content()),
            None => Outcome::Done(Done {}),
        }
    }

    /// The character has walked on: its new zone answers.
    fn pass_on(&mut self, client: &Arc<Client>, character: CharacterId, request: RequestId, ask: Ask) {
        let index = client.zone();
        if index == self.index {
            let busy = self.posted_to(client).is_some();
            let error =
                if busy { RpcError::Busy(RETRY) } else { RpcError::Rejected(Rejection::NotInZone.code()) };
            return self.mail.answer(client, request, Err(error));
        }
        let message = Message::Ask { client: Arc::clone(client), character, request, ask };
        if self.zones.handle(index).submit(message).is_err() {
            self.mail.answer(client, request, Err(RpcError::Busy(RETRY)));
        }
    }
}

fn choice(content: &Content, open: Option<(DefId, DefId)>, name: &str) -> Result<DefId, Rejection> {
    let (dialog, node) = open.ok_or(Rejection::NoDialog)?;
    let dialog = content.dialogs.get(&dialog).ok_or(Rejection::NoDialog)?;
    let node = dialog.nodes.get(&node).ok_or(Rejection::NoDialog)?;
    let id = def_id(&format!("dialog/{}/{}/{name}", dialog.name, node.name));
    if node.choices.contains_key(&id) { Ok(id) } else { Err(Rejection::UnknownChoice) }
}
