//! `zone_aoi`, `zone_full`, `wire_bytes`: clients that walk about, on ground that grows with their number and in a room.

use super::Bench;
use super::client::{Crowd, Plan, Seen};
use super::ground::Ground;
use super::host::Host;
use super::raw::Sends;
use super::report::Reach;
use super::speech::Side;
use super::walker::{Role, in_sight};
use std::time::Duration;

/// The plot's and the growth's numbers of clients.
const SPREAD: [usize; 6] = [100, 200, 400, 800, 1_600, 2_400];
const ROOM: [usize; 6] = [50, 100, 200, 400, 800, 1_000];
/// The number the bytes are counted at.
const COUNTED: [usize; 1] = [400];
/// Few enough for any machine and build.
const FEW: usize = 12;
/// Clients that are on their way in at once where they do not all come together.
const AT_ONCE: usize = 64;
const TICKS_PER_SECOND: f64 = 20.0;
/// How much slower than that still counts as the full rate.
const RATE_OFF: f64 = 0.1;
/// The longest that 99 of 100 frames may wait for in a world that is not too full.
const GAP_MS: f64 = 75.0;
/// Where the search for the most clients begins, and beyond which it does not go.
const SEARCH: (usize, usize) = (400, 6_000);
/// How near the search comes: one part in so many.
const SEARCH_PARTS: usize = 16;

/// What one run found.
struct Trial {
    cpu_percent: f64,
    join: Duration,
    /// Those one client sees on average, itself included.
    in_sight: f64,
    seen: Seen,
    lost: usize,
}

impl Trial {
    fn bytes_per_client(&self, clients: usize) -> f64 {
        self.seen.bytes as f64 / clients as f64 / self.seen.seconds
    }

    fn ticks_per_second(&self, clients: usize) -> f64 {
        self.seen.ticks as f64 / clients as f64 / self.seen.seconds
    }

    /// Everybody was told of every tick, in time.
    fn is_full_rate(&self, clients: usize) -> bool {
        self.lost == 0
            && self.ticks_per_second(clients) >= TICKS_PER_SECOND - RATE_OFF
            && self.seen.gaps.p99 <= GAP_MS
    }
}

/// One side, one ground, so many clients, from the start of the server to its end.
async fn trial(
    bench: &Bench<'_>,
    side: Side,
    ground: Ground,
    clients: usize,
    (at_once, window): (usize, Duration),
) -> anyhow::Result<Trial> {
    let host = Host::start(bench, side, ground, Sends::Sight)?;
    let tickets = host.tickets(clients).await?;
    let seed = bench.options.seed;
    let plan = Plan { side, address: host.address, ground, role: Role::Wander, seed, at_once, stalled: 0 };
    let (crowd, join) = Crowd::enter(plan, tickets).await?;
    crowd.settle().await?;
    tokio::time::sleep(bench.warm_up()).await;
    let before = host.usage();
    let seen = crowd.measure(window).await;
    let cpu_percent = host.cpu_percent(before);
    let in_sight = in_sight(&crowd.places(), ground.radius_mm);
    Ok(Trial { cpu_percent, join, in_sight, seen, lost: crowd.lost().len() })
}

/// The same, but a peer that fails is left out of the rest of the run instead of ending it.
async fn tolerant(
    bench: &mut Bench<'_>,
    sides: &mut Vec<Side>,
    side: Side,
    ground: Ground,
    clients: usize,
    how: (usize, Duration),
) -> anyhow::Result<Option<Trial>> {
    match trial(bench, side, ground, clients, how).await {
        Ok(trial) => Ok(bench.counts(side, clients, trial.seen.load_percent).then_some(trial)),
        Err(why) if side == Side::Colyseus => {
            bench.sheet.note(format!("colyseus left out from {clients} clients on: {why:#}"));
            sides.retain(|side| *side != Side::Colyseus);
            Ok(None)
        }
        Err(why) => Err(why),
    }
}

