//! The PROXY protocol: who the client is, by the word of a load balancer that is trusted.

use crate::harness::{Backend, Setup, Stagegate, Workload, request};

async fn behind_a_balancer(backend: &Backend, trusted: &str) -> Stagegate {
    let setup = Setup::of(Workload::new(backend))
        .with_listener("proxy_protocol", "true")
        .with("trusted_proxies", trusted);
    Stagegate::start(&setup).await
}

fn version_2(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(source);
    header.extend([10, 0, 0, 1, 0x12, 0x67, 1, 187]);
    header
}

#[tokio::test]
async fn the_announced_address_is_the_clients() {
    let backend = Backend::start("stable");
    let stagegate = behind_a_balancer(&backend, "[127.0.0.0/8]").await;
    let headers = [
        (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n".to_vec(), "203.0.113.9"),
        (version_2([198, 51, 100, 7]), "198.51.100.7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ];
    for (header, client) in headers {
        for in_one_piece in [true, false] {
            let mut wire = stagegate.connect().await;
            let ask = request("GET /", &[("x-forwarded-for", "6.6.6.6")]);
            if in_one_piece {
                wire.send([header.as_slice(), ask.as_bytes()].concat()).await;
            } else {
                for byte in &header {
                    wire.send([*byte]).await;
                }
                wire.send(&ask).await;
            }
            assert_eq!(wire.response("GET").await.status(), 200);
            let seen = backend.last().head;
            // The client behind the balancer is no proxy of ours: its own word does not count.
            let expected = if client == "127.0.0.1" { "6.6.6.6, 127.0.0.1" } else { client };
            assert_eq!(seen.get("x-forwarded-for"), Some(expected));
            assert_eq!(wire.ask(&request("GET /again", &[])).await.status(), 200);
        }
    }
}

#[tokio::test]
async fn garbage_and_strangers_are_turned_away_without_a_word() {
    let backend = Backend::start("stable");
    let stagegate = behind_a_balancer(&backend, "[127.0.0.0/8]").await;
    for garbage in
        [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"PROXY TCP4 nobody\r\n", b"\r\n\r\nx"]
    {
        let mut wire = stagegate.connect().await;
        wire.send(garbage).await;
        let (_, bytes) = wire.ended().await;
        assert!(bytes.is_empty());
    }
    let stagegate = behind_a_balancer(&backend, "[10.0.0.0/8]").await;
    let mut wire = stagegate.connect().await;
    let forged = b"PROXY TCP4 10.0.0.9 10.0.0.1 4711 443\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let _ = wire.try_send(forged).await;
    let (_, bytes) = wire.ended().await;
    assert!(bytes.is_empty());
    assert_eq!(backend.arrivals(), 0);
}

#[tokio::test]
async fn a_header_that_never_ends_does_not_hold_the_connection() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend))
        .with_listener("proxy_protocol", "true")
        .with("trusted_proxies", "[127.0.0.0/8]")
        .with("limits", "{ header_timeout: 200ms }");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send("PROXY TCP4 ").await;
    wire.ended().await;
}
