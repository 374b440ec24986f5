//! A storm of pushes while a crowd fights: two combat modules with different critical multipliers take
//! turns. No connection drops, no answer is lost, every critical hit has the multiplier of the module
//! that its stamp names. How long swaps took and how many ticks were late because of one is printed;
//! with `LORE_STORM_TIMES=1`, on a machine that does nothing else, it must be none. `LORE_STORM_BOTS` and
//! `LORE_STORM_PUSHES` make it longer.

use crate::live::{Fighter, Server, Workshop, scale, seed};
use anyhow::{Context, ensure};
use protocol::v1::event::Type as Event;
use protocol::v1::{Hit, Swing};
use runtime::load::measure::Latency;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::load::server::Operator;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Version of a combat module and its critical multiplier, permille; the first is the starter's.
const MODULES: [(&str, i64); 3] = [("0.1.0", 1_500), ("0.1.1", 2_000), ("0.1.2", 3_000)];
/// Half of a tick's 50 ms: what keeps a zone's thread longer is a slow swap. A bucket of the server's
/// histogram.
const SWAP_MAX_S: &str = "0.025";
/// How long a swing of the newest module may take to be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all fighters together have seen.
#[derive(Clone, Default)]
struct Seen {
    /// Swings by the version that decided them.
    swings: BTreeMap<String, u64>,
    criticals: u64,
    /// Newest tick with a swing, and the newest in which a version decided one.
    tick: u64,
    used: BTreeMap<String, u64>,
    /// Critical hits whose multiplier is not that of their stamp.
    wrong: Vec<String>,
}

impl Seen {
    fn swing(&mut self, tick: u64, swing: &Swing) {
        let version =
            swing.by.strip_prefix("combat@").and_then(|by| by.split('+').next()).unwrap_or(&swing.by);
        *self.swings.entry(version.to_owned()).or_default() += 1;
        self.tick = self.tick.max(tick);
        let used = self.used.entry(version.to_owned()).or_default();
        *used = tick.max(*used);
        let Some((_, multiplier)) = MODULES.iter().find(|(known, _)| *known == version) else {
            self.wrong.push(format!("decided by {}", swing.by));
            return;
        };
        if swing.hit() == Hit::Critical {
            self.criticals += 1;
            if i64::from(swing.raw) != i64::from(swing.base) * multiplier / 1_000 {
                self.wrong.push(format!("{} made {} of {}", swing.by, swing.raw, swing.base));
            }
        } else if swing.raw != swing.base {
            self.wrong.push(format!(
                "{}: {} is no critical hit, yet {} of {}",
                swing.by, swing.hit, swing.raw, swing.base
            ));
        }
    }
}

/// Builds the two modules beside the starter's.
fn modules() -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let workshop = Workshop::open()?;
    let built = MODULES[1..].iter().map(|(version, permille)| {
        let to = format!("CRITICAL_PERMILLE: i64 = {permille};");
        Ok((*version, workshop.combat(version, "CRITICAL_PERMILLE: i64 = 1_500;", &to)?))
    });
    built.collect()
}

/// Waits for a swing by the version in `tick` or later; when it was seen, and its tick.
async fn first_use(
    seen: &mut watch::Receiver<Seen>,
    version: &str,
    tick: u64,
) -> anyhow::Result<(Instant, u64)> {
    let used = seen.wait_for(|seen| seen.used.get(version).is_some_and(|used| *used >= tick));
    let seen = tokio::time::timeout(PATIENCE, used)
        .await
        .with_context(|| format!("no swing by combat@{version}"))??;
    Ok((Instant::now(), seen.used.get(version).copied().unwrap_or(tick)))
}

