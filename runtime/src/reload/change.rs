//! The record of a change: what, who, why, how far, and what was seen of it. And the book of all of
//! them, which is kept on disk.

use super::state::{Event, Impossible, State};
use super::{Author, Basis, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Changes that are over and still shown; `reload.log` goes back further.
const REMEMBERED: usize = 50;
/// Steps kept of one change; an ordinary life has eight.
const STEPS: usize = 32;
/// What stands for the script's name in a change of content.
pub const CONTENT: &str = "content";

/// What a change changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// One script.
    Module,
    /// All definitions.
    Content,
}

/// How a change shall become live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The zones that get it first, by name or as a share such as `25%`; none means all at once.
    pub canary: Vec<String>,
    /// Whether a person shall say yes: before it runs anywhere, or, with a canary, before it goes on.
    pub hold: bool,
    /// Whether it goes on without being asked what others were asked before: the urgent repair.
    pub skip_proof: bool,
}

/// One step of a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Where it led.
    pub state: State,
    /// Unix time, milliseconds.
    pub at_ms: u64,
    /// Who did it; `loreforge` if nobody.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// `failures`, `fuel`, `share`, `tick-p99` or `drift`.
    pub rule: String,
    /// Where.
    pub zone: String,
    /// What was measured.
    pub have: f64,
    /// What is allowed.
    pub limit: f64,
    /// In words, with units.
    pub what: String,
    /// Ticks of the zone from its first with the change to the decision.
    pub after_ticks: u64,
    /// Ticks from the decision to the first with the version before; unknown until then.
    pub back_in_ticks: Option<u64>,
}

/// What one export has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Views it was asked about.
    pub items: u64,
    /// Fuel it used.
    pub fuel: u64,
    /// Nanoseconds in it.
    pub time_ns: u64,
}

/// How far the outcomes of a change are from those of the version before, for the same views.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The average that differs most beyond what is allowed: `combat.resolve damage`.
    pub measure: String,
    /// By how much, percent.
    pub percent: f64,
    /// By how much it may, percent.
    pub limit_percent: f64,
    /// Views that both versions answered.
    pub views: u64,
}

/// What is seen of a change in one zone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Watched {
    /// First tick with it.
    pub since: u64,
    /// Ticks with it.
    pub ticks: u64,
    /// 99 of 100 of these took at most this long, milliseconds.
    pub tick_p99_ms: f64,
    /// Half of these took at most this long, milliseconds.
    #[serde(default)]
    pub tick_p50_ms: f64,
    /// Half of the ticks before it took at most this long, milliseconds.
    #[serde(default)]
    pub tick_p50_before_ms: f64,
    /// First tick of which its costs are known: what was counted before the server started is lost.
    #[serde(default)]
    pub costs_since: u64,
    /// By export, from that tick on; of content all modules, by module and export.
    pub costs: BTreeMap<String, Cost>,
    /// If its manifest limits it and enough was asked.
    #[serde(default)]
    pub drift: Option<Drift>,
}

impl Watched {
    /// Watched from this tick on.
    pub fn new(tick: u64) -> Self {
        Self { since: tick, costs_since: tick, ..Self::default() }
    }

    /// Counts costs anew from this tick on: what has counted them is gone.
    pub fn count_from(&mut self, tick: u64) {
        self.costs_since = tick.max(self.since);
        self.costs.clear();
    }

    /// Ticks with it of which its costs are known.
    pub fn counted_ticks(&self) -> u64 {
        (self.since + self.ticks).saturating_sub(self.costs_since)
    }
}

/// A change, from its push to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Counted up.
    pub id: u64,
    /// What it changes.
    pub subject: Subject,
    /// Name of the script, or `content`.
    pub script: String,
    /// `combat@0.1.0+1a2b3c4d`.
    pub label: String,
    /// Of what was pushed, hex.
    pub digest: String,
    /// Label of what it takes the place of.
    pub before: Option<String>,
    /// How far it has come.
    pub state: State,
    /// The zones that get it first.
    pub canary: Vec<String>,
    /// Whether a person shall say yes.
    pub hold: bool,
    /// Ticks for which it is watched.
    pub probation_ticks: u64,
    /// Whether who pushed it wanted no proof.
    #[serde(default)]
    pub skip_proof: bool,
    /// What its proof says, if there was one; the whole report is in the archive.
    pub proof: Option<Verdict>,
    /// How many calls that rests on.
    #[serde(default)]
    pub rests_on: Option<Basis>,
    /// How far averages may change, percent, if its manifest says so.
    #[serde(default)]
    pub drift_percent: Option<u32>,
    /// Share of a tick that it may take, percent, if its manifest asks for another than all have.
    #[serde(default)]
    pub share_percent: Option<u64>,
    /// By how much its proof showed them to change, percent, by export and measure.
    #[serde(default)]
    pub shown_percent: BTreeMap<String, f64>,
    /// What the version before cost, by export; of content what all modules cost before it.
    pub baseline: BTreeMap<String, Cost>,
    /// Where it runs and is watched, by zone.
    pub watched: BTreeMap<String, Watched>,
    /// The rule that ended it.
    pub breach: Option<Breach>,
    /// How it came to this, oldest first.
    pub steps: Vec<Step>,
}

impl Change {
    /// Lets something happen to it.
    ///
    /// # Errors
    /// It cannot, in this state.
    pub fn take(&mut self, event: Event, author: &Author, at_ms: u64) -> Result<(), Impossible> {
        self.state = self.state.after(event)?;
        self.log(author, at_ms);
        Ok(())
    }

    fn log(&mut self, author: &Author, at_ms: u64) {
        if self.steps.len() == STEPS {
            self.steps.remove(1);
        }
        let Author { who, why } = author.clone();
        self.steps.push(Step { state: self.state, at_ms, who, why });
    }

