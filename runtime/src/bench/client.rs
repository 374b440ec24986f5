//! The load: thousands of clients on one thread. They move ten times a second and count what comes back, without making
//! a picture of the world of it. How much of its core the load takes is part of every result.

use super::ground::Ground;
use super::speech::{Heard, Side, acknowledge, say};
use super::walker::{Role, STEPS_PER_SECOND, Walker};
use super::wire::{self, Reader, Seen as Frame, opcode};
use crate::load::acks::FrameAcks;
use crate::load::measure::{Latency, Summary};
use crate::load::server::OwnCpu;
use anyhow::{Context as _, bail, ensure};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// From one step of a client to its next.
const STEP: Duration = Duration::from_millis(1_000 / STEPS_PER_SECOND as u64);
/// Steps from one use of the ability to the next: two seconds.
const STEPS_PER_ACT: u64 = 2 * STEPS_PER_SECOND as u64;
/// How long a client may take to come in, or all of them to come to their places.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes read at once, for all clients in turn.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest answer to an upgrade.
const UPGRADE_BYTES: usize = 16 * 1024;
/// What the system keeps for a client that does not read.
const STALLED_BUFFER_BYTES: u32 = 4 * 1024;
/// Movements whose acknowledgement is waited for.
const TIMED_MOVES: usize = 256;
/// Bytes of one line of speech; the server takes 500.
const LINE_BYTES: usize = 490;

/// Steps taken before others get a turn, should all of them be due.
const TURNS_AT_ONCE: usize = 64;

/// What one client comes in with.
#[derive(Clone, Debug, Default)]
pub struct Ticket {
    /// Access token; empty where none is asked for.
    pub token: String,
    /// Key of the character.
    pub character: i64,
}

/// How the clients behave.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// To what server they speak.
    pub side: Side,
    /// Where it is.
    pub address: SocketAddr,
    /// Where they walk.
    pub ground: Ground,
    /// What they do.
    pub role: Role,
    /// Of their ways.
    pub seed: u64,
    /// So many are on their way in at once.
    pub at_once: usize,
    /// So many of them, the last ones, can be told not to read.
    pub stalled: usize,
}

/// What was counted in a window.
pub struct Seen {
    /// How long it was.
    pub seconds: f64,
    /// Frames with what changed, all clients.
    pub frames: u64,
    /// Ticks these frames told of: one in which there was nothing to say counts.
    pub ticks: u64,
    /// Bytes of all frames, headers of WebSocket included.
    pub bytes: u64,
    /// Movements that were taken back.
    pub corrections: u64,
    /// Between two frames, less the ticks in which there was nothing to say.
    pub gaps: Summary,
    /// From a movement to the frame that acknowledges it.
    pub acks: Summary,
    /// What the load took of its core, percent; `None` where the system does not tell.
    pub load_percent: Option<f64>,
}

/// When counting began.
pub struct Watch {
    began: Instant,
    cpu: OwnCpu,
}

#[derive(Default)]
struct Meter {
    frames: u64,
    ticks: u64,
    bytes: u64,
    corrections: u64,
    gaps: Latency,
    acks: Latency,
}

struct Client {
    stream: TcpStream,
    stalled: Cell<bool>,
    state: RefCell<State>,
}

struct State {
    reader: Reader,
    walker: Walker,
    joined: bool,
    /// Why there is no connection any more.
    gone: Option<String>,
    steps: u64,
    seq: u32,
    sent: VecDeque<(u32, Instant)>,
    /// Frames that the server is told of, where it tells their ticks.
    acks: FrameAcks,
    /// When the last frame came, and of which tick.
    last: Option<(Instant, Option<u64>)>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

struct Shared {
    plan: Plan,
    tick: Duration,
    http: reqwest::Client,
    act: Option<Vec<u8>>,
    clients: RefCell<Vec<Option<Rc<Client>>>>,
    entering: Semaphore,
    meter: RefCell<Meter>,
    buffer: RefCell<Vec<u8>>,
    scratch: RefCell<Vec<u8>>,
    paused: Cell<bool>,
    resumed: Notify,
}

/// Clients that are connected; gone when dropped. Lives in a [`tokio::task::LocalSet`].
pub struct Crowd {
    shared: Rc<Shared>,
    _tasks: JoinSet<()>,
}

impl Crowd {
    /// Brings all of them in; how long it took from the first to the last.
    ///
    /// # Errors
    /// One of them could not come in, with why.
    pub async fn enter(plan: Plan, tickets: Vec<Ticket>) -> anyhow::Result<(Self, Duration)> {
        let count = tickets.len();
        let shared = Rc::new(Shared {
            plan,
            tick: Duration::from_millis(50),
            http: reqwest::Client::new(),
            act: plan.side.act().filter(|_| plan.role == Role::Wander),
            clients: RefCell::new(vec![None; count]),
            entering: Semaphore::new(plan.at_once.max(1)),
            meter: RefCell::default(),
            buffer: RefCell::new(vec![0; BUFFER_BYTES]),
            scratch: RefCell::default(),
            paused: Cell::new(false),
            resumed: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn_local(pace_loop(Rc::clone(&shared)));
        let began = Instant::now();
        let mut entering = JoinSet::new();
        for (index, ticket) in tickets.into_iter().enumerate() {
            entering.spawn_local(come_in(Rc::clone(&shared), index, ticket));
        }
        while let Some(entered) = entering.join_next().await {
            let client = entered.context("a client died")??;
            tasks.spawn_local(attend_loop(Rc::clone(&shared), client));
        }
        Ok((Self { shared, _tasks: tasks }, began.elapsed()))
    }

    /// Waits until everybody is at its own place.
    ///
    /// # Errors
    /// It takes too long, or somebody is gone.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.count(|state| !state.walker.has_arrived()) > 0 {
            if let Some(why) = self.lost().first() {
                bail!("a client lost its connection on its way: {why}");
            }
            let late = self.count(|state| !state.walker.has_arrived());
            ensure!(Instant::now() < until, "{late} clients do not come to their places");
            tokio::time::sleep(STEP).await;
        }
        Ok(())
    }

