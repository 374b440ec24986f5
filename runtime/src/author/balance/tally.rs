//! Adding fights up. Only sums and counts, so that neither threads nor their order show in the result.

use hdrhistogram::Histogram;
use serde::Serialize;
use sim::rules::HitKind;

/// How a fight ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Open,
    Won,
    Lost,
}

/// One fight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bout {
    pub(super) end: End,
    pub(super) ms: u64,
    /// Health the attackers had left, of all they have.
    pub(super) left_permille: u64,
    pub(super) attackers: Blows,
    pub(super) defenders: Blows,
}

/// What one side did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blows {
    /// Swings.
    pub swings: u64,
    /// Of them, missed.
    pub miss: u64,
    /// Of them, dodged.
    pub dodge: u64,
    /// Of them, blocked.
    pub block: u64,
    /// Of them, plain hits.
    pub hit: u64,
    /// Of them, critical hits.
    pub critical: u64,
    /// Health taken, statuses included.
    pub damage: i64,
}

impl Blows {
    pub(super) fn swing(&mut self, hit: HitKind, amount: i32) {
        self.swings += 1;
        self.damage += i64::from(amount.max(0));
        let count = match hit {
            HitKind::Miss => &mut self.miss,
            HitKind::Dodge => &mut self.dodge,
            HitKind::Block => &mut self.block,
            HitKind::Hit => &mut self.hit,
            HitKind::Critical => &mut self.critical,
        };
        *count += 1;
    }

    fn add(&mut self, other: &Self) {
        self.swings += other.swings;
        self.miss += other.miss;
        self.dodge += other.dodge;
        self.block += other.block;
        self.hit += other.hit;
        self.critical += other.critical;
        self.damage += other.damage;
    }
}

/// All fights so far.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Fights.
    pub fights: u64,
    /// Won by the attackers.
    pub won: u64,
    /// Lost by them.
    pub lost: u64,
    /// How long won fights took, milliseconds.
    pub kill_ms: Histogram<u64>,
    /// How long lost fights took, milliseconds.
    pub death_ms: Histogram<u64>,
    /// Health the attackers lost in a fight.
    pub taken: Histogram<u64>,
    /// Health the attackers had left after a won fight, permille.
    pub left_permille: Histogram<u64>,
    /// What the attackers did.
    pub attackers: Blows,
    /// What the defenders did.
    pub defenders: Blows,
    /// Failures of scripts, in which the fallback decided.
    pub failures: u64,
    /// Of them, calls that the clock ended: those need not happen again.
    pub deadlines: u64,
    /// The first failure.
    pub first_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        // Three digits of anything an hour of fighting can count.
        let histogram = || Histogram::new_with_bounds(1, 1 << 32, 3).expect("the bounds are in order");
        Self {
            fights: 0,
            won: 0,
            lost: 0,
            kill_ms: histogram(),
            death_ms: histogram(),
            taken: histogram(),
            left_permille: histogram(),
            attackers: Blows::default(),
            defenders: Blows::default(),
            failures: 0,
            deadlines: 0,
            first_failure: None,
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, bout: &Bout) {
        self.fights += 1;
        match bout.end {
            End::Open => {}
            End::Won => {
                self.won += 1;
                self.kill_ms.saturating_record(bout.ms);
                self.left_permille.saturating_record(bout.left_permille);
            }
            End::Lost => {
                self.lost += 1;
                self.death_ms.saturating_record(bout.ms);
            }
        }
        self.taken.saturating_record(bout.defenders.damage.max(0) as u64);
        self.attackers.add(&bout.attackers);
        self.defenders.add(&bout.defenders);
    }

    /// Adds what another thread counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.fights += other.fights;
        self.won += other.won;
        self.lost += other.lost;
        let both = [
            (&mut self.kill_ms, &other.kill_ms),
            (&mut self.death_ms, &other.death_ms),
            (&mut self.taken, &other.taken),
            (&mut self.left_permille, &other.left_permille),
        ];
        for (mine, theirs) in both {
            mine.add(theirs).expect("all histograms have the same bounds");
        }
        self.attackers.add(&other.attackers);
        self.defenders.add(&other.defenders);
        self.failures += other.failures;
        self.deadlines += other.deadlines;
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&other.first_failure);
        }
    }

    /// Share of fights won, with the bounds between which it lies in 95 of 100 such runs (Wilson).
    pub fn won_share(&self) -> (f64, f64, f64) {
        let (n, won) = (self.fights.max(1) as f64, self.won as f64);
        let (p, z2) = (won / n, 1.96_f64 * 1.96);
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = 1.96 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        (p, (centre - half).max(0.0), (centre + half).min(1.0))
    }
}
