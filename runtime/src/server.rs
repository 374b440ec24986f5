//! The composition root: everything of a server put together, and taken apart in order.

mod pack;
mod restore;
mod upkeep;

pub use pack::{Assembled, Pack, PackError};

use crate::abuse::Abuse;
use crate::admin::{self, AdminState, AdminToken, TokenNote};
use crate::auth::Auth;
use crate::bus::Bus;
use crate::cache::Cache;
use crate::client::courier::{Couriers, Mail};
use crate::client::roster::Roster;
use crate::config::{Config, Profile};
use crate::gateway::{self, Gateway, GatewaySetup};
use crate::http::{self, AppState, ServeLimits};
use crate::online::Online;
use crate::presence::Presences;
use crate::reload::{
    Archive, Calls, Pipeline, PipelineSetup, calls_loop, load_calls, probation_loop, strikes_loop,
};
use crate::replay::{Keep, WriterThread, spawn_writer};
use crate::store::{DatabaseClaim, FolderClaim, Store};
use crate::telemetry;
use crate::zone::{self, JOURNAL_QUEUE, JournalError, Room, RoomSetup, SimThread, ZoneRules, Zones};
use anyhow::{Context as _, bail};
use host_api::{Engine, Limits, RECORDED_VIEWS, ScriptRules};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Script failures that may wait to be counted.
const FAILURE_QUEUE: usize = 1_024;
/// Clients get this long to read that they should go.
const FAREWELL: Duration = Duration::from_millis(250);
/// How long the zones may take to save everybody, and the journal to write it down.
const DRAIN: Duration = Duration::from_secs(20);
/// How long the last recorded calls may take to be saved.
const RECORD: Duration = Duration::from_secs(5);
/// Between two looks at the zones' threads.
const WATCH: Duration = Duration::from_millis(250);
/// How long sockets may take to close.
const CLOSE: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    /// Where players connect.
    pub listen: SocketAddr,
    /// Where operators connect.
    pub admin: SocketAddr,
    /// Changes of what is live.
    pub pipeline: Arc<Pipeline>,
    store: Store,
    zones: Arc<Zones>,
    gateway: Arc<Gateway>,
    draining: Arc<AtomicBool>,
    stop: CancellationToken,
    sim_threads: Vec<SimThread>,
    journal: JoinHandle<Result<(), JournalError>>,
    /// What zones and the journal have told and clients have not been brought yet.
    deliveries: TaskTracker,
    listeners: Vec<JoinHandle<()>>,
    upkeep: JoinHandle<()>,
    /// Ends the saving of recorded calls, for which the zones must still be there.
    leaving: CancellationToken,
    recorder: JoinHandle<()>,
    replay_writer: Option<WriterThread>,
    _note: Option<TokenNote>,
    /// Last, so that nobody else starts while anything of this server is left.
    _claims: (FolderClaim, DatabaseClaim),
}

impl Server {
    /// Starts everything. When this returns, players can connect.
    ///
    /// # Errors
    /// Whatever is in the way, with what to do about it.
    pub async fn start(config: Config, pack: Pack) -> anyhow::Result<Self> {
        config.check()?;
        if config.admin_token.is_none() && !config.admin_listen.ip().is_loopback() {
            bail!(
                "admin-listen {} can be reached from elsewhere: set admin-token, or listen on 127.0.0.1",
                config.admin_listen
            );
        }
        let metrics = telemetry::metrics().context("set up metrics")?;
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("make the data folder {}", config.data.display()))?;
        // Keys, the operator's token and the database are nobody else's.
        if let Err(error) = std::fs::set_permissions(&config.data, Permissions::from_mode(0o700)) {
            tracing::warn!(%error, "the data folder cannot be made private");
        }
        let folder = FolderClaim::new(&config.data).context("claim the data folder")?;
        let store =
            Store::open(&config.data, config.database_url.as_deref()).await.context("open the database")?;
        let database = store.claim().await.context("claim the database")?;
        store.migrate().await.context("bring the database up to date")?;
        let facts = store.fact_writer().await.context("take over the journal")?;
        let auth = Auth::open(store.clone(), &config.data, config.access_ttl, config.refresh_ttl)
            .await
            .context("set up identity")?;
        let abuse = Abuse::open(&config, store.clone()).await.context("read the bans")?;
        let cache = match &config.redis_url {
            Some(url) => Cache::redis(url).context("set up the cache")?,
            None => Cache::memory(),
        };
        let bus = match &config.nats_url {
            Some(url) => Bus::nats(url).context("set up the bus")?,
            None => Bus::in_process(),
        };

