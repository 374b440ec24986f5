//! Quests and dialogs.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::Entry;
use sim::content::{Deed, Dialog, DialogChoice, DialogNode, Objective, Quest, Reward};
use sim::{DefId, limits};
use std::collections::BTreeMap;

/// Objectives of one quest: they travel in every inquiry.
const OBJECTIVES_MAX: usize = 16;
/// Bytes of one thing an NPC says.
const TEXT_BYTES: usize = 2_000;

pub(super) fn quests(
    entries: Vec<Entry<raw::Quest>>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, Quest> {
    let mut places = BTreeMap::new();
    let quests = super::by_id(entries, |entry| {
        places.insert(entry.id, entry.at);
        quest(entry, check, summary)
    });
    for (id, at) in places {
        if requires_itself(&quests, id) {
            check.error(at, "the quest requires itself, directly or through others: nobody could accept it");
        }
    }
    quests
}

fn quest(entry: Entry<raw::Quest>, check: &mut Check<'_>, summary: &mut Summary) -> Quest {
    let (file, at) = (entry.file(), entry.at);
    let Entry { name, raw, .. } = entry;
    check.range(at, "the number of objectives", raw.objective.len(), 1..=OBJECTIVES_MAX);
    let required_level = raw.required_level.unwrap_or(1);
    check.range(at, "required_level", required_level, 1..=limits::LEVEL_MAX);
    Quest {
        name,
        title: raw.title,
        text: raw.text,
        script: super::script("quest", &raw.script, summary),
        required_level,
        requires: raw.requires.iter().map(|name| check.reference("quest", name, file)).collect(),
        repeatable: raw.repeatable,
        giver: check.reference("npc", &raw.giver, file),
        completer: check.reference("npc", &raw.completer, file),
        objectives: raw.objective.into_iter().map(|raw| objective(raw, file, check)).collect(),
        reward: Reward {
            experience: raw.reward.experience,
            gold: raw.reward.gold,
            items: super::item_counts(&raw.reward.items, file, check),
        },
    }
}

fn objective(raw: raw::Objective, file: usize, check: &mut Check<'_>) -> Objective {
    let (deed, kind) = match raw.deed {
        raw::Deed::Kill => (Deed::Kill, "npc"),
        raw::Deed::Collect => (Deed::Collect, "item"),
        raw::Deed::Deliver => (Deed::Deliver, "item"),
        raw::Deed::Talk => (Deed::Talk, "npc"),
        raw::Deed::Reach => (Deed::Reach, "area"),
        raw::Deed::UseItem => (Deed::UseItem, "item"),
    };
    let needed = raw.needed.unwrap_or(1);
    check.range(At { file, offset: raw.subject.span().start }, "needed", needed, 1..=10_000);
    Objective { deed, subject: check.reference(kind, &raw.subject, file), needed, text: raw.text }
}

fn requires_itself(quests: &BTreeMap<DefId, Quest>, id: DefId) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut open: Vec<DefId> = quests.get(&id).map_or(Vec::new(), |quest| quest.requires.clone());
    while let Some(next) = open.pop() {
        if next == id {
            return true;
        }
        if seen.insert(next) {
            open.extend(quests.get(&next).into_iter().flat_map(|quest| quest.requires.iter().copied()));
        }
    }
    false
}

pub(super) fn dialogs(
    entries: Vec<Entry<raw::Dialog>>,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, Dialog> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        if raw.node.is_empty() {
            check.error(at, format!("`{name}` has no nodes"));
        }
        let path = format!("dialog/{name}");
        Dialog {
            script: super::script("dialog", &raw.script, summary),
            quests: raw.quests.iter().map(|name| check.reference("quest", name, file)).collect(),
            items: raw.items.iter().map(|name| check.reference("item", name, file)).collect(),
            nodes: raw.node.into_iter().map(|(key, node)| dialog_node(&path, key, node, file, check)).collect(),
            name,
        }
    })
}

fn dialog_node(
    dialog: &str,
    key: toml::Spanned<String>,
    raw: raw::DialogNode,
    file: usize,
    check: &mut Check<'_>,
) -> (DefId, DialogNode) {
    let at = At { file, offset: key.span().start };
    let path = format!("{dialog}/{}", key.get_ref());
    check.range(at, "the length of the text", raw.text.len(), 1..=TEXT_BYTES);
    let mut choices = BTreeMap::new();
    for (key, text) in raw.choices {
        let at = At { file, offset: key.span().start };
        check.range(at, "the length of the text", text.len(), 1..=TEXT_BYTES);
        let id = check.hash(&format!("{path}/{}", key.get_ref()), at);
        choices.insert(id, DialogChoice { name: key.into_inner(), text });
    }
    (check.hash(&path, at), DialogNode { name: key.into_inner(), text: raw.text, choices })
}
