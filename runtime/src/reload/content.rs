//! What is particular about changes of content: the contents there is a way back to, the way back itself, and
//! who answers when a module fails that was trusted before the content changed.

use super::change::{Breach, CONTENT, Subject};
use super::operate::action;
use super::rules;
use super::state::{Event, State};
use super::{
    Author, Layout, LiveSet, Pipeline, PushError, Pushed, SwappedZone, blocking, can_follow, content_label,
    hex, keeps_state, millis,
};
use serde::{Deserialize, Serialize};
use sim::content::Content;
use std::sync::Arc;
use std::time::Instant;

/// Contents kept to go back to.
const VERSIONS: usize = 8;

/// The contents that ran before the live one, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EarlierContent(Vec<Ran>);

/// A content that ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ran {
    /// First eight bytes of its digest, hex.
    digest: String,
    /// Whether it had passed its probation, or came with the pack.
    passed: bool,
}

impl EarlierContent {
    /// Keeps what was replaced. When there are too many, the oldest goes that is not the last good one.
    pub fn remember(&mut self, digest: String, passed: bool) {
        self.0.retain(|known| known.digest != digest);
        self.0.push(Ran { digest, passed });
        if self.0.len() > VERSIONS {
            let good = self.0.iter().rposition(|known| known.passed);
            self.0.remove(usize::from(good == Some(0)));
        }
    }

    /// What was passed over on the way back is gone, and so is what runs again.
    pub fn went_back_to(&mut self, digest: &str) {
        if let Some(place) = self.0.iter().rposition(|known| known.digest == digest) {
            self.0.truncate(place);
        }
    }

    /// The newest that may run.
    pub fn last(&self, may_run: impl Fn(&str) -> bool) -> Option<&str> {
        self.0.iter().rev().map(|known| known.digest.as_str()).find(|digest| may_run(digest))
    }

    /// The newest trusted one, else the newest that may run.
    pub fn last_good(&self, may_run: impl Fn(&str) -> bool) -> Option<&str> {
        let good = self.0.iter().rev().find(|known| known.passed && may_run(&known.digest));
        good.map(|known| known.digest.as_str()).or_else(|| self.last(may_run))
    }

    /// Digests of all, oldest first.
    pub fn digests(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().map(|known| known.digest.as_str())
    }
}

impl LiveSet {
    /// Digests of the contents that run after a start, or that there is a way back to.
    pub(super) fn contents(&self) -> impl Iterator<Item = String> {
        let live = self.content.iter().flat_map(|live| [live.digest.clone(), live.base.clone()]);
        live.chain(self.earlier_content.digests().map(ToOwned::to_owned))
    }
}

impl Pipeline {
    /// Keeps a content that another one replaces.
    pub(super) fn remember_content(&self, before: &Content) {
        let mut live = self.live();
        let digest = hex(before.digest);
        // What no change brought came with the pack.
        let passed = live.set.changes.of_trunk(&digest).is_none_or(|change| change.state == State::Live);
        live.set.earlier_content.remember(digest, passed);
    }

    /// Makes the content before the live one live again; it must be a good one unless a person decides.
    /// With the number of a change, only if that change still runs.
    pub(super) async fn retire_content(
        &self,
        id: Option<u64>,
        event: Event,
        breach: Option<Breach>,
        author: &Author,
    ) -> Result<Pushed, PushError> {
        let started = Instant::now();
        let decided = breach.as_ref().and_then(|breach| self.tick_of(&breach.zone));
        let _turn = self.changing.lock().await;
        if let Some(id) = id {
            self.change(id).ok_or(PushError::NoChange(id))?.state.after(event)?;
        }
        let now = self.content();
        let back = self.content_before(event).await?;
        can_follow(&now, &back)?;
        keeps_state(&self.generation(), &now, &back)?;
        let number = self.next_number();
        let (layout, change) = {
            let live = self.live();
            let trunk = live.layout.trunk.numbered(number);
            let change = live.set.changes.of_trunk(&hex(now.digest)).map(|change| change.id);
            (Layout { trunk, overlays: live.layout.overlays.clone() }, change)
        };
        let ready = self.ready(number, layout, Some(Arc::clone(&back))).await?;
        let prepare_ms = millis(started);
        let swapped = self.hand_out(ready).await?;
        {
            let mut live = self.live();
            live.set.earlier_content.went_back_to(&hex(back.digest));
            if event == Event::Strike {
                live.bar(hex(now.digest), author.why.clone());
            }
        }
        if let Some(id) = change {
            let back_at = breach.as_ref().and_then(|breach| {
                swapped.zones.iter().find(|zone| zone.zone == breach.zone).map(|zone| zone.tick)
            });
            if let Some(change) = self.live().set.changes.find_mut(id) {
                change.breach = breach.map(|breach| Breach {
                    back_in_ticks: back_at.zip(decided).map(|(back, decided)| back.saturating_sub(decided)),
                    ..breach
                });
            }
            self.step(id, event, author)?;
        }
        let label = content_label(&back);
        let pushed = Pushed {
            label: label.clone(),
            before: Some(content_label(&now)),
            generation: swapped.number,
            zones: swapped.zones,
            pending: swapped.pending,
            prepare_ms,
            live_ms: millis(started),
            unchanged: false,
            resting: false,
            rows: Vec::new(),
            change,
            state: change.and_then(|id| self.change(id)).map(|change| change.state),
            proof: None,
        };
        self.record(action(event), &pushed, &label, author).await;
        Ok(pushed)
    }

