//! Messages with sockets, between two processes on one machine.
//!
//! A Unix socket that keeps messages apart: each is one note, the bytes that belong to it, and the
//! descriptors that come with it (`unix(7)`, `SOCK_SEQPACKET` and `SCM_RIGHTS`).

use super::Note;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Descriptors in one message; the system takes 253.
pub(super) const MOST_SOCKETS: usize = 64;
/// Bytes of one message: more than the system lets through by default (`wmem_default`).
const MOST_BYTES: usize = 256 * 1024;

/// One end of a conversation. Its calls block.
#[derive(Debug)]
pub(super) struct Channel {
    socket: Socket,
    /// The buffer for the next message.
    buffer: Mutex<Vec<u8>>,
}

/// A message.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) note: Note,
    pub(super) bytes: Vec<u8>,
    pub(super) sockets: Vec<OwnedFd>,
}

impl Channel {
    /// Takes a connected socket.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self { socket, buffer: Mutex::new(vec![0; MOST_BYTES]) })
    }

    /// Connects to the process that listens at `path`.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        socket.connect(&SockAddr::unix(path)?)?;
        Self::new(socket)
    }

    /// Returns whether the other end runs as the same user.
    pub(super) fn is_ours(&self) -> io::Result<bool> {
        let peer = rustix::net::sockopt::socket_peercred(&self.socket)?;
        Ok(peer.uid == rustix::process::geteuid())
    }

    /// Sets the time limit of [`Channel::receive`].
    pub(super) fn wait_for(&self, patience: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(patience)
    }

    /// Sends one message.
    pub(super) fn send(
        &self,
        note: &Note,
        bytes: &[u8],
        sockets: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut head = serde_json::to_vec(note)?;
        head.push(b'\n');
        let size = rustix::cmsg_space!(ScmRights(MOST_SOCKETS));
        let mut space = vec![MaybeUninit::uninit(); size];
        let mut with = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() && !with.push(SendAncillaryMessage::ScmRights(sockets)) {
            return Err(io::Error::other("too many sockets in one message"));
        }
        let parts = [IoSlice::new(&head), IoSlice::new(bytes)];
        loop {
            match sendmsg(&self.socket, &parts, &mut with, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                sent => return Ok(sent.map(drop)?),
            }
        }
    }

    /// The next message; none when the other end is gone.
    pub(super) fn receive(&self) -> io::Result<Option<Received>> {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let size = rustix::cmsg_space!(ScmRights(MOST_SOCKETS));
        let mut space = vec![MaybeUninit::uninit(); size];
        let mut with = RecvAncillaryBuffer::new(&mut space);
        let count = loop {
            let into = &mut [IoSliceMut::new(&mut buffer)];
            match recvmsg(&self.socket, into, &mut with, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                // It died with something of ours unread.
                Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                received => break received?.bytes,
            }
        };
        let mut sockets = Vec::new();
        for message in with.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                sockets.extend(rights);
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let bytes = &buffer[..count];
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let note = serde_json::from_slice(&bytes[..end])?;
        Ok(Some(Received { note, bytes: bytes[end + 1..].to_vec(), sockets }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Note};
    use socket2::{Domain, Socket, Type};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    #[test]
    fn a_listening_socket_goes_over_with_a_note_and_bytes() {
        let (here, there) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).expect("a pair");
        let here = Channel::new(here).expect("an end");
        let there = Channel::new(there).expect("the other end");
        assert!(here.is_ours().expect("a peer"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        let note = Note::Connection { listener: "proxy x".into(), used: true };
        here.send(&note, b"GET / HT", &[listener.as_fd()]).expect("sent");
        here.send(&Note::Ready, b"", &[]).expect("sent");
        drop((here, listener));
        let mut received = there.receive().expect("received").expect("a message");
        assert_eq!((received.note, &*received.bytes), (note, &b"GET / HT"[..]));
        let taken = TcpListener::from(received.sockets.pop().expect("a socket"));
        TcpStream::connect(address).expect("somebody listens");
        taken.accept().expect("it is the same queue");
        let next = there.receive().expect("received").expect("a message");
        assert_eq!(next.note, Note::Ready);
        assert!(there.receive().expect("the end").is_none());
    }
}