/// By turns, every side on every ground; `note` writes down what a side showed.
async fn rounds(
    bench: &mut Bench<'_>,
    sizes: &[usize],
    ground: impl Fn(usize) -> Ground,
    at_once: impl Fn(usize) -> usize,
    note: impl Fn(&mut Bench<'_>, usize, &[(Side, Trial)]),
) -> anyhow::Result<Vec<Side>> {
    let mut sides = bench.sides();
    let window = bench.window(10);
    for repeat in 1..=bench.repeats() {
        for &clients in sizes {
            let mut trials = Vec::new();
            for side in sides.clone() {
                bench.say(&format!("repeat {repeat}: {} with {clients} clients", side.name()));
                let how = (at_once(clients), window);
                let found = tolerant(bench, &mut sides, side, ground(clients), clients, how).await?;
                trials.extend(found.map(|trial| (side, trial)));
            }
            note(bench, clients, &trials);
        }
    }
    Ok(sides)
}

/// A figure of every side.
fn each(
    bench: &mut Bench<'_>,
    trials: &[(Side, Trial)],
    what: &str,
    unit: &'static str,
    value: impl Fn(&Trial) -> f64,
) {
    for (side, trial) in trials {
        bench.sheet.add(what, side.name(), unit, value(trial));
    }
}

/// Our figure as a multiple of another side's.
fn ratio(
    bench: &mut Bench<'_>,
    trials: &[(Side, Trial)],
    what: &str,
    other: Side,
    reach: Option<Reach>,
    value: impl Fn(&Trial) -> f64,
) {
    let of = |side| trials.iter().find(|(of, _)| *of == side).map(|(_, trial)| value(trial));
    let (Some(ours), Some(theirs)) = (of(Side::Lore), of(other).filter(|theirs| *theirs > 0.0)) else {
        return;
    };
    let name = match other {
        Side::Colyseus => "lore/colyseus",
        Side::Raw | Side::Lore => "lore/raw",
    };
    bench.sheet.aim(what, name, "x", ours / theirs, reach);
}

/// A figure of ours with what it is to reach.
fn ours(
    bench: &mut Bench<'_>,
    trials: &[(Side, Trial)],
    what: &str,
    unit: &'static str,
    reach: Reach,
    value: impl Fn(&Trial) -> f64,
) {
    if let Some((side, trial)) = trials.iter().find(|(side, _)| *side == Side::Lore) {
        bench.sheet.aim(what, side.name(), unit, value(trial), reach);
    }
}

/// What both grounds tell of a number of clients.
fn note_cost(bench: &mut Bench<'_>, clients: usize, trials: &[(Side, Trial)]) {
    let cpu = format!("CPU, {clients} clients");
    each(bench, trials, &cpu, "%", |trial| trial.cpu_percent);
    ratio(bench, trials, &cpu, Side::Raw, Some(Reach::AtMost(1.3)), |trial| trial.cpu_percent);
    for (side, trial) in trials {
        bench.sheet.point(*side, clients, trial.cpu_percent);
    }
    let bytes = format!("bytes per client and second, {clients} clients");
    each(bench, trials, &bytes, "B/s", |trial| trial.bytes_per_client(clients));
    let frames = format!("ticks told per client and second, {clients} clients");
    for (side, trial) in trials {
        let reach = (*side == Side::Lore).then_some(Reach::Near(TICKS_PER_SECOND, RATE_OFF));
        bench.sheet.aim(&frames, side.name(), "/s", trial.ticks_per_second(clients), reach);
    }
    each(bench, trials, &format!("frames per client and second, {clients} clients"), "/s", |trial| {
        trial.seen.frames as f64 / clients as f64 / trial.seen.seconds
    });
    each(bench, trials, &format!("frame gap p99, {clients} clients"), "ms", |trial| trial.seen.gaps.p99);
    let timed: Vec<_> = trials.iter().filter(|(_, trial)| trial.seen.acks.count > 0).collect();
    for (side, trial) in timed {
        let reach = |most| (*side == Side::Lore).then_some(Reach::AtMost(most));
        let acks = &trial.seen.acks;
        let what = |part| format!("move to acknowledgement {part}, {clients} clients");
        bench.sheet.aim(what("p50"), side.name(), "ms", acks.p50, reach(30.0));
        bench.sheet.aim(what("p99"), side.name(), "ms", acks.p99, reach(55.0));
    }
    each(bench, trials, &format!("load's own CPU, {clients} clients"), "%", |trial| {
        trial.seen.load_percent.unwrap_or_default()
    });
    let lost = |trial: &Trial| trial.lost as f64;
    ours(bench, trials, &format!("connections lost, {clients} clients"), "", Reach::AtMost(0.0), lost);
    let corrected = |trial: &Trial| trial.seen.corrections as f64;
    ours(bench, trials, &format!("moves taken back, {clients} clients"), "", Reach::AtMost(0.0), corrected);
}

/// `zone_aoi`
pub async fn aoi(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let sizes = bench.sizes(&SPREAD, FEW);
    let note = |bench: &mut Bench<'_>, clients: usize, trials: &[(Side, Trial)]| {
        note_cost(bench, clients, trials);
        let cpu = format!("CPU, {clients} clients");
        let half = Some(Reach::AtMost(0.5));
        ratio(bench, trials, &cpu, Side::Colyseus, half, |trial| trial.cpu_percent);
        let visible = format!("in sight, {clients} clients");
        each(bench, trials, &visible, "", |trial| trial.in_sight);
    };
    let sides = rounds(bench, &sizes, Ground::spread, |_| AT_ONCE, note).await?;
    growth(bench);
    if bench.options.quick || !bench.options.clients.is_empty() {
        bench
            .sheet
            .note("the most clients at the full rate are looked for without --quick and --clients only");
        return Ok(());
    }
    let mut most = Vec::new();
    for side in sides {
        most.extend(capacity(bench, side).await?.map(|clients| (side, clients)));
    }
    for &(side, clients) in &most {
        let reach = (side == Side::Lore).then_some(Reach::AtLeast(1_500.0));
        bench.sheet.aim("most clients at the full rate", side.name(), "", clients as f64, reach);
    }
    let of = |side| most.iter().find(|(of, _)| *of == side).map(|(_, clients)| *clients as f64);
    if let (Some(ours), Some(theirs)) = (of(Side::Lore), of(Side::Colyseus).filter(|theirs| *theirs > 0.0)) {
        let what = "most clients at the full rate";
        bench.sheet.aim(what, "lore/colyseus", "x", ours / theirs, Reach::AtLeast(3.0));
    }
    Ok(())
}

