//! Whether modules and content fit together, and whether content can change under a running world.

use crate::content::suggestion;
use host_api::{Generation, Kind, Module};
use sim::content::{Content, Npc};
use sim::{DefId, def_id};
use std::collections::BTreeMap;

/// Why a candidate does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// A script needs content that is not there.
    #[error(
        "the script {script} requires {}, which the content does not have; correct its lore.toml, or push the content first",
        missing.join(", ")
    )]
    Requires {
        /// Label of the script.
        script: String,
        /// What is missing, each with what may have been meant.
        missing: Vec<String>,
    },
    /// A script is limited to some zones, and the content uses it elsewhere.
    #[error(
        "the scope of {script} is the zones {zones}, but {} it decides for; add the zones to `zones` in its lore.toml, \
         or give them another script",
        elsewhere.join(", ")
    )]
    Scope {
        /// Label of the script.
        script: String,
        /// Where it may decide.
        zones: String,
        /// Who stands elsewhere, in words.
        elsewhere: Vec<String>,
    },
    /// The content names scripts that are not live.
    #[error(
        "the content names scripts that are not there: {}; push them first, or correct `script` in the content",
        .0.join(", ")
    )]
    NoScript(Vec<String>),
    /// The new content lacks definitions that the running world may hold.
    #[error("definitions cannot be removed while the world runs; missing are {}; restart to remove them", .0.join(", "))]
    Removed(Vec<String>),
    /// State would belong to a script that reads another schema.
    #[error(
        "what other scripts have written cannot be read by those that get it: {}; give them the same state schema first", .0.join(", ")
    )]
    OtherOwner(Vec<String>),
    /// The new content has other zones.
    #[error("zones cannot be added or removed while the world runs; restart for that")]
    Zones,
}

/// Names listed in one error.
const LISTED: usize = 10;

