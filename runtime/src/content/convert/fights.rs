//! Fights that scripts lead: encounters of bosses, and duels.

use super::super::Summary;
use super::super::check::{At, Check};
use super::super::raw;
use super::super::source::{DUEL, Definitions};
use super::Entry;
use sim::content::{Content, Duel, Encounter, Phase};
use sim::{DefId, limits};
use std::collections::BTreeMap;

/// Times of a duel where the content says nothing, milliseconds.
const INVITATION_MS: u32 = 30_000;
const TURN_MS: u32 = 15_000;
const LONGEST_MS: u32 = 600_000;

/// Who is called to help, and where that stands.
pub(super) type Adds = Vec<(DefId, At)>;

pub(super) fn encounters(
    entries: Vec<Entry<raw::Encounter>>,
    adds: &mut Adds,
    check: &mut Check<'_>,
    summary: &mut Summary,
) -> BTreeMap<DefId, Encounter> {
    super::by_id(entries, |entry| {
        let (file, at) = (entry.file(), entry.at);
        let Entry { name, raw, .. } = entry;
        check.range(at, "the number of phases", raw.phase.len(), 1..=limits::ENCOUNTER_PHASES);
        Encounter {
            name,
            script: super::script("encounter", &raw.script, summary),
            enrage_ms: raw.enrage.0,
            phases: raw.phase.into_iter().map(|phase| self::phase(phase, file, adds, check)).collect(),
        }
    })
}

fn phase(raw: toml::Spanned<raw::Phase>, file: usize, adds: &mut Adds, check: &mut Check<'_>) -> Phase {
    let at = At { file, offset: raw.span().start };
    let raw = raw.into_inner();
    let (least, most) = limits::BOSS_POWER_PERMILLE;
    let phase = Phase {
        health_below_permille: raw.health_below_permille,
        after_ms: raw.after.0,
        power_permille: raw.power_permille.unwrap_or(limits::UNCHANGED_PERMILLE),
        adds: check.optional("npc", raw.adds.as_ref(), file),
        adds_count: raw.adds_count.unwrap_or(u32::from(raw.adds.is_some())),
        ability: check.optional("ability", raw.ability.as_ref(), file),
        announcement: check.optional("announcement", raw.announcement.as_ref(), file),
    };
    check.range(at, "health_below_permille", phase.health_below_permille, 0..=1_000);
    check.range(at, "power_permille", phase.power_permille, least..=most);
    check.range(at, "adds_count", phase.adds_count, 0..=limits::ADDS_PER_DIRECTION);
    if phase.health_below_permille == 0 && phase.after_ms == 0 {
        check.error(at, "the phase never begins: give it `health_below_permille` or `after`");
    }
    match &raw.adds {
        Some(name) => adds.push((phase.adds, At { file, offset: name.span().start })),
        None if phase.adds_count > 0 => {
            check.error(at, "`adds_count` says how many, `adds` must say of whom");
        }
        None => {}
    }
    phase
}

/// A boss whose adds are bosses whose adds are bosses would fill its zone: adds have no encounter. Their
/// templates are known only once all are.
pub(super) fn check_adds(adds: &Adds, content: &Content, check: &mut Check<'_>) {
    for (id, at) in adds {
        let Some(npc) = content.npcs.get(id) else { continue };
        if npc.encounter != DefId::NONE {
            check.error(*at, format!("`{}` comes to help and cannot have an encounter of its own", npc.name));
        } else if !npc.hostile {
            check.error(*at, format!("`{}` comes to help and must be hostile", npc.name));
        }
    }
}

/// A content without `[duel]` has no duels.
pub(super) fn duel(definitions: &mut Definitions<'_>, check: &mut Check<'_>, summary: &mut Summary) -> Duel {
    let Some(entry) = super::entries::<raw::Duel>(DUEL, definitions, check).pop() else {
        return Duel::default();
    };
    let (at, raw) = (entry.at, entry.raw);
    let duel = Duel {
        script: super::script("encounter", &raw.script, summary),
        invitation_ms: raw.invitation.map_or(INVITATION_MS, |span| span.0),
        turn_ms: raw.turn.map_or(TURN_MS, |span| span.0),
        longest_ms: raw.longest.map_or(LONGEST_MS, |span| span.0),
    };
    check.span(at, "invitation", duel.invitation_ms, 1_000..=600_000);
    check.span(at, "turn", duel.turn_ms, 1_000..=120_000);
    check.span(at, "longest", duel.longest_ms, 1_000..=3_600_000);
    duel
}
