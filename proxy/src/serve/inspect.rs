//! Reading a request body far enough to find an identity in it. What was read stays in the input
//! buffer and is forwarded unchanged.

use super::client::{Client, More};
use crate::http1::{BodyLength, BodyReader, Piece};
use crate::problem::Problem;
use std::borrow::Cow;
use std::future::poll_fn;

impl Client {
    /// Returns whether the body can be looked into: JSON, not compressed, and short enough.
    pub(super) fn is_inspectable(&self, limit: usize) -> bool {
        let json = self
            .head
            .field(&self.input, "content-type")
            .is_some_and(|kind| kind.windows(4).any(|w| w.eq_ignore_ascii_case(b"json")));
        let plain = self
            .head
            .field(&self.input, "content-encoding")
            .is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
        let fits = match self.head.body {
            Some(BodyLength::Bytes(bytes)) => bytes <= limit as u64,
            Some(BodyLength::Chunked) => true,
            _ => false,
        };
        json && plain && fits
    }

    /// Reads the body into the input buffer, up to `limit` bytes. Ok(false): the client left.
    ///
    /// # Errors
    /// When the body breaks its framing or does not arrive in time.
    pub(super) async fn read_body(&mut self, limit: usize) -> Result<bool, Problem> {
        if self.head.expects_continue && !self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await {
            return Ok(false);
        }
        let mut reader = BodyReader::new(self.head.body.unwrap_or(BodyLength::None));
        let mut at = self.head.len;
        let body_idle = self.worker.shared.settings.load().limits.body_idle;
        loop {
            self.watch.set(body_idle);
            let mut rest = &self.input[at..];
            loop {
                match reader.read(&mut rest) {
                    Ok(Piece::More | Piece::End) => break,
                    Ok(_) => {}
                    Err(_) => return Err(Problem::BadRequest("body breaks its framing")),
                }
            }
            at = self.input.len() - rest.len();
            if reader.is_done() || at - self.head.len > limit {
                self.watch.set_at(u64::MAX);
                return Ok(true);
            }
            match poll_fn(|cx| self.poll_more(cx, true)).await {
                More::Bytes => {}
                More::End => return Ok(false),
                More::Late => return Err(Problem::RequestTimeout),
            }
        }
    }

    /// The complete body that [`Client::read_body`] read, its coding removed.
    pub(super) fn body_read(&self) -> Option<Cow<'_, [u8]>> {
        let mut rest = &self.input[self.head.len..];
        match self.head.body {
            Some(BodyLength::Bytes(bytes)) => {
                rest.get(..usize::try_from(bytes).ok()?).map(Cow::Borrowed)
            }
            Some(BodyLength::Chunked) => {
                let (mut reader, mut body) = (BodyReader::new(BodyLength::Chunked), Vec::new());
                loop {
                    match reader.read(&mut rest).ok()? {
                        Piece::Data(data) => body.extend_from_slice(data),
                        Piece::End => return Some(Cow::Owned(body)),
                        Piece::More => return None,
                        _ => {}
                    }
                }
            }
            _ => None,
        }
    }
}
