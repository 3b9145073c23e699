//! A body that is written as HTTP/1.1 bytes, sent as HTTP/2 frames.

use super::broken;
use super::head::trailers;
use crate::http1::{BodyLength, BodyReader, Piece};
use bytes::{Bytes, BytesMut};
use h2::SendStream;
use std::io;
use std::task::{Context, Poll};

/// The sending side after the head.
#[derive(Debug)]
pub(super) struct Outlet {
    stream: SendStream<Bytes>,
    body: BodyReader,
    over: bool,
}

impl Outlet {
    pub(super) fn new(stream: SendStream<Bytes>, length: BodyLength) -> Self {
        Self { stream, body: BodyReader::new(length), over: false }
    }

    /// Returns whether the end was sent.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn stream(&mut self) -> &mut SendStream<Bytes> {
        &mut self.stream
    }

    /// Sends what the peer's window has room for; says how many bytes were taken.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (mut taken, mut data) = (0, BytesMut::new());
        let mut section = Vec::new();
        while taken < bytes.len() && !self.over {
            let mut rest = &bytes[taken..];
            if self.body.expects_data() {
                let room = self.poll_room(cx, data.len() + rest.len())?.saturating_sub(data.len());
                if room == 0 {
                    break;
                }
                rest = &rest[..rest.len().min(room)];
            }
            let before = rest.len();
            match self.body.read(&mut rest).map_err(io::Error::other)? {
                Piece::Data(piece) => data.extend_from_slice(piece),
                Piece::Trailers => {
                    section.extend_from_slice(self.body.trailers());
                    self.over = true;
                }
                Piece::End => self.over = true,
                Piece::ChunkStart(_) | Piece::ChunkEnd | Piece::More => {}
            }
            taken += before - rest.len();
        }
        // The end of a body that was counted is there with its last byte.
        self.over |= self.body.is_done();
        let ends = self.over && section.is_empty();
        if !data.is_empty() || ends {
            self.stream.send_data(data.freeze(), ends).map_err(broken)?;
        }
        if taken > 0 {
            // Room that was not used is for other exchanges.
            self.stream.reserve_capacity(0);
        }
        if self.over && !section.is_empty() {
            self.stream.send_trailers(trailers(&section)).map_err(broken)?;
        }
        if taken == 0 { Poll::Pending } else { Poll::Ready(Ok(taken)) }
    }

    /// Sends bytes that have no end of their own.
    pub(super) fn poll_write_raw(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = self.poll_room(cx, bytes.len())?.min(bytes.len());
        if room == 0 {
            return Poll::Pending;
        }
        self.stream.send_data(Bytes::copy_from_slice(&bytes[..room]), false).map_err(broken)?;
        Poll::Ready(Ok(room))
    }

    /// Ends bytes that have no end of their own.
    pub(super) fn finish_raw(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.over, true) {
            self.stream.send_data(Bytes::new(), true).map_err(broken)?;
        }
        Ok(())
    }

    /// Returns how many of `wanted` bytes the windows have room for. If there is no room, the task
    /// is woken later.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> io::Result<usize> {
        self.stream.reserve_capacity(wanted);
        loop {
            let room = self.stream.capacity();
            if room > 0 {
                return Ok(room);
            }
            match self.stream.poll_capacity(cx) {
                Poll::Pending => return Ok(0),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Err(broken(error)),
                Poll::Ready(None) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}
