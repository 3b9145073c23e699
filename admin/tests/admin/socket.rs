//! The real listener.

use crate::world::{CONFIG, World};
use stagegate_admin::auth::new_token;
use stagegate_config::Role;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn strangers_keep_nobody_out_who_has_a_token() {
    let token = new_token("deployer", Role::Operator).unwrap();
    let config = format!("{CONFIG}admin:\n  tokens:\n    {}\n", token.config_line);
    let world = World::with(&config).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = world.app.clone();
    let server = tokio::spawn(stagegate_admin::serve(listener, app, std::future::pending()));
    // Silent ones, slow ones, and ones that were answered and stay.
    let mut strangers = Vec::new();
    for number in 0..700 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let said: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET / HTTP/1.1\r\nhost: x\r\n",
            _ => b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
        };
        let _ = stream.write_all(said).await;
        strangers.push(stream);
    }
    let begun = std::time::Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "{\"reason\":\"now\"}";
    let request = format!(
        "POST /v1/workloads/agent/rollback HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        token.text,
        body.len()
    );
    let answer = ask(&mut stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    server.abort();
}

#[tokio::test]
async fn it_serves_until_told_to_stop() {
    let world = World::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = world.app.clone();
    let server = tokio::spawn(stagegate_admin::serve(listener, app, async {
        let _ = stopped.await;
    }));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "{\"weight\":\"12%\",\"reason\":\"over the wire\"}";
    let request = format!(
        "PUT /v1/workloads/agent/weight HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(&mut stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("weight 1% -> 12%"), "{answer}");

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /v1/status HTTP/1.1\r\nhost: evil.test\r\nconnection: close\r\n\r\n";
    let answer = ask(&mut stream, request).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // The refusal is recorded with the address it came from.
    world.set_weight("13%").await.ok();
    let audit = world.get("/v1/audit?actor=unknown").await.ok();
    let peer = audit["entries"][0]["details"]["peer"].as_str().unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{peer}");

    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), server).await;
    ended.expect("it stops").unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
