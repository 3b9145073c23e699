//! Conversations over the wire: ids that a backend issues lead back to it, and a growing weight moves
//! none that began on stable.

use super::Sim;
use super::sim::{CANDIDATE, FIRST};
use stagegate_rollout::Weight;
use stagegate_settings::{IssuedId, Source};

/// The wire form of a JSON body.
fn post(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request that this endpoint is to get; it answers with `body`.
#[track_caller]
fn served(sim: &Sim, endpoint: &'static str, request: &str, body: &str) {
    let client = sim.client();
    client.sends(request);
    let backend = sim.backend_at(endpoint);
    backend.receives("");
    backend.sends(answer(body));
    client.receives("HTTP/1.1 200 OK\r\n");
    backend.ends();
}

fn learning() -> Sim {
    Sim::with(|setup| {
        setup.agent().identity.learned = true;
        setup.weight = Weight::FULL;
    })
}

#[test]
fn an_issued_id_leads_back_wherever_it_is_used() {
    let sim = learning();
    served(&sim, CANDIDATE, &post("/v1/responses", "{}"), r#"{"id":"r-1","object":"response"}"#);
    served(&sim, CANDIDATE, &post("/v1/files", "{}"), r#"{"id":"f-1","object":"file"}"#);
    let padding = "p".repeat(300_000);
    // No new request goes to the candidate any more.
    sim.publishes(Weight::ZERO);
    for request in [
        "GET /v1/responses/r-1 HTTP/1.1\r\nHost: agent\r\n\r\n".to_owned(),
        post("/v1/responses/r-1/cancel", "{}"),
        post("/v1/responses", r#"{"previous_response_id":"r-1"}"#),
        post("/v1/responses", &format!(r#"{{"x":"{padding}","previous_response_id":"r-1"}}"#)),
        post("/v1/responses", r#"{"input":[{"content":[{"file_id":"f-1"}]}]}"#),
    ] {
        served(&sim, CANDIDATE, &request, "{}");
    }
    served(&sim, FIRST, &post("/v1/responses", r#"{"previous_response_id":"r-2"}"#), "{}");
}

#[test]
fn forms_uploads_and_addresses_lead_back() {
    let sim = learning();
    served(&sim, CANDIDATE, &post("/v1/threads", "{}"), r#"{"id":"t-1","object":"thread"}"#);
    let upload =
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n";
    let as_kind = |target: &str, kind: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: agent\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let multipart = "multipart/form-data; boundary=b";
    let request = as_kind("/v1/files", multipart, upload);
    served(&sim, CANDIDATE, &request, r#"{"id":"file-1","object":"file"}"#);
    let client = sim.client();
    client.sends(post("/images", "{}"));
    let backend = sim.backend_at(CANDIDATE);
    backend.receives("");
    backend.sends("HTTP/1.1 202 Accepted\r\nOperation-Location: http://h/ops/f508bcf2-e651\r\nContent-Length: 0\r\n\r\n");
    client.receives("HTTP/1.1 202 Accepted\r\n");
    backend.ends();
    sim.publishes(Weight::ZERO);
    let field = |name: &str, value: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n"
        )
    };
    let form = "application/x-www-form-urlencoded";
    for request in [
        as_kind("/ask", form, "text=hi+there&thread_id=t%2D1"),
        as_kind("/ask", form, r#"{"thread_id":"t-1"}"#),
        as_kind("/ask", multipart, &field("conversation[thread_id]", "t-1")),
        as_kind("/ask", multipart, &field("file_ids[]", "file-1")),
        "GET /v1/files/file-1/content HTTP/1.1\r\nHost: agent\r\n\r\n".to_owned(),
        "GET /ops/f508bcf2-e651?x=1 HTTP/1.1\r\nHost: agent\r\n\r\n".to_owned(),
    ] {
        served(&sim, CANDIDATE, &request, "{}");
    }
    served(&sim, FIRST, &as_kind("/ask", form, "thread_id=t-2"), "{}");
}

#[test]
fn a_field_of_a_form_is_an_identity() {
    let sim = Sim::with(|setup| {
        setup.agent().identity.tenant = vec![Source::Body("/From".into())];
        setup.weight = Weight::FULL;
    });
    let body = "Body=hi&From=%2B491";
    let request = format!(
        "POST /sms HTTP/1.1\r\nHost: agent\r\nx-request-id: form\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    served(&sim, CANDIDATE, &request, "{}");
    assert_eq!(sim.decided()[0].0, "+491");
}

#[test]
fn a_handle_that_a_tool_returned_leads_back() {
    let sim = Sim::with(|setup| {
        let identity = &mut setup.agent().identity;
        identity.learned = true;
        identity.issued = vec![IssuedId {
            response: "/result/structuredContent/cart".into(),
            request: "/params/arguments/cart".into(),
        }];
        setup.weight = Weight::FULL;
    });
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"cart":"c-1"}}}"#;
    served(&sim, CANDIDATE, &post("/mcp", r#"{"method":"tools/call"}"#), result);
    sim.publishes(Weight::ZERO);
    let call = |cart: &str| {
        let body =
            format!(r#"{{"method":"tools/call","params":{{"arguments":{{"cart":"{cart}"}}}}}}"#);
        post("/mcp", &body)
    };
    served(&sim, CANDIDATE, &call("c-1"), "{}");
    served(&sim, FIRST, &call("c-2"), "{}");
}

#[test]
fn ids_in_messages_of_a_websocket_are_learned() {
    let sim = learning();
    let client = sim.client();
    client.sends("GET /v1/responses HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let backend = sim.backend_at(CANDIDATE);
    backend.receives("GET /v1/responses");
    // The first message comes with the head, and its end later.
    let text = r#"{"type":"response.created","response":{"id":"resp_ws","object":"response"}}"#;
    let (first, second) = text.as_bytes().split_at(20);
    let head = "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    backend.sends([head.as_bytes(), &[0x81, text.len() as u8], first].concat());
    client.receives("HTTP/1.1 101 ");
    backend.sends(second);
    let text = r#"{"type":"session.created","session":{"id":"sess_ws"}}"#;
    backend.sends([&[0x81, text.len() as u8], text.as_bytes()].concat());
    sim.publishes(Weight::ZERO);
    for request in [
        post("/v1/responses", r#"{"previous_response_id":"resp_ws"}"#),
        post("/v1/anything", r#"{"session_id":"sess_ws"}"#),
    ] {
        served(&sim, CANDIDATE, &request, "{}");
    }
    // The id comes in a message, and the release is chosen.
    let other = sim.client();
    other.sends("GET /v1/responses HTTP/1.1\r\nHost: agent\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let stable = sim.backend_at(FIRST);
    stable.receives("GET /v1/responses");
    stable.sends("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    other.receives("HTTP/1.1 101 ");
    assert_eq!(sim.late(), 0);
    let text = r#"{"type":"response.create","previous_response_id":"resp_ws"}"#;
    let masked: Vec<u8> =
        text.bytes().enumerate().map(|(at, b)| b ^ [1, 2, 3, 4][at % 4]).collect();
    let head = [0x81, 0x80 | text.len() as u8, 1, 2, 3, 4];
    other.sends([&head[..], &masked].concat());
    other.ends();
    stable.ends();
    assert_eq!(sim.late(), 1);
}

#[test]
fn an_id_stays_with_the_release_that_issued_it() {
    let sim = learning();
    served(&sim, CANDIDATE, &post("/v1/threads", "{}"), r#"{"thread_id":"t-1"}"#);
    sim.publishes(Weight::ZERO);
    served(&sim, FIRST, &post("/v1/other", "{}"), r#"{"items":[{"thread_id":"t-1"}]}"#);
    served(&sim, CANDIDATE, &post("/v1/threads/t-1/runs", "{}"), "{}");
}

#[test]
fn an_id_that_comes_too_late_is_counted() {
    let sim = Sim::with(|setup| {
        setup.agent().identity.learned = true;
        setup.agent().identity.max_inspect_bytes = 1_000;
    });
    let padding = "p".repeat(200_000);
    let late = post("/", &format!(r#"{{"x":"{padding}","thread_id":"t-1"}}"#));
    served(&sim, FIRST, &late, "{}");
    let none = post("/", &format!(r#"{{"x":"{padding}"}}"#));
    served(&sim, FIRST, &none, "{}");
    assert_eq!(sim.late(), 1);
}

#[test]
fn a_conversation_that_began_on_stable_stays_while_the_weight_grows() {
    let sim = Sim::with(|setup| {
        setup.agent().identity.conversation = vec![Source::Header("x-conversation-id".into())];
    });
    let turn =
        |id: &str| format!("GET / HTTP/1.1\r\nHost: agent\r\nx-conversation-id: {id}\r\n\r\n");
    served(&sim, FIRST, &turn("old"), "{}");
    sim.publishes(Weight::FULL);
    served(&sim, CANDIDATE, &turn("new"), "{}");
    served(&sim, FIRST, &turn("old"), "{}");
}
