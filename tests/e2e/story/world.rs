//! Staging and production, the agents behind them, users, and somebody who is told.

use super::{AUTOMATIC, OFFLINE_GATE, text};
use crate::harness::stagegate::BINARY;
use crate::harness::{
    Admin, Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually, eventually_async,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Every axis has a gate; margins are wide, because the story is not about statistics.
const POLICY: &str = "steps: [ { weight: 1%, hold: 500ms, requests: 20 }, \
        { weight: 10%, hold: 500ms, requests: 40 }, { weight: 50%, hold: 500ms, requests: 80 }, \
        { weight: 100%, watch: 1h } ], \
    gates: [ \
        { axis: eval, measure: accuracy, against: stable, margin: 40pp, scored: 8, for: 1s, owner: quality }, \
        { axis: latency, measure: p95, max: 30s, for: 1s, requests: 10, owner: oncall }, \
        { axis: latency, measure: p95, of: first_byte, max: 30s, for: 1s, requests: 10, owner: oncall }, \
        { axis: cost, measure: daily_projection, max: 120%, then: alert, owner: finance }, \
        { axis: cost, measure: burn_rate_1h, against: baseline, ratio: 2, then: alert, owner: finance }, \
        { axis: error, class: permanent, against: stable, margin: 40pp, for: 1s, requests: 10, owner: oncall }, \
        { axis: error, class: transient, against: stable, margin: 40pp, for: 1s, requests: 10, owner: oncall }, \
        { axis: error, class: external, against: stable, margin: 40pp, for: 1s, requests: 10, owner: oncall } ]";
/// Users who ask at the same time.
const USERS: u64 = 8;
/// What they ask, and what the frozen set has.
const QUESTIONS: [&str; 2] = ["a refund for my order, please", "the time in Lisbon, please"];

/// Everything that the story happens in.
pub(super) struct World {
    staging: Stagegate,
    pub(super) production: Stagegate,
    /// The API of production, for somebody who may do everything.
    admin: Admin,
    token: String,
    dir: TempDir,
    notices: Arc<Mutex<Vec<Value>>>,
    users: Users,
    _backends: [Backend; 3],
}

/// Users of production. They remember how many were answered.
struct Users {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// An agent that answers in JSON and says what it cost.
fn agent(name: &str) -> Backend {
    let backend = Backend::with(name, async move |exchange: &mut Exchange| {
        exchange.body().await;
        let answer = json!({
            "id": "c-1", "object": "chat.completion", "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop",
                          "message": { "role": "assistant", "content": "{\"ok\":true}" } }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
        });
        let fields = [("content-type", "application/json"), ("agent-cost-usd", "0.000001")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    });
    backend.count_only();
    backend
}

fn question(number: u64) -> String {
    let words = QUESTIONS[(number % 2) as usize];
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": words }] });
    let (user, tenant) = (format!("user-{number}"), format!("tenant-{}", number % 5));
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", user.as_str()),
        ("x-tenant-id", tenant.as_str()),
    ];
    crate::harness::request_with("POST /v1/chat/completions", &fields, &body.to_string())
}

impl Users {
    fn of(stagegate: &Stagegate) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        for user in 0..USERS {
            let (stop, answered, proxy) =
                (Arc::clone(&stop), Arc::clone(&answered), stagegate.proxy);
            tokio::spawn(async move {
                let mut wire: Option<Wire> = None;
                for round in 0_u64.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    // Little enough for a machine that does other things too.
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                    let connected = match wire.take() {
                        Some(wire) => Some(wire),
                        None => TcpStream::connect(proxy).await.ok().map(Wire::new),
                    };
                    // A process that was killed has no listener for a moment.
                    let Some(mut connected) = connected else { continue };
                    let asked = connected.try_send(&question(user + USERS * round)).await;
                    if asked.is_ok() && connected.try_response("POST").await.is_ok() {
                        answered.fetch_add(1, Ordering::SeqCst);
                        wire = Some(connected);
                    }
                }
            });
        }
        Self { stop, answered }
    }
}

