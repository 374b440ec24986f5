//! A run second by second: what the threads have counted is collected, added to the phase it belongs to, and kept as a
//! point of the picture.

use super::measure::{Interval, Percentiles};
use super::server::{OwnCpu, Process, Status, cpu_percent, worst_zone};
use super::worker::Thread;
use serde::Serialize;
use std::time::Instant;

/// Points kept: an hour. Later ones still count, they are only not drawn.
const POINTS: usize = 3_600;

/// What a run is about at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Bots are sent.
    Joining,
    /// They walk to where they belong.
    Settling,
    /// All play: what is measured.
    Playing,
    /// The storm of a scenario that has one.
    Storm,
}

/// What was measured since the point before.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Since the first bot was sent, seconds.
    pub at_s: f64,
    /// What the run was about.
    pub phase: Phase,
    /// Bots in the world.
    pub in_world: u64,
    /// Deltas heard.
    pub frames_per_client_s: f64,
    /// From the server.
    pub bytes_per_client_s: f64,
    /// To the server.
    pub sent_bytes_per_client_s: f64,
    /// From a movement to its acknowledgement.
    pub move_ack_ms: Option<Percentiles>,
    /// Between two frames.
    pub frame_interval_ms: Option<Percentiles>,
    /// Ticks of the zone with the slowest ones, over the last minute.
    pub tick_ms: Option<Percentiles>,
    /// Of the server, percent of one core.
    pub server_cpu_percent: Option<f64>,
    /// Of this process.
    pub client_cpu_percent: Option<f64>,
}

/// All that was counted in one phase.
#[derive(Default)]
pub(super) struct Sum {
    /// What.
    pub interval: Interval,
    /// Seconds in the world, summed over bots.
    pub client_seconds: f64,
}

impl Sum {
    /// A count by client and second.
    pub fn per_client_s(&self, count: u64) -> f64 {
        rate(count, self.client_seconds)
    }
}

fn rate(count: u64, client_seconds: f64) -> f64 {
    if client_seconds > 0.0 { count as f64 / client_seconds } else { 0.0 }
}

/// The run so far.
pub(super) struct Timeline {
    began: Instant,
    last: Instant,
    in_world: u64,
    own_cpu: OwnCpu,
    server: Option<Process>,
    /// Of one thread, then of all, since the last sample; kept so that nothing is allocated in a run.
    spare: Interval,
    second: Interval,
    /// While all played.
    pub steady: Sum,
    /// During the storm.
    pub storm: Sum,
    /// To be drawn.
    pub points: Vec<Point>,
}

impl Timeline {
    /// Begins now, with nobody in the world.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
            in_world: 0,
            own_cpu: OwnCpu::start(),
            server: None,
            spare: Interval::default(),
            second: Interval::default(),
            steady: Sum::default(),
            storm: Sum::default(),
            points: Vec::new(),
        }
    }

    /// Collects what the threads have counted since the last time.
    pub fn sample(&mut self, phase: Phase, threads: &[Thread], in_world: u64, status: Option<&Status>) {
        self.second.clear();
        for thread in threads {
            self.spare.clear();
            thread.worker.count(|interval| std::mem::swap(interval, &mut self.spare));
            self.second.add(&self.spare);
        }
        let now = Instant::now();
        let elapsed = now - std::mem::replace(&mut self.last, now);
        // Bots came or went evenly meanwhile.
        let mean = (self.in_world + in_world) as f64 / 2.0;
        self.in_world = in_world;
        let client_seconds = mean * elapsed.as_secs_f64();
        let server = status.map(|status| status.process);
        let server_cpu = self.server.zip(server).map(|(before, after)| cpu_percent(before, after, elapsed));
        self.server = server;
        let client_cpu = std::mem::replace(&mut self.own_cpu, OwnCpu::start()).percent();
        let sum = match phase {
            Phase::Joining | Phase::Settling => None,
            Phase::Playing => Some(&mut self.steady),
            Phase::Storm => Some(&mut self.storm),
        };
        if let Some(sum) = sum {
            sum.interval.add(&self.second);
            sum.client_seconds += client_seconds;
        }
        if self.points.len() == POINTS {
            return;
        }
        let tick = status.and_then(worst_zone).map(|zone| zone.tick_ms);
        self.points.push(Point {
            at_s: hundredths((now - self.began).as_secs_f64()),
            phase,
            in_world,
            frames_per_client_s: hundredths(rate(self.second.frames, client_seconds)),
            bytes_per_client_s: rate(self.second.bytes_in, client_seconds).round(),
            sent_bytes_per_client_s: rate(self.second.bytes_out, client_seconds).round(),
            move_ack_ms: self.second.move_ack.percentiles(),
            frame_interval_ms: self.second.frame_interval.percentiles(),
            tick_ms: tick.map(|tick| Percentiles { p50: tick.p50, p99: tick.p99 }),
            server_cpu_percent: server_cpu.map(hundredths),
            client_cpu_percent: client_cpu.map(hundredths),
        });
    }
}

/// Rounded for people.
pub(super) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_comes_before_all_play_is_drawn_but_not_measured() {
        let threads = [Thread::start(0).expect("a thread"), Thread::start(1).expect("a thread")];
        let mut timeline = Timeline::begin();
        let count = |frames| {
            for thread in &threads {
                thread.worker.count(|interval| {
                    interval.frames += frames;
                    interval.move_ack.record(Duration::from_millis(30));
                });
            }
        };
        count(5);
        timeline.sample(Phase::Joining, &threads, 10, None);
        count(7);
        timeline.sample(Phase::Playing, &threads, 10, None);
        count(1);
        timeline.sample(Phase::Storm, &threads, 10, None);
        let frames = [timeline.steady.interval.frames, timeline.storm.interval.frames];
        assert_eq!((timeline.points.len(), frames), (3, [14, 2]));
        assert_eq!(timeline.steady.interval.move_ack.count(), 2);
        assert!(timeline.steady.client_seconds > 0.0);
        let phases: Vec<Phase> = timeline.points.iter().map(|point| point.phase).collect();
        assert_eq!(phases, [Phase::Joining, Phase::Playing, Phase::Storm]);
    }

    #[test]
    fn rates_are_by_client_and_second() {
        let sum = Sum { client_seconds: 40.0, ..Sum::default() };
        assert!((sum.per_client_s(800) - 20.0).abs() < 1e-9);
        assert!(Sum::default().per_client_s(5).abs() < 1e-9);
    }
}
