//! A WebSocket whose messages are documents of JSON, as OpenAI's Responses and Realtime have them:
//! what the answers in it used, what failed, and how it ended.

use crate::collected::Collected;
use crate::failure::Failure;
use crate::found::Found;
use crate::frames::{Frames, Kind, Piece};
use crate::inflate::Inflate;
use crate::json::Reader;
use crate::node::Node;
use crate::protocol::{Protocol, model_in_path};
use crate::scanner::{End, Signals};
use crate::usage::Usage;
use crate::words;

/// One side of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The backend.
    Backend,
}

/// What listens to a WebSocket.
pub trait Listener {
    /// An answer came to its end, or will not: its usage.
    fn made(&mut self, made: &Signals);
    /// Text of a message, without masks and compression, in the pieces in which it came. The client's
    /// compressed messages are not told.
    fn text(&mut self, _from: Side, _text: &[u8]) {}
    /// The message whose text came last is over.
    fn message_ends(&mut self, _from: Side) {}
}

impl<F: FnMut(&Signals)> Listener for F {
    fn made(&mut self, made: &Signals) {
        self(made);
    }
}

/// How a WebSocket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// By its own close, by a client that left, or by a backend that broke off.
    pub end: End,
    /// The first failure: of an event, or of the close.
    pub failure: Option<Failure>,
    /// A message could not be read.
    pub unreadable: bool,
}

/// Follows one WebSocket. Holds less than four KiB; a compressed one adds a decompressor's window.
#[derive(Debug)]
pub struct Socket {
    protocol: Protocol,
    model: Option<String>,
    up: Frames,
    down: Frames,
    /// What the frame under way in each direction is.
    kinds: [Kind; 2],
    /// The client's message under way is text that can be told.
    client_tells: bool,
    message: Message,
    collected: Collected,
    /// The first close: who sent it, and its code.
    close: Option<(Side, u16)>,
    /// The code of the close under way.
    code: (u16, usize),
    /// The client sent a message that nothing has followed.
    awaits: bool,
}

/// The backend's message under way.
#[derive(Debug, Default)]
struct Message {
    reader: Reader,
    found: Found,
    state: State,
    is_text: bool,
    /// It calls itself binary: its first byte will tell.
    is_unseen: bool,
    inflate: Option<Box<Inflate>>,
    unreadable: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing of it is read.
    #[default]
    Skipped,
    /// Nothing of it has come.
    Fresh,
    Read,
    Inflated,
}

/// No status was in the close (RFC 6455 7.1.5).
const NO_CODE: u16 = 1005;

impl Socket {
    /// Begins after the switch; `path` is the request's, with its query.
    #[must_use]
    pub fn new(protocol: Protocol, path: &str) -> Self {
        let protocol = match protocol {
            Protocol::Auto if path.contains("/realtime") || path.contains("/responses") => {
                Protocol::OpenAiResponses
            }
            Protocol::Auto => Protocol::of_path(path),
            known => known,
        };
        Self {
            protocol,
            model: model_in_query(path).or_else(|| model_in_path(path)),
            up: Frames::default(),
            down: Frames::default(),
            kinds: [Kind::Control; 2],
            client_tells: false,
            message: Message::default(),
            collected: Collected::default(),
            close: None,
            code: (0, 0),
            awaits: false,
        }
    }

    /// Bytes from the client.
    pub fn client_sent(&mut self, bytes: &[u8], mut listener: impl Listener) {
        let mut rest = bytes;
        while let Some(piece) = self.up.next(&mut rest) {
            match piece {
                Piece::Begin(kind) => self.begins(Side::Client, kind),
                Piece::Payload(payload) if self.kinds[0] == Kind::Close => {
                    self.up.unmasked(payload, |plain| close_code(&mut self.code, plain));
                }
                Piece::Payload(payload) if self.client_tells && self.kinds[0] != Kind::Control => {
                    self.up.unmasked(payload, |plain| listener.text(Side::Client, plain));
                }
                Piece::Payload(_) => {}
                Piece::End => match self.kinds[0] {
                    Kind::Close => self.closed(Side::Client),
                    Kind::Control => {}
                    _ => {
                        self.awaits = true;
                        if self.client_tells && !self.up.is_unfinished() {
                            listener.message_ends(Side::Client);
                        }
                    }
                },
            }
        }
    }

