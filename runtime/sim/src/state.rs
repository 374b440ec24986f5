//! The state of scripts: what the host keeps for them, the schema each is written in, and its way
//! from one schema to another.
//!
//! A script says which schema it reads and writes. What is written in another one is put to a module
//! that knows both, outside of the simulation; its answers come back with the swap. What could not be
//! migrated stays as it is, and no script is shown it until one can read it.

mod encounters;

use crate::content::Content;
use crate::entity::EntityKind;
use crate::ids::{CharacterId, DefId, DuelId, EntityId};
use crate::input::{CharacterState, QuestProgress};
use crate::world::World;
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// Schema by `script/NAME`; a script that is not in it has schema 0.
pub type Schemas = BTreeMap<DefId, u32>;

/// A script's state and the schema it is written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Kept<T> {
    /// The state.
    pub value: T,
    /// Its schema.
    pub schema: u32,
    /// As it was before it was migrated, until it changes for the first time: what the store still
    /// has, and the way back of what nobody has touched.
    pub stored: Option<Stored<T>>,
}

/// A state as it was before it was migrated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Stored<T> {
    /// The state.
    pub value: T,
    /// Its schema.
    pub schema: u32,
}

impl<T> Kept<T> {
    /// A state that was never migrated.
    pub fn new(value: T, schema: u32) -> Self {
        Self { value, schema, stored: None }
    }

    /// A new value in the schema it has: from now on there is no other way back than a migration.
    pub fn change(&mut self, value: T) {
        (self.value, self.stored) = (value, None);
    }

    /// What a migration begins with.
    fn source(&self) -> (&T, u32) {
        self.stored.as_ref().map_or((&self.value, self.schema), |stored| (&stored.value, stored.schema))
    }

    /// Goes over to another schema: back to what is stored if that has it, else with `answer`; without
    /// one it stays as it is.
    fn turn(&mut self, to: u32, answer: Option<T>) {
        if self.schema == to {
            return;
        }
        if let Some(stored) = self.stored.take_if(|stored| stored.schema == to) {
            (self.value, self.schema) = (stored.value, stored.schema);
        } else if let Some(answer) = answer {
            let before = Stored { value: std::mem::replace(&mut self.value, answer), schema: self.schema };
            self.stored.get_or_insert(before);
            self.schema = to;
        }
    }
}

/// Whose state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum StateKey {
    /// A character's progress in a quest.
    Quest {
        /// Whose.
        character: CharacterId,
        /// `quest/NAME`.
        quest: DefId,
    },
    /// An NPC's memory.
    Npc(EntityId),
    /// A character's flags of a dialog, and where it is in it.
    Dialog {
        /// Whose.
        character: CharacterId,
        /// `dialog/NAME`.
        dialog: DefId,
    },
    /// The fight of a boss.
    Fight(EntityId),
    /// A duel.
    Duel(DuelId),
}

/// A state as `migration` in `wit/` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum StateValue {
    /// Progress in a quest.
    Quest {
        /// `quest/NAME`.
        quest: DefId,
        /// Its state, counts and memory.
        progress: QuestProgress,
    },
    /// What an NPC remembers.
    Npc {
        /// `npc/NAME`.
        template: DefId,
        /// The script's own number.
        memory: i64,
    },
    /// A dialog with one character.
    Dialog {
        /// `dialog/NAME`.
        dialog: DefId,
        /// One bit each.
        flags: u64,
        /// Where an open conversation stands, [`DefId::NONE`] if none is open.
        node: DefId,
    },
    /// The fight of a boss, or a duel.
    Encounter {
        /// `encounter/NAME`, [`DefId::NONE`] of a duel.
        encounter: DefId,
        /// The phase of a boss.
        phase: u32,
        /// The script's own number.
        memory: i64,
    },
}

/// A state that its script cannot read as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldState {
    /// Whose.
    pub key: StateKey,
    /// `script/NAME` that owns it.
    pub script: DefId,
    /// What a migration begins with: what is stored, or the state itself once it was touched.
    pub value: StateValue,
    /// The schema of that. The one that is wanted, if there is nothing to do but to restore it.
    pub from: u32,
}

