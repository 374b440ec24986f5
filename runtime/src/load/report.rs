//! What a run has to say in the end: one JSON object for programs, a table for people.
//!
//! Names of members are relied upon by outsiders: they are added to, never changed; when one has to change, [`SCHEMA`] does.

use super::Plan;
use super::measure::{Comeback, Game, Interval, Summary, Tally};
use super::server::{Process, Status, TickTimes, cpu_percent, worst_zone};
use super::stage::Played;
use super::timeline::{Point, Timeline, hundredths};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Version of the report's JSON.
pub const SCHEMA: u32 = 1;
/// Percent of the cores it was given above which the tool measures itself more than the server.
pub const VOID_PERCENT: f64 = 90.0;

/// The outcome of a run. Times and rates are of the time when all played, storms excepted; counts are of the whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the bots did.
    pub scenario: String,
    /// How their messages were written.
    pub encoding: String,
    /// Bots sent, without those of a storm.
    pub bots: usize,
    /// Bots of a login storm.
    pub storm_bots: usize,
    /// Threads they were dealt to.
    pub threads: usize,
    /// How long they played after the last one was sent, seconds.
    pub seconds: u64,
    /// Seed of their wills.
    pub seed: u64,
    /// Bots that joined.
    pub joined: u64,
    /// Whether the tool used so much of its cores that the figures say little about the server.
    pub void: bool,
    /// Breaches of the protocol by the server.
    pub protocol_errors: u64,
    /// Connections that ended before the bot wanted.
    pub disconnects: u64,
    /// Calls that never got their answer.
    pub lost_replies: u64,
    /// Calls that got one.
    pub replies: u64,
    /// Making all accounts and characters over HTTP took so long.
    pub register_s: f64,
    /// Walking to where they belong took so long after the last had joined.
    pub settle_s: f64,
    /// From opening the connection to the first snapshot.
    pub arrival_ms: Summary,
    /// From `world.join` to its answer.
    pub join_ms: Summary,
    /// From a movement to the frame that acknowledges it.
    pub move_ack_ms: Summary,
    /// From any call with an id to its answer.
    pub call_ms: Summary,
    /// From `combat.attack` to the swing, of bots that look at others.
    pub combat_event_ms: Summary,
    /// Between two frames.
    pub frame_interval_ms: Summary,
    /// Between two frames, less the ticks in which there was nothing to say.
    pub frame_gap_ms: Summary,
    /// From the server, WebSocket frames, TCP and IP not counted.
    pub bytes_per_client_s: f64,
    /// To the server, likewise.
    pub sent_bytes_per_client_s: f64,
    /// Deltas heard.
    pub frames_per_client_s: f64,
    /// Entities in sight of a bot, itself included.
    pub visible: Option<f64>,
    /// Where bots arrived.
    pub zones: BTreeMap<String, u64>,
    /// The server; members are null without its operator address.
    pub server: Server,
    /// This process.
    pub client: ClientUse,
    /// The storm, in a scenario that has one.
    pub storm: Option<StormReport>,
    /// What happened in the game.
    pub game: Game,
    /// Refused calls by method and stable code; the game says no now and then.
    pub refusals: BTreeMap<String, u64>,
    /// Why bots did not join.
    pub failures: BTreeMap<String, u64>,
    /// The first breaches of the protocol in words.
    pub faults: BTreeMap<String, u64>,
    /// Why connections ended.
    pub disconnect_reasons: BTreeMap<String, u64>,
    /// What to know before the figures are believed.
    pub notes: Vec<String>,
    /// The run second by second.
    pub timeline: Vec<Point>,
}

/// What the server says of itself.
#[derive(Debug, Default, Serialize)]
pub struct Server {
    /// Ticks of the zone with the slowest ones.
    pub tick_ms: Option<TickTimes>,
    /// Name of that zone.
    pub worst_zone: Option<String>,
    /// Percent of one core, while all bots played.
    pub cpu_percent: Option<f64>,
    /// Resident memory at the end of play.
    pub rss_mib: Option<f64>,
    /// Growth of the resident memory from before the first bot, shared by those that joined.
    pub kib_per_connection: Option<f64>,
}

/// What the load tool itself used: above [`VOID_PERCENT`] of its cores its figures say little about the server.
#[derive(Debug, Default, Serialize)]
pub struct ClientUse {
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
    /// How late its own clock was: the times above may be too long by that.
    pub lag_ms: Summary,
}

/// How clients that play fare.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Conduct {
    /// From a movement to the frame that acknowledges it.
    pub move_ack_ms: Summary,
    /// Between two frames.
    pub frame_interval_ms: Summary,
}

