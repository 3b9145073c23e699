//! `kill -9` in the middle of every transition: what was acknowledged is there after the restart,
//! nothing is there that nobody asked for, and clocks and evidence go on honestly.

use super::World;
use serde_json::{Value, json};
use std::time::Duration;

/// What a person can see of a rollout.
fn visible(rollout: &Value) -> (String, u64, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&rollout["phase"]), rollout["step"].as_u64().unwrap_or(0), text(&rollout["weight"]))
}

impl World {
    /// Asks for a transition, kills the process `after` so long, restarts it, and checks that the
    /// transition was made as a whole or not at all; whether it was.
    async fn crash_during(&self, line: &str, body: Value, after: Duration) -> bool {
        let before = visible(&self.rollout().await);
        let (method, rest) = line.split_once(' ').expect("a method and a path");
        let line = format!("{method} /v1/workloads/agent/{rest}");
        let admin = self.stagegate.admin.clone();
        let asked = tokio::spawn(async move { admin.try_call(&line, &[], Some(&body)).await });
        tokio::time::sleep(after).await;
        self.stagegate.kill_hard();
        let acknowledged = asked.await.expect("asked").map(|answer| answer.ok().json);
        self.stagegate.restart().await;
        let now = visible(&self.rollout().await);
        match &acknowledged {
            Some(answer) => assert_ne!(now, before, "acknowledged and lost: {answer}"),
            None => assert!(now == before || now.0 != before.0 || now.1 != before.1, "{now:?}"),
        }
        now != before
    }

    /// Crashes at other moments until the transition was made.
    async fn through_crashes(&self, line: &str, body: Value) {
        for moment in 0_u64.. {
            let after = Duration::from_micros(moment * 700);
            if self.crash_during(line, body.clone(), after).await {
                return;
            }
            assert!(moment < 60, "never made: {line}");
        }
    }
}

#[tokio::test]
async fn every_transition_survives_a_crash_in_its_middle() {
    let world = World::open().await;
    world.begin().await;
    world.until("evidence", |it| it["analysis"]["requests"].as_u64() > Some(20)).await;
    world.through_crashes("POST rollouts/current/pause", json!({})).await;
    assert_eq!(world.rollout().await["phase"], "paused");
    world.through_crashes("POST rollouts/current/resume", json!({})).await;
    assert_eq!(world.rollout().await["phase"], "progressing");
    world
        .through_crashes(
            "POST rollouts/current/promote",
            json!({ "force": true, "reason": "a test insists" }),
        )
        .await;
    assert_eq!(visible(&world.rollout().await), ("progressing".into(), 2, "10%".into()));
    world.through_crashes("POST rollouts/current/abort", json!({ "reason": "enough" })).await;
    assert_eq!(visible(&world.rollout().await), ("aborted".into(), 2, "0%".into()));
    world
        .through_crashes(
            "POST rollouts",
            json!({ "to": "v2", "override": true, "reason": "a test insists" }),
        )
        .await;
    assert_eq!(visible(&world.rollout().await), ("progressing".into(), 1, "1%".into()));
    world.through_crashes("POST rollback", json!({ "reason": "enough again" })).await;
    assert_eq!(visible(&world.rollout().await), ("rolled_back".into(), 1, "0%".into()));
    world
        .through_crashes(
            "POST rollouts",
            json!({ "to": "v2", "override": true, "reason": "a test insists" }),
        )
        .await;
    // The evidence decides, and the process dies around it: it decides again.
    world.candidate.turn_wrong();
    world
        .until("the first doubts", |it| {
            it["phase"] == "rolled_back" || it["analysis"]["verdict"] == "fail"
        })
        .await;
    world.stagegate.kill_hard();
    world.stagegate.restart().await;
    world.rolled_back_on("error").await;
}

#[tokio::test]
async fn clocks_and_evidence_go_on_honestly_after_a_crash() {
    let world = World::open().await;
    world.begin().await;
    let before = world
        .until("evidence that was saved", |it| it["analysis"]["observed_ms"].as_u64() > Some(7000))
        .await;
    world.stagegate.kill_hard();
    world.stagegate.restart().await;
    let after = world.until("an analysis", |it| it["analysis"]["id"].is_string()).await;
    assert_eq!(before["id"], after["id"]);
    let of = |rollout: &Value, what: &str| rollout["analysis"][what].as_u64().expect("a count");
    let (was, is) = (of(&before, "observed_ms"), of(&after, "observed_ms"));
    // Saved every five seconds: no more than that is lost, and the time without a process does not
    // count, however long it was.
    assert!(is + 6500 > was && is < was + 2500, "observed {was} ms before and {is} ms after");
    assert!(of(&after, "requests") > 0, "the counts are there too");
    world.traffic.end().await;
}

#[tokio::test]
async fn a_completion_is_whole_or_not_there_wherever_the_process_dies() {
    let world = World::open().await;
    world.begin().await;
    world.climb(4).await;
    for moment in 0..4_u64 {
        // The watch takes two seconds of observation; each round dies a little nearer to its end.
        let due = 1400 + moment * 200;
        let near = |it: &Value| {
            it["phase"] == "completed" || it["analysis"]["observed_ms"].as_u64() >= Some(due)
        };
        world.until("the end of the watch to be near", near).await;
        world.stagegate.kill_hard();
        world.stagegate.restart().await;
        let phase = world.rollout().await["phase"].clone();
        let stable = world.stagegate.admin.workload().await["stable"].clone();
        match phase.as_str() {
            Some("watching") => assert_eq!(stable, "v1"),
            Some("completed") => assert_eq!(stable, "v2"),
            other => panic!("{other:?} after a crash in the watch"),
        }
    }
    world.phase("completed").await;
    let workload = world.stagegate.admin.workload().await;
    assert_eq!((&workload["stable"], &workload["previous"]), (&json!("v2"), &json!("v1")));
    world.traffic.end().await;
}