/// The middle one and the one that 99 of 100 do not exceed.
fn percentiles(mut values: Vec<u64>) -> (u64, u64) {
    values.sort_unstable();
    let at =
        |percent: usize| values.get(values.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
    (at(50), at(99))
}

/// The server's own figures.
async fn metrics(server: &Server) -> anyhow::Result<String> {
    Ok(reqwest::get(format!("{}/metrics", server.http)).await?.error_for_status()?.text().await?)
}

/// Ticks that took longer than they may and would not have without the swap in them.
async fn late_by_swap(server: &Server) -> anyhow::Result<f64> {
    let text = metrics(server).await?;
    let row = text.lines().find_map(|line| line.strip_prefix("game_ticks_late_total{cause=\"swap\"} "));
    Ok(row.context("the server counts no late ticks")?.parse()?)
}

/// Swaps of all zones and how many of them took at most `seconds`, from the server's own histogram.
async fn swaps_within(server: &Server, seconds: &str) -> anyhow::Result<(f64, f64)> {
    let text = metrics(server).await?;
    let sum = |start: &str, part: &str| -> f64 {
        let rows = text.lines().filter(|line| line.starts_with(start) && line.contains(part));
        rows.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let within = sum("game_swap_duration_seconds_bucket", &format!("le=\"{seconds}\""));
    Ok((sum("game_swap_duration_seconds_count", ""), within))
}

/// Pushes the modules by turns and waits for each to be used.
async fn push_all(
    server: &Server,
    modules: &[(&'static str, Vec<u8>)],
    pushes: usize,
    seen: &mut watch::Receiver<Seen>,
) -> anyhow::Result<()> {
    let operator = server.operator().await?;
    let (mut accepted, mut used) = (Latency::default(), Latency::default());
    let (mut pushed_to_used, mut live_to_used) = (Vec::new(), Vec::new());
    for push in 0..pushes {
        let (version, bytes) = &modules[push % modules.len()];
        let (began, at) = (Instant::now(), seen.borrow().tick);
        let pushed = operator.push_module(bytes.clone(), "storm").await;
        let pushed = pushed.with_context(|| format!("push {push} of {version}"))?;
        accepted.record(began.elapsed());
        let mut zones = pushed["zones"].as_array().into_iter().flatten();
        let live = zones.find(|zone| zone["zone"] == "greywood").and_then(|zone| zone["tick"].as_u64());
        let live = live.with_context(|| format!("the answer names no tick: {pushed}"))?;
        let (when, tick) = first_use(seen, version, live).await?;
        used.record(when - began);
        pushed_to_used.push(tick.saturating_sub(at));
        live_to_used.push(tick - live);
    }
    let (accepted, used) = (accepted.summary(), used.summary());
    eprintln!("storm: push to accepted p50 {:.0} ms, p99 {:.0} ms", accepted.p50, accepted.p99);
    let (p50, p99) = percentiles(pushed_to_used);
    eprintln!(
        "storm: push to first use p50 {:.0} ms, p99 {:.0} ms; {p50} and {p99} ticks",
        used.p50, used.p99
    );
    let (p50, p99) = percentiles(live_to_used);
    eprintln!("storm: first tick with the new version to first use p50 {p50}, p99 {p99} ticks");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_pushes_drops_nothing_and_mixes_nothing() -> anyhow::Result<()> {
    let (bots, pushes) = (scale("LORE_STORM_BOTS", 20), scale("LORE_STORM_PUSHES", 10));
    let seed = seed("storm");
    let modules = tokio::task::spawn_blocking(modules).await??;
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path())?;
    let stop = CancellationToken::new();
    let (tell, mut seen) = watch::channel(Seen::default());
    let tell = Arc::new(tell);
    let mut playing = JoinSet::new();
    for index in 0..bots {
        let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
        let (mut client, _) = fighter.join(&server).await?;
        let (stop, tell) = (stop.clone(), Arc::clone(&tell));
        let listen = move |heard: &Heard| {
            if let Heard::Delta { tick, events, .. } = heard
                && events.iter().any(|event| matches!(event, Event::Swing(_)))
            {
                tell.send_modify(|seen| {
                    for event in events {
                        if let Event::Swing(swing) = event {
                            seen.swing(*tick, swing);
                        }
                    }
                });
            }
        };
        playing.spawn(async move {
            fighter.play(&mut client, &stop, &listen).await?;
            let lost = fighter.settle(&mut client, &listen).await?;
            let (faults, words) = client.faults();
            ensure!(faults == 0, "{faults} breaches of the protocol: {words:?}");
            client.close().await;
            Ok(lost)
        });
    }
    first_use(&mut seen, MODULES[0].0, 0).await.context("nobody fights")?;

    push_all(&server, &modules, pushes, &mut seen).await?;

    stop.cancel();
    let ended: Vec<anyhow::Result<usize>> = playing.join_all().await;
    let lost: usize = ended.into_iter().sum::<anyhow::Result<usize>>().context("a connection dropped")?;
    ensure!(lost == 0, "{lost} answers were lost");
    let seen = seen.borrow().clone();
    ensure!(
        seen.wrong.is_empty(),
        "{} swings disagree with their stamp: {:?}",
        seen.wrong.len(),
        seen.wrong.first()
    );
    ensure!(seen.criticals > 0, "no critical hit in {:?}", seen.swings);
    eprintln!(
        "storm: {bots} bots, {pushes} pushes, 0 disconnects, 0 lost replies, {} critical hits agree, swings {:?}",
        seen.criticals, seen.swings
    );
    let late = late_by_swap(&server).await?;
    let (swaps, quick) = swaps_within(&server, SWAP_MAX_S).await?;
    let (_, at_once) = swaps_within(&server, "0.001").await?;
    eprintln!(
        "storm: {swaps} swaps of zones, {at_once} within 1 ms, {quick} within {SWAP_MAX_S} s; \
         {late} ticks late because of a swap"
    );
    ensure!(swaps >= pushes as f64, "{swaps} swaps for {pushes} pushes");
    if scale("LORE_STORM_TIMES", 0) > 0 {
        ensure!(late == 0.0, "{late} ticks were late because of a swap");
        ensure!(quick >= swaps, "{} swaps were slow", swaps - quick);
    }
    for zone in Operator::new(&server.admin, None)?.status().await?.zones {
        eprintln!("storm: ticks of {}: {:?} ms", zone.name, zone.tick_ms);
    }
    Ok(())
}
