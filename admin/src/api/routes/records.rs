//! Routes for the decision log and the audit log.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments, stored};
use crate::api::heavy::{heavy, look};
use crate::api::others::{self, Others};
use crate::sources::{DecisionSource, DecisionsUnavailable};
use crate::{describe, explain};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_api::{Audit, AuditCheck, AuditRecord, Decision, DecisionExplained, Decisions};
use stagegate_control::StoreAccessError;
use stagegate_rollout::{Arm, Reason};
use stagegate_store::{AuditEntry, AuditFilter, Filter, VerifyError};
use std::sync::Arc;
use utoipa::IntoParams;

/// Most rows of one answer.
const MAX_ROWS: usize = 1000;

/// The filter for decisions.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DecisionQuery {
    /// Only those of this workload.
    workload: Option<String>,
    /// Only those of this tenant.
    tenant: Option<String>,
    /// Only those of this arm.
    #[param(value_type = Option<stagegate_api::Arm>)]
    arm: Option<String>,
    /// Only those this rule decided.
    #[param(value_type = Option<stagegate_api::Rule>)]
    reason: Option<String>,
    /// Only those with this flag, `KEY`, or with this variant of it, `KEY=VARIANT`.
    flag: Option<String>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Only those of the replica that is asked.
    #[serde(default)]
    #[param(default = false)]
    here: bool,
}

/// A question to the decision logs of other replicas.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    /// The decision for this request.
    Decision(String),
    /// The newest decisions.
    Decisions(DecisionQuery),
}

/// Answers another replica from what this one has itself. The answer is empty if the question cannot be
/// read or answered.
pub async fn answer(app: &App, question: &[u8]) -> Vec<u8> {
    let answer = match serde_json::from_slice(question) {
        Ok(Question::Decision(id)) => own_decision(app, &id).await.ok().map(|it| json!(it)),
        Ok(Question::Decisions(query)) => own_decisions(app, query).await.ok().map(|it| json!(it)),
        Err(_) => None,
    };
    answer.map(|it| it.to_string().into_bytes()).unwrap_or_default()
}

/// The decision for one request, and its reason.
///
/// In a fleet the other replicas are asked if this one has not served it.
#[utoipa::path(get, path = "/v1/decisions/{request_id}", tag = "records",
    params(("request_id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "The record and its explanation.", body = DecisionExplained)))]
pub(super) async fn decision(
    State(app): State<App>,
    Segments(request_id): Segments<String>,
) -> Result<Json<DecisionExplained>, ApiError> {
    if let Some(found) = own_decision(&app, &request_id).await? {
        return Ok(Json(found));
    }
    let question = Question::Decision(request_id.clone());
    let others: Others<Option<DecisionExplained>> = others::ask(&app, &question).await;
    let found = others.answers.into_iter().find_map(|(replica, found)| Some((replica, found?)));
    if let Some((replica, found)) = found {
        return Ok(Json(DecisionExplained { replica: Some(replica), ..found }));
    }
    let mut detail = format!(
        "no decision of request `{request_id}` is recorded: the id is wrong, the record has not been written yet (under a second), or its time is over"
    );
    if !others.silent.is_empty() {
        detail = format!("{detail}; replica {} did not answer", others.silent.join(", "));
    }
    Err(ApiError::new(Kind::NotFound, detail))
}

async fn own_decision(app: &App, id: &str) -> Result<Option<DecisionExplained>, ApiError> {
    let wanted = id.to_owned();
    let found = ask(app, move |log| log.get(&wanted)).await?;
    let Some(mut decision) = found.map(describe::decision) else { return Ok(None) };
    // What the proxy answered itself, no program has worked on.
    let flags = app.flags.as_ref().filter(|_| !decision.release.is_empty());
    let lasted = (decision.at_ms, decision.at_ms + decision.duration_ms.ceil() as u64);
    let late = flags.map(|flags| flags.remote_of(id, lasted)).unwrap_or_default();
    describe::add_remote(&mut decision, late);
    let view = app.control.view();
    let workload = view.config.workload(&decision.workload);
    let request = explain::request_of(workload, &decision.release);
    let stages = app.stages.as_ref().map(|stages| stages.of_request(id));
    let stages = stages.into_iter().flatten().map(describe::request_stage).collect();
    let words = explain::recorded(&decision);
    Ok(Some(DecisionExplained { words, request, decision, stages, replica: None }))
}

/// The newest decisions.
///
/// In a fleet those of all replicas, unless `here` is true. `silent` names those that did not answer within
/// two seconds.
#[utoipa::path(get, path = "/v1/decisions", tag = "records", params(DecisionQuery),
    responses((status = 200, description = "Newest first.", body = Decisions)))]
pub(super) async fn decisions(
    State(app): State<App>,
    Params(query): Params<DecisionQuery>,
) -> Result<Json<Decisions>, ApiError> {
    let limit = rows(query.limit)?;
    let mut decisions = own_decisions(&app, query.clone()).await?;
    if query.here {
        return Ok(Json(Decisions { decisions, silent: Vec::new() }));
    }
    let others: Others<Vec<Decision>> = others::ask(&app, &Question::Decisions(query)).await;
    decisions.extend(others.answers.into_iter().flat_map(|(_, decisions)| decisions));
    decisions.sort_by_key(|it| std::cmp::Reverse(it.at_ms));
    decisions.truncate(limit);
    Ok(Json(Decisions { decisions, silent: others.silent }))
}

