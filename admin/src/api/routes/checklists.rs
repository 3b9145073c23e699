//! Checklists of releases.

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Params, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use stagegate_api::{ChecklistDetail, RollbackRunbook, StateCheck, StatementDetail, Statements};
use stagegate_control::Said;
use stagegate_rollout::ReleaseName;
use utoipa::IntoParams;

/// Longest link and file name, in characters.
const LONGEST: usize = 500;

/// The release of a checklist.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfRelease {
    /// The release; the one that is rolled out if left out.
    #[param(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    release: Option<String>,
}

/// The release and policy of a checklist.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChecklistQuery {
    /// The release; the one that is rolled out if left out.
    #[param(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    release: Option<String>,
    /// Name of a policy; that of the rollout or of the workload if left out.
    policy: Option<String>,
}

/// The checklist of a release: every check judged now.
///
/// Proved checks are found out at this moment: endpoints of the rollback target are probed.
#[utoipa::path(get, path = "/v1/workloads/{workload}/checklist", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), ChecklistQuery),
    responses((status = 200, description = "Check by check.", body = ChecklistDetail)))]
pub(super) async fn show_checklist(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    Params(query): Params<ChecklistQuery>,
) -> Result<Json<ChecklistDetail>, ApiError> {
    let release = named(query.release.as_deref())?;
    let list = app.control.checklist(&workload, release.as_ref(), query.policy.as_deref()).await?;
    Ok(Json(describe::checklist(&list)))
}

/// Every statement about a release's checks: signatures, attachments, waivers, withdrawals.
#[utoipa::path(get, path = "/v1/workloads/{workload}/checklist/history", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), OfRelease),
    responses((status = 200, description = "Oldest first.", body = Statements)))]
pub(super) async fn checklist_history(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    Params(query): Params<OfRelease>,
) -> Result<Json<Statements>, ApiError> {
    let release = named(query.release.as_deref())?;
    let (release, kept) = app.control.statements(&workload, release.as_ref()).await?;
    let shown = kept
        .iter()
        .map(|it| describe::statement(&workload, release.as_str(), it.audit_seq, &it.statement));
    Ok(Json(Statements { statements: shown.collect(), release: release.to_string(), workload }))
}

/// Signs a check, attaches evidence to it, waives it, or takes that back.
///
/// A statement counts for the release's present pins, until it ends. A check that Stagegate proves can only
/// be waived.
#[utoipa::path(post, path = "/v1/workloads/{workload}/checklist/{check}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("check" = String, Path, description = "Id of the check, as `C11`")),
    request_body = StateCheck,
    responses((status = 200, description = "Recorded.", body = StatementDetail)))]
pub(super) async fn state_check(
    State(app): State<App>,
    Segments((workload, check)): Segments<(String, String)>,
    change: Change<StateCheck>,
) -> Result<Response, ApiError> {
    let given = change.body.clone();
    let release = named(given.release.as_deref())?;
    let texts = [
        ("link", given.link.as_deref()),
        ("file.name", given.file.as_ref().map(|it| it.name.as_str())),
    ];
    for (field, text) in texts {
        one_line(field, text.unwrap_or("-"))?;
    }
    if let Some(file) = &given.file {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if file.sha256.len() != 64 || !file.sha256.bytes().all(hex) {
            return Err(ApiError::field("file.sha256", &"it is not 64 lower-case hex digits"));
        }
    }
    if let Some(found) = given.evidence.as_ref().and_then(|it| it.coverage.as_ref())
        && !(0.0..=1.0).contains(&found.share)
    {
        return Err(ApiError::field("evidence.coverage.share", &"it must be a number from 0 to 1"));
    }
    let said = Said {
        kind: describe::given_kind(given.kind),
        reason: optional_reason(given.reason.as_deref())?,
        link: given.link,
        file: given.file.map(describe::given_file),
        until_ms: given.until_ms,
        date_ms: given.date_ms,
        evidence: given.evidence.and_then(describe::given_evidence),
    };
    let answer = app.control.state_check(change.statement(workload, release, check, said)).await?;
    reply(&answer, describe::statement_made, |made| {
        let view = app.control.view();
        view.find(&made.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}

/// The rollback runbook of a release: a page with the exact commands of this deployment.
#[utoipa::path(get, path = "/v1/workloads/{workload}/rollback-runbook", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), OfRelease),
    responses((status = 200, description = "The page and its digest.", body = RollbackRunbook)))]
pub(super) async fn rollback_runbook(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    Params(query): Params<OfRelease>,
) -> Result<Json<RollbackRunbook>, ApiError> {
    let release = named(query.release.as_deref())?;
    let (text, sha256) = app.control.rollback_runbook(&workload, release.as_ref())?;
    Ok(Json(RollbackRunbook { workload, text, sha256 }))
}

/// The release of this name.
pub(super) fn named(release: Option<&str>) -> Result<Option<ReleaseName>, ApiError> {
    release.map(|it| it.parse().map_err(|error| ApiError::field("release", &error))).transpose()
}

/// Refuses a text that a terminal would obey, or that is too long.
fn one_line(field: &str, text: &str) -> Result<(), ApiError> {
    let fits = !text.is_empty() && text.chars().count() <= LONGEST;
    if fits && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ApiError::field(field, &format!("it is not one line of 1 to {LONGEST} characters")))
}
