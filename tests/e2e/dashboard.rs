//! The dashboard, in a browser and as a program meets it.

use crate::harness::tools::in_browser;
use crate::harness::wire::Wire;
use crate::harness::{
    Backend, Response, Setup, Stagegate, Workload, eventually_async, free_address, request_with,
};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;

/// Tokens, and the SHA-256 of each.
const VIEWER: &str = "sgt_dashboard_viewer";
const OPERATOR: &str = "sgt_dashboard_operator";
const TOKENS: &str = r#"[
  { name: eve, role: viewer, hash: "sha256:9a3649dda12dec680f0d5112d87bb3ce26fc97dd50ef6a0c18afbce0882f68d8" },
  { name: ann, role: operator, hash: "sha256:bb43877548d202aa7377e715ae875c5f38716db466ed80723ac156db205fa9f4" }
]"#;

struct World {
    stagegate: Stagegate,
    setup: Setup,
    _backends: [Backend; 2],
}

impl World {
    async fn start() -> Self {
        let backends = [Backend::start("stable"), Backend::start("candidate")];
        let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
        let setup = Setup::of(workload).with_admin("tokens", TOKENS);
        let stagegate = Stagegate::start(&setup).await;
        Self { stagegate, setup, _backends: backends }
    }

    fn url(&self) -> String {
        format!("http://{}", self.stagegate.admin.address)
    }

    async fn story(&self, story: &str, token: &str) {
        let printed = in_browser("dashboard.mjs", &[story, &self.url(), token]).await;
        assert!(printed.is_none_or(|it| it.contains(&format!("ok {story}"))));
    }

    async fn is_open(&self) -> bool {
        let admin = self.stagegate.admin.with_token(VIEWER);
        admin.get("/v1/workloads/agent").await.ok().json["open"] == true
    }

    /// Signs in; returns the cookie and the secret of the forms.
    async fn session(&self, token: &str) -> (String, String) {
        let body = format!("token={token}&next=%2F");
        let signed_in = self.post("/sign-in", "", &[], &body).await;
        assert_eq!(signed_in.status(), 303);
        let cookie = signed_in.head.get("set-cookie").expect("a cookie");
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = self.get("/w/agent", &cookie).await.text();
        let after = page.split("name=\"secret\" value=\"").nth(1).expect("a form");
        (cookie, after.split('"').next().unwrap_or_default().to_owned())
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        self.send(&format!("GET {path}"), &[("cookie", cookie)], "").await
    }

    /// Posts a form.
    async fn post(&self, path: &str, cookie: &str, more: &[(&str, &str)], body: &str) -> Response {
        let mut fields = vec![("content-type", "application/x-www-form-urlencoded")];
        fields.push(("cookie", cookie));
        fields.extend(more);
        self.send(&format!("POST {path}"), &fields, body).await
    }

    async fn send(&self, line: &str, fields: &[(&str, &str)], body: &str) -> Response {
        let mut wire =
            Wire::new(TcpStream::connect(self.stagegate.admin.address).await.expect("connected"));
        wire.try_send(&request_with(line, fields, body)).await.expect("sent");
        wire.try_response("").await.expect("an answer")
    }
}

#[tokio::test]
async fn on_call_rolls_back_on_a_phone() {
    let world = World::start().await;
    world.story("phone", OPERATOR).await;
    assert!(!world.is_open().await);
}

#[tokio::test]
async fn everything_works_without_scripts() {
    let world = World::start().await;
    world.story("plain", OPERATOR).await;
    assert!(!world.is_open().await);
}

#[tokio::test]
async fn every_page_is_accessible_and_keeps_its_policy() {
    World::start().await.story("pages", OPERATOR).await;
}

#[tokio::test]
async fn a_checklist_is_worked_through_on_its_page() {
    let world = World::start().await;
    world.story("ready", OPERATOR).await;
    let admin = world.stagegate.admin.with_token(VIEWER);
    let list = admin.get("/v1/workloads/agent/checklist/history").await.ok().json;
    let said: Vec<&str> = list["statements"]
        .as_array()
        .expect("statements")
        .iter()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    assert_eq!(said, ["sign", "waive", "withdraw", "attach"]);
    let (cookie, secret) = world.session(VIEWER).await;
    let body = format!("secret={secret}&kind=waive&release=v2&reason=x&days=2");
    let refused = world.post("/w/agent/checks/C11", &cookie, &[], &body).await;
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn tasks_are_done_and_the_report_is_read_on_their_pages() {
    let backends = [Backend::start("stable"), Backend::start("candidate")];
    let policies = "{ default: { drill_within: off, \
        steps: [ { weight: 100%, watch: 1h } ], \
        gates: [ { axis: error, class: permanent, max: 20%, for: 1s, requests: 10 } ] } }";
    let workload = Workload::new(&backends[0]).release("v2", backends[1].address);
    let setup = Setup::of(workload).with("policies", policies).with_admin("tokens", TOKENS);
    let stagegate = Stagegate::start(&setup).await;
    let start = json!({ "to": "v2", "override": true, "reason": "a test", "ticket": "AG-118" });
    let admin = stagegate.admin.with_token(OPERATOR);
    admin.call("POST /v1/workloads/agent/rollouts", &[], Some(&start)).await.ok();
    let url = format!("http://{}", stagegate.admin.address);
    let printed = in_browser("dashboard.mjs", &["after", &url, OPERATOR]).await;
    assert!(printed.is_none_or(|it| it.contains("ok after")));
    let (line, body) = ("POST /v1/workloads/agent/rollouts", json!({ "to": "v2", "ticket": "" }));
    let refused = admin.call(line, &[], Some(&body)).await;
    assert!(refused.json.to_string().contains("like `AG-118`"), "{}", refused.json);
}

#[tokio::test]
async fn the_second_of_two_people_sees_the_first_ones_change() {
    World::start().await.story("two", OPERATOR).await;
}

#[tokio::test]
async fn what_the_command_line_can_change_a_page_can() {
    World::start().await.story("verbs", OPERATOR).await;
}

#[tokio::test]
async fn a_flag_is_denied_to_a_tenant() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    let flag = r#"{"flags": {"new-prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}"#;
    std::fs::write(&file, flag).expect("written");
    let backend = Backend::start("stable");
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(Workload::new(&backend)).with("flags", &flags);
    let stagegate = Stagegate::start(&setup.with_admin("tokens", TOKENS)).await;
    let url = format!("http://{}", stagegate.admin.address);
    let printed = in_browser("dashboard.mjs", &["flag", &url, OPERATOR]).await;
    assert!(printed.is_none_or(|it| it.contains("ok flag")));
    let admin = stagegate.admin.with_token(VIEWER);
    let shown = admin.get("/v1/flags/new-prompt").await.ok().json;
    assert_eq!(shown["overriding"]["rules"][0]["tenant"], "acme", "{shown}");
}

