//! Who goes where, decided live through the admin API, and why, told afterwards.

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually_async, request};
use serde_json::{Value, json};
use stagegate_rollout::{Arm, ForceKey};
use std::time::SystemTime;

struct Two {
    candidate: Backend,
    _stable: Backend,
    stagegate: Stagegate,
}

async fn two(change: impl FnOnce(Workload) -> Workload) -> Two {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let setup = Setup::of(change(Workload::canary(&stable, &candidate)));
    let stagegate = Stagegate::start(&setup).await;
    Two { candidate, _stable: stable, stagegate }
}

impl Two {
    async fn arm(&self, tenant: &str, user: &str) -> String {
        let fields = [("x-tenant-id", tenant), ("x-user-id", user)];
        self.stagegate.get("/", &fields).await.arm().to_owned()
    }

    /// The recorded decision of a request.
    async fn decision(&self, id: &str) -> Value {
        let path = format!("/v1/decisions/{id}");
        eventually_async("the decision to be recorded", async || {
            self.stagegate.admin.get(&path).await.status == 200
        })
        .await;
        self.stagegate.admin.get(&path).await.ok().json
    }
}

#[tokio::test]
async fn a_killed_workload_falls_back_to_stable() {
    let two =
        two(|workload| workload.with("force", "{ secret: \"a force secret of some length\" }"))
            .await;
    let admin = &two.stagegate.admin;
    admin.weight("100%").await;
    assert_eq!(two.arm("acme", "ada").await, "candidate");
    let answer = admin.kill().await;
    assert_eq!(answer.json["rollback"]["settled"], true, "{}", answer.json);
    assert_eq!(two.arm("acme", "ada").await, "stable");
    let force = force_header("a force secret of some length", Arm::Candidate, 3600);
    assert_eq!(two.stagegate.get("/", &[("stagegate-force", &force)]).await.arm(), "stable");
    assert_eq!(admin.weight("50%").await.status, 200, "the weight may be prepared meanwhile");
    let before = two.candidate.arrivals();
    for user in 0..50 {
        assert_eq!(two.arm("acme", &format!("user-{user}")).await, "stable");
    }
    assert_eq!(two.candidate.arrivals(), before);
    admin.revive().await;
    admin.weight("100%").await;
    assert_eq!(two.arm("acme", "ada").await, "candidate");
}

#[tokio::test]
async fn a_killed_workload_falls_back_to_a_named_release() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let third = Backend::start("third");
    let workload = Workload::canary(&stable, &candidate)
        .release("v0", third.address)
        .with("kill_switch", "{ fallback: { release: v0 } }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("50%").await;
    stagegate.admin.kill().await;
    for user in 0..20 {
        let user = format!("user-{user}");
        assert_eq!(stagegate.get("/", &[("x-user-id", &user)]).await.arm(), "third");
    }
    let seen = third.last().head;
    assert_eq!(seen.get("stagegate-release"), Some("v0"));
    stagegate.admin.revive().await;
    assert_ne!(stagegate.get("/", &[]).await.arm(), "third");
}

#[tokio::test]
async fn a_killed_workload_answers_by_itself() {
    let respond = "{ fallback: { respond: { status: 503, retry_after: 60s, content_type: application/json, \
                   body: '{\"error\":\"maintenance\"}' } } }";
    let two = two(|workload| workload.with("kill_switch", respond)).await;
    two.stagegate.admin.kill().await;
    let before = two.candidate.arrivals() + two._stable.arrivals();
    let mut wire = two.stagegate.connect().await;
    for _ in 0..3 {
        let response = wire.ask(&request("GET /", &[])).await;
        assert_eq!(
            (response.status(), response.text().as_str()),
            (503, "{\"error\":\"maintenance\"}")
        );
        assert_eq!(response.head.get("retry-after"), Some("60"));
        assert_eq!(response.head.get("content-type"), Some("application/json"));
        assert_eq!(response.reason(), Some("kill_switch"));
    }
    let head = two.stagegate.connect().await.ask(&request("HEAD /", &[])).await;
    assert_eq!((head.status(), head.body.bytes.len()), (503, 0));
    assert_eq!(two.candidate.arrivals() + two._stable.arrivals(), before, "no backend was asked");
    two.stagegate.admin.revive().await;
    assert_eq!(two.arm("acme", "ada").await, "stable");
}

