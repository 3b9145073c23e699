//! What answers say about themselves: the proxy's figures are the provider's own.

use crate::harness::backend::Exchange;
use crate::harness::{
    Backend, Chunk, Setup, Stagegate, Workload, eventually_async, request, request_with,
};
use std::sync::Arc;
use tempfile::TempDir;

/// Nano-dollars a token of `house-1` costs: input, read from cache, written to cache, output.
const NANOS: [u64; 4] = [3_000, 300, 3_750, 15_000];
const PRICES: &str = r#"[{"id":"house","name":"House","api_pattern":"https://house","model_match":{"starts_with":"house-"},
"models":[{"id":"house-1","match":{"equals":"house-1"},
"prices":{"input_mtok":3,"cache_read_mtok":0.3,"cache_write_mtok":3.75,"output_mtok":15}}]}]"#;

/// One answer of a provider and the tokens it tells: input, read, written, output, reasoning.
struct Told {
    path: &'static str,
    kind: &'static str,
    chunks: Vec<Vec<u8>>,
    tokens: [u64; 5],
}

fn told(path: &'static str, kind: &'static str, chunks: &[&str], tokens: [u64; 5]) -> Told {
    let chunks = chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
    Told { path, kind, chunks, tokens }
}

/// A message of Amazon's event stream with one header; checksums of payloads are not looked at.
fn aws_event(kind: &str, payload: &str) -> Vec<u8> {
    let mut headers = b"\x0b:event-type\x07".to_vec();
    headers.extend_from_slice(&(kind.len() as u16).to_be_bytes());
    headers.extend_from_slice(kind.as_bytes());
    let mut event = ((16 + headers.len() + payload.len()) as u32).to_be_bytes().to_vec();
    event.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &event {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    event.extend_from_slice(&(!crc).to_be_bytes());
    event.extend_from_slice(&headers);
    event.extend_from_slice(payload.as_bytes());
    event.extend_from_slice(&[0; 4]);
    event
}

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

fn answers() -> Vec<Told> {
    vec![
        told(
            "/v1/chat/completions",
            JSON,
            &[
                r#"{"id":"c","model":"house-1","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":1}"}}],"usage":{"prompt_tokens":100,"completion_tokens":30,"prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":12}}}"#,
            ],
            [40, 60, 0, 30, 12],
        ),
        told(
            "/v1/chat/completions?stream",
            SSE,
            &[
                "data: {\"model\":\"house-1\",\"choices\":[{\"delta\":{\"content\":\"ä\"}}],\"usage\":null}\n\n",
                "data: {\"model\":\"house-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DO",
                "NE]\n\n",
            ],
            [7, 0, 0, 2, 0],
        ),
        told(
            "/v1/responses",
            JSON,
            &[
                r#"{"id":"resp_1","error":null,"model":"house-1","output":[],"usage":{"input_tokens":50,"input_tokens_details":{"cached_tokens":20},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}}"#,
            ],
            [30, 20, 0, 9, 4],
        ),
        told(
            "/v1/responses?stream",
            SSE,
            &[
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null,\"usage\":null}}\n\n",
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"model\":\"house-1\",\"us",
                "age\":{\"input_tokens\":11,\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":5}}}\n\n",
            ],
            [10, 1, 0, 5, 0],
        ),
        told(
            "/v1/messages",
            JSON,
            &[
                r#"{"type":"message","model":"house-1","content":[],"usage":{"input_tokens":21,"cache_creation_input_tokens":8,"cache_read_input_tokens":13,"output_tokens":6}}"#,
            ],
            [21, 13, 8, 6, 0],
        ),
        told(
            "/v1/messages?stream",
            SSE,
            &[
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"house-1\",\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n",
                "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":17}}\n\n",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ],
            [9, 3, 0, 17, 0],
        ),
        told(
            "/v1beta/models/house-1:generateContent",
            JSON,
            &[
                r#"{"candidates":[],"usageMetadata":{"promptTokenCount":44,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":6},"modelVersion":"house-1"}"#,
            ],
            [40, 4, 0, 11, 6],
        ),
        told(
            "/v1beta/models/house-1:streamGenerateContent?alt=sse",
            SSE,
            &[
                "data: {\"usageMetadata\":{\"promptTokenCount\":12},\"modelVersion\":\"house-1\"}\r\n\r\n",
                "data: {\"usageMetadata\":{\"promptTokenCount\":12,\"candidatesTokenCount\":3},\"modelVersion\":\"house-1\"}\r\n\r\n",
            ],
            [12, 0, 0, 3, 0],
        ),
        told(
            "/model/house-1/converse",
            JSON,
            &[
                r#"{"output":{},"usage":{"inputTokens":5,"outputTokens":4,"cacheReadInputTokens":2,"cacheWriteInputTokens":1}}"#,
            ],
            [5, 2, 1, 4, 0],
        ),
        Told {
            path: "/model/house-1/converse-stream",
            kind: "application/vnd.amazon.eventstream",
            chunks: vec![
                aws_event("messageStart", "{}"),
                aws_event("metadata", r#"{"usage":{"inputTokens":6,"outputTokens":7}}"#),
            ],
            tokens: [6, 0, 0, 7, 0],
        },
    ]
}

