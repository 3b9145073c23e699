//! WebSockets wherever HTTP/2 is on the way (RFC 8441), and in a browser.

use crate::harness::h2::{H2, ended, h2_request, h2_websocket, piece};
use crate::harness::tools::{Mock, browser, script};
use crate::harness::{
    Authority, Backend, End, Setup, Stagegate, Wire, Workload, eventually, eventually_async,
    free_address, request, within,
};
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};

/// What arrived at an HTTP/2 endpoint.
type Seen = Arc<Mutex<Vec<Request<()>>>>;

/// An HTTP/2 endpoint that answers in capitals, if it takes WebSockets at all.
async fn http2_endpoint(takes_websockets: bool) -> (SocketAddr, Seen) {
    let (address, seen) = (free_address(), Seen::default());
    let listener = TcpListener::bind(address).await.expect("listen");
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, takes_websockets, Arc::clone(&log)));
        }
    });
    (address, seen)
}

async fn serve(stream: TcpStream, takes_websockets: bool, seen: Seen) {
    let mut builder = Builder::new();
    if takes_websockets {
        builder.enable_connect_protocol();
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let refuses = head.uri().path() == "/refuse";
        let opens = head.method() == Method::CONNECT && !refuses;
        seen.lock().expect("log").push(head);
        let status = if refuses { 403 } else { 200 };
        tokio::spawn(answer(status, opens, body, respond));
    }
}

async fn answer(
    status: u16,
    opens: bool,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let mut response = Response::builder().status(status);
    if opens {
        response = response.header("sec-websocket-protocol", "agent.v1");
    }
    let mut down: SendStream<Bytes> =
        respond.send_response(response.body(()).expect("an answer"), false)?;
    while let Some(data) = body.data().await.filter(|_| opens) {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        down.send_data(data.to_ascii_uppercase().into(), false)?;
    }
    let last = if opens { "" } else { "plain" };
    down.send_data(Bytes::from_static(last.as_bytes()), true)
}

/// The handshake of RFC 6455 1.3.
fn handshake(target: &str) -> String {
    let fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "agent.v1"),
        ("sec-websocket-version", "13"),
    ];
    request(&format!("GET {target}"), &fields)
}

async fn in_front_of(endpoint: SocketAddr) -> Stagegate {
    Stagegate::start(&Setup::of(Workload::url(&format!("h2c://{endpoint}")))).await
}

#[tokio::test]
async fn http1_clients_open_websockets_at_http2_endpoints() {
    let (endpoint, seen) = http2_endpoint(true).await;
    let stagegate = in_front_of(endpoint).await;
    // The very first request of a connection, and then some that share it.
    let mut wires = Vec::new();
    for _ in 0..6 {
        let mut wire = stagegate.connect().await;
        // The client need not wait before it speaks.
        wire.send(handshake("/chat") + "early").await;
        let head = wire.head().await;
        assert_eq!((head.status(), head.get("upgrade")), (101, Some("websocket")));
        assert_eq!(head.get("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.get("sec-websocket-protocol"), Some("agent.v1"));
        assert_eq!(wire.bytes(5).await.expect("tunnelled"), b"EARLY");
        wires.push(wire);
    }
    for wire in &mut wires {
        for word in ["ping", "pong"] {
            wire.send(word).await;
            assert_eq!(wire.bytes(4).await.expect("tunnelled"), word.to_uppercase().as_bytes());
        }
        wire.finish_sending().await;
        assert_eq!(wire.ended().await, (End::Closed, Vec::new()), "an end is an end");
    }
    for seen in seen.lock().expect("log").iter() {
        let protocol = seen.extensions().get::<h2::ext::Protocol>().expect("one");
        assert_eq!((seen.method(), protocol.as_str()), (&Method::CONNECT, "websocket"));
        assert_eq!(seen.uri().path(), "/chat");
        assert!(seen.headers().contains_key("sec-websocket-version"));
        for gone in ["sec-websocket-key", "upgrade", "connection"] {
            assert!(!seen.headers().contains_key(gone), "{gone}");
        }
    }
    // No handshake: a request like any other.
    let half = request("GET /chat", &[("connection", "Upgrade"), ("upgrade", "websocket")]);
    assert_eq!(stagegate.connect().await.ask(&half).await.text(), "plain");
    eventually_async("all to be counted", async || {
        let counted = stagegate.admin.metric("stagegate_requests_total", &["outcome=\"ok\""]);
        (counted.await - 7.0).abs() < 0.5
    })
    .await;
}

#[tokio::test]
async fn http2_clients_open_websockets_at_http2_endpoints() {
    let (endpoint, _) = http2_endpoint(true).await;
    let stagegate = in_front_of(endpoint).await;
    let mut client = H2::connect(stagegate.proxy).await;
    eventually("the proxy's settings", || client.takes_websockets()).await;
    let (answer, mut up) = client.begin(h2_websocket("/chat"), false).await;
    let answer = within("an answer", answer).await.expect("one");
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("sec-websocket-accept"));
    let mut down = answer.into_body();
    for word in ["ping", "pong"] {
        up.send_data(Bytes::from_static(word.as_bytes()), false).expect("room");
        assert_eq!(piece(&mut down).await, word.to_uppercase().into_bytes());
    }
    up.send_data(Bytes::new(), true).expect("an end");
    ended(&mut down).await;
}

#[tokio::test]
async fn an_endpoint_that_takes_no_websockets_is_not_asked_for_one() {
    let (endpoint, seen) = http2_endpoint(false).await;
    let stagegate = in_front_of(endpoint).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..2 {
        let refused = wire.ask(&handshake("/chat")).await;
        assert_eq!((refused.status(), refused.reason()), (502, Some("upstream_no_websockets")));
        assert!(refused.text().contains("RFC 8441"), "{}", refused.text());
        // It serves everything else, and is blamed for nothing.
        assert_eq!(wire.ask(&request("GET /", &[])).await.text(), "plain");
    }
    assert!(seen.lock().expect("log").iter().all(|seen| seen.method() == Method::GET));
    // One that takes them may still refuse this one.
    let (endpoint, _) = http2_endpoint(true).await;
    let stagegate = in_front_of(endpoint).await;
    let mut wire = stagegate.connect().await;
    let refused = wire.ask(&handshake("/refuse")).await;
    assert_eq!((refused.status(), refused.text().as_str()), (403, "plain"));
    assert_eq!(wire.ask(&request("GET /", &[])).await.text(), "plain");
    // What does not speak HTTP/2 at all is no endpoint.
    let other = Backend::start("stable");
    let stagegate = in_front_of(other.address).await;
    let refused = stagegate.connect().await.ask(&handshake("/chat")).await;
    assert_eq!((refused.status(), refused.reason()), (502, Some("upstream_connect")));
}

#[tokio::test]
async fn websocket_clients_and_servers_notice_nothing_of_http2_in_between() {
    let server = Mock::script("web_server.py").await;
    let inner = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    // Straight to a server that takes WebSockets over HTTP/2, and over one more proxy.
    for (endpoint, version) in [(server.address, "2"), (inner.proxy, "1.1")] {
        let stagegate = in_front_of(endpoint).await;
        let url = format!("ws://{}/", stagegate.proxy);
        let printed = script("websocket_client.py", &[&url]).await;
        assert_eq!(printed.matches("ok ").count(), 4, "{printed}");
        // It says itself over what it was asked: so it was HTTP/2 all the way there.
        let mut wire = stagegate.connect().await;
        wire.send(handshake("/")).await;
        assert_eq!(wire.head().await.status(), 101);
        // A masked text frame of three bytes: `via` (RFC 6455 5.2); its mask is zero.
        wire.send(b"\x81\x83\0\0\0\0via").await;
        let length = usize::from(wire.bytes(2).await.expect("a frame")[1]);
        let told = wire.bytes(length).await.expect("its text");
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.ends_with(&format!("endpoint {version}")), "{told}");
    }
}