#[tokio::test]
async fn cohorts_open_in_order_and_close_latest_first() {
    let cohorts =
        "[{ name: pilots, tenants: [acme, globex] }, { name: mid, tenants: [umbrella, initech] }]";
    let two =
        two(|w| w.with("cohorts", cohorts).with("exclusions", "{ high_value: [initech] }")).await;
    let admin = &two.stagegate.admin;
    let enable = async |name: &str, body: Value| {
        admin.post(&format!("/v1/workloads/agent/cohorts/{name}/enable"), body).await
    };
    assert_eq!(two.arm("acme", "ada").await, "stable");
    let early = enable("mid", json!({ "reason": "hurry" })).await;
    assert_eq!(early.status, 409, "{}", early.json);
    assert!(early.json["detail"].as_str().is_some_and(|d| d.contains("pilots")), "{}", early.json);

    enable("pilots", json!({ "reason": "first" })).await.ok();
    assert_eq!(two.arm("acme", "ada").await, "candidate");
    assert_eq!(two.arm("umbrella", "bob").await, "stable");

    let excluded = enable("mid", json!({ "reason": "second" })).await;
    assert_eq!(excluded.status, 409);
    assert!(
        excluded.json["detail"].as_str().is_some_and(|d| d.contains("initech")),
        "{}",
        excluded.json
    );
    enable("mid", json!({ "reason": "they agreed", "opt_in": ["initech"] })).await.ok();
    assert_eq!(two.arm("umbrella", "bob").await, "candidate");
    assert_eq!(two.arm("initech", "eve").await, "candidate");
    assert_eq!(two.arm("hooli", "joe").await, "stable");

    admin.change("POST cohorts/rollback", json!({ "reason": "one step back" })).await;
    assert_eq!(two.arm("umbrella", "bob").await, "stable");
    assert_eq!(two.arm("acme", "ada").await, "candidate", "only the latest was closed");
    admin.change("POST cohorts/rollback", json!({ "reason": "another" })).await;
    assert_eq!(two.arm("acme", "ada").await, "stable");
    let none =
        admin.post("/v1/workloads/agent/cohorts/rollback", json!({ "reason": "again" })).await;
    assert_eq!(none.status, 409);
}

