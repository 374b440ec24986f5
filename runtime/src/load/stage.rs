//! The course of a run: bots are sent, settle, play, and are called back; about once a second somebody looks.

use super::Plan;
use super::bot::{self, Number, Run};
use super::measure::Tally;
use super::mind::Scenario;
use super::report::{Conduct, StormReport};
use super::server::{Operator, OwnCpu, Status, StatusError};
use super::timeline::{Phase, Timeline};
use super::worker::Thread;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Bots that may be on their way into the world at once, but for storms.
const ENTERING_AT_ONCE: usize = 64;
/// How often is looked whether bots are due, or all are there.
const STEP: Duration = Duration::from_millis(5);
/// How often the threads are asked, and progress is told.
const LOOK: Duration = Duration::from_secs(1);
/// How long it is waited for bots to walk to where they belong.
const SETTLE_PATIENCE: Duration = Duration::from_secs(180);
/// How long a storm is looked at, at least: what it does to those who play shows a little later.
const STORM_LASTS: Duration = Duration::from_secs(3);
/// How long it is waited for the last of a storm.
const STORM_PATIENCE: Duration = Duration::from_secs(60);

/// What was found out while all played.
pub(super) struct Played {
    /// The server before and after.
    pub server: Option<(Status, Status)>,
    /// How long that was.
    pub time: Duration,
    /// What this process used of a core, percent.
    pub cpu_percent: Option<f64>,
    /// Of a scenario that has one.
    pub storm: Option<StormReport>,
}

/// A run under way.
pub(super) struct Stage<'a, P> {
    plan: &'a Plan,
    run: Arc<Run>,
    threads: Vec<Thread>,
    bots: JoinSet<()>,
    sent: usize,
    operator: Option<&'a Operator>,
    progress: P,
    began: Instant,
    looked: Instant,
    /// What was measured so far.
    pub timeline: Timeline,
}

impl<'a, P: FnMut(&str)> Stage<'a, P> {
    /// A stage without bots.
    pub fn new(
        plan: &'a Plan,
        run: Arc<Run>,
        threads: Vec<Thread>,
        operator: Option<&'a Operator>,
        progress: P,
    ) -> Self {
        let now = Instant::now();
        Self {
            plan,
            run,
            threads,
            bots: JoinSet::new(),
            sent: 0,
            operator,
            progress,
            began: now,
            looked: now,
            timeline: Timeline::begin(),
        }
    }

    /// Sends the bots at the planned rate and waits until each has joined or given up.
    pub async fn enter(&mut self) {
        let began = Instant::now();
        let mut step = tokio::time::interval(STEP);
        loop {
            step.tick().await;
            let entered = self.tell(|tally| tally.joined + tally.failed) as usize;
            let due = due(began.elapsed(), self.plan.ramp as usize).min(self.plan.bots);
            while self.sent < due && self.sent < entered + ENTERING_AT_ONCE {
                self.send(false);
            }
            self.look(Phase::Joining).await;
            if entered >= self.plan.bots || self.bots.is_empty() {
                return;
            }
        }
    }

    /// Waits until all that walk to a place of their own are there.
    pub async fn settle(&mut self) {
        let began = Instant::now();
        while !self.plan.scenario.looks_around() && began.elapsed() < SETTLE_PATIENCE {
            if self.tell(|tally| tally.in_place) >= self.tell(|tally| tally.in_world) {
                return;
            }
            tokio::time::sleep(STEP).await;
            self.look(Phase::Settling).await;
        }
    }

    /// Lets them play for the planned time, with a storm in the middle if there is to be one.
    ///
    /// # Errors
    /// [`StatusError`] when the server's own figures cannot be had.
    pub async fn play(&mut self) -> Result<Played, StatusError> {
        let before = self.status().await?;
        self.sample(Phase::Settling, before.as_ref());
        let (began, own_cpu) = (Instant::now(), OwnCpu::start());
        let time = Duration::from_secs(self.plan.seconds);
        let calm = if self.plan.has_storm() { time / 2 } else { time };
        while began.elapsed() < calm {
            tokio::time::sleep(STEP).await;
            self.look(Phase::Playing).await;
        }
        let storm = if self.plan.has_storm() { Some(self.storm().await) } else { None };
        while began.elapsed() < time {
            tokio::time::sleep(STEP).await;
            self.look(Phase::Playing).await;
        }
        let cpu_percent = own_cpu.percent();
        let after = self.status().await?;
        self.sample(Phase::Playing, after.as_ref());
        Ok(Played { server: before.zip(after), time: began.elapsed(), cpu_percent, storm })
    }

