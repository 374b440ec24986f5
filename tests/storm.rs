//! A storm of pushes while a crowd fights: two combat modules with different critical multipliers take
//! turns. No connection drops, no answer is lost, and every critical hit has the multiplier of
//! the module that its stamp names. `LORE_STORM_BOTS` and `LORE_STORM_PUSHES` make it longer.

use crate::live::{Fighter, Server, Workshop, scale, seed};
use anyhow::{Context, ensure};
use runtime::load::measure::Latency;
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::load::server::Operator;
use runtime::load::wire::{Event, Swing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Version of a combat module and its critical multiplier, permille; the first is the starter's.
const MODULES: [(&str, i64); 3] = [("0.1.0", 1_500), ("0.1.1", 2_000), ("0.1.2", 3_000)];
/// How long a swing of the newest module may take to be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all fighters together have seen.
#[derive(Clone, Default)]
struct Seen {
    /// Swings by the version that decided them.
    swings: BTreeMap<String, u64>,
    criticals: u64,
    /// Critical hits whose multiplier is not that of their stamp.
    wrong: Vec<String>,
}

impl Seen {
    fn swing(&mut self, swing: &Swing) {
        let version =
            swing.by.strip_prefix("combat@").and_then(|by| by.split('+').next()).unwrap_or(&swing.by);
        *self.swings.entry(version.to_owned()).or_default() += 1;
        let Some((_, multiplier)) = MODULES.iter().find(|(known, _)| *known == version) else {
            self.wrong.push(format!("decided by {}", swing.by));
            return;
        };
        if swing.hit == "critical" {
            self.criticals += 1;
            if swing.raw != swing.base * multiplier / 1_000 {
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

async fn first_use(seen: &mut watch::Receiver<Seen>, version: &str, before: u64) -> anyhow::Result<Instant> {
    let used = seen.wait_for(|seen| seen.swings.get(version).copied().unwrap_or(0) > before);
    tokio::time::timeout(PATIENCE, used).await.with_context(|| format!("no swing by combat@{version}"))??;
    Ok(Instant::now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_pushes_drops_nothing_and_mixes_nothing() -> anyhow::Result<()> {
    let (bots, pushes) = (scale("LORE_STORM_BOTS", 20), scale("LORE_STORM_PUSHES", 10));
    let seed = seed("storm");
    let modules = tokio::task::spawn_blocking(modules).await??;
    let data = tempfile::tempdir()?;
    let files: Vec<_> =
        modules.iter().map(|(version, _)| data.path().join(format!("combat-{version}.wasm"))).collect();
    for (file, (_, bytes)) in files.iter().zip(&modules) {
        std::fs::write(file, bytes)?;
    }
    let server = Arc::new(Server::start(data.path())?);
    let stop = CancellationToken::new();
    let (tell, mut seen) = watch::channel(Seen::default());
    let tell = Arc::new(tell);
    let mut playing = JoinSet::new();
    for index in 0..bots {
        let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
        let (mut client, _) = fighter.join(&server).await?;
        let (stop, tell) = (stop.clone(), Arc::clone(&tell));
        let listen = move |heard: &Heard| {
            if let Heard::Delta { events, .. } = heard
                && events.iter().any(|event| matches!(event, Event::Swing(_)))
            {
                tell.send_modify(|seen| {
                    for event in events {
                        if let Event::Swing(swing) = event {
                            seen.swing(swing);
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

    let (mut accepted, mut used) = (Latency::default(), Latency::default());
    for push in 0..pushes {
        let which = push % files.len();
        let (version, file) = (modules[which].0, files[which].clone());
        let before = seen.borrow().swings.get(version).copied().unwrap_or(0);
        let began = Instant::now();
        let pushing = Arc::clone(&server);
        let (taken, said) = tokio::task::spawn_blocking(move || pushing.push(&file)).await??;
        ensure!(taken, "push {push} of {version}: {said}");
        accepted.record(began.elapsed());
        used.record(first_use(&mut seen, version, before).await? - began);
    }

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
    let (accepted, used) = (accepted.summary(), used.summary());
    eprintln!(
        "storm: {bots} bots, {pushes} pushes, 0 disconnects, 0 lost replies, {} critical hits agree, swings {:?}",
        seen.criticals, seen.swings
    );
    eprintln!("storm: push to accepted p50 {:.0} ms, p99 {:.0} ms", accepted.p50, accepted.p99);
    eprintln!("storm: push to first use p50 {:.0} ms, p99 {:.0} ms", used.p50, used.p99);
    for zone in Operator::new(&server.admin)?.status().await?.zones {
        eprintln!("storm: ticks of {}: {:?} ms", zone.name, zone.tick_ms);
    }
    Ok(())
}