#[tokio::test]
async fn the_decision_order_holds_and_every_decision_can_be_explained() {
    let two = two(|workload| {
        workload
            .with("cohorts", "[{ name: pilots, tenants: [acme, medco, banned] }]")
            .with("exclusions", "{ regulated: [medco, lab] }")
            .with("allow", "{ users: [fan], tenants: [lab] }")
            .with("deny", "{ tenants: [banned] }")
            .with("force", "{ secret: \"a force secret of some length\" }")
    })
    .await;
    let admin = &two.stagegate.admin;
    let enabled = json!({ "reason": "with one opt-in", "opt_in": ["medco"] });
    admin.change("POST cohorts/pilots/enable", enabled).await;
    let force = force_header("a force secret of some length", Arm::Candidate, 3600);
    let to_stable = force_header("a force secret of some length", Arm::Stable, 3600);
    let expired = force_header("a force secret of some length", Arm::Candidate, -10);
    let forged = force_header("another secret of some length", Arm::Candidate, 3600);
    // tenant, user, force header, arm, reason, detail
    let table = [
        ("banned", "ada", Some(&force), "stable", "denied", ""),
        ("banned", "fan", None, "stable", "denied", ""),
        ("hooli", "joe", Some(&force), "candidate", "forced", ""),
        ("acme", "joe", Some(&to_stable), "stable", "forced", ""),
        ("hooli", "joe", Some(&expired), "stable", "default", ""),
        ("hooli", "joe", Some(&forged), "stable", "default", ""),
        ("lab", "fan", None, "stable", "excluded", "regulated"),
        ("hooli", "fan", None, "candidate", "allowed", ""),
        ("acme", "ada", None, "candidate", "cohort", "pilots"),
        ("medco", "ada", None, "candidate", "cohort", "pilots"),
        ("hooli", "joe", None, "stable", "default", ""),
    ];
    for (number, (tenant, user, force, arm, reason, detail)) in table.into_iter().enumerate() {
        let id = format!("decision-{number}");
        let mut fields =
            vec![("x-tenant-id", tenant), ("x-user-id", user), ("x-request-id", id.as_str())];
        if let Some(force) = force {
            fields.push(("stagegate-force", force));
        }
        let response = two.stagegate.get("/", &fields).await;
        assert_eq!(response.arm(), arm, "{tenant} {user} {reason}");
        let explained = two.decision(&id).await;
        let decision = &explained["decision"];
        let told = json!([
            decision["arm"],
            decision["reason"],
            decision["detail"],
            decision["tenant"],
            decision["user"]
        ]);
        assert_eq!(told, json!([arm, reason, detail, tenant, user]));
        assert_eq!((&decision["status"], &decision["outcome"]), (&json!(200), &json!("ok")));
        assert!(explained["words"].as_str().is_some_and(|words| !words.is_empty()), "{explained}");
    }

    admin.weight("100%").await;
    let response =
        two.stagegate.get("/", &[("x-user-id", "joe"), ("x-request-id", "by-weight")]).await;
    assert_eq!(response.arm(), "candidate");
    let decision = two.decision("by-weight").await["decision"].clone();
    assert_eq!((&decision["reason"], &decision["weight"]), (&json!("weight"), &json!("100%")));
    assert!(decision["bucket"].is_u64(), "{decision}");
    let dry = json!({ "workload": "agent", "user": "joe" });
    let dry = admin.post("/v1/explain", dry).await.ok().json;
    assert_eq!((&dry["reason"], &dry["arm"]), (&json!("weight"), &json!("candidate")));
    assert_eq!(dry["bucket"], decision["bucket"], "the dry run finds the same bucket");

    let cli = two.stagegate.cli(&["explain", "by-weight", "-o", "json"]);
    assert!(cli.status.success(), "{}", String::from_utf8_lossy(&cli.stderr));
    assert!(String::from_utf8_lossy(&cli.stdout).contains("by-weight"));
    assert_eq!(admin.get("/v1/decisions/nobody-asked-this").await.status, 404);
}

#[tokio::test]
async fn lists_and_exclusions_change_live() {
    let two =
        two(|workload| workload.with("exclusions", "{ high_value: [initech], escalated: [] }"))
            .await;
    let admin = &two.stagegate.admin;
    let reason = || json!({ "reason": "a test" });
    admin.change("PUT allow/user/fan", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "candidate");
    admin.change("PUT deny/user/fan", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "stable", "deny wins");
    admin.change("DELETE deny/user/fan", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "candidate");
    admin.change("PUT exclusions/escalated/hooli", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "stable", "an escalated tenant stays");
    admin.change("DELETE exclusions/escalated/hooli", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "candidate");
    admin.change("DELETE allow/user/fan", reason()).await;
    assert_eq!(two.arm("hooli", "fan").await, "stable");

    admin.weight("100%").await;
    assert_eq!(two.arm("initech", "eve").await, "stable", "excluded even at 100%");
    admin.change("POST exclusions/initech/opt-in", reason()).await;
    assert_eq!(two.arm("initech", "eve").await, "candidate");
    let unknown = admin.post("/v1/workloads/agent/exclusions/hooli/opt-in", reason()).await;
    assert_eq!(unknown.status, 409);
}

