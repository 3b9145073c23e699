//! The SDKs that agents are written with, unmodified, through Stagegate to mock model servers.

use crate::harness::tools::{Mock, script};
use crate::harness::{
    Backend, Setup, Stagegate, Wire, Workload, eventually_async, free_address, request,
    request_with,
};

/// aimock is stable, fakellm the candidate.
async fn two_mocks() -> (Mock, Mock, Stagegate) {
    let (stable, candidate) = (Mock::aimock().await, Mock::fakellm().await);
    let workload = Workload::at(stable.address)
        .release("v2", candidate.address)
        .with("candidate", "v2")
        .with("sticky", "request");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    (stable, candidate, stagegate)
}

#[tokio::test]
async fn openai_and_anthropic_clients_notice_nothing() {
    let (_stable, candidate, stagegate) = two_mocks().await;
    let url = format!("http://{}", stagegate.proxy);
    let openai_url = format!("{url}/v1");
    let mut before = 0;
    for weight in ["0%", "100%", "50%"] {
        stagegate.admin.weight(weight).await;
        let printed = script("openai_client.py", &[&openai_url]).await;
        assert_eq!(printed.matches("ok ").count(), 6);
        let printed = script("anthropic_client.py", &[&url]).await;
        assert_eq!(printed.matches("ok ").count(), 6);
        let stats =
            Wire::connect(candidate.address).await.ask(&request("GET /_fakellm/stats", &[])).await;
        let total = stats.json()["total_requests"].as_u64().expect("a number");
        let served = total - std::mem::replace(&mut before, total);
        // 56 requests of the one client, 55 of the other.
        match weight {
            "0%" => assert_eq!(served, 0),
            "100%" => assert_eq!(served, 111),
            _ => assert!((20..=91).contains(&served), "{served} of 111 at {weight}"),
        }
    }
}

#[tokio::test]
async fn sdk_streams_arrive_token_by_token() {
    let backend = free_address();
    let stagegate = Stagegate::start(&Setup::of(Workload::at(backend))).await;
    let (host, port) = (backend.ip().to_string(), backend.port().to_string());
    let url = format!("http://{}", stagegate.proxy);
    let printed = script("lockstep_streams.py", &[&host, &port, &url]).await;
    print!("{printed}");
    assert_eq!(printed.matches("ok ").count(), 2);
}

#[tokio::test]
async fn sdks_show_the_proxys_own_errors() {
    // Nobody listens there.
    let stagegate = Stagegate::start(&Setup::of(Workload::at(free_address()))).await;
    let url = format!("http://{}", stagegate.proxy);
    let detail = "no connection to the release's endpoints";
    let printed = script("sdk_errors.py", &[&url, "upstream_connect", detail]).await;
    print!("{printed}");
    assert_eq!(printed.matches("ok ").count(), 7);
}