impl Conduct {
    pub(super) fn of(interval: &Interval) -> Self {
        Self {
            move_ack_ms: interval.move_ack.summary(),
            frame_interval_ms: interval.frame_interval.summary(),
        }
    }
}

/// Many who arrive at once, or come back.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StormReport {
    /// How many.
    pub clients: u64,
    /// How many of them got into the world.
    pub succeeded: u64,
    /// How many gave up.
    pub failed: u64,
    /// From its beginning until the last of all was in; null if not all were.
    pub all_s: Option<f64>,
    /// From the own beginning (of who came back: the beginning of the storm) to the snapshot.
    pub arrival_ms: Summary,
    /// Calls under way when the connections were dropped that were never answered.
    pub unanswered: u64,
    /// Durable changes nobody was told of: places of inventories that are not as they were told to be.
    pub untold: u64,
    /// How those fared who were there before, if their connections were dropped.
    #[serde(flatten)]
    pub comeback: Comeback,
    /// Those who played, before it.
    pub before: Conduct,
    /// Those who played, during it.
    pub during: Conduct,
}

impl StormReport {
    /// Takes over how those of the storm fared that began at `since`.
    pub(super) fn tell(&mut self, tally: &Tally, since: Instant) {
        self.succeeded = tally.storm.count();
        self.failed = tally.storm_failed;
        let last = tally.storm_last.filter(|_| self.succeeded >= self.clients);
        self.all_s = last.map(|last| hundredths(last.duration_since(since).as_secs_f64()));
        self.arrival_ms = tally.storm.summary();
    }

    /// The same with what was lost, which shows when the last bot has left.
    fn settled(self, tally: &Tally) -> Self {
        let Tally { unanswered, untold, comeback, .. } = *tally;
        Self { unanswered, untold, comeback, ..self }
    }

    /// Who got in and when, and how those fared who came back.
    pub(super) fn words(&self) -> Vec<String> {
        let last = self.all_s.map_or(String::new(), |seconds| format!(", the last after {seconds:.2} s"));
        let Self { succeeded, clients, failed, comeback, .. } = self;
        let mut words = vec![format!("{succeeded} of {clients} in{last}, {failed} gave up")];
        if comeback.resumed + comeback.joined_anew > 0 {
            words.push(comeback.to_string());
        }
        words
    }

    /// How often something happened that should not: who gave up, what was lost or doubled.
    pub fn amiss(&self) -> u64 {
        let Comeback { messages_lost, messages_doubled, commands_lost, commands_doubled, .. } = self.comeback;
        self.failed + messages_lost + messages_doubled + commands_lost + commands_doubled
    }
}

impl Report {
    /// Draws up the report.
    pub(super) fn new(
        plan: &Plan,
        (register, settle): (Duration, Duration),
        tally: &Tally,
        timeline: Timeline,
        idle: Option<&Status>,
        played: Played,
    ) -> Self {
        let steady = &timeline.steady;
        let interval = &steady.interval;
        let void = is_void(played.cpu_percent, plan.threads);
        Self {
            schema: SCHEMA,
            scenario: plan.scenario.name().to_owned(),
            encoding: plan.encoding.subprotocol().to_owned(),
            bots: plan.bots,
            storm_bots: plan.everybody() - plan.bots,
            threads: plan.threads,
            seconds: plan.seconds,
            seed: plan.seed,
            joined: tally.joined,
            void,
            protocol_errors: tally.protocol_errors,
            disconnects: tally.disconnects,
            lost_replies: tally.lost_replies,
            replies: tally.replies,
            register_s: hundredths(register.as_secs_f64()),
            settle_s: hundredths(settle.as_secs_f64()),
            arrival_ms: tally.arrival.summary(),
            join_ms: tally.join.summary(),
            move_ack_ms: interval.move_ack.summary(),
            call_ms: interval.call.summary(),
            combat_event_ms: interval.combat_event.summary(),
            frame_interval_ms: interval.frame_interval.summary(),
            frame_gap_ms: interval.frame_gap.summary(),
            bytes_per_client_s: steady.per_client_s(interval.bytes_in).round(),
            sent_bytes_per_client_s: steady.per_client_s(interval.bytes_out).round(),
            frames_per_client_s: hundredths(steady.per_client_s(interval.frames)),
            visible: interval.visible().map(hundredths),
            zones: tally.zones.as_map().clone(),
            server: server_use(idle, &played, tally.joined),
            client: ClientUse { cpu_percent: played.cpu_percent, lag_ms: interval.lag.summary() },
            storm: played.storm.map(|storm| storm.settled(tally)),
            game: tally.game.clone(),
            refusals: tally.refusals.as_map().clone(),
            failures: tally.failures.as_map().clone(),
            faults: tally.faults.as_map().clone(),
            disconnect_reasons: tally.disconnect_reasons.as_map().clone(),
            notes: notes(plan, tally, void),
            timeline: timeline.points,
        }
    }