    /// Counts for so long.
    pub async fn measure(&self, window: Duration) -> Seen {
        let watch = self.begin();
        tokio::time::sleep(window).await;
        self.end(&watch)
    }

    /// Counts from now on.
    pub fn begin(&self) -> Watch {
        *self.shared.meter.borrow_mut() = Meter::default();
        Watch { began: Instant::now(), cpu: OwnCpu::start() }
    }

    /// What was counted since.
    pub fn end(&self, watch: &Watch) -> Seen {
        let meter = self.shared.meter.take();
        Seen {
            seconds: watch.began.elapsed().as_secs_f64(),
            frames: meter.frames,
            ticks: meter.ticks,
            bytes: meter.bytes,
            corrections: meter.corrections,
            gaps: meter.gaps.summary(),
            acks: meter.acks.summary(),
            load_percent: watch.cpu.percent(),
        }
    }

    /// Has those who read speak in turn, so many lines a second in all, for so long.
    pub async fn talk(&self, per_second: u32, window: Duration) {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second.max(1));
        let until = Instant::now() + window;
        let mut line = 0;
        while Instant::now() < until {
            pace.tick().await;
            let speaker = {
                let clients = self.shared.clients.borrow();
                let readers = clients.len() - self.shared.plan.stalled.min(clients.len());
                clients.get(line % readers.max(1)).cloned().flatten()
            };
            line += 1;
            let mut text = format!("line {line} ");
            while text.len() < LINE_BYTES {
                text.push(char::from(b'a' + (text.len() % 6) as u8));
            }
            if let Some(speaker) = speaker {
                self.shared.send(&speaker, &mut speaker.state.borrow_mut(), opcode::BINARY, &say(text));
            }
        }
    }

    /// Those who can be told so do not read any more.
    pub fn stall(&self) {
        let clients = self.shared.clients.borrow();
        let stalled = clients.iter().rev().take(self.shared.plan.stalled);
        stalled.flatten().for_each(|client| client.stalled.set(true));
    }

    /// Everybody reads again.
    pub fn resume(&self) {
        self.shared.clients.borrow().iter().flatten().for_each(|client| client.stalled.set(false));
        self.shared.resumed.notify_waiters();
    }

