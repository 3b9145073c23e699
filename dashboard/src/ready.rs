//! What a person says about a check or a task: a form becomes a request to the API.

use crate::answers::carry_out;
use crate::ask::path;
use crate::context::Dashboard;
use crate::door::Own;
use crate::form::Form;
use crate::frame;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use maud::html;
use serde_json::{Value, json};
use stagegate_api::{HandoffDone, StatementDetail, TaskDone};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: u64 = 86_400_000;

/// Signs a check, attaches a link to it, waives it, or takes that back.
pub(crate) async fn state_check(
    State(dashboard): State<Dashboard>,
    Path((workload, check)): Path<(String, String)>,
    Own { visitor, form }: Own,
) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let body = match statement(&form, now.as_millis() as u64) {
        Ok(body) => body,
        Err(why) => return frame::plain_refusal(StatusCode::BAD_REQUEST, &why),
    };
    let shown = |it: &StatementDetail| {
        html! {
            h1 { "Done: check " (it.check) " of " (it.release) ": " (it.kind) }
            p.dim { "Audit record " (it.audit_seq) ", by " (it.by) @if !it.reason.is_empty() { ": " (it.reason) } }
        }
    };
    let asked = (path(&["v1", "workloads", &workload, "checklist", &check]), body);
    let back = format!(
        "{}?{}#{check}",
        path(&["w", &workload, "readiness"]),
        form_urlencoded::Serializer::new(String::new())
            .append_pair("release", form.text("release"))
            .finish()
    );
    carry_out(&dashboard, &visitor, &form, asked, (&back, "the checklist"), shown).await
}

/// The API's form of a statement.
fn statement(form: &Form, now_ms: u64) -> Result<Value, String> {
    let mut body = json!({ "kind": form.text("kind"), "release": form.text("release") });
    for field in ["reason", "link"] {
        if let Some(value) = form.get(field) {
            body[field] = json!(value);
        }
    }
    if let Some(days) = form.get("days") {
        let days: u64 = days.parse().map_err(|_| format!("`{days}` is no number of days"))?;
        body["until_ms"] = json!(now_ms.saturating_add(days.saturating_mul(DAY_MS)));
    }
    if let Some(date) = form.get("date") {
        let day = stagegate_timing::day(date);
        body["date_ms"] = json!(day.ok_or_else(|| format!("`{date}` is no day like 2026-12-05"))?);
    }
    Ok(body)
}

/// Files that a task was done, gives it another owner, or adds a remark.
pub(crate) async fn act_on_task(
    State(dashboard): State<Dashboard>,
    Path((workload, task)): Path<(String, String)>,
    Own { visitor, form }: Own,
) -> Response {
    let shown = |it: &TaskDone| {
        html! {
            h1 { "Done: task " (it.task) ", " (it.act) ": " (it.text) }
            p.dim { "Audit record " (it.audit_seq) ", by " (it.by) }
        }
    };
    let body = json!({ "act": form.text("act"), "text": form.text("text") });
    let asked = (path(&["v1", "workloads", &workload, "runbook", &task]), body);
    let back = format!("{}#{task}", path(&["w", &workload, "runbook"]));
    carry_out(&dashboard, &visitor, &form, asked, (&back, "the runbook"), shown).await
}

/// Says what a part of the hand-off is, or completes it.
pub(crate) async fn act_on_handoff(
    State(dashboard): State<Dashboard>,
    Path(workload): Path<String>,
    Own { visitor, form }: Own,
) -> Response {
    let mut body = json!({ "act": form.text("act") });
    for field in ["part", "text"] {
        if let Some(value) = form.get(field) {
            body[field] = json!(value);
        }
    }
    let shown = |it: &HandoffDone| {
        html! {
            h1 {
                @match (&it.part, &it.text) {
                    (Some(part), Some(text)) => { "Done: " (part) ": " (text) },
                    _ => "Done: the hand-off is complete",
                }
            }
            p.dim { "Audit record " (it.audit_seq) ", by " (it.by) }
        }
    };
    let asked = (path(&["v1", "workloads", &workload, "handoff"]), body);
    let back = path(&["w", &workload, "handoff"]);
    carry_out(&dashboard, &visitor, &form, asked, (&back, "the hand-off"), shown).await
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, statement};
    use crate::form::Form;
    use serde_json::json;

    #[test]
    fn a_waiver_has_an_end_and_a_day_is_a_day() {
        let form = Form::read(b"kind=waive&release=v2&reason=drill+tomorrow&days=2");
        let wanted = json!({ "kind": "waive", "release": "v2", "reason": "drill tomorrow",
            "until_ms": 1000 + 2 * DAY_MS });
        assert_eq!(statement(&form, 1000), Ok(wanted));
        let form = Form::read(b"kind=sign&release=v2&date=1970-01-03");
        let wanted = json!({ "kind": "sign", "release": "v2", "date_ms": 2 * DAY_MS });
        assert_eq!(statement(&form, 0), Ok(wanted));
        assert!(statement(&Form::read(b"date=soon"), 0).is_err());
        assert!(statement(&Form::read(b"days=-1"), 0).is_err());
    }
}
