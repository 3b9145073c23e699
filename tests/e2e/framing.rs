//! Where messages end: bodiless answers, interim answers, trailers, pipelines, old versions.

use crate::harness::{
    Backend, End, Setup, Stagegate, Workload, eventually, request, request_with, within,
};
use std::sync::Arc;
use tokio::sync::Notify;

async fn behind(backend: &Backend) -> Stagegate {
    Stagegate::start(&Setup::of(Workload::new(backend))).await
}

#[tokio::test]
async fn answers_without_body_leave_the_connection_in_step() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        let arm = exchange.arm.to_string();
        let head = match exchange.request.target() {
            "/204" => "HTTP/1.1 204 No Content\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 120\r\n",
            _ if exchange.request.method() == "HEAD" => {
                "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n"
            }
            _ => return exchange.reply("200 OK", &[], b"body").await,
        };
        exchange.send(format!("{head}x-arm: {arm}\r\n\r\n")).await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..3 {
        let head = wire.ask(&request("HEAD /big", &[])).await;
        assert_eq!((head.status(), head.head.get("content-length")), (200, Some("4096")));
        let none = wire.ask(&request("GET /204", &[])).await;
        assert_eq!((none.status(), none.head.get("content-length")), (204, None));
        assert_eq!(none.head.get("transfer-encoding"), None);
        let same = wire.ask(&request("GET /304", &[])).await;
        assert_eq!((same.status(), same.head.get("etag")), (304, Some("\"1\"")));
        assert_eq!(wire.ask(&request("GET /", &[])).await.text(), "body");
    }
    assert!(wire.is_quiet(), "nothing is left on the connection");
}

#[tokio::test]
async fn early_hints_go_out_before_the_answer_exists() {
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n").await;
        gate.notified().await;
        exchange.send("HTTP/1.1 102 Processing\r\n\r\n").await;
        exchange.reply("200 OK", &[], b"page").await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    let hints = wire.head().await;
    assert_eq!((hints.status(), hints.get("link")), (103, Some("</style.css>; rel=preload")));
    go.notify_one();
    let rest = wire.response("GET").await;
    assert_eq!(rest.interim.iter().map(crate::harness::Head::status).collect::<Vec<_>>(), [102]);
    assert_eq!((rest.status(), rest.text().as_str()), (200, "page"));
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let backend = Backend::with("stable", async |exchange| {
        if exchange.request.get("expect").is_some() {
            exchange.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let body = exchange.body().await;
        exchange.reply("200 OK", &[], &body.bytes).await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    for body in ["first body", "second body"] {
        let length = body.len().to_string();
        let fields = [("expect", "100-continue"), ("content-length", length.as_str())];
        wire.send(request("POST /", &fields)).await;
        assert_eq!(wire.head().await.status(), 100);
        wire.send(body).await;
        let response = wire.response("POST").await;
        assert_eq!((response.status(), response.text().as_str()), (200, body));
        assert!(response.interim.is_empty(), "100 is said once");
    }
}

#[tokio::test]
async fn a_refusal_reaches_the_client_that_still_holds_its_body() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.reply("401 Unauthorized", &[("www-authenticate", "Bearer")], b"who are you").await;
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("expect", "100-continue"), ("content-length", "1000000")]))
        .await;
    let response = wire.response("POST").await;
    assert_eq!((response.status(), response.text().as_str()), (401, "who are you"));
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let backend = Backend::with("stable", async |exchange| {
        let body = exchange.body().await;
        let sum = body.trailers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-sum"));
        let sum = sum.map_or("none", |(_, value)| value.as_str()).to_owned();
        exchange.begin_chunked("200 OK", &[("trailer", "server-timing, x-sum-seen")]).await;
        exchange.chunk(&body.bytes).await;
        exchange.end_chunked(&[("Server-Timing", "llm;dur=812"), ("X-Sum-Seen", &sum)]).await;
    });
    let stagegate = behind(&backend).await;
    let text = request(
        "POST /",
        &[("te", "trailers"), ("trailer", "x-sum"), ("transfer-encoding", "chunked")],
    ) + "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n";
    let response = stagegate.connect().await.ask(&text).await;
    assert_eq!(response.text(), "hello world");
    let trailers = response.body.trailers;
    let expected = [("Server-Timing", "llm;dur=812"), ("X-Sum-Seen", "42")];
    assert_eq!(trailers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn one_connection_serves_a_pipeline_in_order() {
    let backend = Backend::with("stable", async |exchange| {
        let body = exchange.body().await;
        let text = format!("{} {}", exchange.request.target(), body.bytes.len());
        exchange.reply("200 OK", &[], text.as_bytes()).await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    let mut all = String::new();
    for number in 0..30 {
        all += &match number % 3 {
            0 => request(&format!("GET /{number}"), &[]),
            1 => request_with(&format!("POST /{number}"), &[], "12345"),
            _ => {
                request(&format!("POST /{number}"), &[("transfer-encoding", "chunked")])
                    + "5\r\n12345\r\n0\r\n\r\n"
            }
        };
    }
    wire.send(all).await;
    for number in 0..30 {
        let length = if number % 3 == 0 { 0 } else { 5 };
        assert_eq!(wire.response("GET").await.text(), format!("/{number} {length}"));
    }
    let last = wire.ask(&request("GET /last", &[("connection", "close")])).await;
    assert!(last.head.lists("connection", "close"));
    assert_eq!(wire.ended().await, (End::Closed, Vec::new()));
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_complete() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        let arm = exchange.arm.to_string();
        exchange.send(format!("HTTP/1.0 200 OK\r\nx-arm: {arm}\r\n\r\nall of ")).await;
        exchange.send("it").await;
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..2 {
        let response = wire.ask(&request("GET /", &[])).await;
        assert_eq!((response.text().as_str(), response.body.end), ("all of it", End::Complete));
        assert!(
            response.head.lists("transfer-encoding", "chunked"),
            "the client's connection stays"
        );
    }
}

#[tokio::test]
async fn an_old_client_gets_an_answer_it_understands() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"one ").await;
        exchange.chunk(b"two").await;
        exchange.end_chunked(&[]).await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    wire.send("GET / HTTP/1.0\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!((head.status(), head.get("transfer-encoding")), (200, None));
    assert_eq!(wire.ended().await, (End::Closed, b"one two".to_vec()));
}

#[tokio::test]
async fn an_answer_may_come_while_the_request_still_flows() {
    let backend = Backend::with("stable", async |exchange| {
        // The head is enough to know: answer at once, then take the rest of the upload.
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"early").await;
        let body = exchange.body().await;
        exchange.chunk(format!(" and {} bytes later", body.bytes.len()).as_bytes()).await;
        exchange.end_chunked(&[]).await;
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("content-length", "10")]) + "12345").await;
    assert_eq!(wire.head().await.status(), 200);
    let crate::harness::Chunk::Data(early) = wire.chunk().await else { panic!("no chunk") };
    assert_eq!(early, b"early");
    wire.send("67890").await;
    let crate::harness::Chunk::Data(late) = wire.chunk().await else { panic!("no chunk") };
    assert_eq!(late, b" and 10 bytes later");
}

