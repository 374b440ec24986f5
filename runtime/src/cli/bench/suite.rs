//! `lore bench NAME` for all suites but `script`

use super::super::build::Progress;
use crate::bench::{Name, Options, Report, run as run_suite, svg};
use crate::build::{Order, build_scripts, find_workspace};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};

/// Measured beside a bare room and, where npm and node are there, a Colyseus room, each on a core of its own.
#[derive(clap::Args)]
pub struct Args {
    /// Interleaved repeats, of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    /// One short repeat with few clients: whether it works, not how well.
    #[arg(long, conflicts_with = "repeats")]
    quick: bool,
    /// Numbers of clients in place of the suite's own.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    clients: Vec<usize>,
    /// Length of what is measured, in place of the suite's own.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,
    /// Seed of the clients' ways and of the zones.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Without Colyseus.
    #[arg(long)]
    no_peers: bool,
    /// Write cost over clients as SVG; of `zone_aoi` and `zone_full`.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Folder of built components, instead of building the project's scripts.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// Folder of the content that the ground is added to; the project's if missing.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(names: &[Name], args: &Args) -> anyhow::Result<()> {
    let here = std::env::current_dir().context("no current folder")?;
    let serves = names.iter().any(|name| *name != Name::InterestGrid);
    let options = options(args, serves, find_workspace(&here).ok().as_deref())?;
    let mut reports = Vec::new();
    for name in names {
        let report = run_suite(*name, &options, &mut |line| {
            if !args.json {
                eprintln!("{}: {line}", name.name());
            }
        })?;
        if !args.json {
            println!("{report}");
        }
        reports.push(report);
    }
    if let Some(path) = &args.picture {
        draw(&reports, path)?;
    }
    match &reports[..] {
        _ if !args.json => {}
        [report] => println!("{}", serde_json::to_string(report)?),
        reports => println!("{}", serde_json::json!({"suites": reports})),
    }
    Ok(())
}

/// `serves` is whether a server is started at all, which needs scripts and content.
fn options(args: &Args, serves: bool, workspace: Option<&Path>) -> anyhow::Result<Options> {
    let project = workspace.and_then(Path::parent);
    let missing = "run this inside the project, or name folders with --pack and --content";
    let pack = match (&args.pack, workspace) {
        (Some(pack), _) => pack.clone(),
        (None, _) if !serves => PathBuf::new(),
        (None, Some(workspace)) => build(workspace)?,
        (None, None) => anyhow::bail!("there are no scripts here; {missing}"),
    };
    let content = match (&args.content, project) {
        (Some(content), _) => content.clone(),
        (None, _) if !serves => PathBuf::new(),
        (None, Some(project)) => project.join("content"),
        (None, None) => anyhow::bail!("there is no content here; {missing}"),
    };
    let room = project.map(|project| project.join("bench/colyseus")).filter(|folder| folder.is_dir());
    Ok(Options {
        repeats: args.repeats,
        quick: args.quick,
        clients: args.clients.clone(),
        seconds: args.seconds,
        seed: args.seed,
        pack,
        content,
        peer: room.filter(|_| !args.no_peers),
    })
}

/// Builds the project's scripts; the folder of their components.
fn build(workspace: &Path) -> anyhow::Result<PathBuf> {
    let mut progress = Progress::new();
    build_scripts(workspace, Order::default(), &mut |step| progress.show(step))
        .context("build the scripts")?;
    Ok(workspace.join("target/lore"))
}

/// The first curve there is.
fn draw(reports: &[Report], path: &Path) -> anyhow::Result<()> {
    let picture = reports.iter().find_map(svg);
    ensure!(picture.is_some(), "only zone_aoi and zone_full can be drawn: leave --picture out");
    std::fs::write(path, picture.unwrap_or_default()).with_context(|| format!("write {}", path.display()))
}