/// The answer to an [`OldState`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Migrated {
    /// Whose.
    pub key: StateKey,
    /// `script/NAME` that owns it.
    pub script: DefId,
    /// The schema it was in.
    pub from: u32,
    /// The schema it shall be in.
    pub to: u32,
    /// As it was.
    pub before: StateValue,
    /// As it is now, or why it stays as it was.
    pub after: Result<StateValue, String>,
}

/// Answers by what they are about.
type Answers<'a> = BTreeMap<StateKey, &'a Migrated>;

fn schema_in(schemas: &Schemas, script: DefId) -> u32 {
    schemas.get(&script).copied().unwrap_or(0)
}

/// The states of a character that are not in these schemas.
fn old_of_character(state: &CharacterState, content: &Content, schemas: &Schemas, out: &mut Vec<OldState>) {
    let character = state.id;
    for (id, kept) in &state.quests {
        let Some(quest) = content.quests.get(id) else { continue };
        if kept.schema != schema_in(schemas, quest.script) {
            let (progress, from) = kept.source();
            let value = StateValue::Quest { quest: *id, progress: progress.clone() };
            out.push(OldState {
                key: StateKey::Quest { character, quest: *id },
                script: quest.script,
                value,
                from,
            });
        }
    }
    for (id, kept) in &state.dialog_flags {
        let Some(dialog) = content.dialogs.get(id) else { continue };
        if kept.schema != schema_in(schemas, dialog.script) {
            let (flags, from) = kept.source();
            let value = StateValue::Dialog { dialog: *id, flags: *flags, node: DefId::NONE };
            out.push(OldState {
                key: StateKey::Dialog { character, dialog: *id },
                script: dialog.script,
                value,
                from,
            });
        }
    }
}

/// Turns the states of a character to these schemas, as far as there are answers.
fn turn_character(state: &mut CharacterState, content: &Content, schemas: &Schemas, answers: &Answers<'_>) {
    let character = state.id;
    for (id, kept) in &mut state.quests {
        let Some(quest) = content.quests.get(id) else { continue };
        let to = schema_in(schemas, quest.script);
        if kept.schema == to {
            continue;
        }
        let (progress, from) = kept.source();
        let before = StateValue::Quest { quest: *id, progress: progress.clone() };
        let answer = match answer_to(answers, StateKey::Quest { character, quest: *id }, from, to, &before) {
            Some(StateValue::Quest { progress, .. }) => Some(progress.clone()),
            _ => None,
        };
        kept.turn(to, answer);
    }
    for (id, kept) in &mut state.dialog_flags {
        let Some(dialog) = content.dialogs.get(id) else { continue };
        let (key, to) = (StateKey::Dialog { character, dialog: *id }, schema_in(schemas, dialog.script));
        let found = answers.get(&key).filter(|found| (found.from, found.to) == (kept.source().1, to));
        let answer = match found.map(|found| (&found.before, &found.after)) {
            Some((StateValue::Dialog { flags: before, .. }, Ok(StateValue::Dialog { flags, .. })))
                if before == kept.source().0 =>
            {
                Some(*flags)
            }
            _ => None,
        };
        kept.turn(to, answer);
    }
}

/// The answer about exactly this.
fn answer_to<'a>(
    answers: &Answers<'a>,
    key: StateKey,
    from: u32,
    to: u32,
    before: &StateValue,
) -> Option<&'a StateValue> {
    let found = answers.get(&key).filter(|found| (found.from, found.to) == (from, to))?;
    if found.before == *before { found.after.as_ref().ok() } else { None }
}

impl World {
    /// The schemas that the scripts of this world read and write.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// Says which schemas the scripts read and write, in a world in which nothing has happened yet.
    pub fn set_schemas(&mut self, schemas: Schemas) {
        self.schemas = schemas;
    }

    /// The schema of the script `script/NAME`.
    pub fn schema_of(&self, script: DefId) -> u32 {
        schema_in(&self.schemas, script)
    }

