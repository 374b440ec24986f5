//! Pushes without end leave a server as it was: memory, file handles, threads, and the mappings that
//! instances of modules live in. `LORE_SOAK_PUSHES` makes it longer.

use crate::live::{Fighter, Server, Workshop, scale, seed};
use anyhow::{Context, ensure};
use runtime::load::mind::Scenario;
use runtime::load::replica::Heard;
use std::path::Path;
use std::time::Instant;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const FIGHTERS: usize = 4;
/// Pushes between two looks.
const LOOK_EVERY: usize = 100;
/// What may have come on top of what was used after the first tenth of the pushes. Allocators keep some of
/// what they were given, recordings fill up; a leak of one instance of 100 KiB a push would be more after
/// some hundreds.
const MORE_KIB: u64 = 48 << 10;
const MORE_HANDLES: u64 = 16;
const MORE_THREADS: u64 = 16;
const MORE_MAPPINGS: u64 = 200;

/// What a process uses.
#[derive(Clone, Copy, Debug)]
struct Usage {
    rss_kib: u64,
    handles: u64,
    threads: u64,
    mappings: u64,
}

impl Usage {
    fn of(process: u32) -> anyhow::Result<Self> {
        let folder = Path::new("/proc").join(process.to_string());
        let status = std::fs::read_to_string(folder.join("status"))?;
        let field = |name: &str| -> anyhow::Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("a line of the status")?;
            Ok(line.split_ascii_whitespace().next().context("a number")?.parse()?)
        };
        Ok(Self {
            rss_kib: field("VmRSS:")?,
            threads: field("Threads:")?,
            handles: std::fs::read_dir(folder.join("fd"))?.count() as u64,
            mappings: std::fs::read_to_string(folder.join("maps"))?.lines().count() as u64,
        })
    }
}

/// The same module with another digest: an empty custom section with a number at its end.
fn distinct(bytes: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend([0, 6, 1, b'n']);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Bytes of the files below a folder.
fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let metadata = entry?.metadata()?;
        sum += metadata.len();
    }
    Ok(sum)
}

async fn push_all(server: &Server, module: &[u8], pushes: usize) -> anyhow::Result<(Usage, Usage)> {
    let operator = server.operator().await?;
    let (warm, began) = ((pushes / 10).max(3), Instant::now());
    let mut early = Usage::of(server.process())?;
    for push in 1..=pushes {
        let pushed = operator.push_module(distinct(module, push as u32), "soak").await;
        let pushed = pushed.with_context(|| format!("push {push}"))?;
        ensure!(pushed["pending"].as_array().is_some_and(Vec::is_empty), "push {push}: {pushed}");
        if push == warm {
            early = Usage::of(server.process())?;
        }
        if push.is_multiple_of(LOOK_EVERY) {
            let seconds = began.elapsed().as_secs_f64();
            eprintln!("soak: {push} pushes, {seconds:.0} s, {:?}", Usage::of(server.process())?);
        }
    }
    Ok((early, Usage::of(server.process())?))
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_without_end_leave_a_server_as_it_was() -> anyhow::Result<()> {
    let (pushes, seed) = (scale("LORE_SOAK_PUSHES", 20), seed("soak"));
    let module = || Workshop::open()?.combat("0.1.77", "CRITICAL_PERMILLE", "CRITICAL_PERMILLE");
    let module = tokio::task::spawn_blocking(module).await??;
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path())?;
    let (stop, mut playing) = (CancellationToken::new(), JoinSet::new());
    for index in 0..FIGHTERS {
        let mut fighter = Fighter::enlist(&server, Scenario::Fight, index, seed).await?;
        let (mut client, _) = fighter.join(&server).await?;
        let stop = stop.clone();
        playing.spawn(async move {
            fighter.play(&mut client, &stop, |_: &Heard| {}).await?;
            let lost = fighter.settle(&mut client, |_| {}).await?;
            ensure!(lost == 0, "{lost} answers were lost");
            Ok(())
        });
    }
    let (early, late) = push_all(&server, &module, pushes).await?;
    stop.cancel();
    playing.join_all().await.into_iter().collect::<anyhow::Result<()>>()?;

    let kept = ["modules", "compiled"].map(|folder| size_of(&data.path().join(folder)).unwrap_or(0) >> 10);
    eprintln!(
        "soak: {pushes} pushes: early {early:?}, late {late:?}; {} KiB of modules and {} KiB of compiled code kept",
        kept[0], kept[1]
    );
    for (what, before, after, more) in [
        ("KiB of memory", early.rss_kib, late.rss_kib, MORE_KIB),
        ("file handles", early.handles, late.handles, MORE_HANDLES),
        ("threads", early.threads, late.threads, MORE_THREADS),
        ("mappings", early.mappings, late.mappings, MORE_MAPPINGS),
    ] {
        ensure!(after <= before + more, "{before} {what} became {after}");
    }
    let status = server.status()?;
    let restarts = status["zones"].as_array().into_iter().flatten().filter(|zone| zone["restarts"] != 0);
    ensure!(restarts.count() == 0, "{status}");
    Ok(())
}
