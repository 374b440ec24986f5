//! `fanout`: the same to everybody, while some do not read. Our server passes on what the clients themselves say in the
//! zone, two lines of half a KiB a tick; the raw room has a KiB of its own.

use super::Bench;
use super::client::{Crowd, Plan};
use super::ground::Ground;
use super::host::Host;
use super::raw::Sends;
use super::report::Reach;
use super::speech::Side;
use super::walker::Role;
use anyhow::Context as _;
use std::time::Duration;

const SIZES: [usize; 1] = [1_000];
const FEW: usize = 20;
const AT_ONCE: usize = 64;
/// One in so many does not read.
const STALLED: usize = 20;
/// Lines a second; the server lets each client say one in two seconds.
const LINES: u32 = 40;
const TICKS_PER_SECOND: u64 = 20;
/// How long those who did not read may take to notice that they were closed.
const RESUME: Duration = Duration::from_secs(2);

/// Has both sides send for so long, and looks at who paid for it.
pub async fn run(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let window = bench.window(30);
    for repeat in 1..=bench.repeats() {
        for clients in bench.sizes(&SIZES, FEW) {
            let mut cost = Vec::new();
            for side in [Side::Raw, Side::Lore] {
                bench.say(&format!("repeat {repeat}: {} with {clients} connections", side.name()));
                cost.extend(measure(bench, side, clients, window).await?);
            }
            if let [raw, ours] = cost[..]
                && raw > 0.0
            {
                let what = format!("CPU per MB delivered, {clients} connections");
                bench.sheet.aim(what, "lore/raw", "x", ours / raw, Reach::AtMost(1.3));
            }
        }
    }
    Ok(())
}

/// What a delivered megabyte a second took of the core; `None` if the run is void.
async fn measure(
    bench: &mut Bench<'_>,
    side: Side,
    clients: usize,
    window: Duration,
) -> anyhow::Result<Option<f64>> {
    let (ground, seed) = (Ground::apart(clients), bench.options.seed);
    let stalled = (clients / STALLED).max(1).min(clients.saturating_sub(1));
    let host = Host::start(bench, side, ground, Sends::Same)?;
    let tickets = host.tickets(clients).await?;
    let (role, at_once) = (Role::Stand, AT_ONCE);
    let plan = Plan { side, address: host.address, ground, role, seed, at_once, stalled };
    let (crowd, _) = Crowd::enter(plan, tickets).await?;
    crowd.settle().await?;
    tokio::time::sleep(bench.warm_up()).await;
    crowd.stall();
    let before = host.usage();
    let seen = match side {
        Side::Lore => {
            // Nobody says more than it may.
            let lines = LINES.min((clients - stalled) as u32 / 3).max(1);
            tokio::join!(crowd.measure(window), crowd.talk(lines, window)).0
        }
        Side::Raw | Side::Colyseus => crowd.measure(window).await,
    };
    let cpu = host.cpu_percent(before);
    let grown = host.usage().0.rss_bytes.saturating_sub(before.0.rss_bytes) as f64 / f64::from(1 << 20);
    let ticks = match side {
        Side::Lore => {
            let status = host.status(window.as_secs() * TICKS_PER_SECOND).await?;
            let zone = status.zones.into_iter().find(|zone| zone.name == "bench");
            Some(zone.context("the server has no zone `bench`")?.tick_ms)
        }
        Side::Raw | Side::Colyseus => None,
    };
    let readers_lost = crowd.lost().len();
    crowd.resume();
    tokio::time::sleep(RESUME).await;
    let stalled_lost = crowd.lost().len() - readers_lost;

    if !bench.counts(side, clients, seen.load_percent) {
        return Ok(None);
    }
    let (of, sheet) = (side.name(), &mut bench.sheet);
    let what = |what: &str| format!("{what}, {clients} connections");
    let ours = |reach| (side == Side::Lore).then_some(reach);
    let per_second = seen.bytes as f64 / seen.seconds;
    let each = per_second / (clients - stalled).max(1) as f64;
    let cost = if per_second > 0.0 { cpu / (per_second / 1e6) } else { 0.0 };
    sheet.add(what("bytes per reader and second"), of, "B/s", each);
    sheet.add(what("CPU"), of, "%", cpu);
    sheet.add(what("CPU per MB delivered"), of, "% s/MB", cost);
    if let Some(ticks) = ticks {
        sheet.aim(what("tick p50"), of, "ms", ticks.p50, Reach::AtMost(0.5));
        sheet.add(what("tick p99"), of, "ms", ticks.p99);
    }
    sheet.add(what("memory grown by"), of, "MiB", grown);
    sheet.aim(what("readers lost"), of, "", readers_lost as f64, ours(Reach::AtMost(0.0)));
    sheet.add(what("closed of those who do not read"), of, "", stalled_lost as f64);
    Ok(Some(cost))
}
