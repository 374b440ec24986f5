//! The rules of a probation: from what was seen of a change to the rule it breaks. Pure. Failures are
//! counted as they come in (`strikes`); their limits stand here beside the others.

use super::change::{Breach, Change, Cost, Drift, Subject, Watched};
use super::state::State;
use host_api::ExportStats;

/// Failing ticks after which a change that is watched goes.
const STRIKES_WATCHED: usize = 5;
/// The same for what is trusted, within a minute: half a second in which every tick fails.
const STRIKES_TRUSTED: usize = 10;
/// Views of an export before and after, under which fuel per view says nothing.
const ITEMS: u64 = 100;
/// Fuel per view may grow to this share of that of the version before, permille.
const FUEL_PERMILLE: u64 = 2_000;
/// Ticks under which times say nothing: two seconds.
const TICKS: u64 = 40;
/// The share of the tick that one script may take on average, permille, unless its manifest asks for another
/// (`tick_share_percent`).
const SHARE_PERMILLE: u64 = 250;
/// The share from which on a script has a part in late ticks, permille.
const PART_PERMILLE: u64 = 100;

/// So many times as long as before it half the ticks take with a content that has a part in late ones.
const SLOWED_TIMES: f64 = 2.0;

/// Under which name the costs of a module's export count for a change; `None` if they do not. For content those
/// of all modules count, each for itself: content decides how often each is asked.
pub fn cost_name(subject: Subject, label: &str, row: &ExportStats) -> Option<String> {
    match subject {
        Subject::Module => (row.label == label).then(|| row.export.name().to_owned()),
        Subject::Content => (row.counters.items > 0).then(|| format!("{} {}", row.label, row.export.name())),
    }
}

/// Failing ticks that end a change in this state.
pub fn strikes(state: State) -> usize {
    match state {
        State::Live => STRIKES_TRUSTED,
        _ => STRIKES_WATCHED,
    }
}

/// The first rule that a change breaks. `tick_ms` is the time a tick has.
pub fn broken(change: &Change, tick_ms: u32) -> Option<Breach> {
    change.watched.iter().find_map(|(zone, seen)| {
        let breach = |rule: &str, have: f64, limit: f64, what: String| Breach {
            rule: rule.to_owned(),
            zone: zone.clone(),
            have,
            limit,
            what,
            after_ticks: seen.ticks,
            back_in_ticks: None,
        };
        if let Some((export, have, limit)) = fuel(change, seen) {
            let what = format!("{export} uses {have} fuel a view, at most {limit} are allowed");
            return Some(breach("fuel", have as f64, limit as f64, what));
        }
        let (share, counted) = (share_permille(seen, tick_ms), seen.counted_ticks());
        let is_module = change.subject == Subject::Module;
        // What all scripts take together was taken before this content too.
        let most = change.share_percent.map_or(SHARE_PERMILLE, |percent| percent.saturating_mul(10));
        if is_module && counted >= TICKS && share > most {
            let what = format!("it takes {share} permille of the tick, at most {most} are allowed");
            return Some(breach("share", share as f64, most as f64, what));
        }
        let (p99, budget) = (seen.tick_p99_ms, f64::from(tick_ms));
        let has_part = if is_module { share >= PART_PERMILLE } else { is_slowed(seen, budget) };
        if counted >= 2 * TICKS && p99 > budget && has_part {
            let (half, before) = (seen.tick_p50_ms, seen.tick_p50_before_ms);
            let part = match change.subject {
                Subject::Module => format!("it has {share} permille of it"),
                Subject::Content => format!("half of them {half:.1} ms or more, {before:.1} ms before it"),
            };
            let what = format!("ticks take {p99:.1} ms (p99) of {budget} ms, and {part}");
            return Some(breach("tick-p99", p99, budget, what));
        }
        let drift = seen.drift.as_ref()?;
        let Drift { measure, percent, limit_percent, views } = drift;
        let what = format!(
            "{measure} differs by {percent:.1} % from that of the version before over {views} views, at most {limit_percent:.1} % are allowed"
        );
        (percent.abs() > *limit_percent).then(|| breach("drift", *percent, *limit_percent, what))
    })
}

/// The export that uses too much per view, what it uses and what it may.
fn fuel<'a>(change: &Change, seen: &'a Watched) -> Option<(&'a str, u64, u64)> {
    seen.costs.iter().find_map(|(export, now)| {
        let before = change.baseline.get(export)?;
        if now.items < ITEMS || before.items < ITEMS {
            return None;
        }
        let per_view = |cost: &Cost| cost.fuel / cost.items;
        let (have, limit) = (per_view(now), per_view(before) * FUEL_PERMILLE / 1_000);
        (have > limit).then_some((export.as_str(), have, limit))
    })
}

/// Whether ticks as such take longer than before, and long enough to have a part in late ones: it is not
/// others who make them late.
fn is_slowed(seen: &Watched, budget_ms: f64) -> bool {
    let before = seen.tick_p50_before_ms;
    let has_part = seen.tick_p50_ms * 1_000.0 >= budget_ms * PART_PERMILLE as f64;
    before > 0.0 && seen.tick_p50_ms >= before * SLOWED_TIMES && has_part
}

