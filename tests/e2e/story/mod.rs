//! One release from staging to its hand-off, with hours that last moments: thirty checks, a passport, four steps, the
//! runbook, reports and the pack. Told once in peace, and once with `kill -9` at points that a seed draws.

mod chaos;
mod figures;
mod world;

use serde_json::Value;
use world::World;

/// The offline gate over both releases' runs, attached to the candidate.
const OFFLINE_GATE: &[&str] = &[
    "eval",
    "gate",
    "--baseline",
    "base.jsonl",
    "--candidate",
    "candidate.jsonl",
    "--attach",
    "-w",
    "agent",
    "--release",
    "v2",
];

/// What a person does in production before the start, and the check that it meets.
const BEFORE: &[(&str, &[&str])] = &[
    ("C11", &["drill", "agent"]),
    ("F27", &["drill", "agent", "--incident"]),
    ("F27", &["drill", "agent", "--acknowledge"]),
    ("B10", &["notify", "test", "hook"]),
    ("A4", OFFLINE_GATE),
    ("A2", &["checklist", "attach", "agent", "A2", "--file", "coverage.json"]),
    ("B9", &["checklist", "attach", "agent", "B9", "--file", "artifact"]),
    ("C15", &["checklist", "sign", "agent", "C15", "--reason", "read"]),
    ("F26", &["checklist", "sign", "agent", "F26", "--reason", "in the calendar"]),
    ("F28", &["checklist", "sign", "agent", "F28", "--reason", "no visible change"]),
    ("PASSPORT", &["passport", "admit", "agent", "--file", "v2.json"]),
];

/// Parts of the pack that people tell.
const TOLD: [[&str; 2]; 4] = [
    ["owners", "ann, bea"],
    ["issues", "slow refunds; bea; 2026-12-20"],
    ["thresholds", "nothing was changed"],
    ["retrospective", "2026-12-18"],
];

/// The tasks that Stagegate does by itself.
const AUTOMATIC: [&str; 10] = [
    "armed-0h",
    "errors-1h",
    "tail-1h",
    "errors-4h",
    "spend-4h",
    "errors-24h",
    "tail-24h",
    "spend-24h",
    "report-24h",
    "errors-72h",
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_earns_its_passport_its_steps_and_its_hand_off() {
    let world = World::open().await;
    world.earns_a_passport().await;
    world.measures_coverage().await;
    for (check, words) in BEFORE {
        world.must(words);
        if words.last() != Some(&"--incident") {
            assert!(!world.open_checks().contains(&(*check).to_owned()), "{check} after {words:?}");
        }
    }
    world.must(&["checklist", "sign", "agent", "F30", "--date", &world.tomorrow()]);
    world.is_all_green().await;
    let checklist = world.json(&["checklist", "show", "agent"]);
    let checks = checklist["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|it| it["standing"] == "yes"), "nothing is waived: {checks:#?}");
    assert_eq!(checks.len(), 31, "thirty, and the passport");

    world.must(&["rollout", "start", "agent", "--to", "v2", "--ticket", "AG-118"]);
    for step in 2..=4 {
        world.climbs_to(step).await;
    }
    let rollout = world.rollout().await;
    let weights: Vec<&str> = rollout["history"]
        .as_array()
        .expect("turns")
        .iter()
        .map(|it| text(&it["weight"]))
        .collect();
    assert_eq!(weights, ["1%", "10%", "50%", "99%"], "one in a hundred is held back");
    world.runs_its_tasks().await;
    world.people_do_theirs();
    for [part, words] in TOLD {
        world.must(&["handoff", "tell", "agent", part, "--text", words]);
    }
    world.must(&["handoff", "complete", "agent"]);
    figures::are_those_of_the_api(&world).await;
    world.has_told_both_reports().await;
    world.has_done_everything_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_loses_nothing_that_was_signed_and_repeats_no_task() {
    let world = World::open().await;
    let mut chaos = chaos::Chaos::seeded(&world);
    world.earns_a_passport().await;
    world.measures_coverage().await;
    for (check, words) in BEFORE {
        let is_met = async |world: &World| !world.open_checks().contains(&(*check).to_owned());
        if words.last() == Some(&"--incident") {
            // It is met with the acknowledgement, which needs the drill.
            world.must(words);
        } else {
            chaos.step(&world, words, is_met).await;
        }
    }
    let tomorrow = world.tomorrow();
    let sign = ["checklist", "sign", "agent", "F30", "--date", &tomorrow];
    chaos.step(&world, &sign, async |it| !it.open_checks().contains(&"F30".to_owned())).await;

    world.is_all_green().await;
    let start = ["rollout", "start", "agent", "--to", "v2", "--ticket", "AG-118"];
    chaos.step(&world, &start, async |it| it.rollout_or_null().await["step"] == 1).await;
    for step in 2..=4 {
        let promote = ["rollout", "promote", "agent", "--yes", "--reason", "approved"];
        chaos.step(&world, &promote, async |it| it.rollout().await["step"] == step).await;
    }
    chaos.while_tasks_run(&world).await;
    for task in world.open_tasks() {
        let done = ["runbook", "done", "agent", &task, "--text", "looked at"];
        let is_done = async |it: &World| !it.open_tasks().contains(&task);
        chaos.step(&world, &done, is_done).await;
    }
    for [part, words] in TOLD {
        let tell = ["handoff", "tell", "agent", part, "--text", words];
        let is_there = async |it: &World| !it.missing_parts().contains(&part.to_owned());
        chaos.step(&world, &tell, is_there).await;
    }
    let complete = ["handoff", "complete", "agent"];
    let is_complete =
        async |it: &World| it.json(&["handoff", "show", "agent"])["state"] == "complete";
    chaos.step(&world, &complete, is_complete).await;
    world.has_done_everything_once().await;
    assert!(chaos.kills() >= 5, "a seed that kills {} times shows little", chaos.kills());
}