/// A configuration with the house's prices, and the directory they lie in.
fn priced(workload: Workload) -> (Setup, TempDir) {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("prices.json");
    std::fs::write(&file, PRICES).expect("write the prices");
    let cost = format!("{{ prices: \"file:{}\", tenants: [acme] }}", file.display());
    (Setup::of(workload.with("cost", &cost)), dir)
}

async fn reaches(stagegate: &Stagegate, name: &str, labels: &[&str], value: f64) {
    eventually_async(&format!("{name} {labels:?} to be {value}"), async || {
        (stagegate.admin.metric(name, labels).await - value).abs() < 1e-12
    })
    .await;
}

#[tokio::test]
async fn five_protocols_tokens_and_costs_are_the_providers_own() {
    let all = Arc::new(answers());
    let known = Arc::clone(&all);
    let backend = Backend::with("stable", async move |exchange: &mut Exchange| {
        exchange.body().await;
        let path = exchange.request.target().to_owned();
        let told = known.iter().find(|told| told.path == path).expect("a path of the story");
        exchange.begin_chunked("200 OK", &[("content-type", told.kind)]).await;
        for chunk in &told.chunks {
            exchange.chunk(chunk).await;
        }
        exchange.end_chunked(&[]).await;
    });
    let (setup, _prices) = priced(Workload::new(&backend));
    let stagegate = Stagegate::start(&setup).await;
    let (mut sums, mut nanos) = ([0u64; 5], 0);
    for told in all.iter() {
        let mut wire = stagegate.connect().await;
        let response = wire.ask(&request_with(&format!("POST {}", told.path), &[], "{}")).await;
        assert_eq!(response.body.bytes, told.chunks.concat(), "{} is untouched", told.path);
        for (sum, count) in sums.iter_mut().zip(told.tokens) {
            *sum += count;
        }
        nanos += told.tokens.iter().zip(NANOS).map(|(count, price)| count * price).sum::<u64>();
        for (kind, sum) in
            ["input", "cache_read", "cache_write", "output", "reasoning"].iter().zip(sums)
        {
            let label = format!("type=\"{kind}\"");
            reaches(&stagegate, "stagegate_tokens_total", &[&label], sum as f64).await;
        }
        let reported = ["truth=\"reported\""];
        reaches(&stagegate, "stagegate_cost_usd_total", &reported, nanos as f64 / 1e9).await;
    }
    let answered = all.len() as f64;
    reaches(&stagegate, "stagegate_requests_total", &["outcome=\"ok\""], answered).await;
    reaches(&stagegate, "stagegate_costed_responses_total", &["truth=\"reported\""], answered)
        .await;
}