        let engine = Engine::granting(
            config.scripts.grants(),
            Limits::default(),
            Some(&config.data.join("compiled")),
        )?;
        let (assembled, archive, mut calls) = load(&engine, pack, &config).await?;
        let content = Arc::clone(&assembled.content);
        let deliveries = TaskTracker::new();
        let couriers =
            Couriers::start(std::thread::available_parallelism().map_or(1, NonZero::get), &deliveries);
        let (journal_sender, journal_queue) = mpsc::channel(JOURNAL_QUEUE);
        let (failures, failure_queue) = mpsc::channel(FAILURE_QUEUE);
        let clocks: BTreeMap<String, u64> = store.load_zone_clocks().await?.into_iter().collect();
        let mut event_ends = store.load_event_ends().await?;
        let (replay, replay_writer) = match config.replay_keep {
            Duration::ZERO => (None, None),
            keep => {
                let folder = config.data.join("replay");
                let (sender, thread) = spawn_writer(folder, Keep(keep)).context("record replay logs")?;
                (Some(sender), Some(thread))
            }
        };
        let mut setups = Vec::new();
        for (id, definition) in &content.zones {
            let generation = assembled.generation(&definition.name)?;
            let mut rules = ScriptRules::new(&generation)?;
            rules.record(RECORDED_VIEWS);
            rules.limit_ticks();
            rules.know(assembled.former.clone());
            rules.adopt_recording(calls.remove(&definition.name).unwrap_or_default());
            let rules: Box<dyn ZoneRules> = Box::new(rules);
            setups.push(RoomSetup {
                zone: *id,
                content: Arc::clone(&content),
                rules,
                generation: generation.number(),
                seed: config.seed,
                tick: clocks.get(&definition.name).copied().unwrap_or(0),
                event_ends: event_ends.remove(&definition.name).unwrap_or_default(),
                tick_ms: config.tick_ms,
                couriers: couriers.clone(),
                journal: journal_sender.clone(),
                failures: failures.clone(),
                replay: replay.clone(),
            });
        }
        // Only the zones hold these, so that the loops behind them end with the last zone.
        let mail = Mail::new(couriers);
        drop((journal_sender, failures, replay));
        let (zones, rooms) = Zones::build(setups);
        let online = Online::default();
        let presences = Presences::new(config.presence.show_zones);
        let roster = Roster::new(online.clone(), presences.clone());
        let journal = tokio::spawn(zone::journal_loop(
            facts,
            roster.clone(),
            journal_queue,
            Arc::clone(store.reachable()),
            bus.clone(),
            mail,
        ));
        let pipeline = Pipeline::new(PipelineSetup {
            engine,
            zones: Arc::clone(&zones),
            archive,
            store: store.clone(),
            assembled,
            content,
            probation_ticks: config.reload.probation_ticks.into(),
            tick_ms: config.tick_ms,
            replay_keep: config.replay_keep,
        });
        tokio::spawn(strikes_loop(Arc::clone(&pipeline), Arc::clone(&zones), failure_queue));
        let gateway = Gateway::new(GatewaySetup {
            zones: Arc::clone(&zones),
            roster,
            presences,
            store: store.clone(),
            auth: auth.clone(),
            abuse: abuse.clone(),
            content: pipeline.watch_content(),
            tick_ms: config.tick_ms,
            heartbeat: config.heartbeat,
            away_after: config.presence.away_after,
            linkdead: config.linkdead,
            echoes: config.ws_echo,
        });