fn run_in(dir: &TempDir, admin: &str, token: &str, words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words).current_dir(dir.path()).env("STAGEGATE_ADMIN", admin);
    command.env("STAGEGATE_TOKEN", token).output().expect("run the binary")
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

impl World {
    /// Two instances with one set of agents; production demands all thirty checks and a passport.
    pub(super) async fn open() -> Self {
        let (stable, candidate) = (agent("stable"), agent("candidate"));
        let notices = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&notices);
        let hook = Backend::with("hook", async move |exchange: &mut Exchange| {
            let body = exchange.body().await;
            kept.lock().expect("notices").push(serde_json::from_slice(&body.bytes).expect("JSON"));
            exchange.reply("204 No Content", &[], b"").await;
        });
        let dir = TempDir::new().expect("a directory");
        let sha256 = files(&dir);
        let local = |words: &[&str]| -> Value {
            let output = run_in(&dir, "http://127.0.0.1:9", "", words);
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
        };
        let key = dir.path().join("staging.key").display().to_string();
        let public = local(&["key", "new", "--out", &key, "-o", "json"]);
        let made = local(&["token", "new", "--name", "ann", "--role", "admin", "-o", "json"]);
        let pins = format!(
            "artifact: {{ model: m-2, prompt: p-2, tools: t-2, git: v2, digest: \"sha256:{sha256}\" }}"
        );
        let workload = Workload::new(&stable)
            .release("v2", candidate.address)
            .pinned("v2", &pins)
            .with("exclusions", "{ high_value: [initech] }")
            .with("sampling", "{ stable: 5%, candidate: 100% }")
            .with("scorers", "[{ name: in-json, type: is-json, gate: true }]")
            .with("cost", "{ daily_budget: 1000000 }");
        // No secret stands in the file.
        let notify = "[{ name: hook, type: webhook, url: \"${HOOK}\" }]";
        let hook_url = format!("http://{}/", hook.address);
        let secrets = [("HOOK", hook_url.as_str())];
        let hash = text(&made["hash"]);
        let instance = |environment: &str, readiness: &str, workload: Workload| {
            let policies = format!("{{ default: {{ {POLICY}, readiness: {readiness} }} }}");
            Setup::of(workload)
                .with("environment", environment)
                .with("policies", &policies)
                .with("notify", notify)
                .with_admin("public_url", "\"https://ops.example.com\"")
                .with_admin("tokens", &format!("[{{ name: ann, role: admin, hash: \"{hash}\" }}]"))
        };
        let copies =
            "{ release: v2, fraction: 100%, methods: [POST], paths: [/v1/chat/completions] }";
        let there = format!("{{ name: staging, key: \"{key}\" }}");
        let shadowed = workload.clone().with("shadow", copies);
        let staging = instance(&there, "{ demand: advisory }", shadowed);
        let staging = Stagegate::start_with_secrets(&staging, &secrets).await;
        let trusting = format!(
            "{{ name: production, trusted: {{ staging: [\"{}\"] }} }}",
            text(&public["public"])
        );
        let demanding = "{ demand: required, runbook_hour: 50ms, \
            passport: { from: staging, max_age: 7d, checks: [A1, A3, A4, A5, B8, C11, C15] } }";
        let production = instance(&trusting, demanding, workload);
        let production = Stagegate::start_with_secrets(&production, &secrets).await;
        let token = text(&made["token"]).to_owned();
        let admin = production.admin.with_token(&token);
        let users = Users::of(&production);
        let backends = [stable, candidate, hook];
        Self { staging, production, admin, token, dir, notices, users, _backends: backends }
    }

    /// Runs a command against production.
    pub(super) fn run(&self, words: &[&str]) -> (String, bool) {
        let admin = format!("http://{}", self.production.admin.address);
        let output = run_in(&self.dir, &admin, &self.token, words);
        (said(&output), output.status.success())
    }

    /// A command that somebody runs while other things happen.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(words)
            .current_dir(self.dir.path())
            .env("STAGEGATE_ADMIN", format!("http://{}", self.production.admin.address))
            .env("STAGEGATE_TOKEN", &self.token);
        command
    }

    /// The same; it must work.
    pub(super) fn must(&self, words: &[&str]) -> String {
        let (said, worked) = self.run(words);
        assert!(worked, "{words:?}: {said}");
        said
    }

    /// What a command says in JSON.
    pub(super) fn json(&self, words: &[&str]) -> Value {
        let said = self.must(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// Reads from the API of production.
    pub(super) async fn get(&self, path: &str) -> Value {
        self.admin.get(path).await.ok().json
    }

    /// The rollout.
    pub(super) async fn rollout(&self) -> Value {
        self.get("/v1/workloads/agent/rollouts/current").await
    }

    /// The rollout; null where none ever began.
    pub(super) async fn rollout_or_null(&self) -> Value {
        let answer = self.admin.get("/v1/workloads/agent/rollouts/current").await;
        if answer.status == 200 { answer.json } else { Value::Null }
    }

    /// The day after today.
    pub(super) fn tomorrow(&self) -> String {
        let output = Command::new("date").args(["-u", "-d", "tomorrow", "+%F"]).output();
        String::from_utf8_lossy(&output.expect("date").stdout).trim().to_owned()
    }

    /// Ids of the checks that stand in the way.
    pub(super) fn open_checks(&self) -> Vec<String> {
        let list = self.json(&["checklist", "show", "agent", "--release", "v2"]);
        let checks = list["checks"].as_array().expect("checks").iter();
        checks.filter(|it| it["standing"] != "yes").map(|it| text(&it["id"]).to_owned()).collect()
    }

    /// Waits until every check is met; some need a while of traffic.
    pub(super) async fn is_all_green(&self) {
        let last = Mutex::new(Vec::new());
        let green = async || {
            let open = self.open_checks();
            let is_green = open.is_empty();
            *last.lock().expect("a list") = open;
            is_green
        };
        let waited = tokio::time::timeout(crate::harness::PATIENCE, async {
            while !green().await {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        assert!(waited.await.is_ok(), "still open: {:?}", last.lock().expect("a list"));
    }

    /// Staging: copies, offline run, trial, drill, signatures; then the passport.
    pub(super) async fn earns_a_passport(&self) {
        let admin = format!("http://{}", self.staging.admin.address);
        let there = |words: &[&str]| {
            let output = run_in(&self.dir, &admin, &self.token, words);
            assert!(output.status.success(), "{words:?}: {}", said(&output));
            said(&output)
        };
        let mut wire = self.staging.connect().await;
        let mut asked = 0;
        eventually_async("a hundred copies that went well", async || {
            asked += 1;
            assert_eq!(wire.ask(&question(asked)).await.status(), 200);
            let api = self.staging.admin.with_token(&self.token);
            let seen = api.get("/v1/workloads/agent/shadow").await.ok().json;
            let sent = &seen["copies"][0]["sent"];
            assert!(sent["permanent"].as_u64().unwrap_or(0) == 0, "{seen}");
            sent["ok"].as_u64() >= Some(100)
        })
        .await;
        for words in [
            OFFLINE_GATE,
            &["drill", "agent"],
            &["checklist", "attach", "agent", "A3", "--release", "v2", "--file", "red-team.md"],
            &["checklist", "sign", "agent", "C15", "--release", "v2", "--reason", "read"],
        ] {
            there(words);
        }
        // An hour of trial takes its hour; here it is over in a moment, and says an hour.
        let path = self.dir.path().join("smoke.json");
        let mut trial = Value::Null;
        for during in ["500ms", "5s", "50s"] {
            let asked = ["smoke", "agent", "--against", "v2", "--dataset", "set.jsonl"];
            let how = ["--during", during, "--rate", "1000", "--out", "smoke.json"];
            there(&[&asked[..], &how].concat());
            trial = serde_json::from_slice(&std::fs::read(&path).expect("written")).expect("JSON");
            if trial["smoke"]["requests"].as_u64() >= Some(100) {
                break;
            }
        }
        assert_eq!(trial["smoke"]["failed"], 0, "{trial}");
        trial["smoke"]["minutes"] = json!(60);
        std::fs::write(&path, trial.to_string()).expect("written");
        there(&["checklist", "attach", "agent", "B8", "--release", "v2", "--file", "smoke.json"]);
        there(&["passport", "export", "agent", "--release", "v2", "--out", "v2.json"]);
    }

    /// Compares what users of production ask with the frozen set.
    pub(super) async fn measures_coverage(&self) {
        eventually_async("samples of production", async || {
            let found = self.get("/v1/samples?limit=20").await;
            found["samples"].as_array().is_some_and(|all| all.len() >= 20)
        })
        .await;
        self.must(&[
            "eval",
            "coverage",
            "-w",
            "agent",
            "--dataset",
            "set.jsonl",
            "--out",
            "coverage.json",
        ]);
    }

    /// Promotes when the gates pass, as a person who waits for them.
    pub(super) async fn climbs_to(&self, step: u64) {
        self.must(&["rollout", "wait", "agent", "--timeout", "90s"]);
        self.must(&["rollout", "promote", "agent", "--yes", "--reason", "approved"]);
        assert_eq!(self.rollout().await["step"], step);
    }

    fn tasks(&self) -> Vec<Value> {
        self.json(&["runbook", "show", "agent"])["tasks"].as_array().expect("tasks").clone()
    }

    /// Tasks that Stagegate has filed.
    pub(super) fn filed(&self) -> usize {
        self.tasks().iter().filter(|it| it["done"]["by"] == "stagegate").count()
    }

    /// Tasks that nobody did, or that found something.
    pub(super) fn open_tasks(&self) -> Vec<String> {
        let tasks = self.tasks();
        let open = tasks.iter().filter(|it| it["state"] != "done");
        open.map(|it| text(&it["id"]).to_owned()).collect()
    }

    /// Parts of the pack that are missing.
    pub(super) fn missing_parts(&self) -> Vec<String> {
        let pack = self.json(&["handoff", "show", "agent"]);
        let parts = pack["parts"].as_array().expect("parts").iter();
        let missing = parts.filter(|it| it["is_there"] == false);
        missing.map(|it| text(&it["id"]).to_owned()).collect()
    }

    /// Waits until every automatic task was done, without anybody.
    pub(super) async fn runs_its_tasks(&self) {
        eventually("every automatic task", || {
            self.tasks().iter().all(|it| it["kind"] != "automatic" || it["done"].is_object())
        })
        .await;
    }

    /// People do what is theirs, and look at what was found.
    pub(super) fn people_do_theirs(&self) {
        for task in self.open_tasks() {
            self.must(&["runbook", "done", "agent", &task, "--text", "looked at"]);
        }
    }

    /// Users leave, and what they did is counted and scored.
    pub(super) async fn falls_silent(&self) {
        self.users.stop.store(true, Ordering::SeqCst);
        assert!(self.users.answered.load(Ordering::SeqCst) > 0);
        let looked = async |which: &str| {
            let label = format!("loop=\"{which}\"");
            self.admin.metric("stagegate_last_look_timestamp_seconds", &[&label]).await
        };
        let mut before = Value::Null;
        eventually_async("the last counts", async || {
            // Whatever was done before these looks is counted after them.
            let since = [looked("scoring").await, looked("steering").await];
            eventually_async("some looks", async || {
                looked("scoring").await > since[0] + 2.0
                    && looked("steering").await > since[1] + 2.0
            })
            .await;
            let scored = self.admin.metric("stagegate_eval_queue_items", &[]).await < 0.5;
            let report = self.json(&["report", "agent"]);
            let now = json!([report["counted"]["candidate"], report["counted"]["stable"]]);
            scored && std::mem::replace(&mut before, now.clone()) == now
        })
        .await;
    }

    /// The channel heard of both reports, each once, with the command and the ticket.
    pub(super) async fn has_told_both_reports(&self) {
        for task in ["report-24h", "report-72h"] {
            let about = |it: &&Value| {
                it["kind"] == "runbook_task" && text(&it["title"]).contains(&format!("{task} "))
            };
            eventually(&format!("the message about {task}"), || {
                self.notices.lock().expect("notices").iter().any(|it| about(&it))
            })
            .await;
            let notices = self.notices.lock().expect("notices");
            let told: BTreeMap<&str, &Value> =
                notices.iter().filter(about).map(|it| (text(&it["id"]), it)).collect();
            assert_eq!(told.len(), 1, "{task}: {told:#?}");
            let told = told.values().next().expect("one").to_string();
            assert!(told.contains("stagegate report") && told.contains("AG-118"), "{told}");
        }
    }

    /// Every automatic task was filed exactly once, every statement is there, and the audit is whole.
    pub(super) async fn has_done_everything_once(&self) {
        let rollout = self.rollout().await;
        let audit = self.get("/v1/audit?actor=stagegate&limit=1000").await;
        let entries = audit["entries"].as_array().expect("entries");
        let of_tasks = entries.iter().filter(|it| it["action"] == "runbook");
        let summaries: Vec<&str> = of_tasks.map(|it| text(&it["summary"])).collect();
        let automatic: Vec<String> = self
            .tasks()
            .iter()
            .filter(|it| it["kind"] == "automatic")
            .map(|it| text(&it["id"]).to_owned())
            .collect();
        assert!(AUTOMATIC.iter().all(|it| automatic.contains(&(*it).to_owned())), "{automatic:?}");
        for task in &automatic {
            let start = format!("task {task} of rollout {}:", text(&rollout["id"]));
            let filed = summaries.iter().filter(|it| it.starts_with(&start));
            assert_eq!(
                filed.filter(|it| !it.ends_with("overdue")).count(),
                1,
                "{task}: {summaries:#?}"
            );
        }
        let history = self.json(&["checklist", "history", "agent", "--release", "v2"]);
        let said: Vec<&str> = history["statements"]
            .as_array()
            .expect("statements")
            .iter()
            .map(|it| text(&it["check"]))
            .collect();
        for check in ["A2", "B9", "C15", "F26", "F28", "F30"] {
            assert!(said.contains(&check), "{check} is lost: {said:?}");
        }
        let pack = self.json(&["handoff", "show", "agent"]);
        assert_eq!((&pack["state"], &pack["ticket"]), (&json!("complete"), &json!("AG-118")));
        let said = self.must(&["audit", "verify"]);
        assert!(said.starts_with("audit is whole"), "{said}");
    }
}

/// The files of a release: the built file, the frozen set, both offline runs, the report of attacks. The digest of
/// the built file.
fn files(dir: &TempDir) -> String {
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("written");
    };
    write("artifact", "the built file of v2\n");
    write("red-team.md", "Forty attacks, none succeeded.\n");
    let case = |id: &str, question: &str| {
        json!({ "id": id, "split": "regression", "content_hash": format!("hash-of-{id}"),
            "input": { "model": "m", "messages": [{ "role": "user", "content": question }] },
            "output_observed": null, "expected": null,
            "source": { "trace_id": null, "release": "v1", "arm": "stable", "ts": 0 } })
        .to_string()
    };
    let set: Vec<String> =
        QUESTIONS.iter().enumerate().map(|(n, it)| case(&format!("q-{n}"), it)).collect();
    write("set.jsonl", &set.join("\n"));
    for (name, release) in [("base.jsonl", "v1"), ("candidate.jsonl", "v2")] {
        let line = |n: usize| {
            let id = format!("q-{n}");
            json!({ "id": id, "pass": true, "confidence": 0.97, "release": release,
                "dataset_version": 4, "content_hash": format!("hash-of-{id}") })
            .to_string()
        };
        write(name, &[line(0), line(1)].join("\n"));
    }
    let output = Command::new("sha256sum").arg(dir.path().join("artifact")).output();
    let output = output.expect("sha256sum").stdout;
    String::from_utf8_lossy(&output).split(' ').next().expect("a digest").to_owned()
}