#[tokio::test]
async fn a_websocket_opens_after_its_endpoint_has_restarted() {
    let server = Mock::script("web_server.py").await;
    let inner = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    let outer = in_front_of(inner.proxy).await;
    for _ in 0..3 {
        let mut wire = outer.connect().await;
        wire.send(handshake("/")).await;
        assert_eq!(wire.head().await.status(), 101);
        inner.kill_hard();
        // Nobody is left to say goodbye; the client learns of it.
        wire.ended().await;
        inner.restart().await;
    }
}

#[tokio::test]
async fn what_follows_a_refused_websocket_is_no_request() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    eventually("the proxy's settings", || client.takes_websockets()).await;
    let (answer, mut up) = client.begin(h2_websocket("/chat"), false).await;
    let smuggled = b"GET /smuggled HTTP/1.1\r\nHost: agents.test\r\n\r\n";
    up.send_data(Bytes::from_static(smuggled), false).expect("room");
    let answer = within("an answer", answer).await.expect("one");
    // The backend did not switch: what it says is an answer, and bytes after it are nobody's.
    assert_eq!(answer.status(), 200);
    drop((answer, up));
    let last = client.ask(h2_request("GET /last", &[]), b"").await.expect("an answer");
    assert_eq!(last.status(), 200);
    let targets: Vec<String> =
        backend.seen().iter().map(|seen| seen.head.target().to_owned()).collect();
    assert_eq!(targets, ["/chat", "/last"]);
}

#[tokio::test]
async fn a_browser_notices_nothing() {
    let server = Mock::script("web_server.py").await;
    let authority = Authority::new();
    let certificate = authority.sign("server", &["127.0.0.1", "localhost"]);
    let tls = format!("{{ certificates: [{}] }}", certificate.yaml());
    for scheme in ["http", "https"] {
        let mut setup = Setup::of(Workload::at(server.address));
        // WebSockets share the page's HTTP/2 connection where it has one.
        let via = if scheme == "https" { "2.0" } else { "1.1" };
        if scheme == "https" {
            setup = setup.with_listener("tls", &tls);
        }
        let stagegate = Stagegate::start(&setup).await;
        let Some(printed) = browser(&format!("{scheme}://{}/", stagegate.proxy), via).await else {
            return;
        };
        assert_eq!(printed.matches("ok ").count(), 4, "{scheme}: {printed}");
    }
}

#[tokio::test]
async fn an_upgrade_that_carries_http_again_is_not_passed_on() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    for protocol in
        ["h2c", "H2C", "HTTP/2.0", "http/1.1", "TLS/1.0", "TLS/1.2, HTTP/1.1", "shout, h2c"]
    {
        let mut wire = Wire::connect(stagegate.proxy).await;
        let fields = [("connection", "Upgrade"), ("upgrade", protocol)];
        assert_eq!(wire.ask(&request("GET /", &fields)).await.status(), 200, "{protocol}");
        assert_eq!(backend.last().head.get("upgrade"), None, "{protocol}");
    }
}
