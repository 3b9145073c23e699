//! The services of flagd over their messages, without a socket.

use super::answer;
use super::message::{
    AnyValue, Event, Resolve, ResolveAll, Resolved, ResolvedAll, Struct, Sync, Synced,
};
use crate::access::Access;
use crate::in_force::Flags;
use crate::routes::App;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use prost::Message;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stagegate_flags::Bucketing;
use stagegate_listener::{GrpcBody, framed, unframed};
use stagegate_settings as settings;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SERVICE: &str = "flagd.evaluation.v2.Service";

struct Lab {
    dir: tempfile::TempDir,
    app: App,
}

fn write(dir: &Path, default: &str) {
    let file = json!({
        "flags": {
            "prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": default,
                "targeting": {"if": [{"$ref": "known"}, "on"]}, "metadata": {"owner": "ann"}},
            "model": {"state": "ENABLED", "variants": {"small": {"name": "s", "t": 0.5}}, "defaultVariant": "small"},
            "steps": {"state": "ENABLED", "variants": {"few": 3}, "defaultVariant": "few"},
            "away": {"state": "DISABLED", "variants": {"a": "x"}, "defaultVariant": "a"},
            "odd": {"state": "ENABLED", "variants": {"a": "x"}, "defaultVariant": "a", "targeting": {"var": "variant"}},
        },
        "$evaluators": {"known": {"==": [{"var": "tenant"}, "acme"]}},
    });
    std::fs::write(dir.join("flags.json"), file.to_string()).expect("written");
}

impl Lab {
    fn new(change: impl FnOnce(&mut settings::Flags)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), "off");
        let mut settings = settings::Flags {
            listen: "127.0.0.1:0".parse().expect("an address"),
            grpc: None,
            files: vec![dir.path().join("flags.json")],
            bucketing: Bucketing::V2,
            clients: Vec::new(),
            origins: Vec::new(),
            join: settings::JoinFlags::Named,
        };
        change(&mut settings);
        let flags = Arc::new(Flags::load(settings).expect("good"));
        Self { dir, app: App::new(flags, Access::new().expect("randomness")) }
    }

    async fn open(
        &self,
        method: &str,
        body: Bytes,
        fields: &[(&str, &str)],
    ) -> (HeaderMap, GrpcBody) {
        let (service, method) = method.split_once('/').unwrap_or((SERVICE, method));
        let mut request = Request::post(format!("http://localhost:8013/{service}/{method}"));
        request = request.header("content-type", "application/grpc");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let (head, body) = answer(&self.app, request).await.into_parts();
        (head.headers, body)
    }

    /// The message of an answer, or the code of its failure.
    async fn call<M: Message + Default>(
        &self,
        method: &str,
        message: &impl Message,
        fields: &[(&str, &str)],
    ) -> Result<M, String> {
        let body = framed(&message.encode_to_vec());
        let (head, body) = self.open(method, body, fields).await;
        if let Some(code) = head.get("grpc-status") {
            return Err(code.to_str().expect("text").to_owned());
        }
        let body = body.collect().await.expect("a body");
        assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0");
        let (message, _) = unframed(&body.to_bytes()).expect("one message");
        Ok(M::decode(&message[..]).expect("its type"))
    }

    fn flip(&self, default: &str) {
        write(self.dir.path(), default);
        let settings = self.app.flags.current().settings.clone();
        self.app.flags.reload(settings).expect("good");
    }
}

fn resolve(key: &str, context: &Value) -> Resolve {
    let context = context.as_object().map(Struct::of);
    Resolve { flag_key: key.to_owned(), context }
}