    /// The content to go back to, from the archive.
    async fn content_before(&self, event: Event) -> Result<Arc<Content>, PushError> {
        let digest = {
            let (live, now) = (self.live(), hex(self.content().digest));
            let may_run = |digest: &str| digest != now && live.may_run(digest);
            let earlier = &live.set.earlier_content;
            let found = if event == Event::Undo { earlier.last(may_run) } else { earlier.last_good(may_run) };
            found.map(ToOwned::to_owned)
        };
        let digest = digest.ok_or_else(|| PushError::NothingBefore(CONTENT.to_owned()))?;
        self.archived_content(digest).await
    }

    /// A content that was pushed, or came with a pack, by its digest.
    pub(super) async fn archived_content(&self, digest: String) -> Result<Arc<Content>, PushError> {
        let archive = Arc::clone(&self.archive);
        let files = blocking(move || archive.content(&digest)).await??;
        let loaded = blocking(move || crate::content::load_files(&files)).await?;
        let (content, _) = loaded.map_err(|errors| PushError::Content(errors.to_string()))?;
        Ok(Arc::new(content))
    }

    /// Takes back the content that is in its probation when a module keeps failing that was trusted before
    /// it. `None` if there is none, or no way back from it: then the module answers for itself.
    pub(super) async fn blame_content(
        &self,
        label: &str,
        zone: &str,
        tick: u64,
        reason: &str,
    ) -> Option<Result<Pushed, PushError>> {
        if self.state_of(label) != State::Live {
            return None;
        }
        let is_watched =
            |change: &super::Change| change.subject == Subject::Content && change.state == State::Probation;
        let change = self.changes().into_iter().find(is_watched)?;
        let since = change.watched.get(zone).map(|seen| seen.since).filter(|since| tick >= *since)?;
        let limit = rules::strikes(State::Live) as f64;
        let what = format!("{label}, which was trusted before this content, {reason}");
        let breach = Breach {
            rule: "failures".to_owned(),
            zone: zone.to_owned(),
            have: limit,
            limit,
            what: what.clone(),
            after_ticks: tick + 1 - since,
            back_in_ticks: None,
        };
        let author = Author::machine(what);
        match self.retire_content(Some(change.id), Event::Strike, Some(breach), &author).await {
            Err(error @ (PushError::NothingBefore(_) | PushError::Misfit(_))) => {
                tracing::error!(module = label, content = change.label, %error, "the content cannot be taken back");
                None
            }
            taken => Some(taken),
        }
    }

    /// What failed before these ticks was asked in a world of another content: it counts no more.
    pub(super) fn count_strikes_from(&self, swapped: &[SwappedZone]) {
        let ticks = self.zones.iter().filter_map(|(index, zone)| {
            let swapped = swapped.iter().find(|swapped| *swapped.zone == *zone.name)?;
            Some((index, swapped.tick))
        });
        self.strikes.count_from(ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(all: &[(&str, bool)]) -> EarlierContent {
        let mut earlier = EarlierContent::default();
        all.iter().for_each(|(digest, passed)| earlier.remember((*digest).to_owned(), *passed));
        earlier
    }

    #[test]
    fn the_way_back_goes_step_by_step_past_what_must_not_run() {
        let mut all = earlier(&[("a", true), ("b", true), ("c", false), ("d", false)]);
        assert_eq!(all.last(|_| true), Some("d"));
        assert_eq!(all.last(|digest| digest != "d"), Some("c"));
        assert_eq!(all.last_good(|_| true), Some("b"));
        assert_eq!(all.last_good(|digest| digest > "b"), Some("d"), "none of these has passed");
        all.went_back_to("c");
        assert_eq!(all.digests().collect::<Vec<_>>(), ["a", "b"]);
        all.went_back_to("a");
        assert_eq!(all.last(|_| true), None);
    }

    #[test]
    fn the_newest_are_kept_and_the_last_good_one() {
        let names: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
        let all: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), name == "03")).collect();
        let all = earlier(&all);
        assert_eq!(all.digests().collect::<Vec<_>>(), ["03", "13", "14", "15", "16", "17", "18", "19"]);
        let text = serde_json::to_string(&all).expect("JSON");
        let again: EarlierContent = serde_json::from_str(&text).expect("read");
        assert_eq!(again.last_good(|_| true), Some("03"));
    }

    #[test]
    fn what_comes_again_is_there_once() {
        let all = earlier(&[("a", true), ("b", true), ("a", false)]);
        assert_eq!(all.digests().collect::<Vec<_>>(), ["b", "a"]);
    }
}
