//! The sockets of a configuration.

use crate::handover::{self, Inherited};
use crate::listen::{self, SocketFile};
use stagegate_config::Config;
use stagegate_proxy as proxy;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

/// Sockets of the configuration, inherited or bound.
pub(super) struct Sockets {
    pub(super) listeners: Vec<proxy::Listener>,
    pub(super) files: Vec<SocketFile>,
    pub(super) admin: TcpListener,
    pub(super) flags: Option<stagegate_ofrep::Listeners>,
    pub(super) otlp: Option<TcpListener>,
    /// Each once more, by name.
    pub(super) copies: Vec<(String, OwnedFd)>,
}

impl Sockets {
    pub(super) fn open(config: &Config, inherited: &mut Option<Inherited>) -> anyhow::Result<Self> {
        let mut take = |name: &str| inherited.as_mut().and_then(|it| it.take(name));
        let (mut listeners, mut files, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for listener in &config.listeners {
            let name = handover::proxy_socket(listener);
            let (socket, file) = match take(&name) {
                Some(socket) => listen::inherit(listener, socket)?,
                None => listen::bind(listener)?,
            };
            copies.push((name, listen::copy(&socket)?));
            listeners.push(socket);
            files.extend(file);
        }
        let mut side = |name: String, address: SocketAddr| -> anyhow::Result<TcpListener> {
            let socket: TcpListener = match take(&name) {
                Some(socket) => socket.into(),
                None => listen::tcp(address)?,
            };
            copies.push((name, socket.try_clone()?.into()));
            Ok(socket)
        };
        let admin = side(handover::admin_socket(config), config.admin.address)?;
        let flags = match &config.flags {
            None => None,
            Some(flags) => Some(stagegate_ofrep::Listeners {
                ofrep: side(handover::flags_socket(flags), flags.listen)?,
                grpc: match flags.grpc {
                    Some(address) => Some(side(handover::flagd_socket(address), address)?),
                    None => None,
                },
            }),
        };
        let otlp = match &config.otlp {
            None => None,
            Some(otlp) => Some(side(handover::otlp_socket(otlp), otlp.listen)?),
        };
        Ok(Self { listeners, files, admin, flags, otlp, copies })
    }
}
