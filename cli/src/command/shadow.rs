//! `stagegate shadow`: what is copied, and how its answers compare.

use super::samples::since_ms;
use super::workload::workload_path;
use crate::Duration;
use crate::client::{AdminClient, Failure, typed};
use crate::output::{self, Format, millis, percent};
use clap::Args;
use stagegate_api::{ShadowCopies, ShadowPairs, ShadowReport};
use std::fmt::Write;
use std::process::ExitCode;

/// Options of `shadow`.
#[derive(Args, Debug)]
pub(crate) struct ShadowArgs {
    /// The workload.
    workload: String,
    /// Only pairs of this time, like `30m`, `24h` or `7d`.
    #[arg(long, value_name = "TIME")]
    since: Option<Duration>,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &ShadowArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let query = args.since.map(|since| format!("?since_ms={}", since_ms(since)));
    let path = workload_path(&args.workload, &format!("/shadow{}", query.unwrap_or_default()));
    let answer = client.get(&path)?;
    let report: ShadowReport = typed(&answer)?;
    output::show(format, &answer, || text(&report));
    Ok(ExitCode::SUCCESS)
}

fn text(report: &ShadowReport) -> String {
    let mut text = match &report.settings {
        None => format!("{}: nothing is copied\n", report.workload),
        Some(settings) => format!(
            "{}: {} of keys to {}: {} {}\n",
            report.workload,
            settings.fraction,
            settings.release,
            settings.methods.join(", "),
            settings.paths.join(", "),
        ),
    };
    if let Some(why) = report.why_not.as_ref().filter(|_| report.settings.is_some()) {
        let _ = writeln!(text, "  now nothing is copied: {why}");
    }
    report.copies.iter().for_each(|copies| sent(&mut text, copies));
    report.pairs.iter().for_each(|pairs| compared(&mut text, pairs));
    if !report.lost.is_empty() {
        text.push_str("only stable passed (`stagegate samples show ID`), newest first:\n");
    }
    for lost in &report.lost {
        let _ =
            writeln!(text, "  {}  and from {}: {}", lost.stable, lost.shadow_release, lost.shadow);
    }
    text
}

fn sent(text: &mut String, copies: &ShadowCopies) {
    let sent = copies.sent;
    let _ = write!(
        text,
        "copies to {} since the start: {} ok, {} transient, {} permanent, {} external",
        copies.release, sent.ok, sent.transient, sent.permanent, sent.external
    );
    for (name, time) in [("p50", copies.p50_ms), ("p99", copies.p99_ms)] {
        if let Some(time) = time {
            let _ = write!(text, ", {name} {}", millis(time));
        }
    }
    let _ = writeln!(text, ", ${:.4}", copies.cost_usd);
    for dropped in &copies.dropped {
        let _ = writeln!(text, "  {} not sent: {}", dropped.count, dropped.reason);
    }
}

fn compared(text: &mut String, pairs: &ShadowPairs) {
    let (stable, shadow) = (&pairs.stable_release, &pairs.shadow_release);
    let _ = writeln!(
        text,
        "pairs of {stable} and {shadow}: {} both pass, {} only {stable},\n  {} only {shadow}, {} both fail, {} unscored",
        pairs.both_pass, pairs.only_stable, pairs.only_shadow, pairs.both_fail, pairs.unscored
    );
    if let Some(lost) = pairs.lost {
        let verdict = if lost.lower > 0.5 {
            "it is worse"
        } else if lost.upper < 0.5 {
            "it is better"
        } else {
            "that may be chance"
        };
        let _ = writeln!(
            text,
            "  of those that differ {shadow} lost {} ({} to {}): {verdict}",
            percent(lost.estimate),
            percent(lost.lower),
            percent(lost.upper)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use serde_json::{Value, json};

    fn report(lost: &Value) -> String {
        let report = json!({
            "workload": "agent", "active": false, "why_not": "the workload is killed",
            "settings": { "release": "v2", "fraction": "1%", "methods": ["POST"], "paths": ["/v1/*"],
                          "in_flight": 16, "body_bytes": 1, "timeout_ms": 1, "scored": true },
            "copies": [{ "release": "v2", "p50_ms": 12.0, "p99_ms": null, "cost_usd": 0.25,
                         "sent": { "ok": 7, "transient": 1, "permanent": 0, "external": 0 },
                         "dropped": [{ "reason": "in_flight", "count": 3 }] }],
            "pairs": [{ "stable_release": "v1", "shadow_release": "v2", "both_pass": 5,
                        "only_stable": 9, "only_shadow": 1, "both_fail": 0, "unscored": 0,
                        "lost": lost }],
            "lost": [{ "stable": "r-1", "shadow": "s-1", "shadow_release": "v2" }],
        });
        text(&serde_json::from_value(report).expect("the API's own shape"))
    }

    #[test]
    fn a_share_is_never_shown_without_its_bounds_and_what_they_mean() {
        let chance = report(&json!({ "estimate": 0.9, "lower": 0.4, "upper": 1.0 }));
        assert!(chance.contains("lost 90"), "{chance}");
        assert!(chance.contains("that may be chance"), "{chance}");
        assert!(chance.contains("now nothing is copied: the workload is killed"), "{chance}");
        assert!(chance.contains("3 not sent: in_flight"), "{chance}");
        assert!(chance.contains("r-1  and from v2: s-1"), "{chance}");
        assert!(
            report(&json!({ "estimate": 0.9, "lower": 0.6, "upper": 1.0 })).contains("it is worse")
        );
        assert!(
            report(&json!({ "estimate": 0.1, "lower": 0.0, "upper": 0.4 }))
                .contains("it is better")
        );
        assert!(!report(&Value::Null).contains("of those that differ"));
    }
}