#[derive(Clone, PartialEq, Message)]
struct Boolean {
    #[prost(bool, optional, tag = "1")]
    value: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct Whole {
    #[prost(int64, optional, tag = "1")]
    value: Option<i64>,
}

#[tokio::test]
async fn one_flag_is_resolved_as_the_type_that_is_asked_for() {
    let lab = Lab::new(|_| {});
    for service in ["flagd.evaluation.v1.Service", "flagd.evaluation.v2.Service"] {
        let method = format!("{service}/ResolveBoolean");
        let acme = resolve("prompt", &json!({"tenant": "acme", "targetingKey": "ann"}));
        let value: Boolean = lab.call(&method, &acme, &[]).await.expect("a value");
        assert_eq!(value.value, Some(true));
        let rest: Resolved = lab.call(&method, &acme, &[]).await.expect("an answer");
        assert_eq!(
            (rest.reason.as_str(), rest.variant.as_deref()),
            ("TARGETING_MATCH", Some("on"))
        );
        assert_eq!(rest.metadata.expect("metadata").json()["owner"], "ann");
        let other: Boolean =
            lab.call(&method, &resolve("prompt", &json!({})), &[]).await.expect("a value");
        assert_eq!(other.value, Some(false), "false is said, and not left out");
    }
    let steps: Whole =
        lab.call("ResolveInt", &resolve("steps", &json!({})), &[]).await.expect("a value");
    assert_eq!(steps.value, Some(3));
    let object: Value = {
        #[derive(Clone, PartialEq, Message)]
        struct Object {
            #[prost(message, optional, tag = "1")]
            value: Option<Struct>,
        }
        let model: Object =
            lab.call("ResolveObject", &resolve("model", &json!({})), &[]).await.expect("a value");
        Value::Object(model.value.expect("a value").json())
    };
    assert_eq!(object, json!({"name": "s", "t": 0.5}));
    // Without a value the caller uses its own default.
    let away: Resolved =
        lab.call("ResolveString", &resolve("away", &json!({})), &[]).await.expect("an answer");
    assert_eq!((away.reason.as_str(), away.variant), ("DISABLED", None));
}

#[tokio::test]
async fn failures_have_the_codes_that_flagds_providers_know() {
    let lab = Lab::new(|_| {});
    let nothing = json!({});
    let wrong = json!({"variant": "nowhere"});
    let deep = (0..20).fold(json!(1), |inner, _| json!({ "a": inner }));
    for (method, key, context, code) in [
        ("ResolveBoolean", "nobody", &nothing, "5"),
        ("ResolveString", "prompt", &nothing, "3"),
        ("ResolveInt", "model", &nothing, "3"),
        ("ResolveString", "odd", &wrong, "13"),
        ("ResolveBoolean", "prompt", &deep, "3"),
        ("ResolveNothing", "prompt", &nothing, "12"),
        ("flagd.evaluation.v3.Service/ResolveInt", "prompt", &nothing, "12"),
    ] {
        let failed = lab.call::<Resolved>(method, &resolve(key, context), &[]).await;
        assert_eq!(failed, Err(code.to_owned()), "{method} {key}");
    }
    for body in ["", "\0\0\0\0", "\0\0\0\0\u{9}x", "\u{1}\0\0\0\u{1}x", "\0\0\0\0\u{1}x"] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let (head, _) = lab.open("ResolveBoolean", body, &[]).await;
        assert!(["3", "12"].contains(&head["grpc-status"].to_str().expect("text")));
    }
    let huge = Bytes::from(vec![0; 300_000]);
    let (head, _) = lab.open("ResolveBoolean", huge, &[]).await;
    assert_eq!(head["grpc-status"], "8");
    assert_eq!(
        lab.app.flags.counts().iter().find(|it| it.flag == "unknown").map(|it| it.count),
        Some(1)
    );
}

#[tokio::test]
async fn all_flags_are_resolved_but_for_those_that_fail() {
    let lab = Lab::new(|_| {});
    let context = json!({"tenant": "acme", "variant": "nowhere"});
    let all = ResolveAll { context: context.as_object().map(Struct::of) };
    let all: ResolvedAll = lab.call("ResolveAll", &all, &[]).await.expect("an answer");
    assert_eq!(all.flags.keys().collect::<Vec<_>>(), ["away", "model", "prompt", "steps"]);
    assert_eq!(all.flags["prompt"].value, Some(AnyValue::Bool(true)));
    assert_eq!(all.flags["steps"].value, Some(AnyValue::Number(3.0)));
    assert_eq!(
        (all.flags["away"].value.clone(), all.flags["away"].reason.as_str()),
        (None, "DISABLED")
    );
}

