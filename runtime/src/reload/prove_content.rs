//! The proof of content: which rows and numbers it changes against what is live, how far these may move, and
//! what that says about letting it live.

use super::{Pipeline, PushError, Report, Verdict, blocking, content_label, hex};
use crate::content::{self, Comparison, Figure, MoveLimits};
use serde::{Deserialize, Serialize};
use sim::content::Content;
use std::sync::Arc;

/// Numbers told of one change, those that move farthest; the others are counted. Names likewise.
const FIGURES: usize = 2_000;
/// Reasons given; the others are counted.
const REASONS: usize = 20;

/// What a content would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContentReport {
    /// What it would be called; that of no content if it has mistakes.
    pub label: String,
    /// What is live.
    pub live: String,
    /// Definitions that are new, gone or different, one line each.
    pub rows: Vec<String>,
    /// Names of definitions that are new.
    pub added: Vec<String>,
    /// Names of definitions that are gone.
    pub removed: Vec<String>,
    /// Numbers of rows that both have, those that move farthest first.
    pub figures: Vec<Figure>,
    /// Numbers and names beyond those listed.
    pub more: usize,
    /// How far numbers may move.
    pub limits: MoveLimits,
    /// Whether it may go live by itself: all its mistakes, what it does not fit, or what moves too far.
    pub verdict: Verdict,
}

impl ContentReport {
    pub(super) fn new(label: String, live: String, compared: Comparison, verdict: Verdict) -> Self {
        let Comparison { rows, mut added, mut removed, mut figures, limits } = compared;
        let all = added.len() + removed.len() + figures.len();
        added.truncate(FIGURES);
        removed.truncate(FIGURES);
        figures.truncate(FIGURES);
        let more = all - added.len() - removed.len() - figures.len();
        Self { label, live, rows, added, removed, figures, more, limits, verdict }
    }
}

/// What the proof of a change showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Proof {
    /// Of a script.
    Module(Report),
    /// Of content.
    Content(ContentReport),
}

impl Pipeline {
    /// The proof of a change of content: its verdict is written into the record, the report into the archive.
    pub(super) async fn proven_content(&self, id: u64, candidate: &Content) -> Result<Verdict, PushError> {
        let live = self.content();
        let (archive, old, new) = (Arc::clone(&self.archive), hex(live.digest), hex(candidate.digest));
        let compare = move || -> std::io::Result<Comparison> {
            Ok(content::compare(&archive.content(&old)?, &archive.content(&new)?))
        };
        let compared = blocking(compare).await??;
        let verdict = judge(&compared);
        if let Some(change) = self.live().set.changes.find_mut(id) {
            change.proof = Some(verdict.clone());
        }
        let (label, live) = (content_label(candidate), content_label(&live));
        let report = Proof::Content(ContentReport::new(label, live, compared, verdict.clone()));
        let archive = Arc::clone(&self.archive);
        blocking(move || archive.keep_proof(id, &report)).await??;
        Ok(verdict)
    }
}

/// What moves beyond the one limit is refused, what moves beyond the other is for a person to decide. From or
/// to nothing no distance can be told, so that nobody is refused for it.
pub(super) fn judge(compared: &Comparison) -> Verdict {
    let MoveLimits { hold_percent, refuse_percent } = compared.limits;
    if let Some(most) = refuse_percent {
        let beyond = |figure: &&Figure| figure.distance_percent().is_finite() && figure.is_beyond(most);
        let why = reasons(compared.figures.iter().filter(beyond), |figure| {
            format!("{figure}; at most {} may be (proof.refuse_percent)", figure.limit(most))
        });
        if !why.is_empty() {
            return Verdict::Refuse { why };
        }
    }
    let Some(most) = hold_percent else { return Verdict::Accept };
    let why = reasons(compared.figures.iter().filter(|figure| figure.is_beyond(most)), |figure| {
        if figure.distance_percent().is_finite() {
            format!("{figure}; at most {} without approval (proof.hold_percent)", figure.limit(most))
        } else {
            format!("{figure}; not without approval, as no share tells how far it is (proof.hold_percent)")
        }
    });
    if why.is_empty() { Verdict::Accept } else { Verdict::Hold { why } }
}

