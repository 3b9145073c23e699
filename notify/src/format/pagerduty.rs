//! PagerDuty's Events API v2.
//!
//! From its reference: `routing_key`, `event_action` (`trigger`, `resolve`) and `dedup_key` (at most
//! 255 characters) at the top; a trigger's `payload` needs `summary` (at most 1024 characters),
//! `source` and `severity` (`critical`, `error`, `warning`, `info`), and may have `timestamp`
//! (ISO 8601), `component`, `group`, `class` and `custom_details`. Triggers with the `dedup_key` of
//! an open incident become part of it, so one problem is one page; `resolve` ends it. The answer is
//! 202; 400 means that no repetition will help.

use super::{cut, json};
use crate::{Hidden, Notice, Request, Standing};
use serde_json::{Map, Value, json as value};
use sha2::{Digest, Sha256};
use stagegate_timing::rfc3339;

/// Most characters of a `dedup_key`.
const LONGEST_KEY: usize = 255;

pub(crate) fn request(notice: &Notice, url: &Hidden, key: &Hidden) -> Request {
    let mut event = value!({
        "routing_key": key.expose(),
        "event_action": if notice.standing() == Standing::Closed { "resolve" } else { "trigger" },
        "dedup_key": dedup_key(notice),
        "client": "Stagegate",
        "payload": payload(notice),
    });
    if let Some(link) = &notice.link {
        event["client_url"] = value!(link);
        event["links"] = value!([{ "href": link, "text": "Read on in Stagegate" }]);
    }
    json(url, &event)
}

fn payload(notice: &Notice) -> Value {
    let source = if notice.workload.is_empty() { "stagegate" } else { &notice.workload };
    let mut payload = value!({
        "summary": cut(&notice.title, 1024),
        "source": source,
        "severity": notice.severity,
        "timestamp": rfc3339(notice.at_ms),
        "class": notice.kind,
        "custom_details": details(notice),
    });
    if let Some(release) = &notice.release {
        payload["component"] = value!(release);
    }
    if let Some(owner) = &notice.owner {
        payload["group"] = value!(owner);
    }
    payload
}

fn details(notice: &Notice) -> Value {
    let known = notice.context().into_iter().map(|(name, it)| (name.to_owned(), value!(it)));
    let facts = notice.facts.iter().map(|fact| (fact.name.clone(), value!(fact.value)));
    Value::Object(facts.chain(known).collect::<Map<String, Value>>())
}

/// The same for every notice about a problem. An event that is none's has a key of its own, so
/// that it never joins an incident.
fn dedup_key(notice: &Notice) -> String {
    let key = format!("stagegate/{}", notice.topic());
    if key.chars().count() <= LONGEST_KEY {
        return key;
    }
    let digest = hex::encode(Sha256::digest(&key));
    key.chars().take(LONGEST_KEY - digest.len() - 1).chain(['/']).chain(digest.chars()).collect()
}