#[tokio::test]
async fn of_two_who_change_at_once_the_second_is_told() {
    let two = two(|workload| workload).await;
    let admin = &two.stagegate.admin;
    let epoch = admin.workload().await["epoch"].to_string();
    let mut tasks = Vec::new();
    for number in 1..=20 {
        let (admin, tag) = (admin.clone(), format!("\"{epoch}\""));
        tasks.push(tokio::spawn(async move {
            let body = json!({ "weight": format!("{number}%"), "reason": "race" });
            let line = "PUT /v1/workloads/agent/weight";
            (number, admin.call(line, &[("if-match", &tag)], Some(&body)).await)
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        let (number, answer) = task.await.expect("a caller");
        match answer.status {
            200 => winners.push(number),
            412 => assert!(answer.json["current"]["weight"].is_string(), "{}", answer.json),
            other => panic!("{other}: {}", answer.json),
        }
    }
    let [winner] = winners[..] else { panic!("winners: {winners:?}") };
    assert_eq!(admin.workload().await["weight"], format!("{winner}%"));

    let once = async || {
        let body = json!({ "weight": "42%", "reason": "once" });
        admin
            .call("PUT /v1/workloads/agent/weight", &[("idempotency-key", "k-1")], Some(&body))
            .await
            .ok()
    };
    let (first, second) = (once().await, once().await);
    assert_eq!(first.json, second.json, "the same answer");
    assert_eq!(first.epoch(), admin.workload().await["epoch"].as_u64().expect("a number"));
}

#[tokio::test]
async fn tokens_decide_who_may_do_what() {
    let made = |role: &str| {
        let output = std::process::Command::new(crate::harness::stagegate::BINARY)
            .args(["token", "new", "--name", role, "--role", role, "-o", "json"])
            .output()
            .expect("run the binary");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let text =
            |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{key} in {made}")).to_owned();
        (text("token"), format!("{{ name: {role}, role: {role}, hash: \"{}\" }}", text("hash")))
    };
    let [(viewer, a), (operator, b), (top, c)] = ["viewer", "operator", "admin"].map(made);
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let setup = Setup::of(Workload::canary(&stable, &candidate))
        .with_admin("tokens", &format!("[{a}, {b}, {c}]"));
    let stagegate = Stagegate::start(&setup).await;
    let weight = json!({ "weight": "10%", "reason": "who am I" });
    let change = async |token: Option<&str>| {
        let admin = token
            .map_or_else(|| stagegate.admin.clone(), |token| stagegate.admin.with_token(token));
        admin.call("PUT /v1/workloads/agent/weight", &[], Some(&weight)).await.status
    };
    assert_eq!(change(None).await, 401);
    assert_eq!(change(Some("sgt_of-nobody")).await, 401);
    assert_eq!(change(Some(&viewer)).await, 403);
    assert_eq!(
        stagegate.admin.with_token(&viewer).workload().await["weight"],
        "0%",
        "nothing was changed"
    );
    assert_eq!(change(Some(&operator)).await, 200);
    assert_eq!(change(Some(&top)).await, 200);
    assert_eq!(stagegate.admin.get("/livez").await.status, 200, "probes need no token");
    let audit = stagegate.admin.with_token(&viewer).get("/v1/audit").await.ok().json;
    let by: Vec<&str> = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|e| e["actor"].as_str())
        .collect();
    assert!(by.contains(&"operator") && !by.contains(&"local"), "{by:?}");
    assert!(!stagegate.log().contains(&operator), "no token is ever logged");
}

/// A force header that is valid for `seconds` from now.
fn force_header(secret: &str, arm: Arm, seconds: i64) -> String {
    let key = ForceKey::new(secret.as_bytes()).expect("long enough");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    key.sign(&"agent".parse().expect("a name"), arm, now.saturating_add_signed(seconds))
}
