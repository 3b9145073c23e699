//! Ports of a benchmark.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Ports on the loopback address.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    /// Of the proxy, plain HTTP.
    pub(super) plain: u16,
    /// Of the proxy, TLS.
    pub(super) tls: u16,
    /// Of Stagegate's admin API.
    pub(super) admin: u16,
    /// Of the origin, as the stable backend.
    pub(super) stable: u16,
    /// Of the origin, as the candidate's.
    pub(super) candidate: u16,
}

/// Ports that nobody listens on.
pub(super) fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    // All are held until all are known, so that they differ.
    let mut held = Vec::new();
    for port in &mut ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
        *port = listener.local_addr().context("finding a free port")?.port();
        held.push(listener);
    }
    Ok(ports)
}