#[tokio::test]
async fn an_early_refusal_cuts_an_upload_short() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.reply("413 Content Too Large", &[], b"too much").await;
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("content-length", "1000000")]) + "only the beginning").await;
    let response = wire.response("POST").await;
    assert_eq!((response.status(), response.text().as_str()), (413, "too much"));
    assert_eq!(response.reason(), None, "the backend's own answer");
    drop(wire);
    assert_eq!(stagegate.get("/", &[]).await.status(), 413, "it still serves");
}

#[tokio::test]
async fn upgraded_connections_are_tunnels() {
    let backend = Backend::with("stable", async |exchange| {
        if exchange.request.get("upgrade").is_none() {
            return exchange.reply("200 OK", &[], b"no tunnel").await;
        }
        assert!(exchange.request.lists("connection", "upgrade"));
        // The first bytes of the new protocol ride with the head.
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nWELCOME";
        exchange.send(head).await;
        while let Ok(bytes) = exchange.wire.bytes(4).await {
            if bytes == b"quit" {
                break;
            }
            exchange.send(bytes.to_ascii_uppercase()).await;
        }
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let upgrade = request("GET /shout", &[("connection", "upgrade"), ("upgrade", "shout")]);

    let mut wire = stagegate.connect().await;
    // The client need not wait for the answer either.
    wire.send(upgrade.clone() + "abcd").await;
    let head = wire.head().await;
    assert_eq!((head.status(), head.get("upgrade")), (101, Some("shout")));
    assert!(head.get("x-request-id").is_some());
    assert_eq!(wire.bytes(11).await.expect("tunnelled"), b"WELCOMEABCD");
    for word in ["efgh", "\0\r\n\u{1}", "GET "] {
        wire.send(word).await;
        assert_eq!(wire.bytes(4).await.expect("tunnelled"), word.to_ascii_uppercase().as_bytes());
    }
    wire.send("quit").await;
    assert_eq!(wire.ended().await, (End::Closed, Vec::new()), "the backend's end is the client's");

    let mut wire = stagegate.connect().await;
    wire.send(upgrade).await;
    assert_eq!(wire.head().await.status(), 101);
    let open = backend.open();
    drop(wire);
    eventually("the client's end to be the backend's", || backend.open() < open).await;

    let plain = stagegate.get("/", &[]).await;
    assert_eq!(plain.text(), "no tunnel");
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer() {
    let backend = Backend::start("stable");
    let stagegate = behind(&backend).await;
    let mut wire = stagegate.connect().await;
    let upgrade = request("GET /", &[("connection", "upgrade"), ("upgrade", "shout")]);
    assert_eq!(wire.ask(&upgrade).await.status(), 200);
    assert_eq!(within("the same connection", wire.ask(&request("GET /", &[]))).await.status(), 200);
}

#[tokio::test]
async fn an_upgrade_to_cleartext_http2_is_not_passed_on() {
    let backend = Backend::start("stable");
    let stagegate = behind(&backend).await;
    let fields = [
        ("connection", "Upgrade, HTTP2-Settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    ];
    let response = stagegate.get("/", &fields).await;
    assert_eq!(response.status(), 200, "an ordinary request");
    let seen = backend.last().head;
    for name in ["upgrade", "http2-settings"] {
        assert_eq!(seen.get(name), None, "it would carry requests past every rule");
    }
    assert!(!seen.lists("connection", "upgrade"));
}
