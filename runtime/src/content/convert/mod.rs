//! From raw definitions to the simulation's, kind by kind, with every reference and range checked.

mod events;
mod fights;
mod people;
mod stories;
mod talk;
mod things;
mod trade;
mod zones;

use super::check::{At, Check};
use super::source::{Definitions, KINDS, PROGRESSION, PROOF};
use super::{MoveLimits, Summary, raw};
use serde::Deserialize;
use sim::content::{Content, Element, ItemCount, Progression, Stats};
use sim::{DefId, def_id, limits};
use std::collections::BTreeMap;

/// Permille that a share of itself may reach: ten times.
const PERMILLE_MAX: u32 = 10_000;
/// Percent that a change of content may be let move a number: ten thousand times.
const MOVE_PERCENT_MAX: u32 = 1_000_000;
/// Any stat, either way.
const STAT_MAX: i32 = limits::AMOUNT_MAX;

/// One definition on its way: what it is called, where it stands, what it says.
struct Entry<T> {
    name: String,
    id: DefId,
    at: At,
    raw: T,
}

impl<T> Entry<T> {
    fn file(&self) -> usize {
        self.at.file
    }
}

/// Looks into all definitions of one kind; those that do not fit are recorded and left out.
fn entries<'a, T: Deserialize<'a>>(
    kind: &'static str,
    definitions: &mut Definitions<'a>,
    check: &mut Check<'_>,
) -> Vec<Entry<T>> {
    let mut entries = Vec::new();
    for definition in definitions.remove(kind).unwrap_or_default() {
        let (name, at) = (definition.name.clone(), definition.at);
        if let Some(raw) = definition.read(check) {
            entries.push(Entry { id: def_id(&format!("{kind}/{name}")), name, at, raw });
        }
    }
    entries
}

/// Converts everything. The content is only complete if `check` has no errors afterwards.
pub(super) fn convert(mut definitions: Definitions<'_>, check: &mut Check<'_>) -> (Content, Summary) {
    let mut summary = Summary::default();
    for kind in KINDS {
        summary.definitions.insert(kind, definitions.get(kind).map_or(0, Vec::len));
    }
    let all = &mut definitions;
    move_limits(all, check);
    let mut adds = Vec::new();
    // Zones first: they make the names of places known, and events need their ground.
    let zones = zones::zones(entries("zone", all, check), check, &mut summary);
    let content = Content {
        digest: 0,
        events: events::events(entries("event", all, check), &zones, check, &mut summary),
        zones,
        classes: people::classes(entries("class", all, check), check),
        abilities: things::abilities(entries("ability", all, check), check),
        statuses: things::statuses(entries("status", all, check), check),
        items: things::items(entries("item", all, check), check),
        npcs: people::npcs(entries("npc", all, check), check, &mut summary),
        loot_tables: trade::loot_tables(entries("loot", all, check), check),
        shops: trade::shops(entries("shop", all, check), check),
        recipes: trade::recipes(entries("recipe", all, check), check),
        quests: stories::quests(entries("quest", all, check), check, &mut summary),
        dialogs: stories::dialogs(entries("dialog", all, check), check, &mut summary),
        announcements: talk::announcements(entries("announcement", all, check), check),
        encounters: fights::encounters(entries("encounter", all, check), &mut adds, check, &mut summary),
        duel: fights::duel(all, check, &mut summary),
        chat: talk::chat(all, check, &mut summary),
        progression: progression(all, check),
    };
    fights::check_adds(&adds, &content, check);
    (content, summary)
}

/// How far a change may move numbers is read where changes are judged (`diff`); here it is only checked.
fn move_limits(definitions: &mut Definitions<'_>, check: &mut Check<'_>) {
    let Some(entry) = entries::<MoveLimits>(PROOF, definitions, check).pop() else { return };
    let MoveLimits { hold_percent, refuse_percent } = entry.raw;
    for (what, percent) in [("hold_percent", hold_percent), ("refuse_percent", refuse_percent)] {
        check.range(entry.at, what, percent.unwrap_or(0), 0..=MOVE_PERCENT_MAX);
    }
    if hold_percent.zip(refuse_percent).is_some_and(|(hold, refuse)| refuse < hold) {
        check.error(entry.at, "`refuse_percent` is below `hold_percent`: nobody would ever be asked");
    }
}

