//! `kill -9` while changes are made: what was acknowledged is there after the restart, and nothing
//! that nobody asked for.

use crate::harness::{Admin, Backend, Setup, Stagegate, Workload};
use serde_json::{Value, json};
use std::time::Duration;

const CRASHES: usize = 100;

/// What a person can see of the state.
#[derive(Clone, Debug, PartialEq)]
struct Visible {
    weight: String,
    closed: bool,
    killed: bool,
}

/// A change and its effect, according to the rules of the vocabulary.
#[derive(Clone, Debug)]
enum Change {
    Weight(String),
    Rollback,
    Kill,
    Revive,
}

impl Change {
    fn number(number: usize) -> Self {
        match number % 11 {
            4 => Self::Rollback,
            6 => Self::Kill,
            8 => Self::Revive,
            // Never the same twice, so that a lost or repeated change shows.
            _ => Self::Weight(format!("{}.{:03}%", 1 + number / 900 % 90, 1 + number % 900)),
        }
    }

    fn after(&self, before: &Visible) -> Visible {
        let mut state = before.clone();
        match self {
            Self::Weight(weight) => {
                state.weight = shortest(weight);
                state.closed = false;
            }
            Self::Rollback => {
                state.weight = "0%".to_owned();
                state.closed = true;
            }
            Self::Kill => state.killed = true,
            Self::Revive => state.killed = false,
        }
        state
    }

    /// Asks for it; whether it was acknowledged.
    async fn ask(&self, admin: &Admin) -> bool {
        let (line, body) = match self {
            Self::Weight(weight) => {
                ("PUT", ("weight", json!({ "weight": weight, "reason": "crash test" })))
            }
            Self::Rollback => ("POST", ("rollback", json!({ "reason": "crash test" }))),
            Self::Kill => ("POST", ("kill", json!({ "reason": "crash test" }))),
            Self::Revive => ("POST", ("revive", json!({ "reason": "crash test" }))),
        };
        let line = format!("{line} /v1/workloads/agent/{}", body.0);
        let answer = admin.try_call(&line, &[], Some(&body.1)).await;
        if let Some(answer) = &answer {
            assert_eq!(answer.status, 200, "{self:?}: {}", answer.json);
        }
        answer.is_some()
    }
}

fn shortest(weight: &str) -> String {
    let digits = weight.trim_end_matches('%').trim_end_matches('0');
    format!("{}%", digits.trim_end_matches('.'))
}

fn visible(workload: &Value) -> Visible {
    Visible {
        weight: workload["weight"].as_str().expect("a weight").to_owned(),
        closed: workload["closed"].is_object(),
        killed: workload["killed"].is_object(),
    }
}

/// A small seeded generator: the same moments in every run.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[tokio::test]
async fn an_acknowledged_change_survives_any_crash() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let stagegate = Stagegate::start(&Setup::of(Workload::canary(&stable, &candidate))).await;
    let mut state = visible(&stagegate.admin.workload().await);
    let (mut moments, mut number, mut acknowledged, mut caught) = (Moments(0x5747_4745), 0, 0, 0);
    for crash in 0..CRASHES {
        let moment = Duration::from_micros(moments.next(40_000));
        let changes = async {
            loop {
                let change = Change::number(number);
                number += 1;
                let wanted = change.after(&state);
                if !change.ask(&stagegate.admin).await {
                    return wanted;
                }
                state = wanted;
                acknowledged += 1;
            }
        };
        let kill = async {
            // The moment is what the test varies; nothing is being waited for.
            tokio::time::sleep(moment).await;
            stagegate.kill_hard();
        };
        let (in_flight, ()) = tokio::join!(changes, kill);
        stagegate.restart().await;
        let found = visible(&stagegate.admin.workload().await);
        if found != state {
            assert_eq!(found, in_flight, "crash {crash}: acknowledged was {state:?}");
            caught += 1;
        }
        state = found;
        let check = stagegate.admin.get("/v1/audit/verify").await.ok().json;
        assert_eq!(check["intact"], true, "crash {crash}: {check}");
        if state.closed || state.killed {
            let before = candidate.arrivals();
            for user in ["ada", "grace", "edsger"] {
                assert_eq!(stagegate.get("/", &[("x-user-id", user)]).await.arm(), "stable");
            }
            assert_eq!(candidate.arrivals(), before, "an abort survives the restart");
        }
    }
    println!(
        "{CRASHES} crashes: {acknowledged} changes acknowledged, {caught} in flight were kept"
    );
    assert!(acknowledged > CRASHES / 2, "the crashes came in the middle of work: {acknowledged}");
    let verify = stagegate.cli(&["audit", "verify"]);
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
}

#[tokio::test]
async fn an_unreadable_state_never_sends_anyone_to_the_candidate() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let setup = Setup::of(Workload::canary(&stable, &candidate).with("weight", "100%"));
    let stagegate = Stagegate::start(&setup).await;
    assert_eq!(stagegate.get("/", &[]).await.arm(), "candidate");
    stagegate.kill_hard();
    let state = stagegate.config_path().with_file_name("data").join("state.db");
    for suffix in ["", "-wal", "-shm"] {
        let file = state.with_file_name(format!("state.db{suffix}"));
        if file.exists() {
            std::fs::write(file, [b'x'; 8192]).expect("damage the state");
        }
    }
    let before = candidate.arrivals();
    stagegate.start_again(&[]);
    assert!(!stagegate.ended().await.success(), "it refuses to guess: {}", stagegate.log());

    stagegate.restart_with(&["--safe-start"]).await;
    for user in ["ada", "grace", "edsger"] {
        assert_eq!(stagegate.get("/", &[("x-user-id", user)]).await.arm(), "stable");
    }
    let body = json!({ "weight": "50%", "reason": "too early" });
    let line = "PUT /v1/workloads/agent/weight";
    let refused = stagegate.admin.call(line, &[], Some(&body)).await;
    assert!(refused.status >= 400, "{}", refused.json);
    assert_eq!(stagegate.admin.get("/v1/status").await.ok().json["safe_start"], true);
    assert_eq!(candidate.arrivals(), before);
}
