//! The server, request by request.

mod remote;

use crate::Listeners;
use crate::access::Access;
use crate::in_force::Flags;
use crate::routes::{App, router};
use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stagegate_flags::Bucketing;
use stagegate_settings as settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

struct Lab {
    dir: tempfile::TempDir,
    flags: Arc<Flags>,
    router: Router,
}

fn file(dir: &Path) -> PathBuf {
    dir.join("flags.json")
}

fn write(dir: &Path, share: u64) {
    let flags = json!({
        "flags": {
            "new-prompt": {
                "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
                "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on", {"fractional": [["on", share], ["off", 100 - share]]}]},
                "metadata": {"owner": "ann"},
            },
            "off": {"state": "DISABLED", "variants": {"a": "x"}, "defaultVariant": "a"},
            "plain": {"state": "ENABLED", "variants": {"a": "x"}, "defaultVariant": "a"},
            "time": {
                "state": "ENABLED", "variants": {"late": 1, "early": 2}, "defaultVariant": "early",
                "targeting": {"if": [{">": [{"var": "$flagd.timestamp"}, 0]}, "late"]},
            },
        },
        "metadata": {"version": "7"},
    });
    std::fs::write(file(dir), flags.to_string()).expect("written");
}

impl Lab {
    fn new(change: impl FnOnce(&mut settings::Flags)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), 0);
        let mut settings = settings::Flags {
            listen: "127.0.0.1:8016".parse().expect("an address"),
            grpc: None,
            files: vec![file(dir.path())],
            bucketing: Bucketing::V2,
            clients: Vec::new(),
            origins: Vec::new(),
            join: settings::JoinFlags::Named,
        };
        change(&mut settings);
        let flags = Arc::new(Flags::load(settings).expect("good"));
        let router = router(App::new(Arc::clone(&flags), Access::new().expect("randomness")));
        Self { dir, flags, router }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:8016");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).expect("a request");
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        context: Value,
    ) -> (StatusCode, Value) {
        let body = json!({ "context": context });
        read(self.ask(Method::POST, path, headers, body).await).await
    }

    fn reload(&self) -> Result<(), String> {
        let settings = self.flags.current().settings.clone();
        self.flags.reload(settings).map_err(|error| error.to_string())
    }
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

const ONE: &str = "/ofrep/v1/evaluate/flags/new-prompt";
const ALL: &str = "/ofrep/v1/evaluate/flags";

#[tokio::test]
async fn one_flag_is_evaluated() {
    let lab = Lab::new(|_| {});
    let (status, answer) =
        lab.post(ONE, &[], json!({"targetingKey": "ann", "tenant": "acme"})).await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!({
        "key": "new-prompt", "value": true, "variant": "on", "reason": "TARGETING_MATCH",
        "metadata": {"owner": "ann", "version": "7"},
    });
    assert_eq!(answer, expected);
    let (status, answer) = lab.post("/ofrep/v1/evaluate/flags/off", &[], json!({})).await;
    assert_eq!((status, &answer["reason"]), (StatusCode::OK, &json!("DISABLED")));
    assert_eq!((answer.get("value"), &answer["variant"]), (None, &json!("")));
    let (status, answer) = lab.post("/ofrep/v1/evaluate/flags/nobody", &[], json!({})).await;
    assert_eq!((status, &answer["errorCode"]), (StatusCode::NOT_FOUND, &json!("FLAG_NOT_FOUND")));
}

