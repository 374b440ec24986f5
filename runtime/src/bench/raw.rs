//! The physical limit that travels with us: a bare room on one thread. Native rules, interest by the same grid, packed
//! frames of 14 bytes an entity. No delta, no script, no account, no store: what a server costs beyond this is what
//! its features cost. Run as `lore bench-raw`, so that its CPU time can be told from the load's.

use super::ground::{FASTEST_M_S, Ground};
use anyhow::Context as _;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use sim::EntityId;
use sim::content::Position;
use sim::grid::Grid;
use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// What a client says to come in.
pub const JOIN: u8 = b'J';
/// What it says to use its ability.
pub const ACT: u8 = b'A';
/// Bytes of a movement: its number, x, y.
const MOVE_BYTES: usize = 12;
/// Bytes of an entity: its id, x, y, its health.
const ENTITY_BYTES: usize = 14;
/// What everybody is sent in a tick where nothing else is: one KiB.
const FAN_BYTES: usize = 1_024;
/// Buffers of a socket, as those of our server.
const SOCKET_BUFFER: usize = 4 * 1024;
/// Frames that wait for one client; what comes then is lost to it.
const OUTBOX_FRAMES: usize = 64;
const TICK_MS: u32 = 50;
/// Movement that can be saved up: as long as in `sim`.
const CREDIT_MS: i32 = 400;
/// Ticks from one use of the ability to the next.
const ACT_TICKS: u64 = 10;
const HEALTH: u16 = 100;

/// What a room sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sends {
    /// Everybody what is in its sight.
    Sight,
    /// Everybody the same.
    Same,
}

/// Serves until standard input ends; tells its address on standard output first.
///
/// # Errors
/// There is no port, or nobody to tell.
pub fn serve(ground: Ground, sends: Sends) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start tokio")?;
    LocalSet::new().block_on(&tokio, accept_loop(ground, sends))
}

async fn accept_loop(ground: Ground, sends: Sends) -> anyhow::Result<()> {
    let listener = crate::http::listen((Ipv4Addr::LOCALHOST, 0).into()).context("take a port")?;
    announce(listener.local_addr()?)?;
    std::thread::spawn(|| {
        // Who started this has ended, whatever the reason.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let room = Rc::new(RefCell::new(Room::new(ground, sends)));
    tokio::task::spawn_local(tick_loop(Rc::clone(&room)));
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        tokio::task::spawn_local(connection(stream, Rc::clone(&room)));
    }
}

fn announce(listen: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::json!({"listen": listen.to_string()}))?;
    Ok(out.flush()?)
}

struct Player {
    at: Position,
    credit_mm: i32,
    health: u16,
    /// The last movement that counts.
    ack: u32,
    ready_at: u64,
    outbox: mpsc::Sender<Bytes>,
}

struct Room {
    ground: Ground,
    sends: Sends,
    tick: u64,
    /// By number; places of those who left are taken again.
    players: Vec<Option<Player>>,
    grid: Grid,
    /// What is told of each, written once a tick.
    records: Vec<[u8; ENTITY_BYTES]>,
    fan: Bytes,
}

impl Room {
    fn new(ground: Ground, sends: Sends) -> Self {
        Self {
            ground,
            sends,
            tick: 0,
            players: Vec::new(),
            grid: Grid::new(ground.side_mm, ground.side_mm),
            records: Vec::new(),
            fan: Bytes::from(vec![b'f'; FAN_BYTES]),
        }
    }

    fn join(&mut self, outbox: mpsc::Sender<Bytes>) -> usize {
        let (x_mm, y_mm) = self.ground.entrance();
        let player = Player {
            at: Position { x_mm, y_mm },
            credit_mm: FASTEST_M_S * CREDIT_MS,
            health: HEALTH,
            ack: 0,
            ready_at: 0,
            outbox,
        };
        match self.players.iter().position(Option::is_none) {
            Some(free) => {
                self.players[free] = Some(player);
                free
            }
            None => {
                self.players.push(Some(player));
                self.players.len() - 1
            }
        }
    }

    fn leave(&mut self, number: usize) {
        self.players[number] = None;
    }

    fn hear(&mut self, number: usize, message: &[u8]) {
        let (tick, side) = (self.tick, self.ground.side_mm);
        let Some(player) = self.players.get_mut(number).and_then(Option::as_mut) else { return };
        if message == [ACT] {
            if tick >= player.ready_at {
                player.ready_at = tick + ACT_TICKS;
                player.health = (player.health + 1).min(HEALTH);
            }
            return;
        }
        let Ok(message) = <[u8; MOVE_BYTES]>::try_from(message) else { return };
        let [a, b, c, d, x0, x1, x2, x3, y0, y1, y2, y3] = message;
        let seq = u32::from_le_bytes([a, b, c, d]);
        if seq <= player.ack {
            return;
        }
        player.ack = seq;
        let to = Position {
            x_mm: i32::from_le_bytes([x0, x1, x2, x3]),
            y_mm: i32::from_le_bytes([y0, y1, y2, y3]),
        };
        let distance = i32::try_from(player.at.distance_mm(to)).unwrap_or(i32::MAX);
        let inside = (0..=side).contains(&to.x_mm) && (0..=side).contains(&to.y_mm);
        if inside && distance <= player.credit_mm {
            player.credit_mm -= distance;
            player.at = to;
        }
    }