/// Whether the scripts find their content and the content its scripts.
///
/// # Errors
/// What is missing, on either side.
pub fn fits(generation: &Generation, content: &Content) -> Result<(), Misfit> {
    for module in generation.modules() {
        let missing: Vec<String> = missing_content(module, content).take(LISTED).collect();
        if !missing.is_empty() {
            return Err(Misfit::Requires { script: module.label().to_owned(), missing });
        }
        let elsewhere: Vec<String> = out_of_scope(module, content).take(LISTED).collect();
        if !elsewhere.is_empty() {
            let (script, zones) = (module.label().to_owned(), module.manifest().zones.join(", "));
            return Err(Misfit::Scope { script, zones, elsewhere });
        }
    }
    let live = |kind, script| generation.modules().any(|m| m.kind() == kind && m.script() == script);
    let npcs = content.npcs.values().map(|npc| (Kind::Npc, npc.script, format!("npc/{}", npc.name)));
    let quests =
        content.quests.values().map(|quest| (Kind::Quest, quest.script, format!("quest/{}", quest.name)));
    let dialogs = content
        .dialogs
        .values()
        .map(|dialog| (Kind::Dialog, dialog.script, format!("dialog/{}", dialog.name)));
    let zones = content.zones.values().map(|zone| (Kind::Zone, zone.script, format!("zone/{}", zone.name)));
    let events =
        content.events.values().map(|event| (Kind::Event, event.script, format!("event/{}", event.name)));
    let chat = [(Kind::Chat, content.chat.script, "chat".to_owned())];
    let encounters = content
        .encounters
        .values()
        .map(|encounter| (Kind::Encounter, encounter.script, format!("encounter/{}", encounter.name)));
    let duel = [(Kind::Encounter, content.duel.script, "duel".to_owned())];
    let missing: Vec<String> = npcs
        .chain(quests)
        .chain(dialogs)
        .chain(zones)
        .chain(events)
        .chain(chat)
        .chain(encounters)
        .chain(duel)
        .filter(|(kind, script, _)| *script != DefId::NONE && !live(*kind, *script))
        .take(LISTED)
        .map(|(kind, _, by)| format!("the {kind} script of {by}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Misfit::NoScript(missing)) }
}

/// What a module requires and the content does not have, each with what may have been meant.
pub fn missing_content(module: &Module, content: &Content) -> impl Iterator<Item = String> {
    let manifest = module.manifest();
    let zones = manifest.zones.iter().map(|zone| format!("zone/{zone}"));
    let missing = manifest.requires.iter().cloned().chain(zones).filter(|name| !has(content, name));
    missing.map(|name| {
        let alike = of_its_kind(content, &name);
        format!("`{name}`{}", suggestion(&name, alike.iter().map(String::as_str)))
    })
}

/// Whom the content has in zones where the module may not decide for them: `wolf stands in downtown`.
pub fn out_of_scope(module: &Module, content: &Content) -> impl Iterator<Item = String> {
    let uses = |npc: &Npc| match module.kind() {
        Kind::Npc => npc.script == module.script(),
        Kind::Dialog => {
            content.dialogs.get(&npc.dialog).is_some_and(|dialog| dialog.script == module.script())
        }
        _ => false,
    };
    let others = content.zones.iter().filter(|(zone, _)| !module.decides_in(**zone));
    others.flat_map(move |(id, zone)| {
        let come = |npc: &DefId| {
            let events = content.events.values().filter(|event| event.zone == *id);
            let mut creatures = events.flat_map(|event| &event.stages).flat_map(|stage| &stage.creatures);
            creatures.any(|some| some.npc == *npc)
        };
        let stands = |npc: &DefId| zone.spawns.iter().any(|spawn| spawn.npc == *npc) || come(npc);
        let there = content.npcs.iter().filter(|(id, npc)| uses(npc) && stands(id));
        there.map(|(_, npc)| format!("{} stands in {}", npc.name, zone.name)).collect::<Vec<_>>()
    })
}

/// All definitions of the kind that a name is of, in full. Parts of dialogs are not listed.
fn of_its_kind(content: &Content, name: &str) -> Vec<String> {
    fn full<T>(kind: &str, all: &BTreeMap<DefId, T>, name: impl Fn(&T) -> &String) -> Vec<String> {
        all.values().map(|one| format!("{kind}/{}", name(one))).collect()
    }
    let kind = name.split('/').next().unwrap_or_default();
    match kind {
        "zone" => full(kind, &content.zones, |zone| &zone.name),
        "class" => full(kind, &content.classes, |class| &class.name),
        "ability" => full(kind, &content.abilities, |ability| &ability.name),
        "status" => full(kind, &content.statuses, |status| &status.name),
        "item" => full(kind, &content.items, |item| &item.name),
        "npc" => full(kind, &content.npcs, |npc| &npc.name),
        "loot" => full(kind, &content.loot_tables, |table| &table.name),
        "encounter" => full(kind, &content.encounters, |encounter| &encounter.name),
        "announcement" => full(kind, &content.announcements, |announcement| &announcement.name),
        "event" => full(kind, &content.events, |event| &event.name),
        "shop" => full(kind, &content.shops, |shop| &shop.name),
        "quest" => full(kind, &content.quests, |quest| &quest.name),
        "dialog" => full(kind, &content.dialogs, |dialog| &dialog.name),
        "area" => {
            content.zones.values().flat_map(|zone| full(kind, &zone.places, |place| &place.name)).collect()
        }
        _ => Vec::new(),
    }
}

fn has(content: &Content, name: &str) -> bool {
    let id = def_id(name);
    match name.split_once('/').map(|(kind, _)| kind) {
        Some("zone") => content.zones.contains_key(&id),
        Some("class") => content.classes.contains_key(&id),
        Some("ability") => content.abilities.contains_key(&id),
        Some("status") => content.statuses.contains_key(&id),
        Some("item") => content.items.contains_key(&id),
        Some("npc") => content.npcs.contains_key(&id),
        Some("loot") => content.loot_tables.contains_key(&id),
        Some("encounter") => content.encounters.contains_key(&id),
        Some("announcement") => content.announcements.contains_key(&id),
        Some("event") => content.events.contains_key(&id),
        Some("shop") => content.shops.contains_key(&id),
        Some("recipe") => content.recipes.contains_key(&id),
        Some("quest") => content.quests.contains_key(&id),
        Some("dialog") => match name.splitn(4, '/').collect::<Vec<_>>()[..] {
            [_, dialog] => content.dialogs.contains_key(&def_id(&format!("dialog/{dialog}"))),
            [_, dialog, _] => content
                .dialogs
                .get(&def_id(&format!("dialog/{dialog}")))
                .is_some_and(|d| d.nodes.contains_key(&id)),
            [_, dialog, node, _] => content
                .dialogs
                .get(&def_id(&format!("dialog/{dialog}")))
                .and_then(|d| d.nodes.get(&def_id(&format!("dialog/{dialog}/{node}"))))
                .is_some_and(|node| node.choices.contains_key(&id)),
            _ => false,
        },
        Some("area") => content.zones.values().any(|zone| zone.places.contains_key(&id)),
        _ => false,
    }
}

/// Whether `new` can take the place of `old` in a running world.
///
/// # Errors
/// Definitions are gone, or the zones differ.
pub fn can_follow(old: &Content, new: &Content) -> Result<(), Misfit> {
    if !old.zones.keys().eq(new.zones.keys()) {
        return Err(Misfit::Zones);
    }
    let mut gone = Vec::new();
    removed(&old.classes, &new.classes, |class| format!("class/{}", class.name), &mut gone);
    removed(&old.abilities, &new.abilities, |ability| format!("ability/{}", ability.name), &mut gone);
    removed(&old.statuses, &new.statuses, |status| format!("status/{}", status.name), &mut gone);
    removed(&old.items, &new.items, |item| format!("item/{}", item.name), &mut gone);
    removed(&old.npcs, &new.npcs, |npc| format!("npc/{}", npc.name), &mut gone);
    removed(&old.quests, &new.quests, |quest| format!("quest/{}", quest.name), &mut gone);
    removed(&old.dialogs, &new.dialogs, |dialog| format!("dialog/{}", dialog.name), &mut gone);
    gone.truncate(LISTED);
    if gone.is_empty() { Ok(()) } else { Err(Misfit::Removed(gone)) }
}

/// Whether what is written about quests, dialogs, NPCs and encounters can be read by the scripts that `new` gives them to.
///
/// # Errors
/// Something changes hands between scripts of different state schemas.
pub fn keeps_state(generation: &Generation, old: &Content, new: &Content) -> Result<(), Misfit> {
    let schemas = generation.schemas();
    let mut handed = Vec::new();
    let mut look = |before: Option<DefId>, after: DefId, name: String| {
        let (had, has) = (before.map(|script| schemas.get(&script)), schemas.get(&after));
        if had.is_some_and(|had| had != has) {
            handed.push(name);
        }
    };
    for (id, quest) in &new.quests {
        look(old.quests.get(id).map(|old| old.script), quest.script, format!("quest/{}", quest.name));
    }
    for (id, dialog) in &new.dialogs {
        look(old.dialogs.get(id).map(|old| old.script), dialog.script, format!("dialog/{}", dialog.name));
    }
    for (id, npc) in &new.npcs {
        look(old.npcs.get(id).map(|old| old.script), npc.script, format!("npc/{}", npc.name));
    }
    for (id, encounter) in &new.encounters {
        let before = old.encounters.get(id).map(|old| old.script);
        look(before, encounter.script, format!("encounter/{}", encounter.name));
    }
    look(old.duel.script.some(), new.duel.script, "duel".to_owned());
    handed.truncate(LISTED);
    if handed.is_empty() { Ok(()) } else { Err(Misfit::OtherOwner(handed)) }
}

fn removed<T>(
    old: &BTreeMap<DefId, T>,
    new: &BTreeMap<DefId, T>,
    name: impl Fn(&T) -> String,
    gone: &mut Vec<String>,
) {
    gone.extend(old.iter().filter(|(id, _)| !new.contains_key(id)).map(|(_, definition)| name(definition)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_may_have_been_meant_is_of_the_same_kind() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
        let (content, _) = crate::content::load(&folder).expect("the starter's");
        let meant = |wrong: &str| suggestion(wrong, of_its_kind(&content, wrong).iter().map(String::as_str));
        assert_eq!(meant("item/wolf_plet"), " (did you mean `item/wolf_pelt`?)");
        assert_eq!(meant("zone/gerywood"), " (did you mean `zone/greywood`?)");
        assert_eq!(meant("npc/wolf_pelt"), "");
        for kind in ["class", "ability", "status", "npc", "loot", "encounter", "announcement", "event"] {
            assert!(!of_its_kind(&content, &format!("{kind}/x")).is_empty(), "{kind}");
        }
        for kind in ["shop", "quest", "dialog", "area"] {
            let names = of_its_kind(&content, &format!("{kind}/x"));
            assert!(!names.is_empty() && names.iter().all(|name| has(&content, name)), "{names:?}");
        }
    }
}
