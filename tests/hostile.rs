//! Bad modules are pushed under load: each is refused with an error that says what is wrong, or contained
//! so that the others are served. The world goes on. `LORE_HOSTILE_BOTS` makes the load heavier.

use crate::live::{Fighter, Server, Workshop, scale, seed};
use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use runtime::load::wire::Event;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The line of the starter's formula before which the evil is done.
const BEFORE: &str = "    let mut dice = Rng::new(attack.seed);";
/// What is done there, and under which name. All of it compiles.
const EVILS: [(&str, &str); 4] = [
    ("endless_loop", "    loop { std::hint::black_box(attack.id); }"),
    ("memory_bomb", "    std::hint::black_box(vec![1_u8; 1 << 30]);"),
    ("trap_on_one", "    assert!(attack.attacker % 3 != 0, \"not this one\");"),
    (
        "unknown_id",
        "    if attack.id < u32::MAX { return harmless(attack.id.wrapping_add(1_000_000), HitKind::Miss); }",
    ),
];
const NOISE_BYTES: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Name, bytes, and whether the server may take it and contain it; if not it must refuse.
type Bad = (&'static str, Vec<u8>, bool);

fn bad_modules(seed: u64) -> anyhow::Result<Vec<Bad>> {
    let workshop = Workshop::open()?;
    let good = workshop.combat("0.1.3", BEFORE, BEFORE)?;
    let mut all: Vec<Bad> = Vec::new();
    for (name, evil) in EVILS {
        let evil = format!("{evil}\n{BEFORE}");
        all.push((name, workshop.combat("0.1.9", BEFORE, &evil)?, true));
    }
    match workshop.build("combat", "0.1.9", "lore.toml", "kind = \"combat\"", "kind = \"npc\"") {
        Ok(wrong_world) => all.push(("wrong_world", wrong_world, false)),
        Err(refused) => eprintln!("hostile: wrong_world is refused by the build: {refused:#}"),
    }
    all.push(("truncated", good[..good.len() / 2].to_vec(), false));
    let mut noise = vec![0; NOISE_BYTES];
    StdRng::seed_from_u64(seed).fill_bytes(&mut noise);
    all.push(("noise", noise, false));
    all.push(("good", good, true));
    Ok(all)
}

/// Swings by who decided them.
type Seen = BTreeMap<String, u64>;

async fn more_swings(seen: &mut watch::Receiver<Seen>) -> anyhow::Result<()> {
    let before: u64 = seen.borrow().values().sum();
    let more = seen.wait_for(|seen| seen.values().sum::<u64>() >= before + 20);
    tokio::time::timeout(PATIENCE, more).await.context("the fight came to a halt")??;
    Ok(())
}

async fn push(server: &Arc<Server>, file: &Path) -> anyhow::Result<(bool, String)> {
    let (server, file) = (Arc::clone(server), file.to_owned());
    tokio::task::spawn_blocking(move || server.push(&file)).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_modules_are_refused_or_contained() -> anyhow::Result<()> {
    let (bots, seed) = (scale("LORE_HOSTILE_BOTS", 10), seed("hostile"));
    let modules = tokio::task::spawn_blocking(move || bad_modules(seed)).await??;
    let data = tempfile::tempdir()?;
    let server = Arc::new(Server::start(data.path())?);
    let stop = CancellationToken::new();
    let (tell, mut seen) = watch::channel(Seen::new());
    let tell = Arc::new(tell);
    let mut playing = JoinSet::new();
    for index in 0..bots {
        let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
        let (mut client, _) = fighter.join(&server).await?;
        let (stop, tell) = (stop.clone(), Arc::clone(&tell));
        let listen = move |heard: &Heard| {
            let Heard::Delta { events, .. } = heard else { return };
            for event in events {
                if let Event::Swing(swing) = event {
                    tell.send_modify(|seen| *seen.entry(swing.by.clone()).or_default() += 1);
                }
            }
        };
        playing.spawn(async move {
            fighter.play(&mut client, &stop, &listen).await?;
            let lost = fighter.settle(&mut client, &listen).await?;
            ensure!(client.faults().0 == 0, "{:?}", client.faults());
            client.close().await;
            Ok(lost)
        });
    }
    more_swings(&mut seen).await.context("nobody fights")?;

    let good = data.path().join("good.wasm");
    let good_bytes = &modules.last().context("no modules")?.1;
    std::fs::write(&good, good_bytes)?;
    for (name, bytes, may_be_taken) in &modules {
        let file = data.path().join(format!("{name}.wasm"));
        std::fs::write(&file, bytes)?;
        let (taken, said) = push(&server, &file).await?;
        let outcome = if taken { "taken" } else { "refused" };
        eprintln!("hostile: {name} was {outcome}: {}", said.trim());
        ensure!(!taken || *may_be_taken, "{name} must be refused");
        ensure!(taken || *name != "good", "the good one must be taken");
        ensure!(taken || said.contains(name) || said.contains("combat"), "{name}: the error names nothing");
        ensure!(!said.contains("panicked"), "{name}: the push itself fell over");
        more_swings(&mut seen).await.with_context(|| format!("after {name}"))?;
        if taken {
            // What was contained is replaced by what works.
            let (taken, said) = push(&server, &good).await?;
            ensure!(taken, "after {name}: {said}");
        }
    }
    let before = seen.borrow().clone();
    more_swings(&mut seen).await?;
    let after = seen.borrow().clone();
    let by_the_good = |seen: &Seen| -> u64 {
        seen.iter().filter(|(by, _)| by.starts_with("combat@0.1.3")).map(|(_, count)| count).sum()
    };
    ensure!(by_the_good(&after) > by_the_good(&before), "the good module decides in the end: {after:?}");

    stop.cancel();
    let ended: Vec<anyhow::Result<usize>> = playing.join_all().await;
    let lost: usize = ended.into_iter().sum::<anyhow::Result<usize>>().context("a connection dropped")?;
    ensure!(lost == 0, "{lost} answers were lost");
    eprintln!("hostile: swings {after:?}");
    Ok(())
}
