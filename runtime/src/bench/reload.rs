//! `reload_pause`: a module is swapped again and again while clients walk. Each time it is the same code under another
//! digest: what is measured is the swap. It is pushed without a proof, which would be measured too.

use super::Bench;
use super::client::{Crowd, Plan};
use super::ground::Ground;
use super::host::Host;
use super::raw::Sends;
use super::report::Reach;
use super::speech::Side;
use super::walker::Role;
use crate::reload;
use anyhow::Context as _;
use std::time::Duration;

const SIZES: [usize; 1] = [400];
const FEW: usize = 12;
const AT_ONCE: usize = 64;
const SWAPS: u32 = 10;
const FEW_SWAPS: u32 = 2;
/// The script that is swapped.
const SCRIPT: &str = "combat.wasm";

/// A window without swaps, and one with them.
pub async fn run(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let window = bench.window(20);
    let path = bench.options.pack.join(SCRIPT);
    let component = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    for repeat in 1..=bench.repeats() {
        for clients in bench.sizes(&SIZES, FEW) {
            bench.say(&format!("repeat {repeat}: {clients} clients"));
            measure(bench, &component, clients, window).await?;
        }
    }
    Ok(())
}

async fn measure(
    bench: &mut Bench<'_>,
    component: &[u8],
    clients: usize,
    window: Duration,
) -> anyhow::Result<()> {
    let (side, ground, seed) = (Side::Lore, Ground::spread(clients), bench.options.seed);
    let host = Host::start(bench, side, ground, Sends::Sight)?;
    let tickets = host.tickets(clients).await?;
    let (role, at_once) = (Role::Wander, AT_ONCE);
    let plan = Plan { side, address: host.address, ground, role, seed, at_once, stalled: 0 };
    let (crowd, _) = Crowd::enter(plan, tickets).await?;
    crowd.settle().await?;
    tokio::time::sleep(bench.warm_up()).await;

    let control = crowd.measure(window).await;
    let swaps = if bench.options.quick { FEW_SWAPS } else { SWAPS };
    let before = Swaps::read(&host.metrics().await?);
    let operator = host.operator()?;
    let watch = crowd.begin();
    for swap in 0..swaps {
        let plan = reload::Plan { skip_proof: true, ..reload::Plan::default() };
        let pushed = operator.push_module_as(other_digest(component, swap), &plan, "lore bench").await;
        pushed.with_context(|| format!("swap {swap}"))?;
        tokio::time::sleep(window / swaps).await;
    }
    let seen = crowd.end(&watch);
    let swapped = Swaps::read(&host.metrics().await?).since(&before);
    let unacknowledged = crowd.finish().await;
    let lost = crowd.lost().len();

    let counts = bench.counts(side, clients, seen.load_percent);
    if !(counts && bench.counts(side, clients, control.load_percent)) {
        return Ok(());
    }
    let sheet = &mut bench.sheet;
    let what = |what: &str| format!("{what}, {clients} clients");
    let added = seen.gaps.max - control.gaps.max;
    sheet.add(what("worst frame gap without swaps"), "lore", "ms", control.gaps.max);
    sheet.add(what("worst frame gap with swaps"), "lore", "ms", seen.gaps.max);
    sheet.aim(what("worst frame gap added"), "lore", "ms", added, Reach::AtMost(15.0));
    sheet.aim(what("swap on the zone's thread, mean"), "lore", "ms", swapped.mean_ms(), Reach::AtMost(2.0));
    if let Some(most) = swapped.most_ms() {
        sheet.add(what("swap on the zone's thread, no longer than"), "lore", "ms", most);
    }
    sheet.aim(what("swaps"), "lore", "", swapped.count, Reach::AtLeast(f64::from(swaps)));
    sheet.aim(what("connections dropped"), "lore", "", lost as f64, Reach::AtMost(0.0));
    sheet.aim(what("moves never acknowledged"), "lore", "", unacknowledged as f64, Reach::AtMost(0.0));
    Ok(())
}