    /// Bytes from the backend.
    pub fn backend_sent(&mut self, bytes: &[u8], mut listener: impl Listener) {
        let mut rest = bytes;
        while let Some(piece) = self.down.next(&mut rest) {
            match piece {
                Piece::Begin(kind) => self.begins(Side::Backend, kind),
                Piece::Payload(payload) if self.kinds[1] == Kind::Close => {
                    close_code(&mut self.code, payload);
                }
                Piece::Payload(payload) if self.kinds[1] != Kind::Control => {
                    let whole = self.down.is_at_end() && !self.down.is_unfinished();
                    let nameless = self.collected.is_nameless();
                    self.message.feed(payload, whole, nameless, &mut listener);
                }
                Piece::Payload(_) => {}
                Piece::End => match self.kinds[1] {
                    Kind::Close => self.closed(Side::Backend),
                    Kind::Control => {}
                    _ if self.down.is_unfinished() => {}
                    _ => self.message_ends(&mut listener),
                },
            }
        }
    }

    fn begins(&mut self, side: Side, kind: Kind) {
        let at = usize::from(side == Side::Backend);
        match kind {
            Kind::Close => self.code = (0, 0),
            Kind::Text { compressed } if at == 0 => self.client_tells = !compressed,
            Kind::Binary { .. } if at == 0 => self.client_tells = false,
            Kind::Text { compressed } if at == 1 => self.message.begin(compressed, true),
            // Gemini's Live API has JSON in messages that call themselves binary.
            Kind::Binary { compressed } if at == 1 => self.message.begin(compressed, false),
            _ => {}
        }
        self.kinds[at] = kind;
    }

    fn closed(&mut self, side: Side) {
        let code = if self.code.1 == 2 { self.code.0 } else { NO_CODE };
        self.close.get_or_insert((side, code));
    }

    fn message_ends(&mut self, listener: &mut impl Listener) {
        self.awaits = false;
        let Some(found) = self.message.end(listener) else { return };
        let kind = found.kind.as_str();
        // One answer is over; a Realtime connection has one after the other.
        let is_over = matches!(found.usage_in, Some(Node::Response)) || kind == "message_delta";
        self.collected.names(&found);
        if !found.counts.is_empty() {
            self.collected.usage(&found, is_over);
        }
        if found.fails() {
            self.collected.failed(&found);
        }
        self.message.found.clear();
        if is_over && !self.collected.counts.is_empty() {
            self.make(listener);
        }
    }

    /// Hands the usage so far on, and begins anew.
    fn make(&mut self, listener: &mut impl Listener) {
        let usage = self.collected.counts.usage();
        self.collected.counts.clear();
        if usage == Usage::default() {
            return;
        }
        let named = self.collected.model.get().or(self.model.as_deref()).unwrap_or("");
        listener.made(&Signals::of_usage(self.shown(), named, self.collected.tier, usage));
    }

    fn shown(&self) -> Protocol {
        match (self.protocol, self.collected.shape) {
            (Protocol::Auto, shape) => shape,
            (known, _) => known,
        }
    }

