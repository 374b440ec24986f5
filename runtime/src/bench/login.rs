//! `login_storm`: passwords are dear to check, and a zone beside them must not notice.

use super::Bench;
use super::client::{Crowd, Plan};
use super::ground::Ground;
use super::host::Host;
use super::raw::Sends;
use super::report::Reach;
use super::speech::Side;
use super::walker::Role;
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SIZES: [usize; 1] = [200];
const FEW: usize = 12;
const AT_ONCE: usize = 64;
/// Logins within a second.
const LOGINS: usize = 100;
const FEW_LOGINS: usize = 5;
/// How many times as many come at once afterwards: more than wait anywhere.
const FLOOD: usize = 4;
/// Registrations at once before it begins.
const REGISTERING: usize = 8;
const TICKS_PER_SECOND: u64 = 20;
const PASSWORD: &str = "correct horse battery";

/// How one login ended.
struct Login {
    status: u16,
    /// It said when to come back.
    hints: bool,
    took: Duration,
}

/// A window without logins, one with a storm of them, and then a flood.
pub async fn run(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let window = bench.window(10);
    for repeat in 1..=bench.repeats() {
        for clients in bench.sizes(&SIZES, FEW) {
            bench.say(&format!("repeat {repeat}: {clients} clients"));
            measure(bench, clients, window).await?;
        }
    }
    Ok(())
}

async fn measure(bench: &mut Bench<'_>, clients: usize, window: Duration) -> anyhow::Result<()> {
    let (side, ground, seed) = (Side::Lore, Ground::spread(clients), bench.options.seed);
    let logins = if bench.options.quick { FEW_LOGINS } else { LOGINS };
    let host = Host::start(bench, side, ground, Sends::Sight)?;
    let http = reqwest::Client::new();
    register(&http, host.address, logins).await?;
    let tickets = host.tickets(clients).await?;
    let (role, at_once) = (Role::Wander, AT_ONCE);
    let plan = Plan { side, address: host.address, ground, role, seed, at_once, stalled: 0 };
    let (crowd, _) = Crowd::enter(plan, tickets).await?;
    crowd.settle().await?;
    tokio::time::sleep(bench.warm_up()).await;

    let calm = crowd.measure(window).await;
    let calm_p99 = tick_p99(&host, window).await?;
    let storming = async {
        let storm = log_in(&http, host.address, (logins, logins), Duration::from_secs(1)).await?;
        anyhow::Ok((storm, Instant::now()))
    };
    let began = Instant::now();
    let (seen, storm) = tokio::join!(crowd.measure(window), storming);
    let storm_p99 = tick_p99(&host, window).await?;
    let (storm, ended) = storm?;
    let flood = log_in(&http, host.address, (logins * FLOOD, logins), Duration::ZERO).await?;
    let lost = crowd.lost().len();

    let refused = |logins: &[Login]| logins.iter().filter(|login| login.status != 200).count() as f64;
    let hintless = storm.iter().chain(&flood).filter(|login| login.status != 200 && !login.hints).count();
    let slowest = storm.iter().map(|login| login.took).max().unwrap_or_default();
    let sheet = &mut bench.sheet;
    let what = |what: &str| format!("{what}, {clients} clients");
    sheet.add(what("tick p99 without logins"), "lore", "ms", calm_p99);
    sheet.add(what("tick p99 with logins"), "lore", "ms", storm_p99);
    sheet.aim(what("tick p99 moved by"), "lore", "ms", storm_p99 - calm_p99, Reach::AtMost(2.0));
    sheet.add(what("frame gap p99 without logins"), "lore", "ms", calm.gaps.p99);
    sheet.add(what("frame gap p99 with logins"), "lore", "ms", seen.gaps.p99);
    sheet.add(
        format!("until the last of {logins} logins is answered"),
        "lore",
        "s",
        (ended - began).as_secs_f64(),
    );
    sheet.add(format!("slowest of {logins} logins"), "lore", "s", slowest.as_secs_f64());
    sheet.add(format!("refused of {logins} logins"), "lore", "", refused(&storm));
    sheet.add(format!("refused of {} logins at once", logins * FLOOD), "lore", "", refused(&flood));
    sheet.aim("refused without saying when to come back", "lore", "", hintless as f64, Reach::AtMost(0.0));
    sheet.aim(what("connections lost"), "lore", "", lost as f64, Reach::AtMost(0.0));
    Ok(())
}

/// Of the window that has just ended.
async fn tick_p99(host: &Host, window: Duration) -> anyhow::Result<f64> {
    let status = host.status(window.as_secs() * TICKS_PER_SECOND).await?;
    let zone = status.zones.into_iter().find(|zone| zone.name == "bench");
    Ok(zone.context("the server has no zone `bench`")?.tick_ms.p99)
}

async fn register(http: &reqwest::Client, address: SocketAddr, count: usize) -> anyhow::Result<()> {
    let mut making = JoinSet::new();
    for index in 0..count {
        if making.len() >= REGISTERING
            && let Some(made) = making.join_next().await
        {
            made.context("a registration died")??;
        }
        let name = format!("runner_{index}");
        let body = json!({"email": format!("{name}@example.org"), "username": name, "password": PASSWORD});
        let request = http.post(format!("http://{address}/v1/auth/register")).json(&body);
        making.spawn(async move {
            let answer = request.send().await?;
            ensure!(answer.status().is_success(), "register: {}", answer.status());
            anyhow::Ok(())
        });
    }
    while let Some(made) = making.join_next().await {
        made.context("a registration died")??;
    }
    Ok(())
}

/// So many logins of so many accounts, spread over a time.
async fn log_in(
    http: &reqwest::Client,
    address: SocketAddr,
    (count, accounts): (usize, usize),
    over: Duration,
) -> anyhow::Result<Vec<Login>> {
    let mut storm = JoinSet::new();
    for index in 0..count {
        let body = json!({"login": format!("runner_{}", index % accounts), "password": PASSWORD});
        let request = http.post(format!("http://{address}/v1/auth/login")).json(&body);
        let after = over.mul_f64(index as f64 / count as f64);
        storm.spawn(async move {
            tokio::time::sleep(after).await;
            let asked = Instant::now();
            let answer = request.send().await?;
            let hints = answer.headers().contains_key(reqwest::header::RETRY_AFTER);
            anyhow::Ok(Login { status: answer.status().as_u16(), hints, took: asked.elapsed() })
        });
    }
    let mut ended = Vec::new();
    while let Some(login) = storm.join_next().await {
        ended.push(login.context("a login died")??);
    }
    Ok(ended)
}
