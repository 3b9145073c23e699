//! One health check: the connection a request would use, and perhaps a request on it.

use super::{Address, HealthSettings, Probe};
use crate::http1::{HeadLimits, ResponseHead, Status};
use crate::transport::{Wire, dial};
use async_trait::async_trait;
use pingora_error::{Error, ErrorType};
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Most bytes of an answer's head that are read.
const MAX_HEAD: usize = 64 * 1024;

/// Checks the endpoints of one release.
pub(super) struct Check {
    health: HealthSettings,
    by_key: HashMap<SocketAddr, Address>,
}

impl Check {
    pub(super) fn new(health: &HealthSettings, addresses: &[Address]) -> Self {
        let by_key = addresses.iter().map(|address| (address.ring_key(), address.clone()));
        Self { health: health.clone(), by_key: by_key.collect() }
    }

    async fn probe(&self, address: &Address) -> io::Result<()> {
        let (wire, http2) = dial(address, false).await?;
        let Probe::Http { path, host, status } = &self.health.probe else { return Ok(()) };
        let host = host.as_deref().unwrap_or(&address.authority);
        let found = if http2 {
            over_http2(wire, address.tls.is_some(), host, path).await?
        } else {
            over_http1(wire, host, path).await?
        };
        if found == *status {
            return Ok(());
        }
        Err(io::Error::other(format!("answers {found} instead of {status}")))
    }
}

async fn over_http1(mut wire: Wire, host: &str, path: &str) -> io::Result<u16> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stagegate-health\r\nConnection: close\r\n\r\n"
    );
    wire.write_all(request.as_bytes()).await?;
    wire.flush().await?;
    let mut bytes = Vec::new();
    loop {
        let limits = HeadLimits { bytes: MAX_HEAD, fields: usize::MAX };
        let mut rest = bytes.as_slice();
        while let Status::Complete(head) =
            ResponseHead::parse(rest, false, limits, Vec::new()).map_err(io::Error::other)?
        {
            if !head.is_interim() {
                return Ok(head.status);
            }
            rest = &rest[head.len..];
        }
        if wire.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn over_http2(wire: Wire, secure: bool, host: &str, path: &str) -> io::Result<u16> {
    let (mut requests, connection) = h2::client::handshake(wire).await.map_err(io::Error::other)?;
    let scheme = if secure { "https" } else { "http" };
    let request = http::Request::get(format!("{scheme}://{host}{path}"))
        .version(http::Version::HTTP_2)
        .header("user-agent", "stagegate-health")
        .body(())
        .map_err(io::Error::other)?;
    let (answer, _) = requests.send_request(request, true).map_err(io::Error::other)?;
    tokio::select! {
        answer = answer => Ok(answer.map_err(io::Error::other)?.status().as_u16()),
        ended = connection => {
            ended.map_err(io::Error::other)?;
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

#[async_trait]
impl HealthCheck for Check {
    async fn check(&self, target: &Backend) -> pingora_error::Result<()> {
        let failed = |why: String| Error::explain(ErrorType::Custom("health check"), why);
        let address = target.addr.as_inet().and_then(|key| self.by_key.get(key));
        let Some(address) = address else { return Err(failed("unknown endpoint".into())) };
        match tokio::time::timeout(self.health.timeout, self.probe(address)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("no answer in time".into())),
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.health.healthy } else { self.health.unhealthy }
    }
}