    async fn storm(&mut self) -> StormReport {
        let status = self.status().await.ok().flatten();
        self.sample(Phase::Playing, status.as_ref());
        let before = Conduct::of(&self.timeline.steady.interval);
        let since = Instant::now();
        let clients = match self.plan.scenario {
            Scenario::ReconnectStorm => {
                let clients = self.tell(|tally| tally.in_world);
                self.run.cut_at.get_or_init(Instant::now);
                self.run.cut.cancel();
                clients
            }
            _ => {
                self.rush().await;
                self.plan.storm as u64
            }
        };
        let settled = |stage: &Self| stage.tell(|tally| tally.storm.count() + tally.storm_failed) >= clients;
        while since.elapsed() < STORM_LASTS || (since.elapsed() < STORM_PATIENCE && !settled(self)) {
            tokio::time::sleep(STEP).await;
            self.look(Phase::Storm).await;
        }
        let status = self.status().await.ok().flatten();
        self.sample(Phase::Storm, status.as_ref());
        let during = Conduct::of(&self.timeline.storm.interval);
        let mut report = StormReport { clients, before, during, ..StormReport::default() };
        self.run.count(|tally| report.tell(tally, since));
        report
    }

    /// Sends the bots of a login storm, all within a second.
    async fn rush(&mut self) {
        let (began, first) = (Instant::now(), self.sent);
        let mut step = tokio::time::interval(STEP);
        while self.sent < first + self.plan.storm {
            step.tick().await;
            let due = due(began.elapsed(), self.plan.storm).min(self.plan.storm);
            while self.sent < first + due {
                self.send(true);
            }
        }
    }

    /// Calls the bots back and waits for them.
    pub async fn end(&mut self) {
        self.run.stop.cancel();
        while let Some(ended) = self.bots.join_next().await {
            self.note(ended);
        }
    }

    fn send(&mut self, storms: bool) {
        let (index, threads) = (self.sent, self.threads.len());
        self.sent += 1;
        let thread = &self.threads[index % threads];
        let number = Number { index, on_thread: index / threads, storms };
        let life = bot::live(Arc::clone(&self.run), Arc::clone(&thread.worker), number);
        self.bots.spawn_on(life, &thread.runtime);
    }

    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(died) = ended {
            self.run.count(|tally| tally.failures.count(&format!("a bot died: {died}")));
        }
    }

    /// Looks, if it is time to.
    async fn look(&mut self, phase: Phase) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        while let Some(ended) = self.bots.try_join_next() {
            self.note(ended);
        }
        // A server that is too busy to answer now leaves a gap in the picture.
        let status = self.status().await.ok().flatten();
        self.sample(phase, status.as_ref());
        let mut line = String::new();
        let seconds = self.began.elapsed().as_secs();
        self.run.count(|tally| line = progress(phase, seconds, tally));
        (self.progress)(&line);
    }

    fn sample(&mut self, phase: Phase, status: Option<&Status>) {
        self.looked = Instant::now();
        let in_world = self.tell(|tally| tally.in_world);
        self.timeline.sample(phase, &self.threads, in_world, status);
    }

    async fn status(&self) -> Result<Option<Status>, StatusError> {
        match self.operator {
            Some(operator) => operator.status().await.map(Some),
            None => Ok(None),
        }
    }

    fn tell(&self, of: impl FnOnce(&Tally) -> u64) -> u64 {
        let mut told = 0;
        self.run.count(|tally| told = of(tally));
        told
    }
}

/// Bots that have to be sent by now, at so many a second.
fn due(elapsed: Duration, per_second: usize) -> usize {
    (elapsed.as_secs_f64() * per_second as f64) as usize + 1
}

fn progress(phase: Phase, seconds: u64, tally: &Tally) -> String {
    format!(
        "{:<8} {seconds:>4} s: {} in the world, {} in place, {} gave up, {} protocol errors, {} disconnects, {} answers, \
         {} swings",
        format!("{phase:?}").to_lowercase(),
        tally.in_world,
        tally.in_place,
        tally.failed,
        tally.protocol_errors,
        tally.disconnects,
        tally.replies,
        tally.game.swings
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_are_due_evenly_and_a_storm_within_a_second() {
        let at = |ms, rate| due(Duration::from_millis(ms), rate);
        assert_eq!([at(0, 50), at(999, 50), at(1_000, 50), at(2_500, 50)], [1, 50, 51, 126]);
        assert_eq!(at(1_000, 800).min(800), 800);
    }
}
