//! Our own JSON: the notice with its problem and standing, signed where a secret is set.
//!
//! `version` is 1. Fields may be added; receivers must ignore those they do not know.

use super::json;
use crate::{Hidden, Notice, Request};
use serde_json::json as value;
use stagegate_sealed::{SIGNATURE_HEADER, signature};
use stagegate_timing::rfc3339;

pub(crate) fn request(
    notice: &Notice,
    url: &Hidden,
    secret: Option<&Hidden>,
    now_ms: u64,
) -> Request {
    let body = value!({
        "version": 1,
        "id": notice.id,
        "kind": notice.kind,
        "severity": notice.severity,
        "workload": notice.workload,
        "rollout": notice.rollout,
        "release": notice.release,
        "step": notice.step,
        "axis": notice.axis,
        "gate": notice.gate,
        "owner": notice.owner,
        "at": rfc3339(notice.at_ms),
        "at_ms": notice.at_ms,
        "title": notice.title,
        "facts": notice.facts,
        "analysis": notice.analysis,
        "link": notice.link,
        "problem": notice.problem(),
        "state": notice.standing(),
    });
    let mut request = json(url, &body);
    if let Some(secret) = secret {
        let value = signature(secret, now_ms / 1000, request.body.as_bytes());
        request.headers.push((SIGNATURE_HEADER, value));
    }
    request
}
