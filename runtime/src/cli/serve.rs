//! `lore serve`

use super::build::Progress;
use crate::admin::client::components_in;
use crate::build::{Order, Step, build_scripts, find_workspace};
use crate::config::Config;
use crate::reload::watch::{Folders, watch_loop};
use crate::server::{Pack, PackError, Server};
use crate::telemetry;
use anyhow::Context as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Run a world.
///
/// Without --pack the scripts of the project are built first. Everything else comes from the
/// configuration file and LORE_* variables; what is given here wins.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore serve\n  lore serve --dev\n  lore serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --data /tmp/world --json"
)]
pub struct Args {
    /// Where players connect; port 0 takes a free one [default: 127.0.0.1:7777].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where operators connect [default: 127.0.0.1:7878].
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<SocketAddr>,
    /// Folder of the embedded database, keys and pushed modules [default: ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, value_name = "FILE", env = "LORE_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of built components, instead of building the project's scripts.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// Folder of the content; beside the scripts if missing.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Seed of the zones' randomness.
    #[arg(long)]
    seed: Option<u64>,
    /// Watch scripts and content, build what is saved, make it live.
    #[arg(long)]
    dev: bool,
    /// Print one JSON line with the bound addresses, and logs as JSON.
    #[arg(long)]
    json: bool,
}

/// How long tasks may take that are left after everything was saved, or could not be.
const LAST_TASKS: std::time::Duration = std::time::Duration::from_secs(2);

pub fn run(args: Args) -> anyhow::Result<()> {
    let _log = telemetry::init_logs(args.json);
    let config = settings(&args)?;
    tracing::debug!("settings:\n{}", config.redacted());
    let sources = Sources::find(&args)?;
    let pack = sources.pack(args.dev)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let served = runtime.block_on(serve(config, pack, sources, args));
    // Whatever still waits for a store that is away ends with the process.
    runtime.shutdown_timeout(LAST_TASKS);
    served
}

fn settings(args: &Args) -> anyhow::Result<Config> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(listen) = args.admin_listen {
        config.admin_listen = listen;
    }
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    config.check()?;
    Ok(config)
}

async fn serve(config: Config, pack: Pack, sources: Sources, args: Args) -> anyhow::Result<()> {
    let Args { dev, json, .. } = args;
    let data = config.data.clone();
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut server = Server::start(config, pack).await?;
    announce(&server, &data, json)?;
    let stop_watching = CancellationToken::new();
    if dev {
        let folders =
            sources.folders().context("--dev needs the project's scripts: run it inside the project")?;
        let (pipeline, stop) = (Arc::clone(&server.pipeline), stop_watching.clone());
        tokio::spawn(async move {
            if let Err(error) = watch_loop(pipeline, folders, stop).await {
                tracing::error!(%error, "scripts and content cannot be watched");
            }
        });
    }
    let failed = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        failed = server.failed() => failed.err(),
    };
    stop_watching.cancel();
    if !json {
        eprintln!("saving everything ...");
    }
    let saved = server.shutdown().await;
    match failed {
        Some(error) => Err(error),
        None => saved,
    }
}

fn announce(server: &Server, data: &Path, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let line = serde_json::json!({
            "listen": server.listen.to_string(),
            "admin": server.admin.to_string(),
            "data": data.display().to_string(),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "play       http://{}/", server.listen)?;
        writeln!(out, "socket     ws://{}/v1/world/ws", server.listen)?;
        writeln!(out, "operators  http://{}/ (token in {}/admin-token)", server.admin, data.display())?;
    }
    Ok(out.flush()?)
}

/// Where scripts and content come from.
struct Sources {
    /// The scripts' workspace, with sources.
    workspace: Option<PathBuf>,
    /// Folder of built components.
    components: Option<PathBuf>,
    content: PathBuf,
}

impl Sources {
    fn find(args: &Args) -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("no current folder")?;
        // An installed server has built components beside its content, but no sources.
        let workspace = find_workspace(&here).ok();
        let scripts = workspace.clone().unwrap_or_else(|| here.join("scripts"));
        let content = args.content.clone().unwrap_or_else(|| scripts.with_file_name("content"));
        let built = scripts.join("target/lore");
        let components = match &args.pack {
            Some(pack) => Some(pack.clone()),
            None if workspace.is_none() => Some(built),
            None => None,
        };
        Ok(Self { workspace, components, content })
    }

    fn folders(&self) -> Option<Folders> {
        Some(Folders { scripts: self.workspace.clone()?, content: self.content.clone() })
    }

    /// Reads the pack; builds it first if it is the project's own.
    fn pack(&self, lines: bool) -> anyhow::Result<Pack> {
        let components = match (&self.components, &self.workspace) {
            (Some(folder), _) => components_in(folder),
            (None, Some(workspace)) => build(workspace, lines)?,
            (None, None) => Vec::new(),
        };
        if components.is_empty() {
            let folder = self.components.clone().unwrap_or_default();
            return Err(PackError::Empty(folder))
                .context("run this inside the project, or name a folder with --pack");
        }
        Ok(Pack::read(&components, &self.content)?)
    }
}

fn build(workspace: &Path, lines: bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut progress = Progress::new();
    let order = Order { lines, ..Order::default() };
    let built = build_scripts(workspace, order, &mut |step| match step {
        Step::Script(built) if !built.changed => {}
        step => progress.show(step),
    });
    drop(progress);
    Ok(built.context("build the scripts")?.into_iter().map(|script| script.path).collect())
}