/// Four times the clients at the same density are to cost little more than four times as much.
fn growth(bench: &mut Bench<'_>) {
    for side in [Side::Raw, Side::Lore, Side::Colyseus] {
        for (few, many) in bench.sheet.pairs(side, (400, 1_600)) {
            let reach = (side == Side::Lore).then_some(Reach::AtMost(4.6));
            if few > 0.0 {
                bench.sheet.aim("CPU(1600) / CPU(400)", side.name(), "x", many / few, reach);
            }
        }
    }
}

/// The search for the most clients: half as many more until they are too many, then between.
#[derive(Default)]
struct Search {
    /// The most that were not too many.
    good: usize,
    /// The fewest that were.
    bad: Option<usize>,
}

impl Search {
    /// How many to try; `None` when it is near enough, or at its end.
    fn next(&self) -> Option<usize> {
        let Some(bad) = self.bad else {
            return (!self.is_at_its_end()).then(|| (self.good * 3 / 2).clamp(SEARCH.0, SEARCH.1));
        };
        let is_near = bad < SEARCH.0 / 8 || (bad - self.good) * SEARCH_PARTS <= bad;
        (!is_near).then(|| self.good.midpoint(bad))
    }

    /// Whether there may be more than it looks for.
    fn is_at_its_end(&self) -> bool {
        self.good >= SEARCH.1
    }

    fn tried(&mut self, clients: usize, is_good: bool) {
        if is_good {
            self.good = clients;
        } else {
            self.bad = Some(clients);
        }
    }
}

