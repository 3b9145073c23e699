//! Analyses for people: arms side by side, gate by gate, and what is still missing.

use crate::output::{grouped, one_line, span};
use stagegate_api::words::{bounds, figure};
use stagegate_api::{AnalysisDetail, Estimated, FleetEvidence, GateReading, Verdict};
use std::fmt::Write;

/// An analysis in full, each line indented by two.
pub(crate) fn text(analysis: &AnalysisDetail) -> String {
    let mut text = format!("  {}\n", progress(analysis));
    if let Some(fleet) = &analysis.fleet {
        text.push_str(&coverage(fleet));
    }
    for gate in &analysis.gates {
        text.push_str(&reading(gate));
    }
    if analysis.gates.is_empty() {
        text.push_str("  no gate was judged\n");
    }
    if let Some(forecast) = &analysis.forecast {
        let _ = writeln!(
            text,
            "  spend at this rate: ${:.2} a day now, ${:.2} at {}",
            forecast.usd_per_day_now, forecast.usd_per_day, forecast.weight
        );
    }
    if let Some(trigger) = &analysis.trigger {
        let _ = writeln!(text, "  ! rolled back: {}", one_line(trigger));
    }
    if analysis.outage {
        text.push_str("  ! an outage behind both releases hits both arms alike\n");
    }
    for why in &analysis.blocks {
        let _ = writeln!(text, "  waits for: {}", one_line(why));
    }
    text
}

/// Whose evidence it is, in a fleet.
fn coverage(fleet: &FleetEvidence) -> String {
    let FleetEvidence { leader, age_ms, coverage, missing, .. } = fleet;
    let share = (coverage * 100.0).floor();
    let mut text = format!("  judged by replica {leader}, evidence of {share}% of the traffic");
    if *age_ms >= 3000 {
        let _ = write!(text, ", {} ago", span(*age_ms));
    }
    text.push('\n');
    if !missing.is_empty() {
        let missing = one_line(&missing.join(", "));
        let _ = writeln!(text, "  ! no evidence of {missing}: no promotion without it");
    }
    text
}

/// Time and requests so far, and what is still needed.
fn progress(analysis: &AnalysisDetail) -> String {
    let needed = match analysis.needed_requests {
        0 => String::new(),
        needed => format!(" of {}", grouped(needed)),
    };
    let mut text = format!(
        "{}: observed {} of {}, {}{needed} requests",
        analysis.verdict,
        span(analysis.observed_ms),
        span(analysis.needed_ms),
        grouped(analysis.requests),
    );
    // More traffic is not what a violated gate waits for.
    if analysis.verdict == Verdict::Fail {
        return text;
    }
    match still_needed(analysis) {
        Some(0..1000) => {}
        Some(ms) => {
            let _ = write!(text, ";\n  at this rate {} more", span(ms));
        }
        None => text.push_str(";\n  no traffic to say how much longer"),
    }
    text
}

/// Milliseconds until time, requests and every gate's values are there at the present rate; `None`
/// while nothing comes in.
fn still_needed(analysis: &AnalysisDetail) -> Option<u64> {
    let missing = |have: u64, need: u64| -> Option<u64> {
        let missing = need.saturating_sub(have);
        if missing == 0 {
            return Some(0);
        }
        (have > 0).then(|| (missing as f64 / have as f64 * analysis.observed_ms as f64) as u64)
    };
    let mut longest = analysis.needed_ms.saturating_sub(analysis.observed_ms);
    longest = longest.max(missing(analysis.requests, analysis.needed_requests)?);
    for gate in analysis.gates.iter().filter(|gate| gate.blocks.is_some()) {
        // A quantile is not shown before it says something; its values are counted all the same.
        let have = gate.candidate.map_or(analysis.requests, |estimate| estimate.count);
        longest = longest.max(missing(have, gate.needed)?);
    }
    Some(longest)
}

/// A gate: its state and limit, and below it both arms, beside each other where they fit.
fn reading(gate: &GateReading) -> String {
    let limit = gate.limit.map(|limit| format!(", limit {}", figure(gate.unit, limit)));
    let state = one_line(&gate.words);
    let mut text = format!("  {:<32}  {state}{}\n", gate.gate, limit.unwrap_or_default());
    let arms = [("candidate", gate.candidate), ("stable", gate.stable)];
    let arms: Vec<String> = arms
        .iter()
        .filter_map(|(arm, it)| Some(format!("{arm} {}", estimate(gate, (*it)?))))
        .collect();
    let beside = arms.join("; ");
    if beside.chars().count() + 6 <= 80 && !beside.is_empty() {
        let _ = writeln!(text, "      {beside}");
    } else {
        text.extend(arms.iter().map(|arm| format!("      {arm}\n")));
    }
    if let Some(note) = &gate.note {
        let _ = writeln!(text, "      {}", one_line(note));
    }
    // The worst, and every other one that its owner was told of.
    let told = gate.slices.iter().skip(1).filter(|it| it.alerts);
    for worst in gate.slices.first().into_iter().chain(told) {
        let of = |failed, all| format!("{} of {}", grouped(failed), grouped(all));
        let candidate = of(worst.candidate_failed, worst.candidate_units);
        let stable = of(worst.stable_failed, worst.stable_units);
        let name = one_line(&worst.slice);
        let mark = if worst.alerts { "! " } else { "" };
        let _ = writeln!(text, "      {mark}worst for {name}: {candidate} failed; stable {stable}");
    }
    for blame in &gate.blame {
        let [share, low, high] = [blame.share, blame.low, blame.high].map(|it| it * 100.0);
        let what = one_line(&blame.what);
        let _ = writeln!(
            text,
            "      {what} explains {share:.0}% [{low:.0}%, {high:.0}%] of the difference"
        );
    }
    text
}

