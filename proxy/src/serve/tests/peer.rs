//! A client or a backend, played by a test.

use super::Sim;
use crate::transport::memory::{ProxyEnd, Remote};

/// The far end of one of the proxy's connections.
pub(super) struct Peer {
    name: &'static str,
    sim: Sim,
    remote: Remote,
}

/// A message's head as it came.
#[derive(Debug)]
pub(super) struct Head(String);

impl Head {
    /// The values of every field of this name, in lower case, joined by `|`; empty where there is
    /// none.
    pub(super) fn field(&self, name: &str) -> String {
        let fields = self.0.lines().skip(1).filter_map(|line| line.split_once(':'));
        let values = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.trim().to_lowercase()).collect::<Vec<_>>().join("|")
    }
}

impl Peer {
    pub(super) fn new(name: &'static str, sim: Sim, remote: Remote) -> Self {
        Self { name, sim, remote }
    }

    /// Sends bytes in one piece.
    pub(super) fn sends(&self, bytes: impl AsRef<[u8]>) {
        self.remote.send(bytes.as_ref());
        self.sim.runs();
    }

    /// Sends bytes in one piece that the proxy has not looked at yet.
    pub(super) fn queues(&self, bytes: impl AsRef<[u8]>) {
        self.remote.send(bytes.as_ref());
    }

    /// Sends bytes one by one.
    pub(super) fn sends_byte_by_byte(&self, bytes: impl AsRef<[u8]>) {
        bytes.as_ref().iter().for_each(|byte| self.sends([*byte]));
    }

    /// Closes the sending side, and still reads.
    pub(super) fn ends(&self) {
        self.remote.end();
        self.sim.runs();
    }

    /// Resets the connection.
    pub(super) fn resets(&self) {
        self.remote.reset();
        self.sim.runs();
    }

    /// Reads this many more bytes and then stops; everything before was unlimited.
    pub(super) fn reads(&self, bytes: usize) {
        self.remote.set_room(bytes);
        self.sim.runs();
    }

    /// Bytes the proxy has not read yet.
    pub(super) fn unread(&self) -> usize {
        self.remote.unread()
    }

    /// Takes one head, which begins with this line.
    #[track_caller]
    pub(super) fn receives(&self, line: &str) -> Head {
        let bytes = self.remote.take();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            panic!("{} has no head, but {:?}", self.name, String::from_utf8_lossy(&bytes))
        };
        let (head, rest) = bytes.split_at(end + 4);
        self.remote.put_back(rest.to_vec());
        let head = String::from_utf8_lossy(head).into_owned();
        assert!(head.starts_with(line), "{} got {head}", self.name);
        Head(head)
    }

    /// Takes everything that came, which is exactly this.
    #[track_caller]
    pub(super) fn receives_body(&self, body: &str) {
        assert_eq!(self.received(), body, "what {} got", self.name);
    }

    /// Takes everything that came, as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.remote.take()
    }

    /// Takes everything that came.
    pub(super) fn received(&self) -> String {
        String::from_utf8_lossy(&self.remote.take()).into_owned()
    }

    /// Asserts that nothing came, and that more may.
    #[track_caller]
    pub(super) fn waits(&self) {
        self.receives_body("");
        self.stays_open();
    }

    #[track_caller]
    pub(super) fn stays_open(&self) {
        assert_eq!(self.remote.proxy_end(), ProxyEnd::Open, "the connection to {}", self.name);
    }

    /// Asserts that the proxy has ended the connection properly: no more comes.
    #[track_caller]
    pub(super) fn sees_the_end(&self) {
        let end = self.remote.proxy_end();
        assert_eq!(end, ProxyEnd::Ended, "the connection to {}", self.name);
    }

    /// Asserts that the proxy has dropped the connection.
    #[track_caller]
    pub(super) fn is_dropped(&self) {
        let end = self.remote.proxy_end();
        assert!(
            matches!(end, ProxyEnd::Closed | ProxyEnd::Reset),
            "the connection to {} is {end:?}",
            self.name
        );
    }

    /// Asserts that the proxy has reset the connection.
    #[track_caller]
    pub(super) fn is_reset(&self) {
        assert_eq!(self.remote.proxy_end(), ProxyEnd::Reset, "the connection to {}", self.name);
    }
}
