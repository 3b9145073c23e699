//! What of a message is passed on, what is not, and what the proxy adds.

use crate::harness::{
    Backend, Head, Setup, Stagegate, Workload, free_address, request, request_with,
};
use std::collections::BTreeSet;

async fn one_backend() -> (Backend, Stagegate) {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    (backend, stagegate)
}

#[tokio::test]
async fn fields_about_one_connection_are_not_passed_on() {
    let backend = Backend::with("stable", async |exchange| {
        let fields = [
            ("connection", "x-backend-hop, keep-alive"),
            ("x-backend-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("x-end-to-end", "kept"),
        ];
        exchange.body().await;
        exchange.reply("200 OK", &fields, b"done").await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let fields = [
        ("connection", "x-client-hop, x-forwarded-for, keep-alive"),
        ("Connection", "X-Second-Hop"),
        ("x-client-hop", "1"),
        ("x-second-hop", "2"),
        ("keep-alive", "timeout=9"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic eDp5"),
        ("authorization", "Bearer kept"),
        ("x-end-to-end", "kept"),
    ];
    let response = stagegate.get("/", &fields).await;
    let seen = backend.last().head;
    for name in
        ["x-client-hop", "x-second-hop", "keep-alive", "proxy-connection", "proxy-authorization"]
    {
        assert_eq!(seen.get(name), None, "{name} reached the backend");
    }
    assert_eq!(seen.get("authorization"), Some("Bearer kept"));
    assert_eq!(seen.get("x-end-to-end"), Some("kept"));
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"], "the proxy's own word stays");
    for name in ["x-backend-hop", "keep-alive", "proxy-connection"] {
        assert_eq!(response.head.get(name), None, "{name} reached the client");
    }
    assert_eq!(response.head.get("x-end-to-end"), Some("kept"));
}

#[tokio::test]
async fn a_strangers_word_about_where_it_comes_from_is_dropped() {
    let (backend, stagegate) = one_backend().await;
    let fields = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "bank.test"),
        ("forwarded", "for=203.0.113.7;proto=https"),
    ];
    stagegate.get("/", &fields).await;
    let seen = backend.last().head;
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.all("x-forwarded-host"), ["agents.test"]);
    let forwarded = seen.all("forwarded").join(", ");
    assert!(
        forwarded.contains("for=127.0.0.1") && !forwarded.contains("203.0.113.7"),
        "{forwarded}"
    );
}

#[tokio::test]
async fn a_trusted_proxys_word_is_kept_and_appended_to() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("trusted_proxies", "[127.0.0.0/8]");
    let stagegate = Stagegate::start(&setup).await;
    let fields = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "bank.test"),
        ("forwarded", "for=203.0.113.7;proto=https"),
    ];
    stagegate.get("/", &fields).await;
    let seen = backend.last().head;
    assert_eq!(seen.all("x-forwarded-for").join(", "), "203.0.113.7, 127.0.0.1");
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.all("x-forwarded-host"), ["bank.test"]);
    let forwarded = seen.all("forwarded").join(", ");
    let (first, own) = forwarded.split_once(", ").expect("two members");
    assert_eq!(first, "for=203.0.113.7;proto=https");
    assert!(own.contains("for=127.0.0.1"), "{own}");
}

#[tokio::test]
async fn only_the_proxy_says_which_arm_serves() {
    let (backend, stagegate) = one_backend().await;
    let fields = [
        ("stagegate-arm", "candidate"),
        ("Stagegate-Release", "v9"),
        ("stagegate-epoch", "999999"),
    ];
    stagegate.get("/", &fields).await;
    let seen = backend.last().head;
    assert_eq!(seen.all("stagegate-arm"), ["stable"]);
    assert_eq!(seen.all("stagegate-release"), ["v1"]);
    let epochs = seen.all("stagegate-epoch");
    let epoch: u64 = epochs[0].parse().expect("a number");
    assert!(epochs.len() == 1 && epoch != 999_999, "{epochs:?}");
}

