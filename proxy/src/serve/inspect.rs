//! Reading a request body far enough to find an identity in it. What was read stays in the input
//! buffer and is forwarded unchanged.

use super::client::{Client, More};
use crate::http1::{BodyLength, BodyReader, Piece};
use crate::identity::{BodyScan, Uses};
use crate::problem::Problem;
use crate::worker::Worker;
use std::borrow::Cow;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of bodies that all requests together hold back while an identity is looked for in them.
const MOST_HELD: usize = 256 << 20;
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The bytes that one request holds back, given back when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(usize);

impl Held {
    /// Returns whether there is room for this many in all.
    fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.0);
        self.0 += more;
        HELD.fetch_add(more, Ordering::Relaxed) + more <= MOST_HELD
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// How reading ahead ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All of it is in the input.
    Whole,
    /// It was enough.
    Enough,
    /// It is larger than what may be held back.
    Cut,
    /// The client left.
    Gone,
}

/// A scan of a body that goes on after the decision.
pub(super) struct LateScan {
    scan: BodyScan,
    worker: Rc<Worker>,
    /// Bytes of the body that the scan has seen.
    skip: u64,
    /// An id came too late to decide.
    pub(super) found: bool,
}

impl LateScan {
    pub(super) fn new(scan: BodyScan, worker: Rc<Worker>, seen: u64) -> Self {
        Self { scan, worker, skip: seen, found: false }
    }

    /// Takes the next bytes of the body, from its beginning on.
    pub(super) fn feed(&mut self, data: &[u8]) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(data.len());
        self.skip -= skipped as u64;
        if !self.found && skipped < data.len() {
            let budget = (&self.worker.inflating_requests, self.worker.watches.now_ms());
            self.found = self.scan.feed(&data[skipped..], &mut Uses::default(), budget);
        }
    }
}

impl Client {
    /// Returns whether the body is a form.
    pub(super) fn has_form(&self) -> bool {
        let form = b"application/x-www-form-urlencoded";
        self.head.field(&self.input, "content-type").is_some_and(|kind| {
            let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(form)
        })
    }

    /// Returns whether the body's members can be read: JSON or a form, not compressed, and short enough.
    pub(super) fn is_inspectable(&self, limit: usize) -> bool {
        let json = self
            .head
            .field(&self.input, "content-type")
            .is_some_and(|kind| kind.windows(4).any(|w| w.eq_ignore_ascii_case(b"json")));
        let codings = self.head.codings(&self.input);
        let plain = codings.is_empty() || codings.eq_ignore_ascii_case(b"identity");
        let fits = match self.head.body {
            Some(BodyLength::Bytes(bytes)) => bytes <= limit as u64,
            Some(BodyLength::Chunked) => true,
            _ => false,
        };
        (json || self.has_form()) && plain && fits
    }

    /// Reads the body into the input buffer, up to `limit` bytes, and shows its data to `look` as it
    /// comes, until that says that it is enough.
    ///
    /// # Errors
    /// When the body breaks its framing or does not arrive in time.
    pub(super) async fn read_body(
        &mut self,
        limit: usize,
        held: &mut Held,
        mut look: impl FnMut(&[u8]) -> bool,
    ) -> Result<Read, Problem> {
        if self.head.expects_continue && !self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await {
            return Ok(Read::Gone);
        }
        let mut reader = BodyReader::new(self.head.body.unwrap_or(BodyLength::None));
        let mut at = self.head.len;
        let body_idle = self.worker.shared.settings.load().limits.body_idle;
        let mut reads = 0_u32;
        let read = loop {
            self.watch.set(body_idle);
            let (mut rest, mut enough) = (&self.input[at..], false);
            loop {
                match reader.read(&mut rest) {
                    Ok(Piece::More | Piece::End) => break,
                    Ok(Piece::Data(data)) => enough |= look(data),
                    Ok(_) => {}
                    Err(_) => return Err(Problem::BadRequest("body breaks its framing")),
                }
            }
            at = self.input.len() - rest.len();
            if reader.is_done() {
                break Read::Whole;
            }
            if enough {
                break Read::Enough;
            }
            if at - self.head.len > limit || !held.grow(self.input.len()) {
                break Read::Cut;
            }
            // Looking into a read costs more than the read: others have a turn in between.
            if reads > 1 {
                tokio::task::yield_now().await;
            }
            match poll_fn(|cx| self.poll_more(cx, true)).await {
                More::Bytes => reads += 1,
                More::End => return Ok(Read::Gone),
                More::Late => return Err(Problem::RequestTimeout),
            }
        };
        self.watch.set_at(u64::MAX);
        Ok(read)
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
