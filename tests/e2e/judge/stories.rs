//! The scorer down, answering garbage, too slow; the disk full.

use super::{Judge, Mood, Story, setup};
use crate::eval::Users;
use crate::harness::{Backend, Exchange, Stagegate};
use crate::rollout::hook::Hook;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

#[tokio::test]
async fn a_scorer_that_goes_down_is_no_verdict_until_it_comes_back() {
    let judge = Judge::start();
    let story = Story::begin(&judge.scorer(), "").await;
    story.until_verdict("pass").await;
    judge.is(Mood::Down);
    story.is_doubted("silent", "error", "no verdict on any of").await;
    judge.is(Mood::Good);
    story.recovers().await;
}

#[tokio::test]
async fn a_scorer_that_answers_garbage_is_no_verdict_until_it_makes_sense() {
    let judge = Judge::start();
    let story = Story::begin(&judge.scorer(), "").await;
    story.until_verdict("pass").await;
    judge.is(Mood::Garbage);
    story.is_doubted("silent", "error", "neither true or false nor a number").await;
    judge.is(Mood::Good);
    story.recovers().await;
    let failed = story.stagegate.admin.get("/v1/samples?failed=true").await.ok().json;
    assert_eq!(failed["samples"], json!([]), "garbage fails nobody");
}

#[tokio::test]
async fn a_queue_that_is_full_drops_and_says_so_until_there_is_room() {
    let judge = Judge::start();
    judge.is(Mood::Slow);
    let story = Story::begin(&judge.scorer(), ", memory: 1MiB").await;
    story.is_doubted("behind", "inconclusive", "found no room").await;
    // As samples that wait, or as copies that wait to become samples.
    let mut dropped = 0.0;
    for reason in ["reason=\"queue\"", "reason=\"memory\""] {
        dropped += story.stagegate.admin.metric("stagegate_eval_dropped_total", &[reason]).await;
    }
    assert!(dropped > 10.0, "{dropped}");
    judge.is(Mood::Good);
    story.recovers().await;
}

/// Limits how large any file of the process may get: what a full disk is to whoever writes, and
/// can be done without being root.
fn largest_file(stagegate: &Stagegate, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    let pid = Pid::from_raw(stagegate.pid().cast_signed()).expect("a process id");
    prlimit(Some(pid), Resource::Fsize, limit).expect("limit the process' files");
}

#[tokio::test]
async fn a_disk_that_is_full_is_no_verdict_until_there_is_room() {
    let long = "x".repeat(12_000);
    let verbose = |name: &str| {
        let long = long.clone();
        Backend::with(name, async move |exchange: &mut Exchange| {
            exchange.body().await;
            let answer = json!({ "ok": true, "text": long }).to_string();
            let fields = [("content-type", "application/json")];
            exchange.reply("200 OK", &fields, answer.as_bytes()).await;
        })
    };
    let arms = [verbose("stable"), verbose("candidate")];
    let hook = Hook::start();
    let scorers = "[{ name: in-json, type: is-json, gate: true }]";
    let stagegate = Stagegate::start(&setup(&arms, &hook, scorers, "")).await;
    let users = Users::start(&stagegate);
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    let story = Story { stagegate, users, hook, _arms: arms };
    story.until_verdict("pass").await;
    // The samples are many times as large as all else in the data directory.
    largest_file(&story.stagegate, Some(5 << 20));
    story.is_doubted("store", "error", "samples cannot be kept").await;
    let dropped = ["reason=\"store\""];
    let dropped = story.stagegate.admin.metric("stagegate_eval_dropped_total", &dropped).await;
    assert!(dropped > 0.0);
    largest_file(&story.stagegate, None);
    story.recovers().await;
}