#[tokio::test]
async fn every_request_has_one_id_on_both_sides() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        // A backend that answers with an id of its own must not confuse the client.
        exchange.reply("200 OK", &[("x-request-id", "the-backends-own")], b"").await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut ids = BTreeSet::new();
    for _ in 0..20 {
        let response = stagegate.get("/", &[]).await;
        let [id] = response.head.all("x-request-id")[..] else { panic!("{:?}", response.head) };
        assert_eq!(backend.last().head.all("x-request-id"), [id]);
        assert_eq!(id.len(), 36, "a UUID: {id}");
        ids.insert(id.to_owned());
    }
    assert_eq!(ids.len(), 20);
    let sorted: Vec<_> = ids.iter().collect();
    assert!(sorted.iter().all(|id| id.as_bytes()[14] == b'7'), "version 7: {sorted:?}");

    let chosen = stagegate.get("/", &[("x-request-id", "client.chosen_id:1")]).await;
    assert_eq!(chosen.head.all("x-request-id"), ["client.chosen_id:1"]);
    assert_eq!(backend.last().head.all("x-request-id"), ["client.chosen_id:1"]);

    let long = "x".repeat(500);
    for bad in ["with space", "semi;colon", "\"quoted\"", "", &long] {
        let response = stagegate.get("/", &[("x-request-id", bad)]).await;
        let [id] = response.head.all("x-request-id")[..] else { panic!("{:?}", response.head) };
        assert_eq!(id.len(), 36, "{bad:?} is not taken over");
        assert_eq!(backend.last().head.all("x-request-id"), [id]);
    }
}

#[tokio::test]
async fn method_target_host_and_fields_arrive_as_written() {
    let (backend, stagegate) = one_backend().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "M-SEARCH"] {
        let target = "/a/%2e%2e//b/./c%20d?x=%2F&y=1;z&&empty=#".trim_end_matches('#');
        let text = request(
            &format!("{method} {target}"),
            &[
                ("X-MiXed", "Kept As Is"),
                ("x-twice", "1"),
                ("x-twice", "2"),
                ("accept", "a/b;q=0.5, */*"),
            ],
        );
        stagegate.connect().await.ask(&text).await;
        let seen = backend.last().head;
        assert_eq!(seen.start, format!("{method} {target} HTTP/1.1"));
        assert_eq!(seen.all("host"), ["agents.test"]);
        assert_eq!(seen.all("x-twice"), ["1", "2"]);
        assert_eq!(seen.get("x-mixed"), Some("Kept As Is"));
        assert_eq!(seen.get("accept"), Some("a/b;q=0.5, */*"));
    }
    let absolute = "GET http://agents.test/deep?q=1 HTTP/1.1\r\nHost: agents.test\r\n\r\n";
    stagegate.connect().await.ask(absolute).await;
    assert_eq!(backend.last().head.target(), "/deep?q=1");
}

#[tokio::test]
async fn a_question_about_the_server_as_a_whole_arrives_as_such() {
    let backend = Backend::start("stable");
    let workload = Workload::new(&backend).with("match", "[{ host: agents.test }]");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let response = stagegate.connect().await.ask(&request("OPTIONS *", &[])).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(backend.last().head.target(), "*");
}

#[tokio::test]
async fn a_request_that_comes_back_is_a_loop() {
    let own = free_address();
    let mut setup = Setup::of(Workload::at(own));
    setup.listen(own);
    let stagegate = Stagegate::start(&setup).await;
    let response = stagegate.get("/", &[]).await;
    assert_eq!(response.status(), 508);
    assert_eq!(response.json()["reason"], "loop_detected");
}

#[tokio::test]
async fn requests_say_which_proxies_they_came_through() {
    let (backend, stagegate) = one_backend().await;
    stagegate.get("/", &[("via", "1.0 elsewhere")]).await;
    let via = backend.last().head.all("via").join(", ");
    assert!(via.starts_with("1.0 elsewhere, 1.1 "), "{via}");
}

