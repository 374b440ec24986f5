//! What becomes of open changes at a start: a canary goes on in its zones, a probation with what is left
//! of it, what waits for a person waits on. What cannot go on is ended, with the reason.

use super::pack::{Assembled, from_archive};
use crate::reload::{Archive, Author, Change, Event, LiveSet, Overlay, State, Subject, fits};
use host_api::{Engine, Module};
use std::time::{SystemTime, UNIX_EPOCH};

/// The versions before `live` that there is a way back to, oldest first; that of the pack is, unless it was
/// quarantined.
pub(super) fn earlier_versions(
    engine: &Engine,
    archive: &Archive,
    set: &LiveSet,
    base: &Module,
    live: &Module,
) -> Vec<Module> {
    let mut versions = Vec::new();
    for digest in set.earlier.get(base.name()).into_iter().flatten() {
        if *digest == base.digest() || *digest == live.digest() || set.quarantined.holds(digest) {
            continue;
        }
        match from_archive(engine, archive, digest) {
            Ok(module) => versions.push(module),
            Err(error) => tracing::warn!(digest, error, "an earlier version cannot be restored"),
        }
    }
    let listed =
        set.earlier.get(base.name()).and_then(|all| all.iter().position(|one| *one == base.digest()));
    if base.digest() != live.digest() && !set.quarantined.holds(&base.digest()) {
        versions.insert(listed.unwrap_or(0).min(versions.len()), base.clone());
    }
    versions
}

/// Goes on with the open changes, as far as they still make sense.
pub(super) fn restore_changes(engine: &Engine, archive: &Archive, assembled: &mut Assembled) {
    let open: Vec<Change> =
        assembled.set.changes.iter().filter(|change| !change.state.is_over()).cloned().collect();
    for change in open {
        let ended = match change.state {
            State::Checked | State::Proven => Some((Event::Refuse, "the server ended before it was proven")),
            State::Probation | State::Live if !is_live(assembled, &change) => {
                Some((Event::Supersede, "the pack has its own version now"))
            }
            _ if change.is_partial() => match try_on(engine, archive, assembled, &change) {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(label = change.label, error, "a canary cannot go on");
                    Some((Event::Supersede, "the pack has moved on: it cannot run beside it"))
                }
            },
            _ => None,
        };
        let Some((event, why)) = ended else { continue };
        let author = Author { who: "loreforge".to_owned(), why: why.to_owned() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(change) = assembled.set.changes.find_mut(change.id)
            && let Err(error) = change.take(event, &author, now.as_millis() as u64)
        {
            tracing::error!(%error, change = change.id, "a change could not be ended");
        }
    }
    if !assembled.layout.overlays.is_empty() {
        // The zones that try something run another generation than the rest, under another number.
        assembled.set.generation += 1;
    }
}

/// Finds the modules that have written state in an earlier run: it may be needed in a schema below theirs.
pub(super) fn restore_former(engine: &Engine, archive: &Archive, assembled: &mut Assembled) {
    let Assembled { layout, set, former, .. } = assembled;
    for digest in set.former.values().flat_map(|schemas| schemas.values()) {
        match from_archive(engine, archive, digest) {
            Ok(module) => *former = former.with(&module),
            Err(error) => {
                tracing::error!(digest, error, "state that this module has written cannot go back");
            }
        }
    }
    layout.modules().for_each(|module| *former = former.with(module));
    set.remember(former);
}

fn is_live(assembled: &Assembled, change: &Change) -> bool {
    match change.subject {
        Subject::Content => format!("{:016x}", assembled.content.digest) == change.digest,
        Subject::Module => {
            let live = assembled.layout.trunk.module(&change.script);
            live.is_some_and(|live| live.digest() == change.digest)
        }
    }
}

/// Puts a candidate into its zones again.
fn try_on(
    engine: &Engine,
    archive: &Archive,
    assembled: &mut Assembled,
    change: &Change,
) -> Result<(), String> {
    let trunk = assembled.layout.trunk.module(&change.script).map(Module::label);
    if trunk != change.before.as_deref() {
        let [before, now] = [change.before.as_deref(), trunk].map(|label| label.unwrap_or("nothing"));
        return Err(format!("it was tried beside {before}, now {now} runs"));
    }
    let module = from_archive(engine, archive, &change.digest)?;
    let zones = change.watched.keys().cloned().collect();
    let layout = assembled.layout.with_overlay(Overlay { change: change.id, module, zones });
    for zone in change.watched.keys() {
        let generation = layout.of(zone, assembled.set.generation + 1).map_err(|error| error.to_string())?;
        fits(&generation, &assembled.content).map_err(|error| error.to_string())?;
    }
    assembled.layout = layout;
    Ok(())
}