    /// Bytes that were decompressed so far: the work that the backend's messages made.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        self.message.inflate.as_ref().map_or(0, |inflate| inflate.inflated())
    }

    /// Decompresses no more: compressed messages that follow count as unreadable.
    pub fn give_up(&mut self) {
        self.message.inflate.get_or_insert_with(Box::default).give_up();
    }

    /// Returns whether a close can be put here on both ways.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.up.is_between_frames() && self.down.is_between_messages()
    }

    /// Returns whether the backend was asked something that it has not answered at all.
    #[must_use]
    pub const fn awaits_an_answer(&self) -> bool {
        self.awaits
    }

    /// The connection is over; `left` is who ended it. An answer that never came to its end counts as
    /// made.
    pub fn finish(&mut self, left: Option<Side>, mut listener: impl Listener) -> Ended {
        if !self.collected.counts.is_empty() {
            self.make(&mut listener);
        }
        let event = self.collected.failure;
        let unreadable = self.message.unreadable;
        let (end, close) = match (self.close, left) {
            (Some((Side::Client, code)), _) => (self.quits(), Failure::of_client_close(code)),
            (Some((Side::Backend, code)), _) => (End::Complete, Failure::of_close(code)),
            (None, Some(Side::Client)) => (self.quits(), None),
            // What is no WebSocket at all ends as it likes.
            (None, Some(Side::Backend)) if !self.down.is_broken() => {
                (End::Complete, Failure::of_close(1006))
            }
            (None, Some(Side::Backend)) => (End::Complete, None),
            (None, None) => (End::Complete, None),
        };
        Ended { end, failure: event.or(close), unreadable }
    }

    /// A client that leaves while it waits for an answer is gone; else it is done.
    const fn quits(&self) -> End {
        if self.awaits { End::ClientGone } else { End::Complete }
    }
}

impl Message {
    fn begin(&mut self, compressed: bool, is_text: bool) {
        self.is_text = is_text || compressed;
        self.is_unseen = !is_text && !compressed;
        self.state = if compressed { State::Inflated } else { State::Fresh };
    }

    /// Bytes of its text. `whole`: this is all of it.
    fn feed(&mut self, payload: &[u8], whole: bool, nameless: bool, listener: &mut impl Listener) {
        if let Some(first) = payload.first().filter(|_| self.is_unseen) {
            self.is_unseen = false;
            self.is_text = matches!(first, b'{' | b'[');
            if !self.is_text {
                self.state = State::Skipped;
            }
        }
        if self.is_text && self.state != State::Inflated {
            listener.text(Side::Backend, payload);
        }
        if self.state == State::Fresh {
            // One search instead of reading: most messages are pieces of an answer.
            let matters =
                || words::matter_in(payload, 0) || nameless && words::may_name_a_model(payload);
            self.state = if !whole || matters() { State::Read } else { State::Skipped };
        }
        let Self { reader, found, inflate, .. } = self;
        match self.state {
            State::Read => reader.feed(payload, found),
            State::Inflated => {
                let inflate = inflate.get_or_insert_with(Box::default);
                self.unreadable |= !inflate.feed(payload, |text| {
                    listener.text(Side::Backend, text);
                    reader.feed(text, found);
                });
            }
            State::Skipped | State::Fresh => {}
        }
    }

    /// The message is over; what it said, if it was read.
    fn end(&mut self, listener: &mut impl Listener) -> Option<Found> {
        let state = std::mem::take(&mut self.state);
        let Self { reader, found, inflate, .. } = self;
        if state == State::Inflated
            && let Some(inflate) = inflate
        {
            self.unreadable |= !inflate.end(|text| {
                listener.text(Side::Backend, text);
                reader.feed(text, found);
            });
        }
        if std::mem::take(&mut self.is_text) {
            listener.message_ends(Side::Backend);
        }
        if !matches!(state, State::Read | State::Inflated) {
            return None;
        }
        self.reader.end(&mut self.found);
        let sound = self.reader.is_between();
        self.reader.restart();
        let found = self.found;
        self.found.clear();
        sound.then_some(found)
    }
}

/// The first two bytes of a close are its code.
fn close_code(code: &mut (u16, usize), payload: &[u8]) {
    for byte in payload {
        if code.1 < 2 {
            *code = (code.0 << 8 | u16::from(*byte), code.1 + 1);
        }
    }
}

/// The model that a query names, as Realtime's does: `?model=gpt-realtime`.
fn model_in_query(path: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("model="))?;
    let is_name = !value.is_empty() && value.len() <= 256 && !value.contains('%');
    is_name.then(|| value.to_owned())
}
