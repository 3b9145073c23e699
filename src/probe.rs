//! Probing the endpoints of a release before a rollout depends on them: real connections and, where
//! the workload has an HTTP health check, real requests.
//!
//! Apart from the health checks that run all the time: those say how an endpoint did lately, and a
//! release that nobody has used for days may be "healthy" and still asleep. So each endpoint is
//! asked twice, and the second answer counts: the first may have had to wake it up.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::TokioIo;
use stagegate_admin::data_plane::Probed;
use stagegate_config::{Endpoint, EndpointProtocol, Health, HealthKind, Workload};
use stagegate_rollout::ReleaseName;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long one probe may take where no health check says so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks every endpoint of `release`; empty when the workload does not have the release.
pub(crate) async fn release(workload: &Workload, release: &ReleaseName) -> Vec<Probed> {
    let Some(release) = workload.releases.get(release) else { return Vec::new() };
    let probes = release.endpoints.iter().map(|at| endpoint(at, workload.health.as_ref()));
    futures_util::future::join_all(probes).await
}

async fn endpoint(endpoint: &Endpoint, health: Option<&Health>) -> Probed {
    let address = endpoint.name();
    let patience = health.map_or(PATIENCE, |health| health.timeout);
    let mut answered = Err(String::new());
    for _ in 0..2 {
        let began = Instant::now();
        answered = match tokio::time::timeout(patience, once(endpoint, health)).await {
            Ok(Ok(())) => Ok(began.elapsed()),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
        };
        if answered.is_err() {
            break;
        }
    }
    Probed { address, answered }
}

async fn once(endpoint: &Endpoint, health: Option<&Health>) -> Result<(), String> {
    let stream: Box<dyn Stream> = match endpoint {
        Endpoint::Tcp { .. } => {
            Box::new(connected(TcpStream::connect(endpoint.authority()).await)?)
        }
        Endpoint::Unix { path, .. } => Box::new(connected(UnixStream::connect(path).await)?),
    };
    let Some(HealthKind::Http { path, host, status }) = health.map(|health| &health.kind) else {
        return Ok(());
    };
    // What is spoken there beside plain HTTP/1.1 is asked by the health checks all the time; here
    // it is enough that somebody takes the connection.
    if endpoint.protocol() != EndpointProtocol::Http {
        return Ok(());
    }
    let address = endpoint.authority();
    let request = Request::get(path)
        .header("host", host.as_deref().unwrap_or(&address))
        .header("user-agent", concat!("stagegate/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            found if found == *status => Ok(()),
            found => Err(format!("GET {path} answered {found}, not {status}")),
        }
    };
    let mut asking = std::pin::pin!(asking);
    let ended = tokio::select! {
        biased;
        answer = &mut asking => return answer,
        ended = connection => ended,
    };
    // A connection may end with the answer; only then is there still something to hear.
    ended.map_err(|error| error.to_string())?;
    asking.await
}

/// A connection of any kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn connected<T>(stream: std::io::Result<T>) -> Result<T, String> {
    stream.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::endpoint;
    use stagegate_config::{Endpoint, EndpointProtocol, Health, HealthKind};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    fn health() -> Health {
        let kind = HealthKind::Http { path: "/healthz".to_owned(), host: None, status: 200 };
        let second = Duration::from_secs(1);
        Health { kind, every: second, timeout: second, healthy: 1, unhealthy: 1 }
    }

    /// A server that answers one connection after the other with these statuses.
    fn serve(statuses: &'static [&'static str]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for status in statuses {
                let (mut stream, _) = listener.accept().expect("a caller");
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).expect("a request");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("answered");
            }
        });
        Endpoint::Tcp { protocol: EndpointProtocol::Http, host: "127.0.0.1".to_owned(), port }
    }

    #[tokio::test]
    async fn an_endpoint_is_warm_when_it_answers_twice() {
        let probed = endpoint(&serve(&["200 OK", "200 OK"]), Some(&health())).await;
        assert!(probed.answered.is_ok(), "{probed:?}");
    }

    #[tokio::test]
    async fn an_endpoint_that_fails_the_second_time_is_not_warm() {
        let probed = endpoint(&serve(&["200 OK", "503 No"]), Some(&health())).await;
        let why = probed.answered.expect_err("not warm");
        assert_eq!(why, "GET /healthz answered 503, not 200");
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let gone =
            Endpoint::Tcp { protocol: EndpointProtocol::Http, host: "127.0.0.1".to_owned(), port };
        let probed = endpoint(&gone, None).await;
        assert_eq!(probed.address, format!("127.0.0.1:{port}"));
        assert!(probed.answered.is_err());
    }
}