#[tokio::test]
async fn sdks_show_that_a_workload_is_killed() {
    let backend = Backend::start("stable");
    let workload = Workload::new(&backend)
        .with("kill_switch", "{ fallback: { respond: { status: 503, retry_after: 1s } } }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.kill().await;
    let url = format!("http://{}", stagegate.proxy);
    let detail = "this service is switched off for the moment";
    let printed = script("sdk_errors.py", &[&url, "kill_switch", detail]).await;
    print!("{printed}");
    assert_eq!(printed.matches("ok ").count(), 7);
}

#[tokio::test]
async fn the_recorded_usage_of_websockets_is_what_sdks_show() {
    let server = Mock::script("realtime_server.py").await;
    let stagegate = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    let url = format!("http://{}", stagegate.proxy);
    let printed = script("realtime_usage.py", &[&url]).await;
    assert_eq!(same_usage(&stagegate, &printed).await, 2, "{printed}");
    let endings = [
        ("close 1000", "ok"),
        ("close 1011", "permanent"),
        ("close 1013", "transient"),
        ("fail", "permanent"),
    ];
    let asked: Vec<&str> =
        std::iter::once(url.as_str()).chain(endings.map(|(ending, _)| ending)).collect();
    let printed = script("realtime_usage.py", &asked).await;
    for (line, (ending, outcome)) in printed.lines().zip(endings) {
        let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(told["ending"], ending);
        let path = format!("/v1/decisions/{}", told["id"].as_str().expect("an id"));
        let found = async || stagegate.admin.get(&path).await.status == 200;
        eventually_async("the record", found).await;
        let recorded = stagegate.admin.get(&path).await.json;
        assert_eq!(recorded["decision"]["outcome"], outcome, "{ending}");
    }
    assert_eq!(printed.lines().count(), endings.len());
}

#[tokio::test]
async fn the_recorded_usage_is_what_sdks_show() {
    let server = Mock::script("usage_server.py").await;
    let stagegate = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    let url = format!("http://{}", stagegate.proxy);
    let printed = script("sdk_usage.py", &[&url]).await;
    assert_eq!(same_usage(&stagegate, &printed).await, 8, "{printed}");
}

/// Compares what an SDK shows of each request with what was recorded of it, and the sums of all with the
/// metrics. Returns the number of requests.
pub(crate) async fn same_usage(stagegate: &Stagegate, printed: &str) -> usize {
    let mut sums = [0; 5];
    let kinds = ["input", "read", "written", "output", "reasoning"];
    for line in printed.lines() {
        let shown: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let count = |key: &str| shown[key].as_u64().unwrap_or_else(|| panic!("{key} of {line}"));
        sums.iter_mut().zip(kinds).for_each(|(sum, key)| *sum += count(key));
        let id = shown["id"].as_str().expect("an id");
        let path = format!("/v1/decisions/{id}");
        let found = async || stagegate.admin.get(&path).await.status == 200;
        eventually_async("the record", found).await;
        let recorded = stagegate.admin.get(&path).await.json;
        let input = count("input") + count("read") + count("written");
        assert_eq!(recorded["decision"]["input_tokens"], input, "{line}");
        assert_eq!(recorded["decision"]["output_tokens"], count("output"), "{line}");
    }
    let metrics = stagegate.admin.get("/metrics").await.ok().response.text();
    for (kind, sum) in
        ["input", "cache_read", "cache_write", "output", "reasoning"].iter().zip(sums)
    {
        let wanted = format!("type=\"{kind}\"}} {sum}");
        let of_kind =
            |line: &&str| line.starts_with("stagegate_tokens_total") && line.ends_with(&wanted);
        assert!(metrics.lines().any(|line| of_kind(&line)), "{wanted} in {metrics}");
    }
    printed.lines().count()
}

#[tokio::test]
async fn websocket_clients_notice_nothing() {
    let server = Mock::script("websocket_server.py").await;
    let stagegate = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    let url = format!("ws://{}/", stagegate.proxy);
    assert_eq!(script("websocket_client.py", &[&url]).await.matches("ok ").count(), 4);
}

#[tokio::test]
async fn no_byte_of_a_model_servers_answer_differs() {
    let stable = Mock::aimock().await;
    let other = Backend::start("candidate");
    let workload =
        Workload::at(stable.address).release("v2", other.address).with("candidate", "v2");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let ask = |stream: bool| {
        let body = format!(
            r#"{{"model":"m-5","stream":{stream},"messages":[{{"role":"user","content":"greet me"}}]}}"#
        );
        let fields = [
            ("content-type", "application/json"),
            ("authorization", "Bearer test"),
            ("x-request-id", "the-same-id"),
        ];
        request_with("POST /v1/chat/completions", &fields, &body)
    };
    let hop = ["connection", "keep-alive", "transfer-encoding", "date", "x-request-id"];
    for text in
        [ask(false), ask(true), request("GET /v1/models", &[]), request("GET /nowhere", &[])]
    {
        let direct = Wire::connect(stable.address).await.ask(&text).await;
        let through = stagegate.connect().await.ask(&text).await;
        let fields = |head: &crate::harness::Head| -> Vec<(String, String)> {
            let kept =
                |(name, _): &&(String, String)| !hop.contains(&name.to_ascii_lowercase().as_str());
            head.fields.iter().filter(kept).cloned().collect()
        };
        assert_eq!(through.head.start, direct.head.start);
        assert_eq!(fields(&through.head), fields(&direct.head));
        assert_eq!(through.text(), direct.text());
    }
}