async fn own_decisions(app: &App, query: DecisionQuery) -> Result<Vec<Decision>, ApiError> {
    let limit = rows(query.limit)?;
    let filter = Filter {
        workload: query.workload,
        tenant: query.tenant,
        arm: query.arm.as_deref().map(arm).transpose()?,
        reason: query.reason.as_deref().map(reason).transpose()?,
        flag: query.flag.map(|text| match text.split_once('=') {
            Some((key, variant)) => (key.to_owned(), Some(variant.to_owned())),
            None => (text, None),
        }),
    };
    // It may read a million records to find a few.
    let log = log(app)?;
    let records = heavy(move || log.recent(&filter, limit)).await?.map_err(unavailable)?;
    Ok(records.into_iter().map(describe::decision).collect())
}

pub(super) fn arm(text: &str) -> Result<Arm, ApiError> {
    let wrong =
        || ApiError::field("arm", &format!("`{text}` is no arm: use `stable` or `candidate`"));
    Arm::from_label(text).ok_or_else(wrong)
}

fn reason(text: &str) -> Result<Reason, ApiError> {
    Reason::ALL.into_iter().find(|reason| reason.label() == text).ok_or_else(|| {
        let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        ApiError::field(
            "reason",
            &format!("`{text}` is no reason: use one of {}", known.join(", ")),
        )
    })
}

pub(super) fn rows(limit: Option<usize>) -> Result<usize, ApiError> {
    match limit.unwrap_or(50) {
        limit @ 1..=MAX_ROWS => Ok(limit),
        other => Err(ApiError::field("limit", &format!("`{other}` is not from 1 to {MAX_ROWS}"))),
    }
}

/// Asks the decision log what costs little.
async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn DecisionSource) -> Result<T, DecisionsUnavailable> + Send + 'static,
) -> Result<T, ApiError> {
    let log = log(app)?;
    look(move || question(&*log)).await?.map_err(unavailable)
}

fn log(app: &App) -> Result<Arc<dyn DecisionSource>, ApiError> {
    app.decisions.clone().ok_or_else(|| {
        let detail =
            "the decision log is switched off: set `decision_log.enabled: true` and restart";
        ApiError::new(Kind::NotFound, detail)
    })
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn unavailable(error: DecisionsUnavailable) -> ApiError {
    ApiError::new(Kind::Unavailable, error.to_string())
}

/// The filter for audit records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only those about this workload.
    workload: Option<String>,
    /// Only those by this actor.
    actor: Option<String>,
    /// Only older ones than this number.
    #[serde(default, deserialize_with = "stored")]
    before: Option<u64>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// The audit log.
#[utoipa::path(get, path = "/v1/audit", tag = "records", params(AuditQuery),
    responses((status = 200, description = "Newest first.", body = Audit)))]
pub(super) async fn audit(
    State(app): State<App>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Audit>, ApiError> {
    let limit = rows(query.limit)?;
    let filter =
        AuditFilter { workload: query.workload, actor: query.actor, before_seq: query.before };
    let entries = app.control.read(move |store| Ok(store.audit(&filter, limit)?)).await?;
    let is_full = entries.len() == limit;
    let next_before = entries.last().filter(|it| is_full && it.seq > 1).map(|it| it.seq);
    Ok(Json(Audit { entries: entries.into_iter().map(record).collect(), next_before }))
}

/// Recomputes the audit's hash chain.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "records",
    responses((status = 200, description = "The result of the check.", body = AuditCheck)))]
pub(super) async fn verify_audit(State(app): State<App>) -> Result<Json<AuditCheck>, ApiError> {
    let control = app.control.clone();
    let check = move || match control.reader()?.verify_audit() {
        Ok(verified) => Ok(AuditCheck {
            intact: true,
            entries: verified.entries,
            head: Some(verified.head),
            broken_at: None,
            problem: None,
        }),
        Err(VerifyError::Broken(broken)) => Ok(AuditCheck {
            intact: false,
            entries: broken.seq.saturating_sub(1),
            head: None,
            broken_at: Some(broken.seq),
            problem: Some(broken.why),
        }),
        Err(VerifyError::Store(error)) => Err(StoreAccessError::from(error)),
    };
    Ok(Json(heavy(check).await??))
}

pub(super) fn record(entry: AuditEntry) -> AuditRecord {
    AuditRecord {
        seq: entry.seq,
        at_ms: entry.at_ms,
        actor: entry.actor.to_string(),
        workload: entry.workload.map(|it| it.to_string()),
        action: entry.action,
        reason: entry.reason,
        summary: entry.summary,
        epoch_before: entry.epoch_before,
        epoch_after: entry.epoch,
        details: details(&entry.details),
        prev_hash: entry.prev_hash,
        hash: entry.hash,
    }
}

/// The details as an object. Entries of earlier versions had none at all.
fn details(text: &str) -> serde_json::Value {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Null) | Err(_) => serde_json::json!({}),
        Ok(details) => details,
    }
}
