//! Scorers that fail in every way there is: traffic goes on, nobody is promoted or rolled back on
//! their word, somebody is told why, and when they are well again so is everything else.

mod budget;
mod kills;
mod load;
mod stories;

use crate::eval::{FAST, Users, agent, rollout, workload};
use crate::harness::{Backend, Exchange, Setup, Stagegate, eventually, eventually_async};
use crate::rollout::hook::Hook;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a scorer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Good,
    Down,
    Garbage,
    Slow,
}

/// A scorer of `score/1` that can be steered.
struct Judge {
    backend: Backend,
    mood: Arc<Mutex<Mood>>,
}

impl Judge {
    fn start() -> Self {
        let mood = Arc::new(Mutex::new(Mood::Good));
        let now = Arc::clone(&mood);
        let backend = Backend::with("judge", async move |exchange: &mut Exchange| {
            let body: Value = serde_json::from_slice(&exchange.body().await.bytes).expect("JSON");
            let now = *now.lock().expect("mood");
            if now == Mood::Slow {
                tokio::time::sleep(Duration::from_millis(1000)).await;
            }
            if now == Mood::Down {
                return exchange.reply("503 Service Unavailable", &[], b"").await;
            }
            let value = if now == Mood::Garbage { json!("perhaps") } else { json!(true) };
            let items = body["items"].as_array().expect("items").iter();
            let results: Vec<Value> = items
                .map(|item| json!({ "id": item["id"], "scores": [{ "value": value }] }))
                .collect();
            let answer = json!({ "results": results }).to_string();
            exchange
                .reply("200 OK", &[("content-type", "application/json")], answer.as_bytes())
                .await;
        });
        Self { backend, mood }
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().expect("mood") = mood;
    }

    fn scorer(&self) -> String {
        format!(
            "[{{ name: mine, type: http, url: \"http://{}/\", gate: true }}]",
            self.backend.address
        )
    }
}

/// A rollout under way, users who ask all the time, and somebody to tell.
struct Story {
    stagegate: Stagegate,
    users: Users,
    hook: Hook,
    _arms: [Backend; 2],
}

/// Patience of seconds, and few samples to compare.
const IMPATIENT: &str = "judge: { silence: 5s, window: 15s, samples: 50 }";

fn setup(arms: &[Backend; 2], hook: &Hook, scorers: &str, eval: &str) -> Setup {
    let notify =
        format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.backend.address);
    Setup::of(workload(&arms[0], &arms[1], scorers))
        .with("policies", FAST)
        .with("notify", &notify)
        .with("eval", &format!("{{ {IMPATIENT}{eval} }}"))
}

impl Story {
    async fn begin(scorers: &str, eval: &str) -> Self {
        let arms = [agent("stable", false), agent("candidate", false)];
        let hook = Hook::start();
        let stagegate = Stagegate::start(&setup(&arms, &hook, scorers, eval)).await;
        let users = Users::start(&stagegate);
        stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
        Self { stagegate, users, hook, _arms: arms }
    }

    async fn until_verdict(&self, verdict: &str) {
        eventually_async(&format!("the verdict {verdict}"), async || {
            rollout(&self.stagegate).await["analysis"]["verdict"] == verdict
        })
        .await;
    }

    async fn doubted(&self, reason: &str) -> f64 {
        let labels = [format!("reason=\"{reason}\"")];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.stagegate.admin.metric("stagegate_eval_judge_doubt", &labels).await
    }

    /// Waits until the judge is doubted for this reason, and looks at everything that has to say so.
    async fn is_doubted(&self, reason: &str, verdict: &str, words: &str) {
        let seen = Mutex::new(Value::Null);
        eventually_async(&format!("{verdict} because of {reason}: {words}"), async || {
            let now = rollout(&self.stagegate).await["analysis"].clone();
            let judge = &now["judge"];
            let is_it = now["verdict"] == verdict
                && judge["reason"] == reason
                && judge["words"].to_string().contains(words);
            *seen.lock().expect("seen") = now;
            is_it
        })
        .await;
        let seen = seen.into_inner().expect("seen");
        let blocks = seen["blocks"][0].as_str().expect("what is waited for");
        assert!(blocks.starts_with("the judge is not believed: "), "{blocks}");
        let gates = seen["gates"].as_array().expect("gates");
        let gate = gates.iter().find(|gate| gate["axis"] == "eval").expect("a gate");
        assert_eq!(gate["state"], verdict, "the axis says it: {gate}");
        let refused = "POST /v1/workloads/agent/rollouts/current/promote";
        let refused = self.stagegate.admin.call(refused, &[], Some(&json!({}))).await;
        assert_eq!(refused.status, 409, "{}", refused.json);
        let status = self.stagegate.admin.get("/v1/status").await.ok().json;
        assert!(status["warnings"].to_string().contains("not believed"), "{status}");
        eventually_async("the metric", async || self.doubted(reason).await > 0.5).await;
        let shown = self.stagegate.cli(&["status"]);
        assert!(String::from_utf8_lossy(&shown.stdout).contains("not believed"), "{shown:?}");
        eventually("the doubt to be told", || {
            let told = self.hook.of_kind("judge_doubted");
            told.iter().any(|notice| notice["axis"] == "eval" && notice["owner"] == "quality")
        })
        .await;
        // Traffic does not care.
        let before = self.users.answered.load(Ordering::SeqCst);
        eventually("users to be answered", || {
            self.users.answered.load(Ordering::SeqCst) > before + 100
        })
        .await;
        self.nobody_noticed();
    }

    /// Waits until the judge is believed and the gates pass again.
    async fn recovers(&self) {
        eventually_async("a judge that is believed", async || {
            let now = rollout(&self.stagegate).await;
            now["analysis"]["judge"].is_null() && now["analysis"]["verdict"] == "pass"
        })
        .await;
        eventually("the recovery to be told", || !self.hook.of_kind("recovered").is_empty()).await;
        let now = rollout(&self.stagegate).await;
        assert_eq!((&now["phase"], &now["step"]), (&json!("progressing"), &json!(1)), "{now}");
        self.nobody_noticed();
    }

    fn nobody_noticed(&self) {
        assert_eq!(self.users.failed.load(Ordering::SeqCst), 0, "every answer is a 200");
        assert!(self.hook.of_kind("rolled_back").is_empty());
    }
}
