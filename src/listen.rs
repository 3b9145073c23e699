//! Listening sockets: bound before anything else, and taken away again where they leave traces.

use anyhow::Context as _;
use socket2::{Domain, SockAddr, Socket, Type};
use stagegate_proxy as proxy;
use stagegate_settings::{ListenAddress, Listener};
use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Connections the system queues up for us.
const BACKLOG: i32 = 4096;

/// The file of a Unix socket, which outlives its listener. It is removed on drop, unless another
/// process listens on its own socket at that path by then.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if is_stale(&self.0) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Binds a TCP address.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) fn tcp(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bound().with_context(|| format!("cannot listen on {address}"))
}

/// Binds a configured listener.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) fn bind(listener: &Listener) -> anyhow::Result<(proxy::Listener, Option<SocketFile>)> {
    match &listener.address {
        ListenAddress::Ip(address) => Ok((proxy::Listener::Tcp(tcp(*address)?), None)),
        ListenAddress::Unix(path) => {
            let bound = unix(path, listener.mode);
            let (socket, file) =
                bound.with_context(|| format!("cannot listen on {}", listener.address))?;
            Ok((proxy::Listener::Unix(socket.into()), Some(file)))
        }
    }
}

/// Goes on with a socket that another process has bound for this listener.
///
/// # Errors
/// When the permissions of a Unix socket's file cannot be set.
pub(crate) fn inherit(
    listener: &Listener,
    socket: OwnedFd,
) -> anyhow::Result<(proxy::Listener, Option<SocketFile>)> {
    match &listener.address {
        ListenAddress::Ip(_) => Ok((proxy::Listener::Tcp(socket.into()), None)),
        ListenAddress::Unix(path) => {
            fs::set_permissions(path, Permissions::from_mode(listener.mode))
                .with_context(|| format!("cannot listen on {}", listener.address))?;
            let file = SocketFile(path.clone());
            Ok((proxy::Listener::Unix(socket.into()), Some(file)))
        }
    }
}

/// The same socket once more, to be given away.
///
/// # Errors
/// When the process may not have more files open.
pub(crate) fn copy(listener: &proxy::Listener) -> io::Result<OwnedFd> {
    Ok(match listener {
        proxy::Listener::Tcp(socket) => socket.try_clone()?.into(),
        proxy::Listener::Unix(socket) => socket.try_clone()?.into(),
    })
}

/// Binds a Unix socket. The permissions are set before anybody can connect.
fn unix(path: &Path, mode: u32) -> io::Result<(Socket, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok((socket, SocketFile(path.to_owned())))
}

/// Binds the admin API's socket in `data_dir`, for this user alone. It takes the place of the one
/// that a process before has left, or still has and is about to give up.
///
/// # Errors
/// When the socket cannot be had, for one because the path is longer than the system allows.
pub(crate) fn admin(data_dir: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let path = data_dir.join("admin.sock");
    let temporary = data_dir.join(format!("admin.{}", std::process::id()));
    let (socket, file) = unix(&temporary, 0o600)?;
    let moved = fs::rename(&temporary, &path);
    if let Err(error) = moved {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // The name of the file that it was is no longer there: nothing is removed.
    drop(file);
    let socket: std::os::unix::net::UnixListener = socket.into();
    Ok((UnixListener::from_std(socket)?, SocketFile(path)))
}

/// Returns true if the file is a socket without a listener.
fn is_stale(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::{bind, unix};
    use stagegate_settings::{ListenAddress, Listener};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.sock");
        let (first, file) = unix(&path, 0o600).expect("bound");
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(unix(&path, 0o600).is_err(), "somebody listens");
        drop(first);
        let (second, replaced) = unix(&path, 0o660).expect("nobody listens any more");
        drop(file);
        assert!(path.exists(), "the first owner does not remove the second one's file");
        drop((second, replaced));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "keep me").expect("written");
        let listener = Listener {
            address: ListenAddress::Unix(path.clone()),
            mode: 0o660,
            tls: None,
            http2: true,
            proxy_protocol: false,
        };
        let refused = bind(&listener).expect_err("it is in the way");
        assert!(refused.to_string().contains("notes.txt"), "{refused}");
        assert_eq!(std::fs::read_to_string(path).expect("still there"), "keep me");
    }
}