    /// Stops everybody, and waits for what is still to be acknowledged; how many movements never were.
    pub async fn finish(&self) -> usize {
        self.shared.paused.set(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let clients = self.shared.clients.borrow();
        clients.iter().flatten().map(|client| client.state.borrow().sent.len()).sum()
    }

    /// Why connections were lost, one text for each.
    pub fn lost(&self) -> Vec<String> {
        let clients = self.shared.clients.borrow();
        clients.iter().flatten().filter_map(|client| client.state.borrow().gone.clone()).collect()
    }

    /// Where everybody is.
    pub fn places(&self) -> Vec<(i32, i32)> {
        let clients = self.shared.clients.borrow();
        clients.iter().flatten().map(|client| client.state.borrow().walker.at()).collect()
    }

    fn count(&self, is: impl Fn(&State) -> bool) -> usize {
        let clients = self.shared.clients.borrow();
        clients.iter().flatten().filter(|client| is(&client.state.borrow())).count()
    }
}

/// Opens one socket and joins.
async fn come_in(shared: Rc<Shared>, index: usize, ticket: Ticket) -> anyhow::Result<Rc<Client>> {
    let _turn = shared.entering.acquire().await.context("nobody is let in any more")?;
    let coming = async {
        let client = shared.open(index, &ticket).await?;
        shared.clients.borrow_mut()[index] = Some(Rc::clone(&client));
        while !client.state.borrow().joined {
            if let Some(why) = &client.state.borrow().gone {
                bail!("{why}");
            }
            client.stream.readable().await?;
            shared.pump(&client);
        }
        Ok(client)
    };
    let came = tokio::time::timeout(PATIENCE, coming).await;
    came.context("no answer").flatten().with_context(|| format!("client {index} could not come in"))
}

/// Reads what one client is sent until there is no more.
async fn attend_loop(shared: Rc<Shared>, client: Rc<Client>) {
    while client.state.borrow().gone.is_none() {
        while client.stalled.get() {
            shared.resumed.notified().await;
        }
        match client.stream.readable().await {
            Ok(()) => shared.pump(&client),
            Err(error) => client.state.borrow_mut().gone = Some(error.to_string()),
        }
    }
}

/// Has every client take its steps, spread over the time between two of them.
async fn pace_loop(shared: Rc<Shared>) {
    let count = shared.clients.borrow().len().max(1);
    let began = Instant::now();
    let mut turn = 0_usize;
    loop {
        let due = began + STEP.mul_f64(turn as f64 / count as f64);
        let now = Instant::now();
        if due > now {
            tokio::time::sleep_until(due.into()).await;
            continue;
        }
        if now - due > STEP {
            // What is late is left out: clients of a busy machine do not make up for it in a burst.
            turn += count;
            continue;
        }
        if turn.is_multiple_of(TURNS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
        let client = shared.clients.borrow()[turn % count].clone();
        if let Some(client) = client.filter(|_| !shared.paused.get()) {
            shared.step(&client, now);
        }
        turn += 1;
    }
}

impl Shared {
    async fn open(&self, index: usize, ticket: &Ticket) -> anyhow::Result<Rc<Client>> {
        let plan = &self.plan;
        let count = self.clients.borrow().len();
        let (path, headers) = match plan.side {
            Side::Lore => {
                let token = &ticket.token;
                let subprotocol = crate::client::frame::Encoding::Proto.subprotocol();
                let headers =
                    format!("Authorization: Bearer {token}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n");
                ("/v1/world/ws".to_owned(), headers)
            }
            Side::Raw => ("/".to_owned(), String::new()),
            Side::Colyseus => (self.seat().await?, String::new()),
        };
        let socket = TcpSocket::new_v4()?;
        if index + plan.stalled >= count {
            socket.set_recv_buffer_size(STALLED_BUFFER_BYTES)?;
        }
        let mut stream = socket.connect(plan.address).await?;
        stream.set_nodelay(true)?;
        let rest = upgrade(&mut stream, plan.address, &path, &headers).await?;
        let state = State {
            reader: Reader::default(),
            walker: Walker::new(plan.ground, plan.role, (index, count), plan.seed),
            joined: plan.role == Role::Idle,
            gone: None,
            // Not all of them act in the same moment.
            steps: index as u64,
            seq: 0,
            sent: VecDeque::new(),
            acks: FrameAcks::default(),
            last: None,
            unsent: Vec::new(),
        };
        let stalled = Cell::new(false);
        let client = Rc::new(Client { stream, stalled, state: RefCell::new(state) });
        self.take(&client, &rest);
        if let Some(join) = plan.side.join(ticket.character).filter(|_| plan.role != Role::Idle) {
            self.send(&client, &mut client.state.borrow_mut(), opcode::BINARY, &join);
        }
        Ok(client)
    }

    /// A seat of Colyseus' matchmaker, as the path of the socket.
    async fn seat(&self) -> anyhow::Result<String> {
        let url = format!("http://{}/matchmake/joinOrCreate/zone", self.plan.address);
        let answer = self.http.post(url).json(&serde_json::json!({})).send().await?;
        let seat: serde_json::Value = answer.error_for_status()?.json().await?;
        let part = |name: &str| seat[name].as_str().with_context(|| format!("no `{name}` in {seat}"));
        Ok(format!("/{}/{}?sessionId={}", part("processId")?, part("roomId")?, part("sessionId")?))
    }

    /// Reads what is there.
    fn pump(&self, client: &Client) {
        let mut buffer = self.buffer.borrow_mut();
        let gone = match client.stream.try_read(&mut buffer) {
            Ok(0) => "closed without a word".to_owned(),
            Ok(read) => return self.take(client, &buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => error.to_string(),
        };
        client.state.borrow_mut().gone.get_or_insert(gone);
    }

    fn take(&self, client: &Client, bytes: &[u8]) {
        let now = Instant::now();
        let state = &mut *client.state.borrow_mut();
        let mut reader = std::mem::take(&mut state.reader);
        reader.read(bytes, |frame| self.hear(client, state, &frame, now));
        state.reader = reader;
    }

    fn hear(&self, client: &Client, state: &mut State, frame: &Frame<'_>, now: Instant) {
        let mut meter = self.meter.borrow_mut();
        meter.bytes += frame.bytes;
        match frame.opcode {
            opcode::PING => self.send(client, state, opcode::PONG, frame.front),
            opcode::CLOSE => state.gone = Some(format!("closed: {}", wire::close_reason(frame.front))),
            _ => match self.plan.side.hear(frame.front) {
                Heard::Snapshot => {
                    (state.joined, state.last, state.acks) = (true, None, FrameAcks::default());
                }
                Heard::Delta { tick, ack } => {
                    state.joined = true;
                    state.frame(&mut meter, self.tick, (tick, ack), now);
                }
                Heard::Corrected(x, y) => {
                    meter.corrections += 1;
                    state.walker.put((x, y));
                }
                Heard::Answer(answer) => self.send(client, state, opcode::BINARY, answer),
                Heard::Refused(why) => state.gone = Some(format!("refused: {why}")),
                Heard::Other => {}
            },
        }
    }

    fn step(&self, client: &Client, now: Instant) {
        let state = &mut *client.state.borrow_mut();
        if !state.joined || state.gone.is_some() {
            return;
        }
        let (to, tick) = (state.walker.step(), state.acks.due());
        let mut payload = std::mem::take(&mut *self.scratch.borrow_mut());
        payload.clear();
        if let Some(to) = to {
            state.moves(self.plan.side, now);
            self.plan.side.go(&mut payload, state.seq, to);
        }
        if let Some(tick) = tick {
            acknowledge(&mut payload, tick);
        }
        if !payload.is_empty() {
            self.send(client, state, opcode::BINARY, &payload);
        }
        *self.scratch.borrow_mut() = payload;
        if to.is_none() {
            return;
        }
        if let Some(act) = self.act.as_ref().filter(|_| state.steps.is_multiple_of(STEPS_PER_ACT)) {
            self.send(client, state, opcode::BINARY, act);
        }
    }

    /// Writes a frame, or as much of it as the socket takes; the rest goes with the next one.
    fn send(&self, client: &Client, state: &mut State, opcode: u8, payload: &[u8]) {
        wire::write(&mut state.unsent, opcode, payload);
        match client.stream.try_write(&state.unsent) {
            Ok(written) => drop(state.unsent.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                state.gone.get_or_insert(error.to_string());
            }
        }
    }
}

impl State {
    /// Counts a movement, and waits for its acknowledgement where there are any.
    fn moves(&mut self, side: Side, now: Instant) {
        self.seq += 1;
        self.steps += 1;
        if side == Side::Colyseus {
            return;
        }
        if self.sent.len() == TIMED_MOVES {
            self.sent.pop_front();
        }
        self.sent.push_back((self.seq, now));
    }

    fn frame(
        &mut self,
        meter: &mut Meter,
        length: Duration,
        (tick, ack): (Option<u64>, Option<u32>),
        now: Instant,
    ) {
        if let Some(tick) = tick {
            self.acks.heard(tick);
        }
        let last = self.last.replace((now, tick));
        let before = last.and_then(|(_, tick)| tick);
        let ticks = tick.zip(before).map_or(1, |(tick, before)| tick.saturating_sub(before).max(1));
        meter.frames += 1;
        meter.ticks += ticks;
        if let Some((at, _)) = last {
            let silent = length.saturating_mul(u32::try_from(ticks - 1).unwrap_or(u32::MAX));
            meter.gaps.record((now - at).saturating_sub(silent));
        }
        let Some(ack) = ack else { return };
        while let Some((_, sent)) = self.sent.pop_front_if(|(seq, _)| *seq <= ack) {
            meter.acks.record(now - sent);
        }
    }
}

/// Asks for the WebSocket; what came behind the answer.
async fn upgrade(
    stream: &mut TcpStream,
    address: SocketAddr,
    path: &str,
    headers: &str,
) -> anyhow::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9yZSBiZW5jaCBydW5uZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = answer.split_off(end + 4);
            ensure!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer).trim());
            return Ok(rest);
        }
        ensure!(answer.len() < UPGRADE_BYTES, "the answer to the upgrade has no end");
        let read = stream.read_buf(&mut answer).await?;
        ensure!(read > 0, "closed during the upgrade: {}", String::from_utf8_lossy(&answer).trim());
    }
}