    /// By how much a measure may change while it is watched, percent; `None` is not limited. What a person
    /// was shown and approved is allowed.
    pub fn may_drift(&self, measure: &str) -> Option<f64> {
        let shown = match self.proof {
            Some(Verdict::Hold { .. }) => {
                self.shown_percent.get(measure).map_or(0.0, |percent| percent.abs())
            }
            _ => 0.0,
        };
        self.drift_percent.map(|percent| f64::from(percent) + shown)
    }

    /// Whether another change has come before it since it was opened; `live` is the label of what runs in
    /// all zones where it shall run.
    pub fn is_overtaken(&self, live: Option<&str>) -> bool {
        self.state.is_over() || self.before.as_deref() != live
    }

    /// Whether some zone runs it beside others that do not.
    pub fn is_partial(&self) -> bool {
        let runs = matches!(self.state, State::Canary | State::Held | State::Staged);
        runs && !self.watched.is_empty()
    }

    /// Whether it runs and is not trusted yet.
    pub fn is_watched(&self) -> bool {
        self.state == State::Probation || self.is_partial()
    }

    /// Whether every zone that has it has run it for long enough.
    pub fn has_been_watched(&self) -> bool {
        !self.watched.is_empty() && self.watched.values().all(|seen| seen.ticks >= self.probation_ticks)
    }
}

/// All changes that are not over, and the last of those that are. Oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    last_id: u64,
    all: Vec<Change>,
}

impl Changes {
    /// Takes in a change that was just checked and gives it its number.
    pub fn open(&mut self, mut change: Change, author: &Author, at_ms: u64) -> u64 {
        self.last_id += 1;
        change.id = self.last_id;
        change.log(author, at_ms);
        self.all.push(change);
        let over = self.all.iter().filter(|change| change.state.is_over()).count();
        for _ in REMEMBERED..over {
            if let Some(oldest) = self.all.iter().position(|change| change.state.is_over()) {
                self.all.remove(oldest);
            }
        }
        self.last_id
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.all.iter()
    }

    /// All, to change them.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Change> {
        self.all.iter_mut()
    }

    /// The one with this number.
    pub fn find(&self, id: u64) -> Option<&Change> {
        self.all.iter().find(|change| change.id == id)
    }

    /// The one with this number, to change it.
    pub fn find_mut(&mut self, id: u64) -> Option<&mut Change> {
        self.all.iter_mut().find(|change| change.id == id)
    }

    /// Those of the same script that are not over, but for this one.
    pub fn rivals(&self, id: u64) -> Vec<&Change> {
        let Some(change) = self.find(id) else { return Vec::new() };
        let same = |other: &&Change| {
            other.id != id
                && !other.state.is_over()
                && (other.subject, &other.script) == (change.subject, &change.script)
        };
        self.all.iter().filter(same).collect()
    }

    /// The one that made this digest run in all zones.
    pub fn of_trunk(&self, digest: &str) -> Option<&Change> {
        let found = |change: &&Change| {
            change.digest == digest && matches!(change.state, State::Probation | State::Live)
        };
        self.all.iter().rev().find(found)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A change of `combat` that was just checked.
    pub fn checked(digest: &str) -> Change {
        Change {
            id: 0,
            subject: Subject::Module,
            script: "combat".to_owned(),
            label: format!("combat@0.1.0+{digest}"),
            digest: digest.to_owned(),
            before: None,
            state: State::Checked,
            canary: Vec::new(),
            hold: false,
            probation_ticks: 200,
            skip_proof: false,
            proof: None,
            rests_on: None,
            drift_percent: None,
            share_percent: None,
            shown_percent: BTreeMap::new(),
            baseline: BTreeMap::new(),
            watched: BTreeMap::new(),
            breach: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn the_book_forgets_what_is_over_and_nothing_else() {
        let (mut book, author) = (Changes::default(), Author::default());
        let held = book.open(checked("held"), &author, 1);
        book.find_mut(held).expect("there").take(Event::Hold, &author, 1).expect("held");
        for number in 0..2 * REMEMBERED {
            let id = book.open(checked(&number.to_string()), &author, 2);
            book.find_mut(id).expect("there").take(Event::Refuse, &author, 2).expect("refused");
        }
        assert!(book.iter().count() <= REMEMBERED + 2);
        assert_eq!(book.find(held).expect("kept").state, State::Held);
        let text = serde_json::to_string(&book).expect("JSON");
        let again: Changes = serde_json::from_str(&text).expect("read");
        assert_eq!(again.find(held).expect("kept").steps.len(), 2);
    }

    #[test]
    fn a_change_is_overtaken_by_what_became_live_meanwhile() {
        let mut change = checked("b");
        assert!(!change.is_overtaken(None) && change.is_overtaken(Some("combat@0.1.0+a")));
        change.before = Some("combat@0.1.0+a".to_owned());
        assert!(!change.is_overtaken(Some("combat@0.1.0+a")));
        // It was taken back, or another version was approved.
        assert!(change.is_overtaken(Some("combat@0.1.0+9")));
        change.take(Event::Supersede, &Author::default(), 1).expect("superseded");
        assert!(change.is_overtaken(Some("combat@0.1.0+a")));
    }

    #[test]
    fn watching_ends_when_the_slowest_zone_has_run_it_long_enough() {
        let mut change = checked("a");
        assert!(!change.has_been_watched());
        let ran = |ticks| Watched { ticks, ..Watched::default() };
        change.watched = [("one".to_owned(), ran(250)), ("two".to_owned(), ran(199))].into();
        assert!(!change.has_been_watched());
        change.watched.insert("two".to_owned(), ran(200));
        assert!(change.has_been_watched());
    }
}