        let listener = bind(config.listen)?;
        let admin_listener = bind(config.admin_listen)?;
        let (listen, admin) = (listener.local_addr()?, admin_listener.local_addr()?);
        let sim_threads = start_threads(rooms, &config)?;
        let stop = CancellationToken::new();
        let draining = Arc::new(AtomicBool::new(false));
        let token = match &config.admin_token {
            Some(token) => token.clone(),
            None => AdminToken::open(&config.data)?,
        };
        let note = TokenNote::leave(admin, &token)
            .inspect_err(|error| tracing::warn!(%error, "`lore` needs --data or LORE_ADMIN_TOKEN here"))
            .ok();
        let admin_router = admin::router(AdminState {
            pipeline: Arc::clone(&pipeline),
            zones: Arc::clone(&zones),
            gateway: Arc::clone(&gateway),
            token: Arc::new(AdminToken::new(&token)),
            bus,
            stop: stop.clone(),
            abuse: abuse.clone(),
            store: store.clone(),
            open_status: config.profile == Profile::Development,
        });
        tokio::spawn(probation_loop(Arc::clone(&pipeline), stop.clone()));
        let leaving = CancellationToken::new();
        let recorder = tokio::spawn(calls_loop(Arc::clone(&pipeline), leaving.clone()));
        let upkeep = tokio::spawn(upkeep::upkeep_loop(
            store.clone(),
            auth.clone(),
            abuse.clone(),
            Arc::clone(&pipeline),
            Arc::clone(&zones),
            metrics.clone(),
            stop.clone(),
        ));
        let router = http::router(AppState {
            store: store.clone(),
            cache,
            auth,
            online,
            content: pipeline.watch_content(),
            abuse: abuse.clone(),
            config: Arc::new(config),
            metrics,
            draining: Arc::clone(&draining),
        })
        .merge(gateway::router(Arc::clone(&gateway)));
        let for_players = ServeLimits { abuse: Some(abuse), ..ServeLimits::default() };
        let listeners = vec![
            tokio::spawn(http::serve(listener, router, stop.clone(), for_players)),
            tokio::spawn(http::serve(admin_listener, admin_router, stop.clone(), ServeLimits::default())),
        ];
        Ok(Self {
            listen,
            admin,
            pipeline,
            store,
            zones,
            gateway,
            draining,
            stop,
            sim_threads,
            journal,
            deliveries,
            listeners,
            upkeep,
            leaving,
            recorder,
            replay_writer,
            _note: note,
            _claims: (folder, database),
        })
    }

    /// Waits until the server can no longer do its work.
    ///
    /// # Errors
    /// Always: why it cannot.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        let threads = &self.sim_threads;
        let thread_ended = async {
            while !threads.iter().any(SimThread::is_finished) {
                tokio::time::sleep(WATCH).await;
            }
        };
        let journal = tokio::select! {
            journal = &mut self.journal => journal,
            () = thread_ended => bail!("a zone thread hit a defect; it is in the log, report it and start the server again"),
        };
        match journal {
            Ok(Ok(())) => bail!("all zones have ended"),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(error).context("the journal hit a defect"),
        }
    }

    /// Sends the clients away, saves everything, ends.
    ///
    /// # Errors
    /// Something could not be saved in time.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        self.draining.store(true, Ordering::Relaxed);
        self.gateway.announce_shutdown();
        tokio::time::sleep(FAREWELL).await;
        self.leaving.cancel();
        if tokio::time::timeout(RECORD, &mut self.recorder).await.is_err() {
            self.recorder.abort();
            tracing::warn!(
                "the last recorded calls were not saved in time; the next run begins with older ones"
            );
        }
        let threads = std::mem::take(&mut self.sim_threads);
        // Looked at instead of joined: a thread that never ends must not keep the process.
        let ended = async {
            self.gateway.drain_zones().await;
            while !threads.iter().all(SimThread::is_finished) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let zones_ended = tokio::time::timeout(DRAIN, ended).await;
        // The journal ends behind the zones; while they wait for the store, so does it.
        let written = match self.journal.is_finished() || zones_ended.is_err() {
            true => Ok(Ok(Ok(()))),
            false => tokio::time::timeout(DRAIN, &mut self.journal).await,
        };
        // Before its connection is closed everybody is told what there was to tell.
        self.deliveries.close();
        let may_end = zones_ended.is_ok() && written.is_ok();
        if may_end && tokio::time::timeout(CLOSE, self.deliveries.wait()).await.is_err() {
            tracing::warn!("not everybody was told everything in time");
        }
        self.gateway.close_connections(CLOSE).await;
        self.stop.cancel();
        for task in self.listeners {
            task.await.context("a listener hit a defect")?;
        }
        self.upkeep.await.context("the upkeep hit a defect")?;
        if zones_ended.is_err() {
            bail!(
                "the zones did not end within {} s: is the store away? look at the database",
                DRAIN.as_secs()
            );
        }
        if threads.into_iter().any(|thread| thread.join().is_err()) {
            bail!("a zone thread hit a defect; it is in the log, report it and start the server again");
        }
        if let Some(writer) = self.replay_writer
            && tokio::task::spawn_blocking(|| writer.join()).await.is_ok_and(|ended| ended.is_err())
        {
            tracing::error!("the writer of replay logs hit a defect");
        }
        written
            .context("the store did not take the last facts in time")?
            .context("the journal hit a defect")?
            .context("the last facts could not be saved")?;
        upkeep::save_clocks(&self.store, &self.zones).await.context("save the zones' clocks")?;
        self.store.close().await;
        Ok(())
    }
}

async fn load(engine: &Engine, pack: Pack, config: &Config) -> anyhow::Result<(Assembled, Archive, Calls)> {
    let archive = Archive::open(&config.data).context("open the archive of modules")?;
    let set = archive.live().context("read DATA/live.json")?;
    let engine = engine.clone();
    let assemble = move || -> anyhow::Result<_> {
        let assembled = pack::assemble(&engine, pack, &archive, set)?;
        // At once: the number of this generation must not be given to another one after a crash.
        archive.set_live(&assembled.set).context("write DATA/live.json")?;
        let calls = load_calls(&archive);
        Ok((assembled, archive, calls))
    };
    tokio::task::spawn_blocking(assemble).await.context("load the scripts")?
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let taken =
        "is another server there? choose another with --listen or --admin-listen; port 0 takes a free one";
    crate::http::listen(address).with_context(|| format!("cannot listen on {address}; {taken}"))
}

/// Deals the zones out to threads: one thread per two cores unless configured.
fn start_threads(rooms: Vec<Room>, config: &Config) -> anyhow::Result<Vec<SimThread>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = if config.sim_threads == 0 { cores / 2 } else { config.sim_threads };
    let count = wanted.clamp(1, rooms.len().max(1));
    let mut hands: Vec<Vec<Room>> = (0..count).map(|_| Vec::new()).collect();
    for (index, room) in rooms.into_iter().enumerate() {
        hands[index % count].push(room);
    }
    let tick = Duration::from_millis(config.tick_ms.into());
    let threads = hands.into_iter().enumerate().map(|(number, rooms)| zone::spawn(number, rooms, tick));
    threads.collect::<Result<_, _>>().context("start the zones' threads")
}
