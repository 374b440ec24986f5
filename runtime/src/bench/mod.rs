//! `lore bench NAME`: what the server costs, beside the physical limit of the machine it runs on.
//!
//! Every suite runs our server and a bare room ([`raw`]) by turns, each as a process on a core of its own, under the
//! same load ([`client`]) on another core. Absolute figures belong to a machine, ratios travel. Nothing of the server is
//! used here but its program: it is measured through its sockets, its operator's interface and `/proc`.

mod client;
mod fanout;
mod grid;
mod ground;
mod host;
mod idle;
mod login;
mod machine;
mod picture;
pub mod raw;
mod reload;
mod report;
mod speech;
mod walker;
mod wire;
mod zone;

pub use ground::Ground;
pub use picture::svg;
pub use report::{Figure, Point, Report};

use anyhow::{Context as _, ensure};
use machine::Cores;
use report::Sheet;
use speech::Side;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::LocalSet;

/// Most clients of one run: as many as our server takes.
pub const CLIENTS_MAX: usize = 10_000;
/// Most entities of the grid.
pub const ENTITIES_MAX: usize = 1_000_000;
/// Of its core. A load that uses more is what is measured.
const LOAD_MAX_PERCENT: f64 = 90.0;

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Walking about, and seeing those near.
    ZoneAoi,
    /// Everybody sees everybody.
    ZoneFull,
    /// Bytes of both.
    WireBytes,
    /// Connections that do nothing.
    IdleConns,
    /// The same to everybody, some of whom do not read.
    Fanout,
    /// The spatial index alone.
    InterestGrid,
    /// Other rules while everybody walks.
    ReloadPause,
    /// Passwords beside a zone.
    LoginStorm,
}

impl Name {
    /// All, in the order they are run in.
    pub const ALL: [Self; 8] = [
        Self::ZoneAoi,
        Self::ZoneFull,
        Self::WireBytes,
        Self::IdleConns,
        Self::Fanout,
        Self::InterestGrid,
        Self::ReloadPause,
        Self::LoginStorm,
    ];

    /// As it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZoneAoi => "zone_aoi",
            Self::ZoneFull => "zone_full",
            Self::WireBytes => "wire_bytes",
            Self::IdleConns => "idle_conns",
            Self::Fanout => "fanout",
            Self::InterestGrid => "interest_grid",
            Self::ReloadPause => "reload_pause",
            Self::LoginStorm => "login_storm",
        }
    }

    /// What is done.
    pub const fn work(self) -> &'static str {
        match self {
            Self::ZoneAoi => {
                "clients walk at 400 to the square kilometre and see 100 m far, 10 moves a second in, 20 frames out"
            }
            Self::ZoneFull => "the same in a room in which everybody sees everybody; all join at once",
            Self::WireBytes => {
                "bytes a client is sent, with interest and in a full room, without compression"
            }
            Self::IdleConns => "authenticated connections that do nothing",
            Self::Fanout => "about one KiB a tick to every connection, one in twenty of which does not read",
            Self::InterestGrid => "moving, indexing and asking for those near, against looking at everybody",
            Self::ReloadPause => "ten swaps of a module while clients walk",
            Self::LoginStorm => "logins with passwords beside a zone",
        }
    }
}

/// How a suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interleaved repeats.
    pub repeats: u32,
    /// One short repeat with few clients, to see that it works.
    pub quick: bool,
    /// Numbers of clients in place of the suite's own; empty for those.
    pub clients: Vec<usize>,
    /// Length of a window that is measured, in place of the suite's own.
    pub seconds: Option<u64>,
    /// Of everything random.
    pub seed: u64,
    /// Folder of built components.
    pub pack: PathBuf,
    /// The content that the ground is added to.
    pub content: PathBuf,
    /// The folder of the Colyseus room, where peers are wanted.
    pub peer: Option<PathBuf>,
}

/// One run of a suite.
struct Bench<'a> {
    options: &'a Options,
    cores: Option<Cores>,
    sheet: Sheet,
    tell: &'a mut dyn FnMut(&str),
}

impl Bench<'_> {
    /// Numbers of clients: those asked for, few in a quick run, else the suite's own.
    fn sizes(&self, own: &[usize], few: usize) -> Vec<usize> {
        match &self.options.clients[..] {
            [] if self.options.quick => vec![few],
            [] => own.to_vec(),
            asked => asked.to_vec(),
        }
    }

    /// How long is measured.
    fn window(&self, own: u64) -> Duration {
        let quick = if self.options.quick { 1 } else { own };
        Duration::from_secs(self.options.seconds.unwrap_or(quick))
    }

    /// How long everything runs before it is measured.
    fn warm_up(&self) -> Duration {
        Duration::from_secs(if self.options.quick { 1 } else { 3 })
    }

    fn repeats(&self) -> u32 {
        if self.options.quick { 1 } else { self.options.repeats }
    }

    fn say(&mut self, line: &str) {
        (self.tell)(line);
    }

    /// Whether the load was not itself the limit; a void run is noted and does not count.
    fn counts(&mut self, side: Side, clients: usize, load_percent: Option<f64>) -> bool {
        let Some(percent) = load_percent.filter(|percent| *percent > LOAD_MAX_PERCENT) else { return true };
        let name = side.name();
        self.sheet.note(format!(
            "a run of {name} with {clients} clients is void: the load took {percent:.0} % of its core"
        ));
        false
    }

    /// Our server, the raw room, and Colyseus where it is wanted and to be had.
    fn sides(&mut self) -> Vec<Side> {
        let mut sides = vec![Side::Raw, Side::Lore];
        match self.options.peer.as_deref().map(|folder| host::install_colyseus(Some(folder))) {
            Some(Ok(())) => sides.push(Side::Colyseus),
            Some(Err(why)) => self.sheet.note(format!("colyseus skipped: {why:#}")),
            None => self.sheet.note("colyseus skipped: not asked for, or bench/colyseus is not here"),
        }
        sides
    }
}

/// Runs a suite. `tell` is called with a line for people before every step.
///
/// # Errors
/// Numbers that make no sense, or a server or a client that does not do what it should; with what it said.
pub fn run(name: Name, options: &Options, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let most = if name == Name::InterestGrid { ENTITIES_MAX } else { CLIENTS_MAX };
    for clients in &options.clients {
        ensure!((1..=most).contains(clients), "{clients} clients: {} takes 1 to {most}", name.name());
    }
    let cores = Cores::take();
    let mut bench = Bench { options, cores, sheet: Sheet::default(), tell };
    if bench.cores.is_none() && name != Name::InterestGrid {
        bench.sheet.note("server and load share their cores: they cannot be pinned to two here");
    }
    machine::raise_open_files();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start tokio")?;
    LocalSet::new().block_on(&tokio, bench.run(name)).with_context(|| name.name())?;
    let (figures, curve, notes) = bench.sheet.finish();
    Ok(Report {
        name: name.name(),
        work: name.work(),
        seed: options.seed,
        quick: options.quick,
        optimised: !cfg!(debug_assertions),
        figures,
        curve,
        notes,
    })
}

impl Bench<'_> {
    async fn run(&mut self, name: Name) -> anyhow::Result<()> {
        match name {
            Name::ZoneAoi => zone::aoi(self).await,
            Name::ZoneFull => zone::full(self).await,
            Name::WireBytes => zone::bytes(self).await,
            Name::IdleConns => idle::run(self).await,
            Name::Fanout => fanout::run(self).await,
            Name::InterestGrid => grid::run(self),
            Name::ReloadPause => reload::run(self).await,
            Name::LoginStorm => login::run(self).await,
        }
    }
}
