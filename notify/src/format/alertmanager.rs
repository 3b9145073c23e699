//! Alertmanager's API v2: `POST /api/v2/alerts` with a list of alerts.
//!
//! From its documentation: labels identify an alert, `alertname` must be among them; annotations
//! are for people; times are RFC 3339. An alert without `endsAt` ends by itself some minutes after
//! it was last sent (`resolve_timeout`). We send what happened once and not every minute, so an
//! open problem says that it lasts a day, and its recovery that it has ended. A recovery may be of
//! another severity than what it ends, and severity is a label, so it ends all of them; ending what
//! never was does nothing.

use super::json;
use crate::{Hidden, Notice, Request, Severity, Standing};
use serde_json::{Map, Value, json as value};
use stagegate_timing::rfc3339;

/// The time after which a problem without news ends.
const OPEN_MS: u64 = 24 * 60 * 60 * 1000;
/// The time for which an event is visible.
const EVENT_MS: u64 = 5 * 60 * 1000;

pub(crate) fn request(notice: &Notice, url: &Hidden) -> Request {
    let alerts = match notice.standing() {
        Standing::Open => vec![alert(notice, notice.severity, notice.at_ms + OPEN_MS)],
        Standing::Event => vec![alert(notice, notice.severity, notice.at_ms + EVENT_MS)],
        Standing::Closed => {
            Severity::ALL.map(|severity| alert(notice, severity, notice.at_ms)).to_vec()
        }
    };
    json(url, &Value::Array(alerts))
}

fn alert(notice: &Notice, severity: Severity, ends_ms: u64) -> Value {
    let mut alert = value!({
        "labels": labels(notice, severity),
        "annotations": annotations(notice),
        "startsAt": rfc3339(notice.at_ms),
        "endsAt": rfc3339(ends_ms),
    });
    if let Some(link) = &notice.link {
        alert["generatorURL"] = value!(link);
    }
    alert
}

/// Only what is the same from a problem's beginning to its end, and the severity.
fn labels(notice: &Notice, severity: Severity) -> Value {
    let all = [
        ("alertname", Some("StagegateNotice")),
        ("severity", Some(severity.label())),
        ("subject", Some(notice.subject.as_str())),
        ("workload", Some(notice.workload.as_str())),
        ("rollout", notice.rollout.as_deref()),
        ("owner", notice.owner.as_deref()),
    ];
    let given =
        all.into_iter().filter_map(|(name, it)| Some((name, it.filter(|it| !it.is_empty())?)));
    Value::Object(given.map(|(name, it)| (name.to_owned(), value!(it))).collect())
}

fn annotations(notice: &Notice) -> Value {
    let facts: Vec<String> =
        notice.facts.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), value!(notice.title));
    annotations.insert("kind".to_owned(), value!(notice.kind));
    if !facts.is_empty() {
        annotations.insert("description".to_owned(), value!(facts.join("\n")));
    }
    let more =
        [("release", &notice.release), ("step", &notice.step), ("analysis", &notice.analysis)];
    for (name, it) in more {
        if let Some(it) = it {
            annotations.insert(name.to_owned(), value!(it));
        }
    }
    Value::Object(annotations)
}