    /// All states that are not in these schemas, in a fixed order.
    pub fn old_states(&self, schemas: &Schemas) -> Vec<OldState> {
        let mut old = Vec::new();
        for entity in self.entities.iter() {
            let EntityKind::Npc(mind) = &entity.kind else { continue };
            let Some(npc) = self.content.npcs.get(&mind.template) else { continue };
            if mind.memory.schema != schema_in(schemas, npc.script) {
                let (memory, from) = mind.memory.source();
                let value = StateValue::Npc { template: mind.template, memory: *memory };
                old.push(OldState { key: StateKey::Npc(entity.id), script: npc.script, value, from });
            }
        }
        for character in self.characters.values() {
            let first = old.len();
            old_of_character(&character.state, &self.content, schemas, &mut old);
            let Some(open) = &character.dialog else { continue };
            let key = StateKey::Dialog { character: character.state.id, dialog: open.dialog };
            if let Some(known) = old[first..].iter_mut().find(|known| known.key == key) {
                if let StateValue::Dialog { node, .. } = &mut known.value {
                    *node = open.node;
                }
                continue;
            }
            // It may go on without having set a flag.
            let script = self.content.dialogs.get(&open.dialog).map_or(DefId::NONE, |dialog| dialog.script);
            let from = self.schema_of(script);
            if from != schema_in(schemas, script) && !character.state.dialog_flags.contains_key(&open.dialog)
            {
                let value = StateValue::Dialog { dialog: open.dialog, flags: 0, node: open.node };
                old.push(OldState { key, script, value, from });
            }
        }
        self.old_encounters(schemas, &mut old);
        old
    }

    /// The states of a character on its way into this world that its scripts cannot read.
    pub fn old_states_of(&self, state: &CharacterState) -> Vec<OldState> {
        let mut old = Vec::new();
        old_of_character(state, &self.content, &self.schemas, &mut old);
        old
    }

    /// Turns the states of a character on its way into this world to the schemas of its scripts.
    pub fn adopt_character(&self, state: &mut CharacterState, migrated: &[Migrated]) {
        turn_character(state, &self.content, &self.schemas, &by_key(migrated));
    }

    /// From the next step on the scripts read and write these schemas (part of a generation swap): what
    /// is stored in one of them is that again, of the rest those change for which there are answers.
    /// Conversations end that do not stay where they are; returns with whom.
    pub fn adopt(&mut self, schemas: Schemas, migrated: &[Migrated]) -> Vec<CharacterId> {
        let answers = by_key(migrated);
        let content = std::sync::Arc::clone(&self.content);
        for entity in self.entities.iter_mut() {
            let EntityKind::Npc(mind) = &mut entity.kind else { continue };
            let Some(npc) = content.npcs.get(&mind.template) else { continue };
            if mind.memory.schema == schema_in(&schemas, npc.script) {
                continue;
            }
            let (memory, from) = mind.memory.source();
            let before = StateValue::Npc { template: mind.template, memory: *memory };
            let to = schema_in(&schemas, npc.script);
            let answer = match answer_to(&answers, StateKey::Npc(entity.id), from, to, &before) {
                Some(StateValue::Npc { memory, .. }) => Some(*memory),
                _ => None,
            };
            mind.memory.turn(to, answer);
        }
        let mut ended = Vec::new();
        for (id, character) in &mut self.characters {
            turn_character(&mut character.state, &content, &schemas, &answers);
            let Some(open) = &character.dialog else { continue };
            let script = content.dialogs.get(&open.dialog).map_or(DefId::NONE, |dialog| dialog.script);
            if schema_in(&self.schemas, script) == schema_in(&schemas, script) {
                continue;
            }
            let key = StateKey::Dialog { character: *id, dialog: open.dialog };
            let answer = answers.get(&key).map(|found| &found.after);
            let stays = matches!(answer, Some(Ok(StateValue::Dialog { node, .. })) if *node == open.node);
            if !stays {
                character.dialog = None;
                ended.push(*id);
            }
        }
        self.adopt_encounters(&content, &schemas, &answers);
        self.schemas = schemas;
        ended
    }
}

fn by_key(migrated: &[Migrated]) -> Answers<'_> {
    migrated.iter().map(|one| (one.key, one)).collect()
}
