//! Every figure of the reports and of the pack is one of the API.

use super::{World, text};
use serde_json::Value;

/// Formats of a report.
const FORMATS: [&str; 2] = ["md", "html"];

/// Compares reports of a day and of three days, and the pack, with what the API says.
pub(super) async fn are_those_of_the_api(world: &World) {
    world.falls_silent().await;
    for span in ["24h", "72h"] {
        let report = world.json(&["report", "agent", "--until", span]);
        is_of_the_records(world, &report).await;
        for format in FORMATS {
            let page = world.must(&["report", "agent", "--until", span, "--format", format]);
            has_all_of(&page, &report, format);
        }
    }
    let report = world.json(&["report", "agent", "--until", "72h"]);
    for format in FORMATS {
        let pack = world.must(&["handoff", "show", "agent", "--format", format]);
        has_all_of(&pack, &report, format);
        for part in world.json(&["handoff", "show", "agent"])["parts"].as_array().expect("parts") {
            for seen in part["seen"].as_array().expect("lines") {
                // The spend of a day goes on falling while nobody asks.
                let is_live = text(seen).starts_with("F29: $");
                let seen = if is_live { "F29: $" } else { text(seen) };
                assert!(plain(&pack).contains(&plain(seen)), "{seen} is missing in {pack}");
            }
        }
    }
}

/// The report's figures are those of other routes.
async fn is_of_the_records(world: &World, report: &Value) {
    let rollout = world.rollout().await;
    assert_eq!(report["history"], rollout["history"], "what was done");
    assert_eq!(report["rollout"]["id"], rollout["id"]);
    let from = report["from_ms"].as_u64().expect("a time");
    // The minute that has begun goes on, also without traffic.
    let until = report["until_ms"].as_u64().expect("a time") + 3_600_000;
    let path = format!("/v1/workloads/agent/series?since_ms={from}&until_ms={until}&points=500");
    let series = world.get(&path).await;
    let points = series["points"].as_array().expect("points");
    let sum = |name: &str| points.iter().filter_map(|it| it[name].as_u64()).sum::<u64>();
    let counted = &report["counted"];
    assert!(counted["candidate"]["requests"].as_u64() > Some(100), "{counted}");
    for (arm, name) in [("candidate", "candidate_requests"), ("stable", "stable_requests")] {
        assert_eq!(counted[arm]["requests"].as_u64(), Some(sum(name)), "{arm}: {series}");
    }
    let usd: f64 = points.iter().filter_map(|it| it["usd"].as_f64()).sum();
    let told = counted["candidate"]["usd"].as_f64().expect("dollars")
        + counted["stable"]["usd"].as_f64().expect("dollars");
    assert!((usd - told).abs() < 1e-9, "{usd} and {told}");
    let analysis = &report["last_analysis"];
    let path = format!("/v1/workloads/agent/analyses/{}", text(&analysis["id"]));
    let kept = world.get(&path).await;
    assert_eq!((&kept["verdict"], &kept["step"]), (&analysis["verdict"], &analysis["step"]));
    let started = &report["offline"]["comparison"];
    let attached = world.get("/v1/workloads/agent/releases/v2/eval-report").await;
    assert_eq!(started, &attached["reports"][0]["comparison"], "{attached}");
}

/// Every figure of the report is on the page, as the page writes it.
fn has_all_of(page: &str, report: &Value, format: &str) {
    let page = plain(page);
    let mut wanted = Vec::new();
    for arm in ["candidate", "stable"] {
        let it = &report["counted"][arm];
        let of = |name: &str| grouped(it[name].as_u64().expect("a count"));
        let usd = it["usd"].as_f64().expect("dollars");
        wanted.push(format!(
            "{} requests, {} scored, {} sent again, ${usd:.2} known spend",
            of("requests"),
            of("scored"),
            of("retries")
        ));
    }
    for axis in report["axes"].as_array().expect("axes") {
        for figure in axis["figures"].as_array().expect("figures") {
            for arm in ["candidate", "stable"] {
                let it = &figure[arm];
                if it.is_object() {
                    let unit = text(&figure["unit"]);
                    let of = |name: &str| one(unit, it[name].as_f64().expect("a figure"));
                    wanted.push(format!("{} [{}, {}]", of("value"), of("low"), of("high")));
                    wanted.push(grouped(it["count"].as_u64().expect("a count")));
                }
            }
        }
    }
    for turn in report["history"].as_array().expect("turns") {
        wanted.push(text(&turn["weight"]).to_owned());
    }
    for gate in report["last_analysis"]["gates"].as_array().expect("gates") {
        wanted.push(text(&gate["gate"]).to_owned());
    }
    assert!(wanted.len() > 20, "{wanted:?}");
    for figure in wanted {
        assert!(page.contains(&plain(&figure)), "{format}: {figure} is missing in {page}");
    }
}

/// A text without what one form or the other escapes.
fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    text.replace("&quot;", "\"").replace("&#39;", "'").replace('\\', "")
}

fn one(unit: &str, value: f64) -> String {
    match unit {
        "share" => format!("{:.2}%", value * 100.0),
        "us" if value < 1e6 => format!("{:.1} ms", value / 1e3),
        "us" => format!("{:.2} s", value / 1e6),
        _ => format!("${value:.6}"),
    }
}

/// A number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