    /// Whether every bot joined, stayed or came back with everything once, was answered, and the server kept to the
    /// protocol.
    pub fn passed(&self) -> bool {
        let amiss = self.storm.as_ref().map_or(0, StormReport::amiss);
        let broken = self.protocol_errors + self.disconnects + self.lost_replies + amiss;
        self.joined == (self.bots + self.storm_bots) as u64 && broken == 0
    }
}

fn is_void(cpu_percent: Option<f64>, threads: usize) -> bool {
    cpu_percent.is_some_and(|used| used > VOID_PERCENT * threads as f64)
}

fn server_use(idle: Option<&Status>, played: &Played, joined: u64) -> Server {
    let (Some(idle), Some((before, after))) = (idle, &played.server) else {
        return Server::default();
    };
    let worst = worst_zone(after);
    let memory = |process: Process| process.rss_bytes as f64 / 1_024.0;
    let grown = (memory(after.process) - memory(idle.process)).max(0.0);
    Server {
        tick_ms: worst.map(|zone| zone.tick_ms),
        worst_zone: worst.map(|zone| zone.name.clone()),
        cpu_percent: Some(cpu_percent(before.process, after.process, played.time)),
        rss_mib: Some(memory(after.process) / 1_024.0),
        kib_per_connection: (joined > 0).then(|| grown / joined as f64),
    }
}

fn notes(plan: &Plan, tally: &Tally, void: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if void {
        notes.push(format!(
            "void: the tool used more than {VOID_PERCENT} % of its {} thread(s); give it --threads {}, or another machine",
            plan.threads,
            plan.threads + 1
        ));
    }
    if !plan.scenario.looks_around() && tally.zones.as_map().len() > 1 {
        notes.push(
            "not all are in one zone: raise `population_cap` of the zone that characters start in".to_owned(),
        );
    }
    if tally.refusals.as_map().contains_key("world.join: zone_full") {
        notes.push("all zones were full for a time: raise their `population_cap`".to_owned());
    }
    notes
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.bots + self.storm_bots;
        writeln!(
            f,
            "{} of {sent} bots joined ({}, {}, {} s)",
            self.joined, self.scenario, self.encoding, self.seconds
        )?;
        writeln!(
            f,
            "protocol errors {}, disconnects {}, lost replies {} of {}",
            self.protocol_errors,
            self.disconnects,
            self.lost_replies,
            self.lost_replies + self.replies
        )?;
        self.write_times(f)?;
        writeln!(
            f,
            "\nper client and second: {:.0} bytes in, {:.0} bytes out, {:.1} frames",
            self.bytes_per_client_s, self.sent_bytes_per_client_s, self.frames_per_client_s
        )?;
        if let Some(visible) = self.visible {
            writeln!(f, "in sight of a client: {visible:.1} entities")?;
        }
        if let (Some(cpu), Some(rss)) = (self.server.cpu_percent, self.server.rss_mib) {
            writeln!(f, "server: {cpu:.0} % of a core, {rss:.0} MiB")?;
        }
        if let Some(kib) = self.server.kib_per_connection {
            writeln!(f, "server memory: {kib:.1} KiB per connection")?;
        }
        if let Some(cpu) = self.client.cpu_percent {
            writeln!(f, "load tool: {cpu:.0} % of a core, {} thread(s)", self.threads)?;
        }
        writeln!(f, "accounts made in {:.1} s", self.register_s)?;
        if let Some(storm) = &self.storm {
            write!(f, "\n{storm}")?;
        }
        writeln!(
            f,
            "game: {} swings ({} critical), {} turns of duels, {} deaths, {} crossings, {} conversations, {} durable updates",
            self.game.swings,
            self.game.criticals,
            self.game.duel_turns,
            self.game.deaths,
            self.game.crossings,
            self.game.dialogs,
            self.game.facts
        )?;
        self.write_lists(f)
    }
}