/// Value with its interval, and the number of values behind it.
fn estimate(gate: &GateReading, estimate: Estimated) -> String {
    let value = figure(gate.unit, estimate.value);
    let count = grouped(estimate.count);
    match bounds(gate.unit, &estimate) {
        Some([low, high]) => format!("{value} [{low}, {high}] of {count}"),
        None => format!("{value} of {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{still_needed, text};
    use serde_json::{Value, json};
    use stagegate_api::AnalysisDetail;

    fn analysis(change: impl FnOnce(&mut Value)) -> AnalysisDetail {
        let mut value = json!({
            "id": "agent~v43~2~1~7~0a1b2c3d", "rollout": "agent~v43~2", "step": 1, "at_ms": 0,
            "verdict": "inconclusive", "observed_ms": 600_000, "needed_ms": 1_800_000,
            "requests": 1000, "needed_requests": 5000, "outage": false,
            "blocks": ["20m more to observe", "1000 of 5000 requests"],
            "split": { "candidate": 10, "all": 1000, "ln_evidence": 0.0 },
            "forecast": { "weight": "10%", "usd_per_day": 131.25, "usd_per_day_now": 120.0 },
            "gates": [
                { "gate": "error/permanent/against-stable", "axis": "error", "unit": "share",
                  "state": "ok", "words": "ok", "limit": 0.009, "needed": 1000,
                  "candidate": { "value": 0.0042, "low": 0.002, "high": 0.0091, "count": 1000 },
                  "stable": { "value": 0.004, "low": 0.0037, "high": 0.0043, "count": 99_000 } },
                { "gate": "latency/p99/max", "axis": "latency", "unit": "us",
                  "state": "violated", "words": "violated for 2m", "limit": 8_000_000.0,
                  "needed": 1000, "blocks": "latency/p99/max is violated",
                  "candidate": { "value": 9_120_000.0, "count": 1000 } },
            ],
        });
        change(&mut value);
        serde_json::from_value(value).expect("the API's own shape")
    }

    #[test]
    fn a_fleet_names_whose_evidence_is_missing() {
        let text = text(&analysis(|value| {
            value["fleet"] = json!({
                "leader": "eu-7", "term": 3, "age_ms": 7000, "coverage": 0.876, "missing": ["us-3"],
            });
        }));
        for wanted in [
            "judged by replica eu-7, evidence of 87% of the traffic, 7s ago",
            "! no evidence of us-3",
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
    }

    #[test]
    fn both_arms_their_intervals_and_what_is_missing_are_on_one_screen() {
        let text = text(&analysis(|_| {}));
        for wanted in [
            "inconclusive: observed 10m of 30m, 1,000 of 5,000 requests;\n  at this rate 40m more",
            "0.42% [0.20%, 0.91%]",
            "99,000",
            "9120 ms",
            "violated for 2m",
            "$120.00 a day now, $131.25 at 10%",
            "waits for: 1000 of 5000 requests",
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_value_that_is_known_exactly_has_no_interval() {
        let exact = json!({ "value": 0.001, "low": 0.001, "high": 0.001, "count": 397 });
        let text = text(&analysis(|value| {
            value["gates"][0]["unit"] = json!("usd");
            value["gates"][0]["candidate"] = exact;
        }));
        assert!(text.contains("candidate $0.00100 of 397"), "{text}");
    }

    #[test]
    fn the_worst_tenant_is_named() {
        let text = text(&analysis(|value| {
            value["gates"][0]["slices"] = json!([{
                "slice": "tenant acme", "candidate_units": 12, "candidate_failed": 12,
                "stable_units": 30, "stable_failed": 0, "ln_evidence": 9.0
            }]);
        }));
        assert!(text.contains("worst for tenant acme: 12 of 12 failed; stable 0 of 30"), "{text}");
    }

    #[test]
    fn what_explains_the_difference_is_named_with_its_interval() {
        let text = text(&analysis(|value| {
            let part = |name: &str, alerts: bool| {
                json!({ "slice": name, "candidate_units": 12, "candidate_failed": 12,
                        "stable_units": 30, "stable_failed": 0, "ln_evidence": 12.0, "alerts": alerts })
            };
            value["gates"][0]["slices"] = json!([
                part("tenant acme", false),
                part("model large", true),
                part("language de", false)
            ]);
            value["gates"][0]["blame"] =
                json!([{ "what": "model large", "share": 0.92, "low": 0.8, "high": 1.0 }]);
        }));
        assert!(text.contains("worst for tenant acme"), "{text}");
        assert!(text.contains("! worst for model large: 12 of 12 failed"), "{text}");
        assert!(!text.contains("language de"), "{text}");
        assert!(text.contains("model large explains 92% [80%, 100%] of the difference"), "{text}");
    }

    #[test]
    fn a_step_without_a_minimum_names_none_and_a_failed_one_no_time() {
        let none = text(&analysis(|value| value["needed_requests"] = json!(0)));
        assert!(none.contains(", 1,000 requests;"), "{none}");
        let failed = text(&analysis(|value| value["verdict"] = json!("fail")));
        assert!(!failed.contains("more\n"), "{failed}");
    }

    #[test]
    fn without_traffic_nobody_can_say_how_long() {
        let silent = analysis(|value| value["requests"] = json!(0));
        assert_eq!(still_needed(&silent), None);
        assert!(text(&silent).contains("no traffic to say how much longer"));
    }
}
