//! What a run has to say in the end: one JSON object for programs, a table for people.
//!
//! Names of members are relied upon by outsiders: they are added to, never changed.

use super::measure::{Summary, Tally};
use super::mind::Scenario;
use super::server::TickTimes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the bots did.
    pub scenario: String,
    /// Bots sent.
    pub bots: usize,
    /// How long they played after the last one was sent, seconds.
    pub seconds: u64,
    /// Seed of their wills.
    pub seed: u64,
    /// Bots that joined.
    pub joined: u64,
    /// Breaches of the protocol by the server.
    pub protocol_errors: u64,
    /// Connections that ended before the bot wanted.
    pub disconnects: u64,
    /// Calls that never got their answer.
    pub lost_replies: u64,
    /// Calls that got one.
    pub replies: u64,
    /// From `world.join` to its answer.
    pub join_ms: Summary,
    /// From a movement to the frame that acknowledges it.
    pub move_ack_ms: Summary,
    /// From `combat.attack` to the swing.
    pub combat_event_ms: Summary,
    /// Between two frames, less the ticks in which there was nothing to say.
    pub frame_gap_ms: Summary,
    /// From the server, WebSocket frames, TCP and IP not counted.
    pub bytes_per_client_s: f64,
    /// To the server, likewise.
    pub sent_bytes_per_client_s: f64,
    /// Deltas heard.
    pub frames_per_client_s: f64,
    /// The server; members are null without its operator address.
    pub server: Server,
    /// This process.
    pub client: ClientUse,
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

/// What the load tool itself used: above 90 % of a core its figures say little about the server.
#[derive(Debug, Default, Serialize)]
pub struct ClientUse {
    /// Percent of one core.
    pub cpu_percent: Option<f64>,
}

/// What happened in the game.
#[derive(Debug, Serialize)]
pub struct Game {
    /// Swings of bots.
    pub swings: u64,
    /// Of these, criticals.
    pub criticals: u64,
    /// Attacks whose swing never came.
    pub silent_attacks: u64,
    /// Deaths of bots.
    pub deaths: u64,
    /// Corrected movements.
    pub corrections: u64,
    /// Zones crossed into.
    pub crossings: u64,
    /// What NPCs said in conversations.
    pub dialogs: u64,
    /// Durable updates told: experience, items, quests.
    pub facts: u64,
}

impl Report {
    /// Draws up the report.
    pub(super) fn new(
        (scenario, bots, seconds, seed): (Scenario, usize, u64, u64),
        tally: &Tally,
        server: Server,
        client: ClientUse,
    ) -> Self {
        let per_client_s = |count: u64| count as f64 / tally.played.as_secs_f64().max(0.001);
        Self {
            scenario: format!("{scenario:?}").to_lowercase(),
            bots,
            seconds,
            seed,
            joined: tally.joined,
            protocol_errors: tally.protocol_errors,
            disconnects: tally.disconnects,
            lost_replies: tally.lost_replies,
            replies: tally.replies,
            join_ms: tally.join.summary(),
            move_ack_ms: tally.move_ack.summary(),
            combat_event_ms: tally.combat_event.summary(),
            frame_gap_ms: tally.frame_gap.summary(),
            bytes_per_client_s: per_client_s(tally.bytes_in).round(),
            sent_bytes_per_client_s: per_client_s(tally.bytes_out).round(),
            frames_per_client_s: (per_client_s(tally.frames) * 100.0).round() / 100.0,
            server,
            client,
            game: Game {
                swings: tally.swings,
                criticals: tally.criticals,
                silent_attacks: tally.silent_attacks,
                deaths: tally.deaths,
                corrections: tally.corrections,
                crossings: tally.crossings,
                dialogs: tally.dialogs,
                facts: tally.facts,
            },
            refusals: tally.refusals.as_map().clone(),
            failures: tally.failures.as_map().clone(),
            faults: tally.faults.as_map().clone(),
            disconnect_reasons: tally.disconnect_reasons.as_map().clone(),
        }
    }

    /// Whether every bot joined, stayed, was answered, and the server kept to the protocol.
    pub fn passed(&self) -> bool {
        let broken = self.protocol_errors + self.disconnects + self.lost_replies;
        self.joined == self.bots as u64 && broken == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} bots joined ({}, {} s)", self.joined, self.bots, self.scenario, self.seconds)?;
        writeln!(
            f,
            "protocol errors {}, disconnects {}, lost replies {} of {}",
            self.protocol_errors,
            self.disconnects,
            self.lost_replies,
            self.lost_replies + self.replies
        )?;
        writeln!(f, "\n{:<20} {:>9} {:>9} {:>9} {:>10}", "milliseconds", "p50", "p99", "max", "count")?;
        let rows = [
            ("join", &self.join_ms),
            ("move to ack", &self.move_ack_ms),
            ("attack to event", &self.combat_event_ms),
            ("gap between frames", &self.frame_gap_ms),
        ];
        for (name, times) in rows {
            writeln!(
                f,
                "{name:<20} {:>9.1} {:>9.1} {:>9.1} {:>10}",
                times.p50, times.p99, times.max, times.count
            )?;
        }
        if let (Some(tick), Some(zone)) = (&self.server.tick_ms, &self.server.worst_zone) {
            writeln!(
                f,
                "{:<20} {:>9.2} {:>9.2} {:>9.2} {zone:>10}",
                "server tick", tick.p50, tick.p99, tick.max
            )?;
        }
        writeln!(
            f,
            "\nper client and second: {:.0} bytes in, {:.0} bytes out, {:.1} frames",
            self.bytes_per_client_s, self.sent_bytes_per_client_s, self.frames_per_client_s
        )?;
        if let (Some(cpu), Some(rss)) = (self.server.cpu_percent, self.server.rss_mib) {
            writeln!(f, "server: {cpu:.0} % of a core, {rss:.0} MiB")?;
        }
        if let Some(kib) = self.server.kib_per_connection {
            writeln!(f, "server memory: {kib:.1} KiB per connection")?;
        }
        if let Some(cpu) = self.client.cpu_percent {
            writeln!(f, "load tool: {cpu:.0} % of a core")?;
        }
        writeln!(
            f,
            "game: {} swings ({} critical), {} deaths, {} crossings, {} conversations, {} durable updates",
            self.game.swings,
            self.game.criticals,
            self.game.deaths,
            self.game.crossings,
            self.game.dialogs,
            self.game.facts
        )?;
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
        Ok(())
    }
}