#[tokio::test]
async fn a_stream_that_fails_after_a_good_status_counts_as_failed() {
    let backend = Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        let event = match exchange.request.target() {
            "/overloaded" => {
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
            }
            "/failed" => {
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_prompt\"}}}\n\n"
            }
            "/ours" => "data: {\"error\":{\"type\":\"tool_crashed\"}}\n\n",
            _ => "data: {\"choices\":[]}\n\n",
        };
        exchange.begin_chunked("200 OK", &[("content-type", SSE)]).await;
        exchange.chunk(event.as_bytes()).await;
        exchange.end_chunked(&[]).await;
    });
    let workload =
        Workload::new(&backend).with("outcomes", "{ codes: { tool_crashed: transient } }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    for path in ["/overloaded", "/failed", "/ours", "/fine"] {
        assert_eq!(stagegate.get(path, &[]).await.status(), 200);
    }
    for outcome in ["external", "permanent", "transient", "ok"] {
        let label = format!("outcome=\"{outcome}\"");
        reaches(&stagegate, "stagegate_requests_total", &[&label], 1.0).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_has_cost_what_was_told_so_far() {
    let backend = Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[("content-type", SSE)]).await;
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"house-1\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n";
        exchange.chunk(start.as_bytes()).await;
        // Nothing more, until the proxy cancels.
        exchange.wire.ended().await;
        exchange.close();
    });
    let (setup, _prices) = priced(Workload::new(&backend));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /v1/messages", &[])).await;
    assert_eq!(wire.head().await.status(), 200);
    assert!(matches!(wire.chunk().await, Chunk::Data(_)));
    wire.reset();
    let partial = ["truth=\"partial_stream\""];
    reaches(&stagegate, "stagegate_cost_usd_total", &partial, 0.003_015).await;
    reaches(&stagegate, "stagegate_requests_total", &["outcome=\"client_gone\""], 1.0).await;
}

#[tokio::test]
async fn stages_stated_costs_tenants_and_refusals_are_counted() {
    let backend = Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        match exchange.request.target() {
            "/refused" => exchange.reply("404 Not Found", &[], b"").await,
            "/garbled" => exchange.reply("200 OK", &[("agent-cost-usd", "cheap")], b"x").await,
            _ => {
                let timing =
                    [("content-type", SSE), ("server-timing", "retrieve;dur=53.2, plan;dur=47")];
                exchange.begin_chunked("200 OK", &timing).await;
                exchange.chunk(b"data: 1\n\n").await;
                exchange.chunk(b"data: 2\n\n").await;
                let trailers = [("server-timing", "llm;dur=812"), ("agent-cost-usd", "0.0123")];
                exchange.end_chunked(&trailers).await;
            }
        }
    });
    let (setup, _prices) = priced(Workload::new(&backend));
    let stagegate = Stagegate::start(&setup).await;
    for (path, tenant) in
        [("/run", "acme"), ("/run", "globex"), ("/refused", "acme"), ("/garbled", "acme")]
    {
        stagegate.get(path, &[("x-tenant-id", tenant)]).await;
    }
    let stage = "stagegate_stage_duration_seconds_sum";
    for (name, seconds) in [("retrieve", 0.1064), ("plan", 0.094), ("llm", 1.624)] {
        reaches(&stagegate, stage, &[&format!("stage=\"{name}\"")], seconds).await;
    }
    reaches(&stagegate, "stagegate_cost_usd_total", &["truth=\"reported\""], 0.0246).await;
    reaches(&stagegate, "stagegate_tenant_cost_usd_total", &["tenant=\"acme\""], 0.0123).await;
    reaches(&stagegate, "stagegate_tenant_cost_usd_total", &["tenant=\"other\""], 0.0123).await;
    reaches(&stagegate, "stagegate_tenant_requests_total", &["tenant=\"acme\""], 3.0).await;
    reaches(&stagegate, "stagegate_rejected_total", &[], 1.0).await;
    reaches(&stagegate, "stagegate_unreadable_signals_total", &[], 1.0).await;
    reaches(&stagegate, "stagegate_requests_total", &["outcome=\"ok\""], 4.0).await;
}