#[tokio::test]
async fn bad_requests_are_answered_with_what_is_wrong() {
    let lab = Lab::new(|_| {});
    let (status, answer) = lab.post(ONE, &[], json!([1])).await;
    assert_eq!(
        (status, &answer["errorCode"]),
        (StatusCode::BAD_REQUEST, &json!("INVALID_CONTEXT"))
    );
    assert_eq!(answer["key"], "new-prompt");
    let (status, answer) = lab.post(ALL, &[], json!({"a": "x".repeat(70_000)})).await;
    assert_eq!(
        (status, &answer["errorCode"]),
        (StatusCode::BAD_REQUEST, &json!("INVALID_CONTEXT"))
    );
    let request =
        Request::post(ONE).header("host", "localhost").body(Body::from("{")).expect("a request");
    let (status, answer) =
        read(lab.router.clone().oneshot(request).await.expect("an answer")).await;
    assert_eq!((status, &answer["errorCode"]), (StatusCode::BAD_REQUEST, &json!("PARSE_ERROR")));
    let huge = json!({"a": "x".repeat(300_000)});
    assert_eq!(lab.post(ALL, &[], huge).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_tag_of_all_flags_covers_definitions_and_context() {
    let lab = Lab::new(|_| {});
    let ann = json!({"context": {"targetingKey": "ann"}});
    let bob = json!({"context": {"targetingKey": "bob"}});
    let first = lab.ask(Method::POST, ALL, &[], ann.clone()).await;
    let tag = first.headers()["etag"].to_str().expect("text").to_owned();
    let (_, answer) = read(first).await;
    assert_eq!(answer["flags"].as_array().map(Vec::len), Some(4));
    assert_eq!(answer["metadata"]["version"], "7");
    let again = |tag: String, body: Value| {
        let lab = &lab;
        async move {
            let response = lab.ask(Method::POST, ALL, &[("if-none-match", &tag)], body).await;
            (response.status(), response.headers()["etag"].to_str().expect("text").to_owned())
        }
    };
    assert_eq!(again(tag.clone(), ann.clone()).await.0, StatusCode::NOT_MODIFIED);
    // Another user with the same result still gets an answer of its own.
    assert_eq!(again(tag.clone(), bob).await.0, StatusCode::OK);
    write(lab.dir.path(), 1);
    lab.reload().expect("good");
    let (status, newer) = again(tag.clone(), ann.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(newer, tag);
    assert_eq!(again(newer, ann).await.0, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_bad_file_changes_nothing_until_it_is_mended() {
    let lab = Lab::new(|_| {});
    std::fs::write(
        file(lab.dir.path()),
        r#"{"flags": {"new-prompt": {"state": "ON", "variants": {}}}}"#,
    )
    .expect("written");
    let problem = lab.reload().expect_err("bad");
    assert!(problem.contains("$.flags.new-prompt.state"), "{problem}");
    assert_eq!(lab.flags.problems().len(), 2);
    let (status, _) = lab.post(ONE, &[], json!({"targetingKey": "ann"})).await;
    assert_eq!(status, StatusCode::OK);
    write(lab.dir.path(), 100);
    lab.reload().expect("mended");
    assert!(lab.flags.problems().is_empty());
    let (_, answer) = lab.post(ONE, &[], json!({"targetingKey": "ann"})).await;
    assert_eq!(answer["value"], true);
}

#[tokio::test]
async fn another_bucketing_is_not_taken_while_running() {
    let lab = Lab::new(|_| {});
    let mut settings = lab.flags.current().settings.clone();
    settings.bucketing = Bucketing::V3;
    let error = lab.flags.reload(settings).expect_err("moves everybody");
    assert!(error.to_string().contains("new-prompt"), "{error}");
    assert_eq!(lab.flags.current().settings.bucketing, Bucketing::V2);
}

#[tokio::test]
async fn clients_need_their_key_and_have_a_rate() {
    let lab = Lab::new(|settings| {
        let client = |name: &str, key: &str, rate| settings::FlagClient {
            name: name.to_owned(),
            hash: Sha256::digest(key).into(),
            rate,
        };
        settings.clients = vec![client("web", "k1", Some(2)), client("batch", "k2", None)];
    });
    let context = || json!({"targetingKey": "ann"});
    assert_eq!(lab.post(ONE, &[], context()).await.0, StatusCode::UNAUTHORIZED);
    let (status, answer) = lab.post(ONE, &[("authorization", "Bearer k3")], context()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(answer["errorDetails"].as_str().expect("text").contains("not one of"));
    for _ in 0..5 {
        assert_eq!(lab.post(ONE, &[("x-api-key", "k2")], context()).await.0, StatusCode::OK);
    }
    assert_eq!(lab.post(ONE, &[("authorization", "Bearer k1")], context()).await.0, StatusCode::OK);
    assert_eq!(lab.post(ONE, &[("x-api-key", "k1")], context()).await.0, StatusCode::OK);
    let body = json!({ "context": context() });
    let response = lab.ask(Method::POST, ONE, &[("x-api-key", "k1")], body).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
    // The clients' host needs no loopback name.
    let far = [("x-api-key", "k2"), ("host", "flags.example.com")];
    assert_eq!(lab.post(ONE, &far, context()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_clients_only_this_machine_may_ask() {
    let lab = Lab::new(|_| {});
    for (host, status) in [
        ("127.0.0.1:8016", StatusCode::OK),
        ("[::1]:8016", StatusCode::OK),
        ("localhost", StatusCode::OK),
        ("evil.example.com", StatusCode::FORBIDDEN),
        ("127.0.0.1.evil.example.com", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(lab.post(ONE, &[("host", host)], json!({})).await.0, status, "{host}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask() {
    let lab = Lab::new(|settings| settings.origins = vec!["https://app.example.com".to_owned()]);
    let body = json!({"context": {}});
    let listed = [("origin", "https://app.example.com")];
    let response = lab.ask(Method::POST, ALL, &listed, body.clone()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
    assert!(
        response.headers()["access-control-expose-headers"]
            .to_str()
            .expect("text")
            .contains("ETag")
    );
    let response = lab.ask(Method::OPTIONS, ALL, &listed, Value::Null).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let allowed = response.headers()["access-control-allow-headers"].to_str().expect("text");
    assert!(allowed.contains("x-api-key") && allowed.contains("if-none-match"), "{allowed}");
    let other = [("origin", "https://evil.example.com")];
    let response = lab.ask(Method::POST, ALL, &other, body).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers().get("access-control-allow-origin"), None);
    assert_eq!(
        lab.ask(Method::OPTIONS, ALL, &other, Value::Null).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_change_is_told_on_the_stream() {
    let lab = Lab::new(|settings| {
        let hash = Sha256::digest("k1").into();
        settings.clients = vec![settings::FlagClient { name: "web.app".into(), hash, rate: None }];
    });
    let (_, answer) = lab.post(ALL, &[("x-api-key", "k1")], json!({})).await;
    let stream = &answer["eventStreams"][0];
    assert_eq!(stream["type"], "sse");
    let uri = stream["endpoint"]["requestUri"].as_str().expect("a path");
    assert_eq!(
        lab.ask(Method::GET, "/ofrep/v1/events", &[], Value::Null).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let forged = uri.replace("web.app", "other");
    assert_eq!(
        lab.ask(Method::GET, &forged, &[], Value::Null).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let response = lab.ask(Method::GET, uri, &[], Value::Null).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || {
        let frame =
            tokio::time::timeout(Duration::from_secs(5), body.frame()).await.expect("in time");
        let data = frame.expect("a frame").expect("no error").into_data().expect("data");
        String::from_utf8(data.to_vec()).expect("text")
    };
    assert!(next().await.starts_with("retry: 2000\n"));
    write(lab.dir.path(), 50);
    lab.reload().expect("good");
    let event = next().await;
    let tag = lab.flags.current().tag.clone();
    let data = json!({"type": "refetchEvaluation", "etag": tag});
    assert_eq!(event, format!("id: {tag}\ndata: {data}\n\n"));
    let (_, answer) = lab.post(ALL, &[("x-api-key", "k1")], json!({})).await;
    assert_eq!(answer["metadata"]["flagConfigEtag"], tag);
}

#[tokio::test]
async fn evaluations_are_counted_and_strangers_keys_are_no_labels() {
    let lab = Lab::new(|_| {});
    for user in ["ann", "bob"] {
        lab.post(ONE, &[], json!({"targetingKey": user, "tenant": "acme"})).await;
    }
    for number in 0..50 {
        lab.post(&format!("/ofrep/v1/evaluate/flags/x{number}"), &[], json!({})).await;
    }
    let counts = lab.flags.counts();
    let of = |flag: &str, variant: &str| {
        counts
            .iter()
            .find(|it| it.flag == flag && it.variant == variant)
            .map(|it| (it.reason, it.count))
    };
    assert_eq!(of("new-prompt", "on"), Some(("TARGETING_MATCH", 2)));
    assert_eq!(of("unknown", ""), Some(("ERROR", 50)));
    assert_eq!(counts.len(), 2);
}

#[tokio::test]
async fn the_openapi_document_describes_every_route() {
    let lab = Lab::new(|_| {});
    let (status, document) =
        read(lab.ask(Method::GET, "/openapi.json", &[], Value::Null).await).await;
    assert_eq!((status, &document["openapi"]), (StatusCode::OK, &json!("3.1.0")));
    let paths: Vec<&String> = document["paths"].as_object().expect("paths").keys().collect();
    assert_eq!(
        paths,
        ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}", "/ofrep/v1/events"]
    );
}

#[test]
fn files_are_watched_and_the_server_ends() {
    use std::io::{Read, Write};
    let lab = Lab::new(|_| {});
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let settings = lab.flags.current().settings.clone();
    let now = Box::new(move || Some(settings.clone()));
    let mut server =
        crate::start(Listeners { ofrep: listener, grpc: None }, Arc::clone(&lab.flags), now)
            .expect("started");
    let ask = || {
        let mut stream = std::net::TcpStream::connect(address).expect("connected");
        let body = r#"{"context":{"targetingKey":"ann"}}"#;
        write!(stream, "POST {ONE} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(ask().contains(r#""value":false"#));
    write(lab.dir.path(), 100);
    let limit = std::time::Instant::now() + Duration::from_secs(30);
    while !ask().contains(r#""value":true"#) {
        assert!(std::time::Instant::now() < limit, "the file is not read again");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
}
