//! Counts the frames of a socket beneath the library that reads them: it joins fragments by itself, so that
//! nobody above it sees how many there were. What a frame may look like is left to the library.

use crate::abuse::{Bucket, Place, Policy};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    /// Pings, pongs.
    #[error("too many control frames")]
    Control,
    /// Frames of one message.
    #[error("a message in too many fragments")]
    Fragments,
    /// Bytes from one address.
    #[error("too many bytes from one address")]
    Bytes,
}

impl Excess {
    /// The excess that a read ended with, if it did.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// Longest head of a frame: two bytes, a length of eight, a mask of four.
const HEAD_BYTES: usize = 14;

/// Follows the frames in a stream of bytes, and counts them.
#[derive(Default)]
struct FrameCount {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    have: usize,
    /// Bytes of the payload that are to come.
    left: u64,
    /// Frames of the message that is under way.
    fragments: u32,
    control: Bucket,
}

impl FrameCount {
    fn add(&mut self, mut bytes: &[u8], policy: &Policy, now: Duration) -> Result<(), Excess> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let part = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= part as u64;
                bytes = &bytes[part..];
                continue;
            }
            self.head[self.have] = *first;
            self.have += 1;
            bytes = rest;
            if let Some(length) = self.length() {
                self.have = 0;
                self.left = length;
                self.frame(policy, now)?;
            }
        }
        Ok(())
    }

    /// The length of the payload, once the head is complete.
    fn length(&self) -> Option<u64> {
        let [_, second, head @ ..] = &self.head;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (extended, length) = match second & 0x7f {
            126 => (2, u64::from(u16::from_be_bytes([head[0], head[1]]))),
            127 => (8, head[..8].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))),
            short => (0, u64::from(short)),
        };
        (self.have >= 2 && self.have == 2 + extended + mask).then_some(length)
    }

    /// A head is complete.
    fn frame(&mut self, policy: &Policy, now: Duration) -> Result<(), Excess> {
        let (is_last, opcode) = (self.head[0] & 0x80 != 0, self.head[0] & 0x0f);
        if opcode & 0x08 != 0 {
            return self.control.take(policy.frames.control, now).map_err(|_| Excess::Control);
        }
        self.fragments += 1;
        if self.fragments > policy.frames.fragments {
            return Err(Excess::Fragments);
        }
        if is_last {
            self.fragments = 0;
        }
        Ok(())
    }
}

/// A stream that ends with an error that is an [`Excess`] when too much comes.
pub(super) struct Metered<S> {
    inner: S,
    /// What came behind the handshake, and is read before anything else.
    first: Bytes,
    count: FrameCount,
    policy: Arc<Policy>,
    place: Arc<Place>,
}

impl<S> Metered<S> {
    /// All that comes is counted for the connection at this place; `first` has come already.
    pub(super) fn new(inner: S, first: &[u8], place: Arc<Place>) -> Self {
        // Not a part of a larger buffer, which would be held on to.
        let first = Bytes::copy_from_slice(first);
        Self { inner, first, count: FrameCount::default(), policy: place.policy(), place }
    }

    /// Another policy holds from now on.
    pub(super) fn set_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// The stream itself.
    pub(super) fn metered(&self) -> &S {
        &self.inner
    }

    /// The stream itself, from which nothing is counted any more.
    pub(super) fn unmetered(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.first.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        } else {
            let most = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first.split_to(most));
        }
        let Self { count, policy, place, .. } = &mut *self;
        let (new, now) = (&buffer.filled()[before..], place.now());
        if !place.take_bytes(policy, u32::try_from(new.len()).unwrap_or(u32::MAX), now) {
            return Poll::Ready(Err(io::Error::other(Excess::Bytes)));
        }
        Poll::Ready(count.add(new, policy, now).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abuse::Rate;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1);

    fn policy() -> Policy {
        let mut policy = Policy::default();
        policy.frames.fragments = 3;
        policy.frames.control = Rate::per_second(1, 2);
        policy
    }

    /// A frame of a client.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(0x80 | payload as u8),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        // Neither mask nor payload must be taken for heads.
        frame.resize(frame.len() + 4 + payload, 0x89);
        frame
    }

    fn count(frames: &[Vec<u8>]) -> Result<(), Excess> {
        FrameCount::default().add(&frames.concat(), &policy(), NOW)
    }

    #[test]
    fn fragments_of_one_message_are_counted() {
        let (begin, go_on, end) = (frame(0x01, 5), frame(0x00, 0), frame(0x80, 200));
        let message = [begin.clone(), go_on.clone(), end.clone()];
        assert_eq!(count(&[message.clone(), message].concat()), Ok(()));
        assert_eq!(count(&[begin, go_on.clone(), go_on, end]), Err(Excess::Fragments));
        assert_eq!(count(&vec![frame(0x82, 70_000); 10]), Ok(()), "whole messages");
    }

    #[test]
    fn control_frames_have_a_rate_and_are_no_fragments() {
        let (begin, ping, end) = (frame(0x01, 0), frame(0x89, 125), frame(0x80, 0));
        assert_eq!(count(&[begin, ping.clone(), ping.clone(), end]), Ok(()));
        assert_eq!(count(&[ping.clone(), frame(0x8a, 0), ping]), Err(Excess::Control));
    }

    #[test]
    fn a_length_nobody_sends_is_waited_for() {
        let mut count = FrameCount::default();
        let head = [0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(count.add(&head, &policy(), NOW), Ok(()));
        assert_eq!(count.left, 1 << 62);
        assert_eq!(count.add(&[0x89; 1_000], &policy(), NOW), Ok(()));
        assert_eq!(count.left, (1 << 62) - 1_000);
    }

    #[test]
    fn a_frame_without_a_mask_is_followed_too() {
        let mut count = FrameCount::default();
        assert_eq!(count.add(&[0x81, 2, b'h', b'i', 0x81, 1], &policy(), NOW), Ok(()));
        assert_eq!((count.left, count.have), (1, 0));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_the_same(
            frames in proptest::collection::vec((0_u8..=255, 0_usize..300), 0..8), cut in 1_usize..40
        ) {
            let bytes = frames.into_iter().flat_map(|(first, payload)| frame(first, payload)).collect::<Vec<_>>();
            let (policy, mut whole, mut cut_up) = (policy(), FrameCount::default(), FrameCount::default());
            let expected = whole.add(&bytes, &policy, NOW);
            let found = bytes.chunks(cut).try_for_each(|chunk| cut_up.add(chunk, &policy, NOW));
            prop_assert_eq!(expected, found);
        }
    }
}