fn reasons<'a>(figures: impl Iterator<Item = &'a Figure>, words: impl Fn(&Figure) -> String) -> Vec<String> {
    let all: Vec<&Figure> = figures.collect();
    let more = all.len().saturating_sub(REASONS);
    let mut why: Vec<String> = all.into_iter().take(REASONS).map(words).collect();
    if more > 0 {
        why.push(format!("{more} more"));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::collections::BTreeMap;

    const LIMITS: &str = "[proof]\nhold_percent = 50\nrefuse_percent = 900\n";

    fn judged(limits: &str, old: &str, new: &str) -> String {
        let files = |row: &str| BTreeMap::from([("a.toml".to_owned(), format!("{limits}{row}"))]);
        match judge(&content::compare(&files(old), &files(new))) {
            Verdict::Accept => "accept".to_owned(),
            Verdict::Hold { why } => format!("hold\n{}", why.join("\n")),
            Verdict::Refuse { why } => format!("refuse\n{}", why.join("\n")),
        }
    }

    #[test]
    fn a_number_that_moves_too_far_is_held_or_refused_with_its_figures() {
        let wolf = |health: u32| format!("[npc.wolf]\nhealth = {health}\n");
        assert_eq!(judged(LIMITS, &wolf(40), &wolf(60)), "accept");
        assert_eq!(judged("", &wolf(40), &wolf(4_000)), "accept");
        expect![[r#"
            hold
            npc/wolf health 40 -> 400, +900 %; at most 50 % without approval (proof.hold_percent)"#]]
        .assert_eq(&judged(LIMITS, &wolf(40), &wolf(400)));
        expect![[r#"
            refuse
            npc/wolf health 40 -> 4000, +9,900 %; at most 900 % may be (proof.refuse_percent)"#]]
        .assert_eq(&judged(LIMITS, &wolf(40), &wolf(4_000)));
        expect![[r#"
            hold
            npc/wolf health 60 -> 39, -35 %; at most -33.3 % without approval (proof.hold_percent)"#]]
        .assert_eq(&judged(LIMITS, &wolf(60), &wolf(39)));
    }

    #[test]
    fn from_nothing_and_to_nothing_is_for_a_person() {
        expect![[r#"
            hold
            npc/wolf attack 7 is new; not without approval, as no share tells how far it is (proof.hold_percent)
            npc/wolf health 40 -> 0, -100 %; not without approval, as no share tells how far it is (proof.hold_percent)"#]]
        .assert_eq(&judged(LIMITS, "[npc.wolf]\nhealth = 40\n", "[npc.wolf]\nhealth = 0\nattack = 7\n"));
        let loot = |rows: &str| format!("[loot.wolf]\nentries = [{rows}]\n");
        let (one, two) = (loot("{ weight = 3 }"), loot("{ weight = 3 }, { item = \"fang\", weight = 900 }"));
        assert_eq!(judged(LIMITS, &one, &two), "accept", "new rows are for the eye");
    }

    #[test]
    fn the_reasons_and_the_report_are_bounded() {
        let rows = |value: u32| -> String {
            (0..3_000).map(|number| format!("[item.i{number}]\nvalue = {value}\n")).collect()
        };
        let files = |value| BTreeMap::from([("a.toml".to_owned(), format!("{LIMITS}{}", rows(value)))]);
        let compared = content::compare(&files(1), &files(5));
        let verdict = judge(&compared);
        let Verdict::Hold { why } = &verdict else { panic!("{verdict:?}") };
        assert_eq!((why.len(), why.last().map(String::as_str)), (REASONS + 1, Some("2980 more")));
        let report = ContentReport::new(String::new(), String::new(), compared, verdict);
        assert_eq!((report.figures.len(), report.more), (FIGURES, 1_000));
        // Told apart from that of a script when it is read again.
        let text = serde_json::to_string(&Proof::Content(report)).expect("JSON");
        let again: Proof = serde_json::from_str(&text).expect("read");
        assert!(matches!(again, Proof::Content(report) if report.limits.hold_percent == Some(50)));
    }
}
