//! Failures by what they are: every shape of every protocol, as a whole document and as an event.

use crate::bodies::{JSON, SSE, answer, event, frame, scan};
use stagegate_rollout::Outcome;
use stagegate_signals::{Answer, Protocol, Rules};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/m:streamGenerateContent";
const INTERACTIONS: &str = "/v1beta/interactions";
const THREADS: &str = "/v1/threads/t/runs";
const MCP: &str = "/mcp";
const A2A: &str = "/a2a";
const GRAPHQL: &str = "/graphql";
const AGENT: &str = "/agent/run";

/// Path, document, and the class it counts under after a good status.
const SHAPES: &[(&str, &str, Outcome)] = &[
    // Nothing failed.
    (CHAT, r#"{"id":"c","choices":[{"finish_reason":"length"}],"error":null}"#, Outcome::Ok),
    (
        RESPONSES,
        r#"{"id":"resp_1","status":"completed","error":null,"incomplete_details":null}"#,
        Outcome::Ok,
    ),
    (RESPONSES, r#"{"id":"resp_1","status":"queued","error":null}"#, Outcome::Ok),
    (
        MESSAGES,
        r#"{"type":"message","content":[{"type":"error"}],"stop_reason":"max_tokens"}"#,
        Outcome::Ok,
    ),
    (
        GEMINI,
        r#"{"candidates":[{"finishReason":"MAX_TOKENS"}],"promptFeedback":{"safetyRatings":[]}}"#,
        Outcome::Ok,
    ),
    (
        MCP,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"\"isError\":true"}],"isError":false}}"#,
        Outcome::Ok,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"task","status":{"state":"completed"}}}"#,
        Outcome::Ok,
    ),
    (A2A, r#"{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}"#, Outcome::Ok),
    (AGENT, r#"{"reply":"hi","error":"","errors":[]}"#, Outcome::Ok),
    (AGENT, r#"{"reply":"it failed","status":"ok","error":false}"#, Outcome::Ok),
    // OpenAI chat and what imitates it.
    (CHAT, r#"{"choices":[{"delta":{"content":"error"},"finish_reason":"stop"}]}"#, Outcome::Ok),
    (CHAT, r#"{"id":"c","choices":[{"delta":{},"finish_reason":"error"}]}"#, Outcome::Permanent),
    (
        CHAT,
        r#"{"choices":[{"delta":{},"error":{"code":502,"message":"m"},"finish_reason":"error"}]}"#,
        Outcome::External,
    ),
    (CHAT, r#"{"choices":[],"x_groq":{"error":"over_capacity"}}"#, Outcome::Permanent),
    // Cohere.
    (CHAT, r#"{"id":"c","finish_reason":"COMPLETE","message":{"content":[]}}"#, Outcome::Ok),
    (CHAT, r#"{"id":"c","finish_reason":"ERROR","message":{}}"#, Outcome::Permanent),
    (
        CHAT,
        r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"m"}}"#,
        Outcome::Permanent,
    ),
    (
        CHAT,
        r#"{"type":"content-delta","delta":{"message":{"content":{"text":"ERROR"}}}}"#,
        Outcome::Ok,
    ),
    // Dify.
    (AGENT, r#"{"event":"message","answer":"hi"}"#, Outcome::Ok),
    (
        AGENT,
        r#"{"event":"error","status":400,"code":"provider_quota_exceeded","message":"m"}"#,
        Outcome::Permanent,
    ),
    // Google's agents, and Mistral's.
    (AGENT, r#"{"content":{},"errorCode":"MALFORMED_FUNCTION_CALL"}"#, Outcome::Permanent),
    (AGENT, r#"{"content":{},"error_code":null,"error_message":null}"#, Outcome::Ok),
    (AGENT, r#"{"error_code":0,"errorCode":"SUCCESS"}"#, Outcome::Ok),
    (
        "/v1/conversations",
        r#"{"type":"conversation.response.error","code":3000,"message":"m"}"#,
        Outcome::Permanent,
    ),
    // AG-UI.
    (AGENT, r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#, Outcome::Ok),
    (AGENT, r#"{"type":"RUN_ERROR","message":"m"}"#, Outcome::Permanent),
    (
        CHAT,
        r#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#,
        Outcome::External,
    ),
    (
        CHAT,
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
        Outcome::Permanent,
    ),
    (
        CHAT,
        r#"{"error":{"message":"m","type":"None","param":"None","code":"500"}}"#,
        Outcome::External,
    ),
    (CHAT, r#"{"error":{"message":"m","type":"None","code":"401"}}"#, Outcome::Permanent),
    (
        CHAT,
        r#"{"error":{"message":"CUDA error","type":"EngineDeadError","param":null,"code":null}}"#,
        Outcome::Permanent,
    ),
    (
        CHAT,
        r#"{"error":{"object":"error","message":"m","type":"BadRequestError","code":400}}"#,
        Outcome::Permanent,
    ),
    (CHAT, r#"{"id":"c","choices":[],"error":{"code":429,"message":"m"}}"#, Outcome::External),
    (
        CHAT,
        r#"{"error":"Request failed during generation","error_type":"generation"}"#,
        Outcome::Permanent,
    ),
    (CHAT, r#"{"error":{}}"#, Outcome::Permanent),
    (CHAT, r#"{"error":true,"message":"m"}"#, Outcome::Permanent),
    // OpenAI Responses.
    (
        RESPONSES,
        r#"{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"vector_store_timeout","message":"m"}}}"#,
        Outcome::Permanent,
    ),
    (
        RESPONSES,
        r#"{"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"m"}}}"#,
        Outcome::External,
    ),
    (
        RESPONSES,
        r#"{"type":"response.failed","response":{"id":"resp_1","error":null}}"#,
        Outcome::Permanent,
    ),
    (
        RESPONSES,
        r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"rate_limit_exceeded"}}"#,
        Outcome::External,
    ),
    (
        RESPONSES,
        r#"{"id":"resp_1","object":"response","status":"failed","error":null}"#,
        Outcome::Permanent,
    ),
    (
        RESPONSES,
        r#"{"type":"error","code":"insufficient_quota","message":"m","param":null}"#,
        Outcome::Permanent,
    ),
    (RESPONSES, r#"{"type":"error","code":null,"message":"m"}"#, Outcome::Permanent),
    (
        RESPONSES,
        r#"{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"content_filter"},"error":null}"#,
        Outcome::Permanent,
    ),
    (
        RESPONSES,
        r#"{"type":"response.incomplete","response":{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"content_filter"}}}"#,
        Outcome::Permanent,
    ),
    // The client's own limit.
    (
        RESPONSES,
        r#"{"type":"response.incomplete","response":{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#,
        Outcome::Ok,
    ),
    // Assistants.
    (
        THREADS,
        r#"{"id":"run_1","object":"thread.run","status":"failed","last_error":{"code":"server_error","message":"m"}}"#,
        Outcome::External,
    ),
    (
        THREADS,
        r#"{"id":"run_1","object":"thread.run","status":"expired","last_error":null}"#,
        Outcome::Permanent,
    ),
    // Anthropic.
    (
        MESSAGES,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Outcome::External,
    ),
    (
        MESSAGES,
        r#"{"type":"error","error":{"type":"permission_error","message":"m"},"request_id":"r"}"#,
        Outcome::Permanent,
    ),
    (
        MESSAGES,
        r#"{"type":"error","error":{"type":"brand_new_error","message":"m"}}"#,
        Outcome::Permanent,
    ),
    // Gemini.
    (GEMINI, r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, Outcome::External),
    (
        GEMINI,
        r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}"#,
        Outcome::Permanent,
    ),
    (
        GEMINI,
        r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5}}"#,
        Outcome::Permanent,
    ),
    (
        GEMINI,
        r#"{"candidates":[{"content":{"parts":[]},"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#,
        Outcome::Permanent,
    ),
    (
        GEMINI,
        r#"{"candidates":[{"finishReason":"SAFETY"}],"usageMetadata":{"promptTokenCount":5}}"#,
        Outcome::Permanent,
    ),
    (INTERACTIONS, r#"{"id":"int_1","status":"failed"}"#, Outcome::Permanent),
    (
        INTERACTIONS,
        r#"{"event_type":"interaction.complete","interaction":{"id":"int_1","status":"failed"}}"#,
        Outcome::Permanent,
    ),
    (
        INTERACTIONS,
        r#"{"event_type":"error","error":{"code":"resource_exhausted","message":"m"}}"#,
        Outcome::Permanent,
    ),
    // JSON-RPC: what the client asked for, and what the server could not do.
    (
        MCP,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#,
        Outcome::Ok,
    ),
    (
        MCP,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bad parameters"}}"#,
        Outcome::Ok,
    ),
    (
        MCP,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal"}}"#,
        Outcome::Permanent,
    ),
    (
        MCP,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"server"}}"#,
        Outcome::Permanent,
    ),
    (MCP, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#, Outcome::Permanent),
    // A2A, of both generations, by JSON-RPC and by REST.
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no such task"}}"#,
        Outcome::Ok,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32006,"message":"bad agent answer"}}"#,
        Outcome::Permanent,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"task","id":"t","status":{"state":"failed"}}}"#,
        Outcome::Permanent,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"status-update","status":{"state":"rejected"},"final":true}}"#,
        Outcome::Permanent,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"t","status":{"state":"TASK_STATE_FAILED"}}}}"#,
        Outcome::Permanent,
    ),
    (
        A2A,
        r#"{"jsonrpc":"2.0","id":1,"result":{"statusUpdate":{"status":{"state":"TASK_STATE_REJECTED"}}}}"#,
        Outcome::Permanent,
    ),
    (A2A, r#"{"task":{"id":"t","status":{"state":"TASK_STATE_FAILED"}}}"#, Outcome::Permanent),
    (
        A2A,
        r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_REJECTED"}}}"#,
        Outcome::Permanent,
    ),
    (A2A, r#"{"id":"t","contextId":"c","status":{"state":"failed"}}"#, Outcome::Permanent),
    // GraphQL, and APIs that answer like it.
    (
        GRAPHQL,
        r#"{"data":{"ask":null},"errors":[{"message":"m","path":["ask"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}"#,
        Outcome::Permanent,
    ),
    (
        GRAPHQL,
        r#"{"errors":[{"message":"m","locations":[{"line":1,"column":1}]}]}"#,
        Outcome::Permanent,
    ),
    (
        GRAPHQL,
        r#"{"errors":[{"message":"m","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#,
        Outcome::Ok,
    ),
    (GRAPHQL, r#"{"data":{"ask":{"errors":[{"message":"m"}]}},"errors":[]}"#, Outcome::Ok),
    (GRAPHQL, r#"{"data":{"ask":{"text":"errors"}},"extensions":{"errors":1}}"#, Outcome::Ok),
    (
        AGENT,
        r#"{"errors":[{"status":"503","code":"overloaded","title":"t"}],"jsonapi":{"version":"1.1"}}"#,
        Outcome::External,
    ),
    (
        AGENT,
        r#"{"result":null,"success":false,"errors":[{"code":7003,"message":"m"}],"messages":[]}"#,
        Outcome::Permanent,
    ),
    // An answer whose content is about errors.
    (AGENT, r#"{"valid":false,"errors":[{"line":3,"message":"m","code":"E501"}]}"#, Outcome::Ok),
    (AGENT, r#"{"errors":["a warning"],"data":{}}"#, Outcome::Ok),
    // vLLM's older errors.
    (
        CHAT,
        r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
        Outcome::Permanent,
    ),
    (
        CHAT,
        r#"{"object":"error","message":"m","type":"ServiceUnavailableError","code":503}"#,
        Outcome::External,
    ),
    // Ends that are no answer, in the words of each protocol.
    (CHAT, r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#, Outcome::Permanent),
    (
        CHAT,
        r#"{"choices":[{"delta":{},"finish_reason":"stop","content_filter_results":{"hate":{"filtered":false}}}]}"#,
        Outcome::Ok,
    ),
    (
        CHAT,
        r#"{"choices":[{"message":{"content":"no","refusal":null},"finish_reason":"tool_calls"}]}"#,
        Outcome::Ok,
    ),
    (MESSAGES, r#"{"type":"message","content":[],"stop_reason":"refusal"}"#, Outcome::Permanent),
    (
        MESSAGES,
        r#"{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":1}}"#,
        Outcome::Permanent,
    ),
    (
        MESSAGES,
        r#"{"type":"message_delta","delta":{"stop_reason":"model_context_window_exceeded"}}"#,
        Outcome::Ok,
    ),
    (
        "/model/m/converse",
        r#"{"output":{},"stopReason":"guardrail_intervened"}"#,
        Outcome::Permanent,
    ),
    ("/model/m/converse", r#"{"output":{},"stopReason":"content_filtered"}"#, Outcome::Permanent),
    ("/model/m/converse", r#"{"output":{},"stopReason":"malformed_tool_use"}"#, Outcome::Permanent),
    ("/model/m/converse", r#"{"output":{},"stopReason":"end_turn"}"#, Outcome::Ok),
    // Agents of their own making.
    (AGENT, r#"{"__error__":{"error":"ValueError","message":"m"}}"#, Outcome::Permanent),
    (AGENT, r#"{"status":"failed","reason":"tool crashed"}"#, Outcome::Permanent),
    (AGENT, r#"{"status":"error","message":"m"}"#, Outcome::Permanent),
    (AGENT, r#"{"error":"boom"}"#, Outcome::Permanent),
];

fn class(answer: &Answer<'_>, body: &[u8]) -> Outcome {
    Rules::default().outcome(200, scan(answer, body).failure.as_ref())
}

#[test]
fn every_shape_counts_alike_as_a_document_and_as_an_event() {
    for (path, document, expected) in SHAPES {
        let json = answer(path, JSON);
        let sse = answer(path, SSE);
        assert_eq!(class(&json, document.as_bytes()), *expected, "JSON of {path}: {document}");
        let list = format!("[{document}\n]");
        assert_eq!(class(&json, list.as_bytes()), *expected, "list of {path}: {document}");
        for stream in [
            format!("data: {document}\n\n"),
            format!("data: {{\"model\":\"m\"}}\n\ndata: {document}\n\ndata: [DONE]\n\n"),
            format!(
                "event: message\r\nid: 7\r\ndata: {{\"id\":\"x\"}}\r\n\r\ndata:{document}\r\n\r\n"
            ),
        ] {
            assert_eq!(class(&sse, stream.as_bytes()), *expected, "{path}: {stream}");
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            let seen = crate::bodies::scan_pieces(&sse, bytes, stagegate_signals::End::Complete);
            let seen = Rules::default().outcome(200, seen.failure.as_ref());
            assert_eq!(seen, *expected, "{path} byte by byte: {stream}");
        }
        // A wrong label changes nothing; nor does an error that is written without a field.
        let stream = format!(": begin\n\ndata: {document}\n\n");
        for label in ["text/plain; charset=utf-8", "text/html; charset=utf-8", ""] {
            let text = answer(path, label.as_bytes());
            assert_eq!(class(&text, document.as_bytes()), *expected, "as {label}: {document}");
            assert_eq!(class(&text, stream.as_bytes()), *expected, "as {label}: {stream}");
        }
        assert_eq!(class(&sse, document.as_bytes()), *expected, "JSON labelled as SSE: {document}");
        for stream in [
            format!("data: {{\"model\":\"m\"}}\n\ndata: {document}\n\ndata: [DONE]\n\n"),
            format!(": begin\n\nid: 7\ndata: {document}\n\n"),
        ] {
            assert_eq!(
                class(&json, stream.as_bytes()),
                *expected,
                "SSE labelled as JSON: {stream}"
            );
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            let seen = crate::bodies::scan_pieces(&json, bytes, stagegate_signals::End::Complete);
            let seen = Rules::default().outcome(200, seen.failure.as_ref());
            assert_eq!(seen, *expected, "SSE labelled as JSON, byte by byte: {stream}");
        }
        let bare = format!("data: {{\"model\":\"m\"}}\n\n{document}\n\n");
        if document.starts_with('{') {
            assert_eq!(class(&sse, bare.as_bytes()), *expected, "{bare}");
        }
        let elsewhere = answer("/somewhere/else", JSON);
        assert_eq!(class(&elsewhere, document.as_bytes()), *expected, "elsewhere: {document}");
    }
}

#[test]
fn the_configured_protocol_changes_no_class() {
    for (path, document, expected) in SHAPES {
        for protocol in [
            Protocol::OpenAiChat,
            Protocol::OpenAiResponses,
            Protocol::Anthropic,
            Protocol::Gemini,
            Protocol::Bedrock,
        ] {
            let answer = Answer { protocol, ..answer(path, JSON) };
            assert_eq!(class(&answer, document.as_bytes()), *expected, "{protocol:?}: {document}");
        }
    }
}

#[test]
fn a_text_for_people_says_nothing() {
    for text in ["error: {\"error\":{}} happened", "every word", "<html>{\"error\":{}}", "", " "] {
        for label in ["text/plain", "text/html", ""] {
            let seen = scan(&answer(AGENT, label.as_bytes()), text.as_bytes());
            assert_eq!((seen.failure, seen.is_generation), (None, false), "{label}: {text}");
        }
    }
}

#[test]
fn a_field_error_is_a_failure() {
    // As llama.cpp's server writes it.
    for stream in [
        "data: {\"id\":\"x\"}\n\nerror: {\"code\":500,\"message\":\"m\",\"type\":\"server_error\"}\n\n",
        "error: {\"code\":500,\"message\":\"m\",\"type\":\"server_error\"}",
        "data: {\"id\":\"x\"}\n\nerror: boom\n\n",
    ] {
        for size in [1, 7, stream.len()] {
            let pieces = stream.as_bytes().chunks(size);
            let end = stagegate_signals::End::Complete;
            let seen = crate::bodies::scan_pieces(&answer(CHAT, SSE), pieces, end);
            assert_ne!(
                Rules::default().outcome(200, seen.failure.as_ref()),
                Outcome::Ok,
                "{stream}"
            );
        }
    }
}

#[test]
fn events_fail_by_their_names_whatever_their_data() {
    for name in ["error", "response.failed", "thread.run.failed", "thread.run.expired"] {
        for data in ["{}", "{\"message\":\"m\"}", "boom"] {
            let stream = format!("data: {{\"id\":\"x\"}}\n\nevent: {name}\ndata: {data}\n\n");
            let seen = class(&answer(AGENT, SSE), stream.as_bytes());
            assert_eq!(seen, Outcome::Permanent, "{stream}");
        }
    }
    for name in ["response.mcp_call.failed", "errors", "response.completed"] {
        let stream = format!("event: {name}\ndata: {{\"x\":1}}\n\n");
        assert_eq!(class(&answer(AGENT, SSE), stream.as_bytes()), Outcome::Ok, "{stream}");
    }
}

#[test]
fn bedrock_fails_by_exception_and_by_error_messages() {
    let path = "/model/m/converse-stream";
    let of = |kind: &str, name: &str, expected| {
        let field = if kind == "error" { ":error-code" } else { ":exception-type" };
        let message = frame(&[(":message-type", kind), (field, name)], r#"{"message":"m"}"#);
        let body = [event("messageStart", "{}"), message].concat();
        let answer = answer(path, crate::bodies::BINARY);
        assert_eq!(class(&answer, &body), expected, "{kind} {name}");
    };
    of("exception", "throttlingException", Outcome::External);
    of("exception", "modelStreamErrorException", Outcome::External);
    of("exception", "validationException", Outcome::Permanent);
    of("exception", "somethingNew", Outcome::Permanent);
    of("error", "InternalServerException", Outcome::External);
}

#[test]
fn bedrock_fails_by_the_reason_of_its_end() {
    let path = "/model/m/converse-stream";
    for (reason, expected) in [
        ("end_turn", Outcome::Ok),
        ("max_tokens", Outcome::Ok),
        ("guardrail_intervened", Outcome::Permanent),
        ("content_filtered", Outcome::Permanent),
        ("malformed_model_output", Outcome::Permanent),
    ] {
        let stop = event("messageStop", &format!(r#"{{"stopReason":"{reason}"}}"#));
        let usage = event("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":1}}"#);
        let body = [event("messageStart", "{}"), stop, usage].concat();
        let answer = answer(path, crate::bodies::BINARY);
        assert_eq!(class(&answer, &body), expected, "{reason}");
    }
}