#[tokio::test]
async fn a_workload_is_found_by_host_path_and_fields() {
    let backends = ["support", "billing", "beta", "wild"].map(Backend::start);
    let [support, billing, beta, wild] = &backends;
    let workload =
        |name: &str, backend, rule: &str| Workload::new(backend).named(name).with("match", rule);
    let setup =
        Setup::of(workload("support", support, "[{ host: agents.test, path_prefix: /support/ }]"))
            .and(workload("billing", billing, "[{ host: agents.test, path_prefix: /billing }]"))
            .and(workload(
                "beta",
                beta,
                "[{ host: agents.test, path_prefix: /support/, headers: { x-beta: \"1\" } }]",
            ))
            .and(workload("wild", wild, "[{ host: \"*.wild.test\" }]"));
    let stagegate = Stagegate::start(&setup).await;
    let get = async |host: &str, path: &str, beta: bool| {
        let fields: &[(&str, &str)] = if beta { &[("x-beta", "1")] } else { &[] };
        let text = request(&format!("GET {path}"), fields).replace("agents.test", host);
        stagegate.connect().await.ask(&text).await
    };
    assert_eq!(get("agents.test", "/support/chat", false).await.arm(), "support");
    assert_eq!(get("AGENTS.test:8080", "/support/chat", false).await.arm(), "support");
    assert_eq!(get("agents.test", "/billing", false).await.arm(), "billing");
    assert_eq!(
        get("agents.test", "/support/chat", true).await.arm(),
        "beta",
        "the closer match wins"
    );
    assert_eq!(get("a.b.wild.test", "/", false).await.arm(), "wild");
    for (host, path) in [("agents.test", "/"), ("other.test", "/support/x"), ("wild.test", "/")] {
        let response = get(host, path, false).await;
        assert_eq!((response.status(), response.reason()), (404, Some("no_route")), "{host}{path}");
        assert_eq!(response.json()["status"], 404);
    }
}

#[tokio::test]
async fn answers_are_the_same_through_the_proxy_and_directly() {
    let answers: [(&str, &[u8]); 8] = [
        ("/json", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nETag: \"a-1\"\r\nServer: agent/1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n{\"a\": [1, 2 ] }"),
        ("/cookies", b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nX-Other: x\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
        ("/odd-reason", b"HTTP/1.1 299 Quite All Right\r\nContent-Length: 2\r\n\r\nok"),
        ("/binary", b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nX-Latin: gr\xfcezi\r\nContent-Length: 6\r\n\r\n\x00\x01\xff\r\n\n"),
        ("/limited", b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nretry-after-ms: 7000\r\nx-ratelimit-reset-tokens: 6m0s\r\nContent-Length: 4\r\n\r\nslow"),
        ("/encoded", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
        ("/redirect", b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://agents.test/elsewhere\r\nContent-Length: 0\r\n\r\n"),
        ("/chunked", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"),
    ];
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        let target = exchange.request.target();
        let answer = answers.iter().find(|(path, _)| *path == target).expect("a known path").1;
        exchange.send(answer).await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let hop = ["connection", "transfer-encoding", "keep-alive", "x-request-id", "via"];
    let lines = |head: &Head| -> Vec<String> {
        let text = head.raw.iter().map(|&byte| char::from(byte)).collect::<String>();
        let kept = text.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !hop.contains(&name.as_str())
        });
        kept.map(str::to_owned).collect()
    };
    for (path, _) in answers {
        let text = request(&format!("GET {path}"), &[]);
        let direct = crate::harness::Wire::connect(backend.address).await.ask(&text).await;
        let through = stagegate.connect().await.ask(&text).await;
        assert_eq!(lines(&through.head), lines(&direct.head), "{path}");
        assert_eq!(through.body.bytes, direct.body.bytes, "{path}");
        assert_eq!(through.body.end, direct.body.end, "{path}");
    }
}

#[tokio::test]
async fn large_bodies_pass_in_both_directions_unchanged() {
    let backend = Backend::with("stable", crate::harness::backend::echo);
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let body: String =
        (0..600_000_u32).map(|n| format!("{:07x}\n", n.wrapping_mul(2_654_435_761) >> 4)).collect();
    let response = stagegate.connect().await.ask(&request_with("POST /", &[], &body)).await;
    assert_eq!(response.status(), 200);
    assert!(
        response.body.bytes == body.as_bytes(),
        "{} bytes came back",
        response.body.bytes.len()
    );
}
