//! Who asks: tokens made by a foreign implementation, cookies, bodies, paths.

use crate::harness::tools::script;
use crate::harness::{
    Backend, Setup, Stagegate, Workload, eventually_async, request, request_with,
};
use serde_json::{Value, json};

/// Everyone is on stable but the tenant acme, the user ada and the conversation's own: whoever
/// reaches the candidate was recognised.
async fn recognising(identity: &str) -> (Backend, Backend, Stagegate) {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate)
        .with("allow", "{ tenants: [acme], users: [ada] }")
        .with("identity", identity);
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    (stable, candidate, stagegate)
}

#[tokio::test]
async fn only_verified_tokens_are_identity() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let made = script("tokens.py", &[&dir.path().display().to_string()]).await;
    let tokens: Value = serde_json::from_str(&made).expect("JSON");
    let jwks = dir.path().join("jwks.json").display().to_string();
    let keys = format!("{{ jwks: \"{jwks}\", issuer: issuer, audience: agents }}");
    let secret =
        "{ secret: \"a secret of at least thirty-two bytes!\", issuer: issuer, audience: agents }";
    let by_keys = recognising(&format!(
        "{{ tenant: [{{ jwt: org_id }}], user: [{{ jwt: sub }}], jwt: {keys} }}"
    ))
    .await;
    let by_secret = recognising(&format!("{{ tenant: [{{ jwt: org_id }}], jwt: {secret} }}")).await;
    let arm = async |stagegate: &Stagegate, name: &str| {
        let token = tokens[name].as_str().unwrap_or_else(|| panic!("no token {name}"));
        let response = stagegate.get("/", &[("authorization", &format!("Bearer {token}"))]).await;
        response.arm().to_owned()
    };
    for name in ["rs256", "es256", "eddsa"] {
        assert_eq!(arm(&by_keys.2, name).await, "candidate", "{name}");
    }
    assert_eq!(arm(&by_secret.2, "hs256").await, "candidate");
    let bad = [
        "hs256",
        "expired",
        "wrong_key",
        "wrong_issuer",
        "wrong_audience",
        "unknown_kid",
        "unsigned",
        "tampered",
        "confused",
    ];
    for name in bad {
        assert_eq!(arm(&by_keys.2, name).await, "stable", "{name} is no identity");
    }
    for name in ["wrong_secret", "rs256", "unsigned", "confused"] {
        assert_eq!(arm(&by_secret.2, name).await, "stable", "{name} is no identity");
    }
    for header in ["Bearer", "Bearer ", "Bearer a.b.c", "Basic YTpi", "rubbish"] {
        assert_eq!(
            by_keys.2.get("/", &[("authorization", header)]).await.arm(),
            "stable",
            "{header}"
        );
    }
    let forwarded = by_keys.0.last().head;
    assert_eq!(forwarded.get("authorization"), Some("rubbish"), "the backend judges for itself");
}

#[tokio::test]
async fn the_first_source_that_yields_something_wins() {
    let (stable, candidate, stagegate) = recognising(
        "{ tenant: [{ header: x-tenant-id }, { cookie: org }, { path: { segment: 2 } }], \
         user: [{ body: /metadata/user_id }, { header: x-user-id }] }",
    )
    .await;
    let arm = async |line: &str, fields: &[(&str, &str)], body: &str| {
        stagegate.connect().await.ask(&request_with(line, fields, body)).await.arm().to_owned()
    };
    assert_eq!(arm("GET /x", &[("x-tenant-id", "acme")], "").await, "candidate");
    assert_eq!(arm("GET /x", &[("cookie", "a=1; org=acme; b=2")], "").await, "candidate");
    assert_eq!(arm("GET /x", &[("cookie", "xorg=acme")], "").await, "stable");
    assert_eq!(arm("GET /tenants/acme/chat", &[], "").await, "candidate");
    assert_eq!(arm("GET /acme/tenants", &[], "").await, "stable");
    let overruled = [("x-tenant-id", "hooli"), ("cookie", "org=acme")];
    assert_eq!(arm("GET /tenants/acme", &overruled, "").await, "stable", "the header comes first");

    let json_type = [("content-type", "application/json; charset=utf-8")];
    let body = r#"{"messages":[{"content":"hi"}],"metadata":{"user_id":"ada"}}"#;
    assert_eq!(arm("POST /", &json_type, body).await, "candidate");
    assert_eq!(candidate.last().body.expect("a body").bytes, body.as_bytes(), "unchanged");
    assert_eq!(
        arm("POST /", &[("content-type", "text/plain")], body).await,
        "stable",
        "not said to be JSON"
    );
    let fallback = [("content-type", "application/json"), ("x-user-id", "ada")];
    assert_eq!(arm("POST /", &fallback, "{ not json").await, "candidate", "the next source");
    assert_eq!(arm("POST /", &fallback, r#"{"metadata":{"user_id":"bob"}}"#).await, "stable");
    for odd in
        ["", "null", "[]", r#"{"metadata":null}"#, r#"{"metadata":{"user_id":{"a":1}}}"#, "\u{0}"]
    {
        assert_eq!(arm("POST /", &json_type, odd).await, "stable", "{odd:?}");
        assert_eq!(stable.last().body.expect("a body").bytes, odd.as_bytes());
    }
}

#[tokio::test]
async fn a_body_is_looked_into_only_so_far() {
    let (stable, candidate, stagegate) =
        recognising("{ user: [{ body: /user }], max_inspect_bytes: 1KiB }").await;
    let padding = "p".repeat(4000);
    let large = format!(r#"{{"user":"ada","padding":"{padding}"}}"#);
    let json_type = [("content-type", "application/json")];
    let response = stagegate.connect().await.ask(&request_with("POST /", &json_type, &large)).await;
    assert_eq!(response.arm(), "stable", "too large to look into");
    assert_eq!(stable.last().body.expect("a body").bytes, large.as_bytes(), "and forwarded whole");

    let chunked = request("POST /", &[json_type[0], ("transfer-encoding", "chunked")])
        + "8\r\n{\"user\":\r\n7\r\n \"ada\"}\r\n0\r\n\r\n";
    assert_eq!(stagegate.connect().await.ask(&chunked).await.arm(), "candidate");
    assert_eq!(candidate.last().body.expect("a body").bytes, br#"{"user": "ada"}"#);
}

#[tokio::test]
async fn what_was_recognised_is_recorded() {
    let (_stable, _candidate, stagegate) = recognising(
        "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
         conversation: [{ header: x-session-id }] }",
    )
    .await;
    let fields = [
        ("x-tenant-id", "Gr\u{fc}n & Co"),
        ("x-user-id", "ada@example.test"),
        ("x-session-id", "s-1"),
        ("x-request-id", "who-1"),
    ];
    stagegate.get("/", &fields).await;
    let path = "/v1/decisions/who-1";
    eventually_async("the record", async || stagegate.admin.get(path).await.status == 200).await;
    let decision = stagegate.admin.get(path).await.json["decision"].clone();
    assert_eq!(decision["tenant"], "Gr\u{fc}n & Co");
    assert_eq!(decision["user"], "ada@example.test");
    assert_eq!(decision["conversation"], "s-1");
    let filtered = stagegate.admin.get("/v1/decisions?workload=agent&limit=5").await.ok().json;
    assert_eq!(filtered["decisions"][0]["request_id"], json!("who-1"));
}
