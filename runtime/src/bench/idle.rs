//! `idle_conns`: what a connection costs that does nothing.

use super::Bench;
use super::client::{Crowd, Plan};
use super::ground::Ground;
use super::host::Host;
use super::machine;
use super::raw::Sends;
use super::report::Reach;
use super::speech::Side;
use super::walker::Role;
use anyhow::ensure;
use std::time::Duration;

const SIZES: [usize; 3] = [1_000, 5_000, 10_000];
const FEW: usize = 20;
const AT_ONCE: usize = 64;
/// Connections of one account, as many as the server takes by default.
const SOCKETS_PER_ACCOUNT: usize = 4;
/// Files a process has open beside its sockets.
const OTHER_FILES: u64 = 100;

/// Opens them, waits, and looks at what the server's process has grown by.
pub async fn run(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let window = bench.window(10);
    let files = machine::raise_open_files();
    for repeat in 1..=bench.repeats() {
        for clients in bench.sizes(&SIZES, FEW) {
            ensure!(
                files == 0 || clients as u64 + OTHER_FILES <= files,
                "{clients} connections, but a process may have {files} files open; raise it with `ulimit -n`"
            );
            for side in [Side::Raw, Side::Lore] {
                bench.say(&format!("repeat {repeat}: {} with {clients} connections", side.name()));
                measure(bench, side, clients, window).await?;
            }
        }
    }
    Ok(())
}

async fn measure(bench: &mut Bench<'_>, side: Side, clients: usize, window: Duration) -> anyhow::Result<()> {
    let (ground, seed) = (Ground::room(), bench.options.seed);
    let host = Host::start(bench, side, ground, Sends::Sight)?;
    let accounts = host.tickets(clients.div_ceil(SOCKETS_PER_ACCOUNT)).await?;
    let tickets = accounts.iter().flat_map(|ticket| vec![ticket.clone(); SOCKETS_PER_ACCOUNT]).take(clients);
    tokio::time::sleep(bench.warm_up()).await;
    let (empty, _) = host.usage();
    let (role, at_once) = (Role::Idle, AT_ONCE);
    let plan = Plan { side, address: host.address, ground, role, seed, at_once, stalled: 0 };
    let (crowd, join) = Crowd::enter(plan, tickets.collect()).await?;
    tokio::time::sleep(bench.warm_up()).await;
    let before = host.usage();
    tokio::time::sleep(window).await;
    let cpu = host.cpu_percent(before);
    let grown = before.0.rss_bytes.saturating_sub(empty.rss_bytes) as f64 / 1_024.0;
    let lost = crowd.lost().len() as f64;
    let ours = |reach| (side == Side::Lore).then_some(reach);
    let of = side.name();
    let sheet = &mut bench.sheet;
    let what = |what: &str| format!("{what}, {clients} connections");
    sheet.aim(what("memory of each"), of, "KiB", grown / clients as f64, ours(Reach::AtMost(15.0)));
    sheet.aim(what("CPU"), of, "%", cpu, ours(Reach::AtMost(1.0)));
    sheet.add(what("until the last is open"), of, "s", join.as_secs_f64());
    sheet.aim(what("lost"), of, "", lost, ours(Reach::AtMost(0.0)));
    Ok(())
}
