//! One health check: the connection a request would use, and perhaps a request on it.

use crate::address::Address;
use crate::http1::{HeadLimits, ResponseHead, Status};
use crate::transport::{Conn, Connector, dial};
use async_trait::async_trait;
use pingora_error::{Error, ErrorType};
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use stagegate_settings::{Health, Probe};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Most bytes of an answer's head that are read.
const MAX_HEAD: usize = 64 * 1024;

/// Checks the endpoints of one release.
pub(super) struct Check {
    health: Health,
    by_key: HashMap<SocketAddr, Address>,
}

impl Check {
    pub(super) fn new(health: &Health, addresses: &[Address]) -> Self {
        let by_key = addresses.iter().map(|address| (address.ring_key(), address.clone()));
        Self { health: health.clone(), by_key: by_key.collect() }
    }
}

/// Measures how long a warm endpoint takes to answer. It is asked twice and the second answer
/// counts, because the first may have had to wake it up.
///
/// # Errors
/// A description of the problem.
pub(crate) async fn warm(
    address: &Address,
    probe: &Probe,
    patience: Duration,
) -> Result<Duration, String> {
    let mut took = Duration::ZERO;
    for _ in 0..2 {
        let began = Instant::now();
        match tokio::time::timeout(patience, ask(address, probe)).await {
            Ok(answer) => answer.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no answer within {} ms", patience.as_millis())),
        }
        took = began.elapsed();
    }
    Ok(took)
}

async fn ask(address: &Address, probe: &Probe) -> io::Result<()> {
    let (conn, http2) = dial(&Connector::System, address, false).await?;
    let Probe::Http { path, host, status } = probe else { return Ok(()) };
    let host = host.as_deref().unwrap_or(&address.authority);
    let found = if http2 {
        over_http2(conn, address.tls.is_some(), host, path).await?
    } else {
        over_http1(conn, host, path).await?
    };
    if found == *status {
        return Ok(());
    }
    Err(io::Error::other(format!("GET {path} answered {found}, not {status}")))
}

async fn over_http1(mut conn: Conn, host: &str, path: &str) -> io::Result<u16> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stagegate-health\r\nConnection: close\r\n\r\n"
    );
    conn.write_all(request.as_bytes()).await?;
    conn.flush().await?;
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
        if conn.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn over_http2(conn: Conn, secure: bool, host: &str, path: &str) -> io::Result<u16> {
    let (mut requests, connection) = h2::client::handshake(conn).await.map_err(io::Error::other)?;
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
        match tokio::time::timeout(self.health.timeout, ask(address, &self.health.probe)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("no answer in time".into())),
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.health.healthy } else { self.health.unhealthy }
    }
}

#[cfg(test)]
mod tests {
    use super::warm;
    use crate::address::{Address, HttpVersion, Target};
    use stagegate_settings::Probe;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn probe() -> Probe {
        Probe::Http { path: "/healthz".to_owned(), host: None, status: 200 }
    }

    fn at(socket: SocketAddr) -> Address {
        Address {
            target: Target::Ip(socket),
            authority: socket.to_string().into(),
            name: socket.to_string().into(),
            protocol: HttpVersion::Http1,
            tls: None,
        }
    }

    /// A server that answers one connection after the other with these statuses.
    fn serve(statuses: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            for status in statuses {
                let (mut stream, _) = listener.accept().expect("a caller");
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).expect("a request");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("answered");
            }
        });
        address
    }

    #[tokio::test]
    async fn an_endpoint_is_warm_when_it_answers_twice() {
        let address = at(serve(&["200 OK", "200 OK"]));
        assert!(warm(&address, &probe(), PATIENCE).await.is_ok());
    }

    #[tokio::test]
    async fn an_endpoint_that_fails_the_second_time_is_not_warm() {
        let address = at(serve(&["200 OK", "503 No"]));
        let why = warm(&address, &probe(), PATIENCE).await.expect_err("not warm");
        assert_eq!(why, "GET /healthz answered 503, not 200");
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = at(listener.local_addr().expect("bound"));
        drop(listener);
        assert!(warm(&address, &Probe::Tcp, PATIENCE).await.is_err());
    }
}