#[tokio::test]
async fn a_viewer_reads() {
    let world = World::start().await;
    world.story("viewer", VIEWER).await;
    let (cookie, secret) = world.session(VIEWER).await;
    let body = format!("secret={secret}&reason=x");
    let refused = world.post("/w/agent/act/rollback", &cookie, &[], &body).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("Nothing was changed"), "{}", refused.text());
    assert!(world.is_open().await);
    // Nor does a viewer do tasks, tell parts of a hand-off, score, change flags, or end anything.
    for (path, body) in [
        ("/w/agent/tasks/told-0h", "act=done&text=x"),
        ("/w/agent/handoff", "act=tell&part=owners&text=ann,%20bea"),
        ("/w/agent/handoff", "act=complete"),
        ("/w/agent/drill", "reason=x"),
        ("/samples/x/score", "name=human&pass=pass"),
        ("/samples/x/review", "verdict=pass"),
        ("/flags/new-prompt/act/off", "reason=x"),
        ("/settings/reload", ""),
        ("/notify/hook/test", ""),
    ] {
        let body = format!("secret={secret}&{body}");
        let refused = world.post(path, &cookie, &[], &body).await;
        assert_eq!(refused.status(), 403, "{path}: {}", refused.text());
    }
    let admin = world.stagegate.admin.with_token(VIEWER);
    for (line, body) in [
        ("POST /v1/workloads/agent/runbook/told-0h", json!({ "act": "done", "text": "x" })),
        ("POST /v1/workloads/agent/handoff", json!({ "act": "complete" })),
        ("DELETE /v1/workloads/agent/queue/x", json!({})),
    ] {
        assert_eq!(admin.call(line, &[], Some(&body)).await.status, 403, "{line}");
    }
    assert_eq!(admin.get("/v1/workloads/agent/queue/x").await.status, 403, "what users asked");
}

#[tokio::test]
async fn a_page_follows_what_others_do_and_says_when_it_is_old() {
    let world = World::start().await;
    let pid = world.stagegate.pid().to_string();
    let arguments = ["live", &world.url(), OPERATOR, &pid];
    let printed = in_browser("dashboard.mjs", &arguments).await;
    assert!(printed.is_none_or(|it| it.contains("ok live")));
}

#[tokio::test]
async fn forms_of_other_sites_and_of_nobody_change_nothing() {
    let world = World::start().await;
    let (cookie, secret) = world.session(OPERATOR).await;
    let path = "/w/agent/act/rollback";
    let good = format!("secret={secret}&reason=x");
    let refused = [
        world.post(path, &cookie, &[], "reason=x").await,
        world.post(path, &cookie, &[], "secret=guessed&reason=x").await,
        world.post(path, &cookie, &[("origin", "http://agents.test:1")], &good).await,
        world.post(path, &cookie, &[("origin", "null")], &good).await,
        world.post(path, &cookie, &[("sec-fetch-site", "same-site")], &good).await,
    ];
    for (number, refused) in refused.iter().enumerate() {
        assert_eq!(refused.status(), 403, "{number}");
    }
    let nobody = world.post(path, "", &[], &good).await;
    assert_eq!((nobody.status(), nobody.head.get("location")), (303, Some("/sign-in?next=%2F")));
    assert!(world.is_open().await);
    let own = [("origin", "http://agents.test"), ("sec-fetch-site", "same-origin")];
    assert_eq!(world.post(path, &cookie, &own, &good).await.status(), 200);
    assert!(!world.is_open().await);
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_by_sign_out() {
    let world = World::start().await;
    let (cookie, secret) = world.session(OPERATOR).await;
    let (other, _) = world.session(OPERATOR).await;
    let out = world.post("/sign-out", &cookie, &[], &format!("secret={secret}")).await;
    assert_eq!(out.head.get("location"), Some("/sign-in"));
    assert_eq!(world.get("/", &cookie).await.status(), 303);
    assert_eq!(world.get("/", &other).await.status(), 200);
    let (eve, _) = TOKENS.split_once(",\n").expect("two tokens");
    let without = world.setup.clone().with_admin("tokens", &format!("{eve} ]"));
    world.stagegate.rewrite(&without);
    world.stagegate.signal(Signal::HUP);
    eventually_async("the token to be gone", async || world.get("/", &other).await.status() == 303)
        .await;
}