fn progression(definitions: &mut Definitions<'_>, check: &mut Check<'_>) -> Progression {
    let Some(entry) = entries::<raw::Progression>(PROGRESSION, definitions, check).pop() else {
        if check.errors.is_empty() {
            check.error(At::ALL, "no file has a [progression]: add the table (docs/scripting.md, Content)");
        }
        return Progression::default();
    };
    let levels = entry.raw.experience_to_next.len() + 1;
    check.range(entry.at, "the number of levels", levels, 2..=limits::LEVEL_MAX as usize);
    if entry.raw.experience_to_next.contains(&0) {
        check.error(entry.at, "every level needs experience");
    }
    check.range(entry.at, "death_loss_permille", entry.raw.death_loss_permille, 0..=1_000);
    check.range(entry.at, "respawn_fee", entry.raw.respawn_fee, 0..=limits::FEE_MAX);
    check.range(entry.at, "start_gold", entry.raw.start_gold, 0..=limits::GOLD_MAX);
    Progression {
        start_zone: check.reference("zone", &entry.raw.start_zone, entry.file()),
        experience_to_next: entry.raw.experience_to_next,
        death_loss_permille: entry.raw.death_loss_permille,
        respawn_ms: entry.raw.respawn.0,
        respawn_fee: entry.raw.respawn_fee,
        start_gold: entry.raw.start_gold,
    }
}

/// `rating` is the accuracy and evasion of who does not say.
fn stats(raw: raw::Stats, rating: i32, at: At, check: &mut Check<'_>) -> Stats {
    let mut resistance_permille = [0; 8];
    for (element, permille) in raw.resistance_permille {
        check.range(at, "resistance_permille", permille, -1_000..=1_000);
        resistance_permille[element as usize] = permille;
    }
    let stats = Stats {
        health: raw.health,
        mana: raw.mana,
        energy: raw.energy,
        attack: raw.attack,
        weapon_damage: raw.weapon_damage,
        accuracy: raw.accuracy.unwrap_or(rating),
        evasion: raw.evasion.unwrap_or(rating),
        defence: raw.defence,
        critical_chance: raw.critical_chance,
        block_chance: raw.block_chance,
        dodge_chance: raw.dodge_chance,
        luck: raw.luck,
        resistance_permille,
    };
    for (what, value) in [
        ("health", stats.health),
        ("mana", stats.mana),
        ("energy", stats.energy),
        ("attack", stats.attack),
        ("weapon_damage", stats.weapon_damage),
        ("accuracy", stats.accuracy),
        ("evasion", stats.evasion),
        ("defence", stats.defence),
    ] {
        check.range(at, what, value, -STAT_MAX..=STAT_MAX);
    }
    for (what, value) in [
        ("critical_chance", stats.critical_chance),
        ("block_chance", stats.block_chance),
        ("dodge_chance", stats.dodge_chance),
    ] {
        check.range(at, what, value, -100..=100);
    }
    check.range(at, "luck", stats.luck, -1_000..=10_000);
    stats
}

fn element(raw: raw::Element) -> Element {
    match raw {
        raw::Element::Physical => Element::Physical,
        raw::Element::Fire => Element::Fire,
        raw::Element::Frost => Element::Frost,
        raw::Element::Lightning => Element::Lightning,
        raw::Element::Poison => Element::Poison,
        raw::Element::Holy => Element::Holy,
        raw::Element::Shadow => Element::Shadow,
        raw::Element::Arcane => Element::Arcane,
    }
}

fn item_counts(raw: &[raw::ItemCount], file: usize, check: &mut Check<'_>) -> Vec<ItemCount> {
    raw.iter()
        .map(|stack| {
            let at = At { file, offset: stack.item.span().start };
            let count = stack.count.as_ref().map_or(1, |count| *count.get_ref());
            check.range(at, "count", count, 1..=10_000);
            ItemCount { item: check.reference("item", &stack.item, file), count }
        })
        .collect()
}

/// The script a definition names; whether it exists is checked against the modules later.
fn script(kind: &'static str, name: &raw::Name, summary: &mut Summary) -> DefId {
    summary.scripts.insert((kind, name.get_ref().clone()));
    def_id(&format!("script/{}", name.get_ref()))
}

fn least_and_most([least, most]: [u32; 2], what: &str, at: At, check: &mut Check<'_>) -> (u32, u32) {
    if least > most {
        check.error(at, format!("{what} is [{least}, {most}]: the least comes first"));
    }
    (least, most)
}

/// By id, as the simulation looks definitions up.
fn by_id<T, V>(entries: Vec<Entry<T>>, mut convert: impl FnMut(Entry<T>) -> V) -> BTreeMap<DefId, V> {
    entries.into_iter().map(|entry| (entry.id, convert(entry))).collect()
}
