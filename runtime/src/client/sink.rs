//! The writing end of a client's socket. Two write to it: the task of the socket, itself and through the library that
//! speaks WebSocket, and the courier that passes on what the zones tell. Each writes whole frames, never into one of the other.

use super::frame::{Beginning, Frame, NUMBER_BYTES, Numbered};
use super::limits;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;

/// Longest head of a frame of a server: two bytes and a length of eight.
const HEAD_BYTES: usize = 10;
/// Messages that are written at once.
const GATHERED: usize = 8;

/// One socket, to be written to. A mutex, because nobody holds it longer than a few writes that do not wait.
pub struct Sink(Mutex<Writer>);

struct Writer {
    half: OwnedWriteHalf,
    /// What the socket did not take of frames that were begun: goes before anything else. Empty most of the time.
    rest: Vec<u8>,
}

/// How much of a frame was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All of it.
    Whole,
    /// Its beginning. The rest goes with the next write, or a flush.
    Part,
    /// Nothing: the socket takes nothing now, or nothing any more.
    Nothing,
}

impl Sink {
    /// Of a socket that nobody else writes to.
    pub fn new(half: OwnedWriteHalf) -> Self {
        Self(Mutex::new(Writer { half, rest: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message, if the socket takes something of it now.
    pub fn try_send(&self, message: &Frame) -> Sent {
        let mut writer = self.lock();
        if !writer.rest.is_empty() {
            return Sent::Nothing;
        }
        // An error shows again where the socket is read.
        match writer.write(&[Piece::of(message, None)]) {
            Ok(()) if writer.rest.is_empty() => Sent::Whole,
            Ok(()) => Sent::Part,
            Err(_) => Sent::Nothing,
        }
    }

    /// Sends messages, and what is left of those before them. What is gone from `messages` is sent, or goes before anything
    /// else. As [`AsyncWrite::poll_write`], for one task.
    pub fn poll_send(
        &self,
        context: &mut Context<'_>,
        messages: &mut VecDeque<Numbered>,
    ) -> Poll<io::Result<()>> {
        let mut writer = self.lock();
        loop {
            ready!(writer.poll_rest(context))?;
            if messages.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let count = messages.len().min(GATHERED);
            let pieces: [Piece<'_>; GATHERED] = std::array::from_fn(|number| match messages.get(number) {
                Some(message) => Piece::of(&message.frame, message.beginning().as_ref()),
                None => Piece::default(),
            });
            match writer.write(&pieces[..count]) {
                Ok(()) => drop(messages.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(writer.half.as_ref().poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes all of these bytes, which are whole frames, in its turn. As [`AsyncWrite::poll_write`], for one task.
    pub fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut writer = self.lock();
        ready!(writer.poll_rest(context))?;
        loop {
            match writer.half.try_write(bytes) {
                Ok(written) => {
                    writer.rest.extend_from_slice(&bytes[written..]);
                    return Poll::Ready(Ok(bytes.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(writer.half.as_ref().poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// As [`AsyncWrite::poll_flush`], for the same task.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_rest(context)
    }

    /// As [`AsyncWrite::poll_shutdown`], for the same task.
    pub fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writer = self.lock();
        ready!(writer.poll_rest(context))?;
        Pin::new(&mut writer.half).poll_shutdown(context)
    }
}

/// A message as a frame of its own, in two pieces that lie apart.
#[derive(Default)]
struct Piece<'a> {
    /// What WebSocket says before it, and its number.
    head: Head,
    payload: &'a [u8],
}

/// The head of a frame and the beginning of the message.
struct Head {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self { bytes: [0; Self::MOST], length: 0 }
    }
}

impl Head {
    const MOST: usize = HEAD_BYTES + NUMBER_BYTES;

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<'a> Piece<'a> {
    fn of(message: &'a Frame, beginning: Option<&Beginning>) -> Self {
        let (data, payload) = message.data();
        let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
        let (begin, payload) = match beginning {
            Some(beginning) => (beginning.written(), &payload[beginning.replaced..]),
            None => (&[][..], payload),
        };
        let mut head = Head::default();
        let mut free = &mut head.bytes[..];
        // The longest head has room.
        let written = header.format((begin.len() + payload.len()) as u64, &mut free);
        debug_assert!(written.is_ok(), "a head longer than {HEAD_BYTES} bytes");
        head.length = Head::MOST - free.len();
        head.push(begin);
        Self { head, payload }
    }
}

impl Writer {
    /// Writes these, or a part of them, the rest of which is kept; there must be none of others.
    fn write(&mut self, pieces: &[Piece<'_>]) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); 2 * GATHERED];
        for (two, piece) in slices.chunks_exact_mut(2).zip(pieces) {
            two[0] = IoSlice::new(piece.head.written());
            two[1] = IoSlice::new(piece.payload);
        }
        let slices = &slices[..2 * pieces.len()];
        let mut written = self.half.try_write_vectored(slices)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        for slice in slices {
            let done = written.min(slice.len());
            written -= done;
            self.rest.extend_from_slice(&slice[done..]);
        }
        Ok(())
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            match self.half.try_write(&self.rest) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.half.as_ref().poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if self.rest.capacity() > 0 {
            // Seldom used, and there are many of these.
            self.rest = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

/// A TCP stream of which others may have the end that is written to.
pub struct Wire {
    read: OwnedReadHalf,
    sink: Arc<Sink>,
}

impl Wire {
    /// All of a stream.
    pub fn new(stream: TcpStream) -> Self {
        // What cannot be sent yet is better told later, as it is then.
        if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(limits::UNSENT_BYTES) {
            tracing::debug!(%error, "a socket takes more than it can send");
        }
        let (read, half) = stream.into_split();
        Self { read, sink: Arc::new(Sink::new(half)) }
    }

    /// The end that is written to.
    pub fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sink.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{SinkExt as _, StreamExt as _};
    use std::future::poll_fn;
    use tokio::net::TcpListener;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    async fn connected() -> (WebSocketStream<Wire>, Arc<Sink>, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        let wire = Wire::new(server.expect("accepted").0);
        let sink = Arc::clone(wire.sink());
        let server = WebSocketStream::from_raw_socket(wire, Role::Server, None).await;
        let client = WebSocketStream::from_raw_socket(client.expect("connected"), Role::Client, None).await;
        (server, sink, client)
    }

    fn frame(number: usize, bytes: usize) -> Frame {
        Frame::Binary(vec![number as u8; bytes].into())
    }

    #[tokio::test]
    async fn what_two_write_arrives_in_whole_frames() {
        let (mut server, sink, mut client) = connected().await;
        // Lengths of all three kinds of heads, more than a socket holds.
        let lengths = [1, 200, 70_000, 3, 300_000];
        let reading = async {
            let mut heard = Vec::new();
            while let Some(Ok(message)) = client.next().await {
                let bytes = message.into_data();
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "one in another");
                heard.push((bytes[0] as usize, bytes.len()));
            }
            heard
        };
        let writing = async {
            let mut written = Vec::new();
            for (number, length) in lengths.into_iter().cycle().take(40).enumerate() {
                if number % 3 == 0 {
                    let message = Message::Binary(vec![number as u8; length].into());
                    server.send(message).await.expect("written");
                    written.push((number, length));
                } else if number % 3 == 1 {
                    let mut several: VecDeque<Numbered> =
                        [length; 11].map(|it| frame(number, it).into()).into();
                    poll_fn(|context| sink.poll_send(context, &mut several)).await.expect("sent");
                    written.extend([(number, length); 11]);
                } else if sink.try_send(&frame(number, length)) != Sent::Nothing {
                    written.push((number, length));
                }
            }
            poll_fn(|context| sink.poll_shutdown(context)).await.expect("ended");
            written
        };
        let (written, heard) = tokio::join!(writing, reading);
        assert_eq!(written, heard);
        assert!(written.iter().any(|(number, _)| number % 3 == 2), "some of the courier's too");
    }

    #[tokio::test]
    async fn a_socket_that_is_full_takes_nothing_and_loses_nothing() {
        let (mut server, sink, mut client) = connected().await;
        let big = 300_000;
        let mut sent = 0;
        while sink.try_send(&frame(sent, big)) == Sent::Whole {
            sent += 1;
        }
        assert_eq!(sink.try_send(&frame(99, 1)), Sent::Nothing);
        let flushed = tokio::join!(server.send(Message::Binary(vec![77; 5].into())), async {
            for number in 0..=sent {
                let message = client.next().await.expect("open").expect("whole").into_data();
                // The last of them may have found no room at all.
                if message.len() == 5 {
                    return;
                }
                assert_eq!((message[0] as usize, message.len()), (number, big));
            }
            assert_eq!(client.next().await.expect("open").expect("whole").len(), 5);
        });
        flushed.0.expect("written");
        assert_eq!(sink.lock().rest.capacity(), 0);
    }

    #[tokio::test]
    async fn a_number_stands_before_what_is_shared() {
        let (_server, sink, mut client) = connected().await;
        let text = Frame::Text(r#"{"jsonrpc":"2.0"}"#.into());
        let mut messages: VecDeque<Numbered> =
            (1..=20).map(|seq| Numbered { frame: text.clone(), seq: Some(seq) }).collect();
        messages.push_back(text.into());
        let expected: Vec<Frame> = messages.iter().map(Numbered::whole).collect();
        poll_fn(|context| sink.poll_send(context, &mut messages)).await.expect("sent");
        for frame in expected {
            let message = client.next().await.expect("open").expect("whole");
            assert_eq!(Frame::Text(message.into_text().expect("text").as_str().into()), frame);
        }
    }
}