    fn advance(&mut self) {
        self.tick += 1;
        match self.sends {
            Sends::Sight => self.send_sight(),
            Sends::Same => {
                for player in self.players.iter().flatten() {
                    // Full: the frame is lost to this one.
                    let _ = player.outbox.try_send(self.fan.clone());
                }
            }
        }
    }

    fn send_sight(&mut self) {
        let gained = FASTEST_M_S * 11 / 10 * TICK_MS as i32;
        self.records.clear();
        for (number, player) in self.players.iter_mut().enumerate() {
            let mut record = [0; ENTITY_BYTES];
            if let Some(player) = player {
                player.credit_mm = (player.credit_mm + gained).min(FASTEST_M_S * CREDIT_MS);
                let mut at = &mut record[..];
                at.put_u32_le(number as u32);
                at.put_i32_le(player.at.x_mm);
                at.put_i32_le(player.at.y_mm);
                at.put_u16_le(player.health);
            }
            self.records.push(record);
        }
        let there = self.players.iter().enumerate();
        self.grid.rebuild(there.filter_map(|(number, player)| {
            player.as_ref().map(|player| (EntityId(number as u64), player.at))
        }));
        let radius = self.ground.radius_mm.unsigned_abs();
        for player in self.players.iter().flatten() {
            let mut frame = BytesMut::with_capacity(4 + 16 * ENTITY_BYTES);
            frame.put_u32_le(player.ack);
            self.grid.within(player.at, radius, |seen| {
                frame.extend_from_slice(&self.records[seen.id.0 as usize]);
            });
            // Full: the frame is lost to this one.
            let _ = player.outbox.try_send(frame.freeze());
        }
    }
}

async fn tick_loop(room: Rc<RefCell<Room>>) {
    let mut pace = tokio::time::interval(Duration::from_millis(TICK_MS.into()));
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        room.borrow_mut().advance();
    }
}

/// One client, from its upgrade to its end. What goes wrong with it ends it.
async fn connection(stream: TcpStream, room: Rc<RefCell<Room>>) {
    let mut number = None;
    let _ = converse(stream, &room, &mut number).await;
    if let Some(number) = number {
        room.borrow_mut().leave(number);
    }
}

async fn converse(
    stream: TcpStream,
    room: &RefCell<Room>,
    number: &mut Option<usize>,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(SOCKET_BUFFER).write_buffer_size(SOCKET_BUFFER);
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    let (outbox, mut frames) = mpsc::channel(OUTBOX_FRAMES);
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => match *number {
                    Some(number) => room.borrow_mut().hear(number, &bytes),
                    None if bytes[..] == [JOIN] => *number = Some(room.borrow_mut().join(outbox.clone())),
                    None => {}
                },
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
            },
            Some(frame) = frames.recv() => {
                let mut next = Some(frame);
                while let Some(frame) = next {
                    socket.feed(Message::Binary(frame)).await?;
                    next = frames.try_recv().ok();
                }
                socket.flush().await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(sends: Sends) -> (Room, mpsc::Receiver<Bytes>, mpsc::Receiver<Bytes>) {
        let mut room = Room::new(Ground::spread(400), sends);
        let ((one, first), (other, second)) = (mpsc::channel(2), mpsc::channel(2));
        assert_eq!((room.join(one), room.join(other)), (0, 1));
        (room, first, second)
    }

    fn go(seq: u32, x: i32, y: i32) -> Vec<u8> {
        let mut message = Vec::new();
        crate::bench::speech::Side::Raw.go(&mut message, seq, (x, y));
        message
    }

    #[test]
    fn everybody_is_told_who_is_in_sight() {
        let (mut room, mut first, mut second) = room(Sends::Sight);
        room.advance();
        assert_eq!(first.try_recv().expect("a frame").len(), 4 + 2 * ENTITY_BYTES);
        let (x, y) = room.ground.entrance();
        for step in 1..=10 {
            room.hear(1, &go(step, x + step as i32 * 11_000, y));
            room.advance();
        }
        let last = std::iter::from_fn(|| second.try_recv().ok()).last().expect("frames");
        assert_eq!(last.len(), 4 + ENTITY_BYTES * 2, "the outbox holds the first two, of the beginning");
        room.advance();
        let frame = second.try_recv().expect("a frame");
        assert_eq!((frame.len(), &frame[..4]), (4 + ENTITY_BYTES, &[10, 0, 0, 0][..]));
        assert_eq!(frame[8..12], (x + 110_000).to_le_bytes());
    }

    #[test]
    fn who_is_too_fast_stays_where_it_is() {
        let (mut room, mut first, _second) = room(Sends::Sight);
        room.hear(0, &go(1, 0, 0));
        room.hear(0, &[ACT]);
        room.hear(0, b"nonsense");
        room.advance();
        let frame = first.try_recv().expect("a frame");
        assert_eq!(frame[..4], [1, 0, 0, 0], "acknowledged all the same");
        assert_eq!(frame[8..12], room.ground.entrance().0.to_le_bytes());
    }

    #[test]
    fn the_same_goes_to_all_and_who_does_not_read_loses_it() {
        let (mut room, mut first, second) = room(Sends::Same);
        for _ in 0..5 {
            room.advance();
            assert_eq!(first.try_recv().expect("a frame").len(), FAN_BYTES);
        }
        assert_eq!(second.len(), 2);
        room.leave(0);
        room.advance();
        assert!(first.try_recv().is_err());
    }
}