fn share_permille(seen: &Watched, tick_ms: u32) -> u64 {
    let spent: u64 = seen.costs.values().map(|cost| cost.time_ns).sum();
    let had = seen.counted_ticks().saturating_mul(u64::from(tick_ms)).saturating_mul(1_000_000);
    spent.saturating_mul(1_000).checked_div(had).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::checked;
    use super::*;

    fn seen(ticks: u64, fuel: u64, share_permille: u64, tick_p99_ms: f64) -> Change {
        let mut change = checked("a");
        let before = Cost { items: 1_000, fuel: 1_000_000, time_ns: 0 };
        change.baseline.insert("combat.resolve".to_owned(), before);
        let time_ns = ticks * 50_000 * share_permille;
        let cost = Cost { items: 500, fuel: 500 * fuel, time_ns };
        let costs = [("combat.resolve".to_owned(), cost)].into();
        let seen = Watched { ticks, tick_p99_ms, costs, ..Watched::new(7) };
        change.watched.insert("greywood".to_owned(), seen);
        change
    }

    fn rule(change: &Change) -> Option<String> {
        broken(change, 50).map(|breach| breach.rule)
    }

    #[test]
    fn each_rule_has_its_limit() {
        assert_eq!(rule(&seen(100, 2_000, 250, 50.0)), None);
        let breach = broken(&seen(100, 2_001, 0, 1.0), 50).expect("fuel");
        assert_eq!((breach.rule.as_str(), breach.have, breach.limit), ("fuel", 2_001.0, 2_000.0));
        assert_eq!((breach.zone.as_str(), breach.after_ticks), ("greywood", 100));
        assert_eq!(rule(&seen(100, 1_000, 251, 1.0)).as_deref(), Some("share"));
        assert_eq!(rule(&seen(100, 1_000, 100, 50.1)).as_deref(), Some("tick-p99"));
    }

    #[test]
    fn a_script_may_take_the_share_that_its_manifest_asks_for() {
        let of = |share_percent, permille| {
            let change = Change { share_percent, ..seen(100, 1_000, permille, 1.0) };
            broken(&change, 50).map(|breach| (breach.rule, breach.limit))
        };
        let share = |limit| Some(("share".to_owned(), limit));
        assert_eq!([of(None, 250), of(Some(40), 400), of(Some(5), 50)], [None, None, None]);
        assert_eq!(
            [of(None, 251), of(Some(40), 401), of(Some(5), 51)],
            [share(250.0), share(400.0), share(50.0)]
        );
    }

    #[test]
    fn a_script_answers_for_its_own_part_only_and_not_for_a_handful_of_ticks() {
        assert_eq!(rule(&seen(100, 1_000, 99, 500.0)), None, "others made the ticks late");
        assert_eq!(rule(&seen(39, 1_000, 900, 500.0)), None);
        let mut few = seen(100, 9_000, 0, 1.0);
        few.baseline.values_mut().for_each(|before| before.items = 99);
        assert_eq!(rule(&few), None, "too few views before");
    }

    #[test]
    fn after_a_restart_times_are_those_of_the_ticks_they_were_counted_in() {
        let mut change = seen(100, 1_000, 251, 1.0);
        // A thousand ticks before it: had they counted, the share would be a tenth.
        change.watched.values_mut().for_each(|seen| (seen.ticks, seen.costs_since) = (1_100, 1_007));
        assert_eq!(rule(&change).as_deref(), Some("share"));
        change.watched.values_mut().for_each(|seen| seen.count_from(1_107));
        assert_eq!(rule(&change), None, "nothing is known yet");
        let seen = &change.watched["greywood"];
        assert_eq!((seen.ticks, seen.counted_ticks()), (1_100, 0));
    }

    #[test]
    fn content_answers_for_slower_ticks_and_not_for_what_all_scripts_take() {
        let of_content = |share, p50: f64, before: f64| {
            let mut change = seen(100, 1_000, share, 60.0);
            change.subject = Subject::Content;
            for seen in change.watched.values_mut() {
                (seen.tick_p50_ms, seen.tick_p50_before_ms) = (p50, before);
            }
            broken(&change, 50)
        };
        assert_eq!(of_content(900, 9.0, 5.0), None, "the scripts have always taken that");
        assert_eq!(of_content(0, 4.9, 1.0), None, "they are late for other reasons");
        assert_eq!(of_content(0, 10.0, 0.0), None, "nothing is known of before");
        let breach = of_content(0, 10.0, 5.0).expect("late");
        assert_eq!((breach.rule.as_str(), breach.have, breach.limit), ("tick-p99", 60.0, 50.0));
        assert!(breach.what.ends_with("half of them 10.0 ms or more, 5.0 ms before it"), "{}", breach.what);
    }

    #[test]
    fn outcomes_that_differ_too_much_are_a_breach() {
        let drift = |percent| {
            let mut change = seen(100, 1_000, 0, 1.0);
            let drift = Drift { measure: "damage".to_owned(), percent, limit_percent: 10.0, views: 100 };
            change.watched.values_mut().for_each(|seen| seen.drift = Some(drift.clone()));
            rule(&change)
        };
        assert_eq!((drift(10.0), drift(-10.5).as_deref()), (None, Some("drift")));
    }
}