/// The most clients a side keeps at the full rate; `None` if the load was at its end first from the start.
async fn capacity(bench: &mut Bench<'_>, side: Side) -> anyhow::Result<Option<usize>> {
    let mut search = Search::default();
    while let Some(next) = search.next() {
        let good = search.good;
        bench.say(&format!("the most of {}: {next} clients, {good} were not too many", side.name()));
        let how = (AT_ONCE, Duration::from_secs(5));
        let found = trial(bench, side, Ground::spread(next), next, how).await;
        let is_good = match &found {
            Ok(found) if found.is_full_rate(next) => true,
            Ok(found) if !bench.counts(side, next, found.seen.load_percent) => {
                bench
                    .sheet
                    .note(format!("{} may keep more than {good}: the load was at its end", side.name()));
                return Ok((good > 0).then_some(good));
            }
            Ok(_) => false,
            // Too many is too many, however it shows.
            Err(why) => {
                bench.sheet.note(format!("{} with {next} clients: {why:#}", side.name()));
                false
            }
        };
        search.tried(next, is_good);
    }
    let good = search.good;
    if search.is_at_its_end() {
        bench.sheet.note(format!("{} may keep more than {good}: the search was at its end", side.name()));
    }
    Ok(Some(good))
}

/// `zone_full`
pub async fn full(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let sizes = bench.sizes(&ROOM, FEW);
    let note = |bench: &mut Bench<'_>, clients: usize, trials: &[(Side, Trial)]| {
        note_cost(bench, clients, trials);
        let join = format!("until the last of {clients} is in");
        for (side, trial) in trials {
            let reach = (*side == Side::Lore && clients == 800).then_some(Reach::AtMost(1.0));
            bench.sheet.aim(&join, side.name(), "s", trial.join.as_secs_f64(), reach);
        }
    };
    rounds(bench, &sizes, |_| Ground::room(), |clients| clients, note).await.map(drop)
}

/// `wire_bytes`
pub async fn bytes(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let sizes = bench.sizes(&COUNTED, FEW);
    let spread = |bench: &mut Bench<'_>, clients: usize, trials: &[(Side, Trial)]| {
        note_bytes(bench, clients, trials, "with interest", (1_400.0, 0.35));
    };
    rounds(bench, &sizes, Ground::spread, |_| AT_ONCE, spread).await?;
    let room = |bench: &mut Bench<'_>, clients: usize, trials: &[(Side, Trial)]| {
        note_bytes(bench, clients, trials, "in a full room", (28_000.0, 0.25));
    };
    rounds(bench, &sizes, |_| Ground::room(), |_| AT_ONCE, room).await.map(drop)
}

fn note_bytes(
    bench: &mut Bench<'_>,
    clients: usize,
    trials: &[(Side, Trial)],
    which: &str,
    (most, share): (f64, f64),
) {
    let what = format!("bytes per client and second {which}, {clients} clients");
    for (side, trial) in trials {
        let reach = (*side == Side::Lore && clients == COUNTED[0]).then_some(Reach::AtMost(most));
        bench.sheet.aim(&what, side.name(), "B/s", trial.bytes_per_client(clients), reach);
    }
    let of = |trial: &Trial| trial.bytes_per_client(clients);
    ratio(bench, trials, &what, Side::Raw, None, of);
    ratio(bench, trials, &what, Side::Colyseus, Some(Reach::AtMost(share)), of);
    let entity = format!("bytes per moving entity in sight and tick {which}, {clients} clients");
    for (side, trial) in trials {
        let told = trial.bytes_per_client(clients) / TICKS_PER_SECOND / trial.in_sight;
        let reach = (*side == Side::Lore).then_some(Reach::AtMost(5.0));
        bench.sheet.aim(&entity, side.name(), "B", told, reach);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where so many are not too many, and what was tried.
    fn search(most: usize) -> (Search, Vec<usize>) {
        let (mut search, mut tried) = (Search::default(), Vec::new());
        while let Some(next) = search.next() {
            tried.push(next);
            search.tried(next, next <= most);
        }
        (search, tried)
    }

    #[test]
    fn the_search_comes_near_and_says_when_it_was_at_its_end() {
        for most in [50, 399, 400, 401, 3_000, 4_555, 5_200, 5_999] {
            let (search, tried) = search(most);
            assert!(search.good <= most && most - search.good <= most / 8, "{most}: {tried:?}");
            assert!(!search.is_at_its_end(), "{most}: {tried:?}");
        }
        for most in [6_000, 100_000] {
            let (search, tried) = search(most);
            assert_eq!((search.good, search.is_at_its_end()), (6_000, true), "{tried:?}");
            assert!(tried.len() < 20 && tried.iter().all(|clients| *clients <= 6_000), "{tried:?}");
        }
        assert_eq!(search(3).0.good, 0, "too few to look for");
    }
}