#[tokio::test]
async fn callers_need_a_key_and_have_a_rate_as_over_ofrep() {
    let lab = Lab::new(|settings| {
        let hash = Sha256::digest("k1").into();
        settings.clients = vec![settings::FlagClient { name: "web".into(), hash, rate: Some(2) }];
    });
    let ask = async |fields: &[(&str, &str)]| {
        lab.call::<Boolean>("ResolveBoolean", &resolve("prompt", &json!({})), fields).await
    };
    assert_eq!(ask(&[]).await, Err("16".to_owned()));
    assert_eq!(ask(&[("x-api-key", "k2")]).await, Err("16".to_owned()));
    assert!(ask(&[("x-api-key", "k1")]).await.is_ok());
    assert!(ask(&[("authorization", "Bearer k1")]).await.is_ok());
    assert_eq!(ask(&[("x-api-key", "k1")]).await, Err("8".to_owned()));
    let open = Lab::new(|_| {});
    let page = [("origin", "https://evil.example.com")];
    let refused =
        open.call::<Boolean>("ResolveBoolean", &resolve("prompt", &json!({})), &page).await;
    assert_eq!(refused, Err("7".to_owned()));
}

/// The next message of a stream.
async fn next<M: Message + Default>(body: &mut GrpcBody) -> M {
    let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.expect("in time");
    let data = frame.expect("a frame").expect("no error").into_data().expect("data");
    let (message, _) = unframed(&data).expect("one message");
    M::decode(&message[..]).expect("its type")
}

fn kept(message: &Synced) -> Map<String, Value> {
    let document: Value = serde_json::from_str(&message.flag_configuration).expect("JSON");
    document["flags"].as_object().expect("flags").clone()
}

#[tokio::test]
async fn a_provider_that_evaluates_itself_gets_each_set() {
    let lab = Lab::new(|_| {});
    let none = framed(&[]);
    let (_, mut body) =
        lab.open("flagd.sync.v1.FlagSyncService/SyncFlags", none.clone(), &[]).await;
    let first: Synced = next(&mut body).await;
    assert_eq!(kept(&first)["prompt"]["defaultVariant"], "off");
    assert!(!first.flag_configuration.contains("$ref"), "{}", first.flag_configuration);
    lab.flip("on");
    let second: Synced = next(&mut body).await;
    assert_eq!(kept(&second)["prompt"]["defaultVariant"], "on");
    let fetched: Synced = lab
        .call("flagd.sync.v1.FlagSyncService/FetchAllFlags", &Sync::default(), &[])
        .await
        .expect("an answer");
    assert_eq!(fetched.flag_configuration, second.flag_configuration);
    let some = Sync { selector: "flagSetId=x".to_owned(), ..Sync::default() };
    let refused =
        lab.call::<Synced>("flagd.sync.v1.FlagSyncService/FetchAllFlags", &some, &[]).await;
    assert_eq!(refused, Err("3".to_owned()));
}

#[tokio::test]
async fn a_change_is_told_with_the_flags_that_it_changes() {
    let lab = Lab::new(|_| {});
    let (_, mut body) = lab.open("EventStream", framed(&[]), &[]).await;
    let ready: Event = next(&mut body).await;
    assert_eq!(ready.kind, "provider_ready");
    lab.flip("on");
    let changed: Event = next(&mut body).await;
    assert_eq!(changed.kind, "configuration_change");
    let data = Value::Object(changed.data.expect("data").json());
    let expected = json!({"flags": {"prompt": {"type": "update", "flagKey": "prompt", "source": "stagegate"}}});
    assert_eq!(data, expected);
}

#[tokio::test]
async fn an_evaluation_is_known_by_the_request_that_the_call_names() {
    let lab = Lab::new(|_| {});
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    let acme = json!({"tenant": "acme"});
    let fields = [("baggage", "stagegate.request_id=r1"), ("traceparent", traceparent.as_str())];
    let one: Result<Boolean, _> =
        lab.call("ResolveBoolean", &resolve("prompt", &acme), &fields).await;
    assert!(one.is_ok());
    let context = json!({"requestId": "r2"});
    let all = ResolveAll { context: context.as_object().map(Struct::of) };
    let _: ResolvedAll = lab.call("ResolveAll", &all, &[]).await.expect("an answer");
    let flags = &lab.app.flags;
    assert_eq!(flags.remote_of("r2", (0, u64::MAX)).len(), 5);
    assert_eq!(flags.take_remote("another", Some(trace), 0)[0].flag, "prompt");
    let taken = flags.take_remote("r1", None, 0);
    assert_eq!((taken[0].variant.as_str(), taken[0].decided_by), ("on", "targeting"));
}
