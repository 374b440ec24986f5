//! The state of scripts when their schema changes: what this zone holds, what comes in with a
//! character, and what becomes of it at the boundary of a tick.

use super::room::Room;
use super::{Swap, Unready};
use crate::client::wire;
use protocol::v1::notification::Method as Notice;
use protocol::v1::{DialogEnd, QuestUpdate};
use sim::input::{Input, QuestProgress};
use sim::state::{Migrated, OldState, Schemas, StateKey};
use sim::{CharacterId, DefId, def_id};
use std::collections::BTreeMap;

/// States migrated at the boundary itself, because they have changed since the copy was taken: a tenth of
/// a second's changes of a full zone, some milliseconds.
const AT_THE_BOUNDARY: usize = 1_000;

impl Room {
    /// Answers for everything that the rules of a swap cannot read as it is: those prepared on the copy where
    /// nothing has changed since, the others asked for now.
    ///
    /// # Errors
    /// Too much has changed since the copy, or something cannot be migrated; nothing was done then. A
    /// forced swap has neither: what cannot be migrated stays as it is.
    pub(super) fn migrate(&self, swap: &Swap, schemas: &Schemas) -> Result<Vec<Migrated>, Unready> {
        let (mut ready, rest) = split(self.world.old_states(schemas), &swap.migrated);
        let wanted = |script: DefId| schemas.get(&script).copied().unwrap_or(0);
        let changed = rest.iter().filter(|state| state.from != wanted(state.script)).count();
        if changed > AT_THE_BOUNDARY && !swap.forced {
            return Err(Unready(format!(
                "{changed} states have changed since they were migrated on a copy, at most {AT_THE_BOUNDARY} may"
            )));
        }
        ready.extend(swap.rules.migrate(&rest));
        for one in &ready {
            let Err(why) = &one.after else { continue };
            // What could not be read before either is not the fault of this swap.
            if !swap.forced && self.world.schema_of(one.script) != one.to {
                return Err(Unready(format!("{}: {why}", owner(one.key))));
            }
            left_behind(&self.handle.name, one.key, why);
        }
        Ok(ready)
    }

    /// Goes over to the schemas of new rules, and tells clients what of it they can see.
    pub(super) fn adopt(&mut self, schemas: Schemas, migrated: &[Migrated]) {
        if schemas == *self.world.schemas() && migrated.is_empty() {
            return;
        }
        let before = self.visible_progress(&schemas);
        for id in self.world.adopt(schemas, migrated) {
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.dialog = None;
            self.mail.notify(&member.client, Notice::DialogEnd(DialogEnd {}));
        }
        let content = std::sync::Arc::clone(self.world.content());
        for (character, quest, before) in before {
            let state = self.world.character(character).map(|character| &character.state);
            let now = state.and_then(|state| state.quests.get(&quest)).map(|kept| &kept.value);
            let now = now.filter(|now| (now.state, &now.done) != (before.state, &before.done));
            let shown = now.and_then(|now| wire::quest(quest, now, &content));
            let (Some(shown), Some(member)) = (shown, self.members.get(&character)) else { continue };
            let update = QuestUpdate { quest: Some(shown), by: self.owner_of(quest) };
            // Behind the commit of what it was migrated from.
            let frame = member.client.frame(Notice::QuestUpdate(update));
            self.early.after.push((std::sync::Arc::clone(&member.client), frame));
        }
    }

    /// Label of the module that decides about a quest.
    fn owner_of(&self, quest: DefId) -> String {
        let script = self.world.content().quests.get(&quest).map(|quest| quest.script);
        let modules = self.rules.modules().into_iter();
        let owner = modules.filter(|module| Some(def_id(&format!("script/{}", module.name))) == script);
        owner.map(|module| module.label).next().unwrap_or_else(|| "fallback".to_owned())
    }

    /// The progress that these schemas concern, as it is.
    fn visible_progress(&self, schemas: &Schemas) -> Vec<(CharacterId, DefId, QuestProgress)> {
        let old = self.world.old_states(schemas).into_iter();
        let quests = old.filter_map(|state| match state.key {
            StateKey::Quest { character, quest } => {
                let kept = self.world.character(character)?.state.quests.get(&quest)?;
                Some((character, quest, kept.value.clone()))
            }
            _ => None,
        });
        quests.collect()
    }

    /// Migrates what characters bring that enter with the next step. Here and not when they arrive: a swap
    /// may have come in between.
    pub(super) fn migrate_arrivals(&mut self) {
        for input in &mut self.inputs {
            let Input::Enter(state) = input else { continue };
            let old = self.world.old_states_of(state);
            if old.is_empty() {
                continue;
            }
            let migrated = self.rules.migrate(&old);
            self.world.adopt_character(state, &migrated);
            for one in &migrated {
                if let Err(why) = &one.after {
                    left_behind(&self.handle.name, one.key, why);
                }
            }
        }
    }
}

fn left_behind(zone: &str, key: StateKey, why: &str) {
    metrics::counter!("game_states_left_behind_total", "zone" => zone.to_owned()).increment(1);
    let state = owner(key);
    tracing::error!(zone, state, why, "a state cannot be migrated; it waits as it is and no script sees it");
}

/// Takes the answers out of `prepared` that are about exactly what is there now; what is left of `old` has
/// to be asked about, but for what has nothing to do but to be restored.
pub fn split(old: Vec<OldState>, prepared: &[Migrated]) -> (Vec<Migrated>, Vec<OldState>) {
    let prepared: BTreeMap<StateKey, &Migrated> = prepared.iter().map(|one| (one.key, one)).collect();
    let (mut ready, mut rest) = (Vec::new(), Vec::new());
    for state in old {
        match prepared.get(&state.key) {
            Some(one) if one.from == state.from && one.before == state.value => ready.push((*one).clone()),
            _ => rest.push(state),
        }
    }
    (ready, rest)
}

/// Whose state, for people.
pub fn owner(key: StateKey) -> String {
    match key {
        StateKey::Quest { character, quest } => format!("character {character}, quest {:#010x}", quest.0),
        StateKey::Npc(entity) => format!("NPC {entity}"),
        StateKey::Fight(entity) => format!("the fight of NPC {entity}"),
        StateKey::Duel(duel) => format!("duel {duel}"),
        StateKey::Dialog { character, dialog } => format!("character {character}, dialog {:#010x}", dialog.0),
    }
}
