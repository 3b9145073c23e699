use super::table::{KINDS, Place};
use super::{BodyScan, IdRules, Learner, Uses, issued_in_head};
use crate::http1::{HeadLimits, RequestHead, ResponseHead, Status};
use crate::inflating::Inflating;
use proptest::prelude::*;
use stagegate_settings::IssuedId;
use stagegate_signals::{Plain as _, Uncoded};
use std::io::Write as _;

mod forms;

const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 16, fields: 50 };
const ID: &str = "a-7f3.Q_9";

fn learned(fields: &str, body: &[u8], cut: usize) -> Vec<String> {
    learned_by(&IdRules::default(), fields, body, cut)
}

fn learned_by(rules: &IdRules, fields: &str, body: &[u8], cut: usize) -> Vec<String> {
    let text = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    let parsed = ResponseHead::parse(text.as_bytes(), false, LIMITS, Vec::new());
    let Ok(Status::Complete(head)) = parsed else { panic!("no head: {text}") };
    let mut ids = issued_in_head(text.as_bytes(), &head, "/");
    let coding = head.field(text.as_bytes(), "content-encoding").unwrap_or(b"");
    let learner = Learner::new(rules, text.as_bytes(), &head, "/");
    if let Some(mut source) = learner.map(|learner| Uncoded::new(coding, learner)) {
        let (first, second) = body.split_at(cut.min(body.len()));
        for part in [first, second] {
            source.feed(part);
            let learner = source.reader().expect("a reader");
            learner.drain(|id| ids.push(id));
        }
    }
    ids
}

fn used(target: &str, fields: &str, body: &[u8], cut: usize) -> Uses {
    used_by(&IdRules::default(), target, fields, body, cut)
}

