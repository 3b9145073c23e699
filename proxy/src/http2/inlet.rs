//! A body that comes in as HTTP/2 frames, read as HTTP/1.1 bytes.

use super::broken;
use super::head::{Framing, trailers_text};
use bytes::{Buf as _, Bytes};
use h2::RecvStream;
use std::io;
use std::io::Write as _;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// The receiving side: a head that is already text, then the body.
#[derive(Debug)]
pub(super) struct Inlet {
    body: RecvStream,
    framing: Framing,
    /// Text that is not body data: head, chunk sizes, trailers.
    text: Vec<u8>,
    at: usize,
    /// Goes after `text`. The window is given back as this is read.
    data: Bytes,
    data_over: bool,
    over: bool,
}

impl Inlet {
    pub(super) fn new(text: Vec<u8>, body: RecvStream, framing: Framing) -> Self {
        let over = framing == Framing::None;
        Self { body, framing, text, at: 0, data: Bytes::new(), data_over: over, over }
    }

    /// Returns whether everything was read.
    pub(super) fn is_over(&self) -> bool {
        self.over && self.text.is_empty()
    }

    /// Reads what there is; nothing at the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if buffer.remaining() == 0 || self.is_over() {
                return Poll::Ready(Ok(()));
            }
            if self.read_ready(buffer)? {
                continue;
            }
            match self.poll_frame(cx) {
                Poll::Ready(Ok(())) => {}
                // What was read first is handed out first; the rest is asked for again.
                _ if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                other => return other,
            }
        }
    }

    /// Hands out available bytes; false if there are none.
    fn read_ready(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        if !self.text.is_empty() {
            let text = &self.text[self.at..];
            let count = text.len().min(buffer.remaining());
            buffer.put_slice(&text[..count]);
            self.at += count;
            if self.at == self.text.len() {
                self.text.clear();
                self.at = 0;
            }
            return Ok(true);
        }
        let count = self.data.len().min(buffer.remaining());
        if count == 0 {
            return Ok(false);
        }
        buffer.put_slice(&self.data[..count]);
        self.data.advance(count);
        self.body.flow_control().release_capacity(count).map_err(broken)?;
        if self.data.is_empty() && self.framing == Framing::Chunked {
            self.text.extend_from_slice(b"\r\n");
        }
        Ok(true)
    }

    /// Takes the next frame in.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.data_over {
            match std::task::ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => {
                    if self.framing == Framing::Chunked && !data.is_empty() {
                        let _ = write!(self.text, "{:x}\r\n", data.len());
                    }
                    self.data = data;
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => self.data_over = true,
            }
        }
        let trailers = std::task::ready!(self.body.poll_trailers(cx)).map_err(broken)?;
        self.over = true;
        if self.framing == Framing::Chunked {
            self.text = trailers_text(trailers.as_ref()).map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(()))
    }
}
