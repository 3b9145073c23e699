//! Routes that move traffic: weight, rollback, kill switch, cohorts.

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason, required_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{Changed, EnableCohort, OptionalReason, Reason, SetWeight};
use stagegate_control::{Answer, Order};
use stagegate_rollout::{Command, Weight};

/// Carries an order out and answers it.
pub(super) async fn carry_out(app: &App, order: Order) -> Result<Response, ApiError> {
    changed(&app.control.execute(order).await?)
}

/// The answer to a change that was made.
pub(super) fn changed(answer: &Answer<stagegate_control::Changed>) -> Result<Response, ApiError> {
    reply(answer, describe::changed, |it| it.workload.epoch)
}

/// Sets the candidate's share.
///
/// A share above zero also opens a closed candidate. Refused unless `override` is set: while a
/// rollout is under way, because its policy sets the weight, and for a candidate that a gate rolled back.
#[utoipa::path(put, path = "/v1/workloads/{workload}/weight", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = SetWeight, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn set_weight(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<SetWeight>,
) -> Result<Response, ApiError> {
    let weight: Weight =
        change.body.weight.parse().map_err(|error| ApiError::field("weight", &error))?;
    let overriding = change.body.overriding;
    let reason = match overriding {
        true => required_reason(&change.body.reason)?,
        false => optional_reason(Some(&change.body.reason))?,
    };
    let mut order = change.order(workload, Command::SetWeight { weight }, reason);
    order.overriding = overriding;
    carry_out(&app, order).await
}

/// Takes the candidate out at once.
///
/// The answer comes when every worker follows; it says when the last new request went there.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollback", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Reason, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn rollback(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<Reason>,
) -> Result<Response, ApiError> {
    with_reason(&app, workload, change, Command::Rollback).await
}

/// Turns the kill switch on.
#[utoipa::path(post, path = "/v1/workloads/{workload}/kill", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Reason, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn kill(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<Reason>,
) -> Result<Response, ApiError> {
    with_reason(&app, workload, change, Command::Kill).await
}

/// Turns the kill switch off.
#[utoipa::path(post, path = "/v1/workloads/{workload}/revive", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Reason, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn revive(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<Reason>,
) -> Result<Response, ApiError> {
    with_reason(&app, workload, change, Command::Revive).await
}

/// A command that must say why.
async fn with_reason(
    app: &App,
    workload: String,
    change: Change<Reason>,
    command: Command,
) -> Result<Response, ApiError> {
    let reason = required_reason(&change.body.reason)?;
    carry_out(app, change.order(workload, command, reason)).await
}

/// Opens the next cohort.
///
/// Refused for a candidate that a gate rolled back unless `override` is set.
#[utoipa::path(post, path = "/v1/workloads/{workload}/cohorts/{cohort}/enable", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("cohort" = String, Path, description = "The next cohort in order")),
    request_body = Option<EnableCohort>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn enable_cohort(
    State(app): State<App>,
    Segments((workload, cohort)): Segments<(String, String)>,
    change: Change<EnableCohort>,
) -> Result<Response, ApiError> {
    let cohort = cohort.parse().map_err(|error| ApiError::field("cohort", &error))?;
    let opt_in = change.body.opt_in.iter().map(|tenant| tenant.as_str().into()).collect::<Vec<_>>();
    // Opting somebody in is an override of an exclusion and must say why, here as on its own.
    let overriding = change.body.overriding;
    let reason = match change.body.reason.as_deref() {
        given if opt_in.is_empty() && !overriding => optional_reason(given)?,
        given => required_reason(given.unwrap_or_default())?,
    };
    let mut order = change.order(workload, Command::EnableCohort { cohort, opt_in }, reason);
    order.overriding = overriding;
    carry_out(&app, order).await
}

/// Closes the cohort that was opened last.
#[utoipa::path(post, path = "/v1/workloads/{workload}/cohorts/rollback", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn rollback_cohort(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let reason = optional_reason(change.body.reason.as_deref())?;
    carry_out(&app, change.order(workload, Command::RollbackCohort, reason)).await
}