fn used_by(rules: &IdRules, target: &str, fields: &str, body: &[u8], cut: usize) -> Uses {
    let text = format!("POST {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let mut head = RequestHead::default();
    head.parse(text.as_bytes(), LIMITS).expect("accepted");
    let mut uses = Uses::in_head(text.as_bytes(), &head);
    let field = |name| head.field(text.as_bytes(), name).unwrap_or(b"");
    let codings = head.codings(text.as_bytes());
    let scan = BodyScan::new(rules, field("content-type"), &codings, target);
    if let Some(mut scan) = scan {
        let (first, second) = body.split_at(cut.min(body.len()));
        for part in [first, second] {
            scan.feed(part, &mut uses, (&Inflating::default(), 0));
        }
        scan.end(&mut uses);
    }
    uses
}

const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";

/// A response that issues [`ID`] at `place`: its fields and its body, as JSON documents.
fn response(place: Place, collection: &str) -> (String, String) {
    let noise = r#""x":{"id":"no","text":"\"id\":\"no\" \\"},"n":[1,{"a":null}],"#;
    let body = match place {
        Place::Header(name) => return (format!("{name}: {ID}\r\n"), String::new()),
        Place::Path(name) => {
            return (format!("Content-Location: /v1/{name}/{ID}/runs\r\n"), String::new());
        }
        Place::Query(name) => {
            return (
                format!("X-Goog-Upload-Url: http://h/upload?{name}={ID}&a=b\r\n"),
                String::new(),
            );
        }
        Place::Member(name) => format!(r#"{{{noise}"deep":[{{"er":{{"{name}":"{ID}"}}}}]}}"#),
        Place::Top(name) => format!(r#"{{{noise}"{name}" : "{ID}"}}"#),
        Place::Of(parent, name) => format!(r#"{{{noise}"{parent}":{{"k":[],"{name}":"{ID}"}}}}"#),
        Place::TopOf(list, name) => format!(r#"{{{noise}"{list}":[{{"k":[],"{name}":"{ID}"}}]}}"#),
        Place::Resource(name) => {
            format!(r#"{{{noise}"{name}":"https://h/v1beta/{collection}/{ID}"}}"#)
        }
    };
    (String::new(), body)
}

/// A request that uses [`ID`] at `place`: its target, its fields and its body.
fn request(place: Place, collection: &str) -> (String, String, String) {
    let body = match place {
        Place::Header(name) => return ("/".into(), format!("{name}: {ID}\r\n"), String::new()),
        Place::Path(name) => {
            return (format!("/v1/{name}/{ID}/cancel?a=b"), String::new(), String::new());
        }
        Place::Query(name) => {
            return (format!("/v1/things?a=b&{name}={ID}"), String::new(), String::new());
        }
        Place::Resource(name) => format!(r#"{{"p":[{{"{name}":"{collection}/{ID}"}}]}}"#),
        Place::Member(name) | Place::Top(name) => {
            format!(r#"{{"pad":"{}","deep":[{{"er":{{"{name}":"{ID}"}}}}]}}"#, "p".repeat(100_000))
        }
        Place::Of(parent, name) => format!(r#"{{"{parent}":{{"k":[1,"x"],"{name}":"{ID}"}}}}"#),
        Place::TopOf(list, name) => format!(r#"{{"{list}":[1,{{"k":[1,"x"],"{name}":"{ID}"}}]}}"#),
    };
    ("/v1/anything".into(), JSON.into(), body)
}

/// The ids in messages of a WebSocket.
fn in_messages(messages: &[&str]) -> Vec<String> {
    let (mut learner, mut ids) = (Learner::of_messages(&IdRules::default()), Vec::new());
    for message in messages {
        message.as_bytes().chunks(5).for_each(|piece| learner.take(piece));
        learner.message_ends();
        learner.drain(|id| ids.push(id));
    }
    ids
}

/// A tool's result, of both generations of MCP and of an API of its own, with the pointers to the
/// handle in it and in the next call; and the next call.
const HANDLES: [(&str, &str, &str, &str); 6] = [
    (
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"cart":{"id":"h-1"}}}}"#,
        "/result/structuredContent/cart/id",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"cart_id":"h-1"}}}"#,
        "/params/arguments/cart_id",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"no JSON"},{"type":"text","text":"{\"cart\":[{\"id\":\"h-1\"}]}"}]}}"#,
        "/result/content/*/text/cart/*/id",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"arguments":{"carts":["h-0","h-1"]}}}"#,
        "/params/arguments/carts/*",
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"handles":["h-1"]},"resultType":"complete"}}"#,
        "/result/structuredContent/handles/0",
        r#"{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"h-1"}}"#,
        "/params/uri",
    ),
    (
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":{"browser":"h-1"}}}"#,
        "/params/data/browser",
        r#"{"params":{"_meta":{"a/b~c":"h-1"}}}"#,
        "/params/_meta/a~1b~0c",
    ),
    (r#"{"id":"h-1"}"#, "/id", r#"{"input":{"session":{"key":"h-1"}}}"#, "/input/session/key"),
    (r#"[{"workspace":"h-1"}]"#, "/workspace", r#"[{"workspace":"h-1"}]"#, "/workspace"),
];

#[test]
fn handles_of_tools_are_learned_and_recognised_where_pointers_say() {
    for (response, issued, request, taken) in HANDLES {
        let own = IssuedId { response: issued.to_owned(), request: taken.to_owned() };
        let rules = IdRules::with(&[own]);
        for cut in [0, response.len() / 2, response.len() - 3] {
            let ids = learned_by(&rules, JSON, response.as_bytes(), cut);
            assert!(ids.contains(&"h-1".to_owned()), "{issued} of {response}: {ids:?}");
            let stream = format!("event: message\ndata: {response}\n\n");
            let fields = "Content-Type: text/event-stream\r\n";
            let ids = learned_by(&rules, fields, stream.as_bytes(), cut);
            assert!(ids.contains(&"h-1".to_owned()), "{issued} of {stream}: {ids:?}");
            let uses = used_by(&rules, "/mcp", JSON, request.as_bytes(), cut.min(request.len()));
            let found = uses.iter().any(|used| used.id == "h-1" && !used.is_conversation);
            assert!(found, "{taken} of {request}: {uses:?}");
        }
        if issued != "/id" {
            assert_eq!(learned(JSON, response.as_bytes(), 3), [""; 0], "{response}");
        }
        assert!(used("/mcp", JSON, request.as_bytes(), 3).is_empty(), "{request}");
    }
}

#[test]
fn a_pointer_names_one_place() {
    let own = IssuedId { response: "/result/cart/id".into(), request: "/params/cart".into() };
    let rules = IdRules::with(&[own]);
    for body in [
        r#"{"result":{"ix":"no","cart":{"x":{"id":"no"},"idx":"no"},"x":{"cart":{"id":"no"}}}}"#,
        r#"{"cart":{"id":"no"},"x":{"result":{"cart":{"id":"no"}}}}"#,
        r#"{"result":{"cart":{"id":7}}}"#,
    ] {
        let ids = learned_by(&rules, JSON, body.as_bytes(), 9);
        assert!(ids.is_empty(), "{body}: {ids:?}");
    }
    let body = r#"{"params":{"cart":{"x":"no"},"x":{"cart":"no"}},"cart":"no"}"#;
    assert!(used_by(&rules, "/", JSON, body.as_bytes(), 9).is_empty());
}

#[test]
fn names_and_values_of_a_query_are_read_without_their_escapes() {
    for target in [
        format!("/v1/x?a=b&previous%5Fresponse%5fid={ID}"),
        format!("/v1/x?previous_response_id={}", ID.replace('-', "%2D").replace('_', "%5f")),
    ] {
        let uses = used(&target, "", b"", 0);
        assert!(uses.iter().any(|used| used.id == ID), "{target}: {uses:?}");
    }
    assert!(used(&format!("/v1/x?previous%zz={ID}"), "", b"", 0).is_empty());
}

#[test]
fn several_fields_of_codings_are_one_list() {
    let body = format!(r#"{{"previous_response_id":"{ID}"}}"#);
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let twice = gzip(&gzip(body.as_bytes()));
    let fields = format!("{JSON}Content-Encoding: gzip\r\nX: y\r\nContent-Encoding: gzip\r\n");
    let uses = used("/v1/x", &fields, &twice, 20);
    assert!(uses.iter().any(|used| used.id == ID), "{uses:?}");
}

#[test]
fn an_input_of_a_tool_has_no_ids_of_items() {
    let body = br#"{"messages":[{"content":[{"type":"tool_use","input":{"id":"17"}}]}]}"#;
    assert!(used("/v1/messages", JSON, body, 9).is_empty());
    let body = br#"{"result":{"output":{"id":"17"},"input":[{"id":"18"}]}}"#;
    assert!(learned(JSON, body, 9).is_empty());
}

#[test]
fn what_is_issued_anywhere_is_recognised_everywhere() {
    let mut pairs = 0;
    for kind in KINDS {
        let paths = kind.used.iter().filter_map(|place| match place {
            Place::Path(name) => Some(*name),
            _ => None,
        });
        let collections: Vec<&str> = paths.collect();
        let collection = collections.first().copied().unwrap_or("none");
        for issued in kind.issued {
            let (fields, body) = response(*issued, collection);
            let ids = learned(&format!("{fields}{JSON}"), body.as_bytes(), body.len() / 2);
            assert_eq!(ids, [ID], "{}, issued at {issued:?}: {body}", kind.name);
            let stream = format!("event: e\ndata: {body}\n\n: comment\n\ndata: [DONE]\n\n");
            let fields = format!("{fields}Content-Type: text/event-stream\r\n");
            let ids = learned(&fields, stream.as_bytes(), stream.len() / 2);
            assert_eq!(ids, [ID], "{}, in a stream, issued at {issued:?}", kind.name);
            if !body.is_empty() {
                let messages = ["{\"cut\":{\"id\":", &body, "{}"];
                assert_eq!(in_messages(&messages), [ID], "{}, over a WebSocket", kind.name);
            }
            for place in kind.used {
                let (target, fields, body) = request(*place, collection);
                let uses = used(&target, &fields, body.as_bytes(), body.len() / 2);
                let found = uses
                    .iter()
                    .any(|used| used.id == ID && used.is_conversation == kind.is_conversation);
                assert!(found, "{}, used at {place:?}: {uses:?}", kind.name);
                pairs += 1;
            }
        }
    }
    assert!(pairs > 150, "{pairs} pairs");
}

#[test]
fn ids_are_found_however_the_bytes_are_cut() {
    let json = r#"{"a\"b":"\\","conversation":{"metadata":{},"id":"c\u002d1"},"list":["x"],"previous_response_id":"r-1"}"#;
    for cut in 0..json.len() {
        let uses = used("/", JSON, json.as_bytes(), cut);
        let ids: Vec<&str> = uses.iter().map(|used| used.id.as_str()).collect();
        assert_eq!(ids, ["c-1", "r-1"], "cut at {cut}");
    }
    let stream = "event: endpoint\r\ndata: /messages/?session_id=s-1\r\n\r\nevent: message\r\ndata: {\"thread_id\":\"t-1\"}\r\n\r\n";
    for cut in 0..stream.len() {
        let ids = learned("Content-Type: text/event-stream\r\n", stream.as_bytes(), cut);
        assert_eq!(ids, ["s-1", "t-1"], "cut at {cut}");
    }
    assert_eq!(used("/messages/?session_id=s-1", "", b"", 0).conversation(), Some("s-1"));
    // An event of several lines, behind a byte order mark.
    for end in ["\n", "\r", "\r\n"] {
        let lines = ["\u{feff}data: {\"response\":", "data:{\"id\":\"r-1\"", "data: }}", "", ""];
        let stream = lines.join(end);
        for cut in 0..stream.len() {
            let ids = learned("Content-Type: text/event-stream\r\n", stream.as_bytes(), cut);
            assert_eq!(ids, ["r-1"], "{end:?} cut at {cut}");
        }
    }
    let stream = "event: response.created\r\ndata: {\"response\":{\"id\":\"r-1\",\"output\":[]}}\r\n\r\ndata:{\"id\":\"t-1\"}\n\n";
    for cut in 0..stream.len() {
        let ids = learned("Content-Type: text/event-stream\r\n", stream.as_bytes(), cut);
        assert_eq!(ids, ["r-1", "t-1"], "cut at {cut}");
    }
}

#[test]
fn every_content_coding_is_undone() {
    let body = format!(r#"{{"pad":"{}","id":"{ID}"}}"#, "pad ".repeat(20_000));
    let body = body.as_bytes();
    let level = flate2::Compression::default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(body).expect("memory");
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(body).expect("memory");
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), level);
    raw.write_all(body).expect("memory");
    let mut br = Vec::new();
    brotli::BrotliCompress(&mut &*body, &mut br, &brotli::enc::BrotliEncoderParams::default())
        .expect("memory");
    for (coding, packed) in [
        ("gzip", gzip.finish().expect("memory")),
        ("deflate", zlib.finish().expect("memory")),
        ("deflate", raw.finish().expect("memory")),
        ("br", br),
        ("zstd", zstd::encode_all(body, 3).expect("memory")),
    ] {
        let fields = format!("{JSON}Content-Encoding: {coding}\r\n");
        assert_eq!(learned(&fields, &packed, packed.len() / 2), [ID], "{coding}");
        let uses = used("/", &fields, &packed, packed.len() / 2);
        assert!(uses.is_empty(), "`id` alone is no use of one");
    }
    let packed = [b"\x1f\x9d\x90".as_slice(), body].concat();
    let fields = format!("{JSON}Content-Encoding: compress\r\n");
    assert!(learned(&fields, &packed, 1).is_empty(), "a coding that is not understood");
    // Clients that ignore what they do not know read such a body.
    let fields = format!("{JSON}Content-Encoding: utf-8\r\n");
    assert_eq!(learned(&fields, body, 1), [ID]);
}

#[test]
fn a_compressed_bomb_ends_early() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"{\"x\":\"").expect("memory");
    for _ in 0..32 {
        gzip.write_all(&vec![b'0'; 1 << 20]).expect("memory");
    }
    gzip.write_all(b"\",\"thread_id\":\"t\"}").expect("memory");
    let packed = gzip.finish().expect("memory");
    let fields = format!("{JSON}Content-Encoding: gzip\r\n");
    assert!(learned(&fields, &packed, 1).is_empty(), "{} bytes of 32 MiB", packed.len());
}