/// The component with a section behind it that nobody reads.
fn other_digest(component: &[u8], number: u32) -> Vec<u8> {
    const NAME: &[u8] = b"lore:bench";
    let mut bytes = component.to_vec();
    bytes.extend([0, 1 + NAME.len() as u8 + 4, NAME.len() as u8]);
    bytes.extend_from_slice(NAME);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes
}

/// The server's own histogram of swaps in the zone.
#[derive(Clone, Debug, Default, PartialEq)]
struct Swaps {
    count: f64,
    seconds: f64,
    /// Upper bound in seconds, and how many took no longer.
    within: Vec<(f64, f64)>,
}

impl Swaps {
    fn read(metrics: &str) -> Self {
        let mut swaps = Self::default();
        for line in metrics.lines().filter(|line| line.contains("zone=\"bench\"")) {
            let Some(rest) = line.strip_prefix("game_swap_duration_seconds_") else { continue };
            let Some(value) = rest.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()) else {
                continue;
            };
            if rest.starts_with("count") {
                swaps.count = value;
            } else if rest.starts_with("sum") {
                swaps.seconds = value;
            } else if let Some((_, bound)) = rest.split_once("le=\"")
                && let Some(bound) = bound.split('"').next().and_then(|bound| bound.parse().ok())
            {
                swaps.within.push((bound, value));
            }
        }
        swaps
    }

    fn since(mut self, before: &Self) -> Self {
        self.count -= before.count;
        self.seconds -= before.seconds;
        for (bound, count) in &mut self.within {
            let was = before.within.iter().find(|(known, _)| known == bound);
            *count -= was.map_or(0.0, |(_, count)| *count);
        }
        self
    }

    fn mean_ms(&self) -> f64 {
        if self.count > 0.0 { self.seconds * 1_000.0 / self.count } else { 0.0 }
    }

    /// The lowest bound that none exceeds.
    fn most_ms(&self) -> Option<f64> {
        let bounds = self.within.iter().filter(|(bound, count)| bound.is_finite() && *count >= self.count);
        bounds.map(|(bound, _)| bound * 1_000.0).reduce(f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_of_a_window_are_read_from_two_readings() {
        let text = |counts: [u32; 3], sum: f64| {
            format!(
                "game_swap_duration_seconds_bucket{{zone=\"bench\",le=\"0.001\"}} {}\n\
                 game_swap_duration_seconds_bucket{{zone=\"bench\",le=\"0.0025\"}} {}\n\
                 game_swap_duration_seconds_bucket{{zone=\"bench\",le=\"+Inf\"}} {}\n\
                 game_swap_duration_seconds_bucket{{zone=\"other\",le=\"0.001\"}} 99\n\
                 game_swap_duration_seconds_sum{{zone=\"bench\"}} {sum}\n\
                 game_swap_duration_seconds_count{{zone=\"bench\"}} {}\n",
                counts[0], counts[1], counts[2], counts[2]
            )
        };
        let before = Swaps::read(&text([1, 1, 2], 0.5));
        let swaps = Swaps::read(&text([9, 11, 12], 0.512)).since(&before);
        assert!((swaps.mean_ms() - 1.2).abs() < 1e-6, "{swaps:?}");
        assert_eq!((swaps.count, swaps.most_ms()), (10.0, Some(2.5)));
        assert_eq!(Swaps::read("").since(&Swaps::default()).mean_ms(), 0.0);
    }

    #[test]
    fn another_digest_is_a_section_behind_the_component() {
        let (one, other) = (other_digest(b"wasm", 1), other_digest(b"wasm", 2));
        assert_ne!(one, other);
        assert_eq!(one.len(), 4 + 2 + 1 + 10 + 4);
        assert_eq!(usize::from(one[5]), one.len() - 6, "the section's length");
    }
}