impl Report {
    /// The table of times.
    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<20} {:>9} {:>9} {:>9} {:>10}", "milliseconds", "p50", "p99", "max", "count")?;
        let rows = [
            ("arrival", &self.arrival_ms),
            ("join", &self.join_ms),
            ("move to ack", &self.move_ack_ms),
            ("call to answer", &self.call_ms),
            ("attack to event", &self.combat_event_ms),
            ("between frames", &self.frame_interval_ms),
            ("gap between frames", &self.frame_gap_ms),
            ("own clock late", &self.client.lag_ms),
        ];
        for (name, times) in rows.into_iter().filter(|(_, times)| times.count > 0) {
            row(f, name, times)?;
        }
        if let (Some(tick), Some(zone)) = (&self.server.tick_ms, &self.server.worst_zone) {
            writeln!(
                f,
                "{:<20} {:>9.2} {:>9.2} {:>9.2} {zone:>10}",
                "server tick", tick.p50, tick.p99, tick.max
            )?;
        }
        Ok(())
    }

    /// What went wrong, how often, and what has to be said of the run.
    fn write_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("did not join", &self.failures),
            ("protocol errors", &self.faults),
            ("disconnects", &self.disconnect_reasons),
            ("refused calls", &self.refusals),
        ];
        for (title, texts) in lists {
            for (text, count) in texts {
                writeln!(f, "{title}: {count} x {text}")?;
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Summary) -> fmt::Result {
    let Summary { p50, p99, max, count } = times;
    writeln!(f, "{name:<20} {p50:>9.1} {p99:>9.1} {max:>9.1} {count:>10}")
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words().iter().try_for_each(|words| writeln!(f, "storm: {words}"))?;
        row(f, "storm arrival", &self.arrival_ms)?;
        row(f, "move to ack, before", &self.before.move_ack_ms)?;
        row(f, "move to ack, during", &self.during.move_ack_ms)?;
        writeln!(f, "storm: {} calls unanswered, {} durable changes untold", self.unanswered, self.untold)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::load::mind::Scenario;
    use crate::load::timeline::Phase;

    /// A report of `seconds` in which every figure is there.
    pub fn example(seconds: u32) -> Report {
        let plan = Plan { scenario: Scenario::ReconnectStorm, bots: 2, ..Plan::default() };
        let mut tally = Tally { joined: 2, in_world: 2, ..Tally::default() };
        tally.storm.record(Duration::from_millis(500));
        (tally.untold, tally.comeback.resumed, tally.comeback.under_way) = (3, 1, 2);
        let mut timeline = Timeline::begin();
        timeline.steady.client_seconds = 2.0 * f64::from(seconds);
        timeline.steady.interval.frames = 40 * u64::from(seconds);
        timeline.steady.interval.move_ack.record(Duration::from_millis(30));
        for second in 0..seconds {
            timeline.sample(Phase::Playing, &[], 2, None);
            let point = timeline.points.last_mut().expect("a point");
            (point.at_s, point.frames_per_client_s, point.server_cpu_percent) =
                (f64::from(second), 20.0, Some(7.5));
        }
        timeline.steady.client_seconds = 2.0 * f64::from(seconds);
        let mut storm = StormReport { clients: 2, ..StormReport::default() };
        storm.tell(&tally, Instant::now());
        let time = Duration::from_secs(seconds.into());
        let played = Played { server: None, time, cpu_percent: Some(12.0), storm: Some(storm) };
        Report::new(&plan, (Duration::from_millis(1_234), Duration::ZERO), &tally, timeline, None, played)
    }

    #[test]
    fn a_report_is_one_object_with_a_version() {
        let report = example(10);
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!((&json["schema"], &json["scenario"]), (&SCHEMA.into(), &"reconnect-storm".into()));
        assert_eq!((&json["frames_per_client_s"], &json["register_s"]), (&20.0.into(), &1.23.into()));
        assert_eq!(json["timeline"][9]["phase"], "playing");
        assert_eq!(
            (&json["storm"]["succeeded"], &json["storm"]["all_s"]),
            (&1.into(), &serde_json::Value::Null)
        );
        assert_eq!((&json["storm"]["untold"], &json["storm"]["resumed"]), (&3.into(), &1.into()));
        let text = report.to_string();
        assert!(text.contains("storm: 1 of 2 in, 0 gave up"), "{text}");
        let comeback = "storm: 1 went on, 0 joined anew, 2 calls under way; lost 0 messages and 0 commands, doubled 0 and 0";
        assert!(text.contains(comeback), "{text}");
    }

    #[test]
    fn a_run_passes_when_everybody_joined_stayed_and_was_answered() {
        let passed = example(1);
        assert!(passed.passed());
        assert!(!Report { joined: 1, ..example(1) }.passed());
        assert!(!Report { lost_replies: 1, ..example(1) }.passed());
        let storm = Some(StormReport { failed: 1, ..StormReport::default() });
        assert!(!Report { storm, ..passed }.passed());
        let comeback = Comeback { commands_doubled: 1, ..Comeback::default() };
        let storm = Some(StormReport { comeback, ..StormReport::default() });
        assert!(!Report { storm, ..example(1) }.passed());
    }

    #[test]
    fn a_tool_without_time_to_spare_makes_the_run_void() {
        assert!(!is_void(None, 1));
        assert!(!is_void(Some(90.0), 1));
        assert!(is_void(Some(90.5), 1));
        assert!(!is_void(Some(170.0), 2));
        assert!(is_void(Some(181.0), 2));
    }
}
