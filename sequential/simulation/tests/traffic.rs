//! The short version of `cargo xtask simulate --traffic ""`: the gates themselves, with the built-in
//! policy, under a few kinds of traffic and few runs each.

use stagegate_simulation::traffic::{self, Row};

const SEED: u64 = 7;

/// The row of the kind of traffic with this name.
fn row(name: &str, runs: u64) -> Row {
    let all = traffic::all();
    let found = all.iter().enumerate().find(|(_, shape)| shape.name == name);
    let (index, shape) = found.expect("a kind of traffic of this name");
    traffic::simulate(index, shape, runs, SEED).expect("constants")
}

fn stays(name: &str, runs: u64) {
    let row = row(name, runs);
    assert!(row.is_good && row.rolled_back == 0.0, "{}", row.row());
}

/// The candidate of every run is found, in at most so many of its requests by the median.
fn is_found(name: &str, runs: u64, requests: f64) {
    let row = row(name, runs);
    assert!(!row.is_good && row.rolled_back == 1.0, "{}", row.row());
    assert!(row.requests.is_some_and(|median| median <= requests), "{}", row.row());
}

#[test]
fn conversations_that_share_their_luck_roll_nothing_back() {
    stays("conversations, ICC 0.4, 50% of 2/s", 3);
}

#[test]
fn clients_that_repeat_a_failure_roll_nothing_back() {
    stays("clients repeat a failure up to 3 times, against a limit", 2);
}

#[test]
fn an_outage_of_the_provider_at_the_end_rolls_nothing_back() {
    stays("watch at 100%: provider out for 30 s", 2);
}

/// 2% of both arms' requests take longer than the policy's SLO, which permits 1%.
#[test]
fn an_slo_that_both_arms_miss_blames_nobody() {
    stays("p95 against stable, with and without a tool", 1);
}

#[test]
fn requests_that_hang_are_found() {
    is_found("a third hangs until clients leave", 2, 300.0);
}

#[test]
fn external_failures_of_the_candidate_alone_are_found() {
    is_found("30% external on the candidate alone", 2, 300.0);
}

#[test]
fn after_the_traffic_has_ended_nothing_passes() {
    let row = row("traffic ends after 15 minutes", 2);
    assert_eq!(row.passes_at_the_end, 0.0, "{}", row.row());
}