#[test]
fn what_is_no_id_is_not_taken_for_one() {
    for body in [
        r#"{"jsonrpc":"2.0","id":"1","result":{}}"#,
        r#"{"id":"1","result":{},"jsonrpc":"2.0"}"#,
        r#"[{"jsonrpc":"2.0","id":"1","result":{}}]"#,
        r#"{"choices":[{"id":"no"}],"name":"models/gemini-x"}"#,
        r#"{"answer":{"output":[{"id":"msg_1"}]},"id":7,"thread_id":null}"#,
    ] {
        assert!(learned(JSON, body.as_bytes(), 3).is_empty(), "{body}");
    }
    for target in
        ["/v1/threads/search", "/v1/threads/runs", "/v1/models/m", "/threads", "/x/threads/"]
    {
        assert!(used(target, "", b"", 0).is_empty(), "{target}");
    }
    let tasks = used("/v1/tasks/t-1:cancel", "", b"", 0);
    assert_eq!(tasks.conversation(), Some("t-1"));
    let tasks = used("/v1/threads/a%2Db?x", "", b"", 0);
    assert_eq!(tasks.conversation(), Some("a-b"));
}

#[test]
fn conversations_come_before_what_they_share() {
    let body = r#"{"input":[{"file_id":"f-1"}],"previous_response_id":"r-1","tools":[{"vector_store_ids":["v-1","v-2"]}]}"#;
    let uses = used("/v1/responses", JSON, body.as_bytes(), 0);
    let ids: Vec<&str> = uses.iter().map(|used| used.id.as_str()).collect();
    assert_eq!(ids, ["r-1", "f-1", "v-1", "v-2"]);
    assert_eq!(uses.conversation(), Some("r-1"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut in 0usize..64, events: bool) {
        let kind = if events { "Content-Type: text/event-stream\r\n" } else { JSON };
        learned(kind, &bytes, cut);
        used("/", kind, &bytes, cut);
    }
}
