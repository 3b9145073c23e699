//! Who takes part: exclusion groups, opt-in, allow and deny lists.

use super::changes::carry_out;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason, required_reason};
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{Changed, OptIn, OptionalReason};
use stagegate_rollout::{Command, GroupName, ListKind, Subject};
use std::sync::Arc;

/// Adds a tenant to an exclusion group.
#[utoipa::path(put, path = "/v1/workloads/{workload}/exclusions/{group}/{tenant}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("group" = String, Path, description = "The exclusion group"),
        ("tenant" = String, Path, description = "Tenant id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn exclude(
    State(app): State<App>,
    Segments((workload, group, tenant)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let (group, tenant) = member(&group, &tenant)?;
    listed(&app, workload, change, Command::Exclude { group, tenant }).await
}

/// Takes a tenant out of an exclusion group it was added to at run time.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/exclusions/{group}/{tenant}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("group" = String, Path, description = "The exclusion group"),
        ("tenant" = String, Path, description = "Tenant id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn unexclude(
    State(app): State<App>,
    Segments((workload, group, tenant)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let (group, tenant) = member(&group, &tenant)?;
    listed(&app, workload, change, Command::Unexclude { group, tenant }).await
}

/// Lets an excluded tenant take part from now on.
#[utoipa::path(post, path = "/v1/workloads/{workload}/exclusions/{tenant}/opt-in", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("tenant" = String, Path, description = "Tenant id, percent-encoded")),
    request_body = OptIn, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn opt_in(
    State(app): State<App>,
    Segments((workload, tenant)): Segments<(String, String)>,
    change: Change<OptIn>,
) -> Result<Response, ApiError> {
    let reason = required_reason(&change.body.reason)?;
    let command = Command::OptIn { tenant: tenant.as_str().into() };
    carry_out(&app, change.order(workload, command, reason)).await
}

/// Puts a tenant or user on the allow list: always the candidate while it is open.
#[utoipa::path(put, path = "/v1/workloads/{workload}/allow/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn allow(
    State(app): State<App>,
    Segments((workload, kind, id)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let command = Command::List { list: ListKind::Allow, subject: subject(&kind, &id)? };
    listed(&app, workload, change, command).await
}

/// Takes a tenant or user off the allow list.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/allow/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn unallow(
    State(app): State<App>,
    Segments((workload, kind, id)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let command = Command::Unlist { list: ListKind::Allow, subject: subject(&kind, &id)? };
    listed(&app, workload, change, command).await
}

/// Puts a tenant or user on the deny list: never the candidate.
#[utoipa::path(put, path = "/v1/workloads/{workload}/deny/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn deny(
    State(app): State<App>,
    Segments((workload, kind, id)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let command = Command::List { list: ListKind::Deny, subject: subject(&kind, &id)? };
    listed(&app, workload, change, command).await
}

/// Takes a tenant or user off the deny list.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/deny/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn undeny(
    State(app): State<App>,
    Segments((workload, kind, id)): Segments<(String, String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let command = Command::Unlist { list: ListKind::Deny, subject: subject(&kind, &id)? };
    listed(&app, workload, change, command).await
}

/// A change of membership; its reason may be left out.
async fn listed(
    app: &App,
    workload: String,
    change: Change<OptionalReason>,
    command: Command,
) -> Result<Response, ApiError> {
    let reason = optional_reason(change.body.reason.as_deref())?;
    carry_out(app, change.order(workload, command, reason)).await
}

fn member(group: &str, tenant: &str) -> Result<(GroupName, Arc<str>), ApiError> {
    let group = group.parse().map_err(|error| ApiError::field("group", &error))?;
    Ok((group, tenant.into()))
}

fn subject(kind: &str, id: &str) -> Result<Subject, ApiError> {
    match kind {
        "tenant" => Ok(Subject::Tenant(id.into())),
        "user" => Ok(Subject::User(id.into())),
        other => {
            let problem = format!("`{other}` cannot be listed: use `tenant` or `user`");
            Err(ApiError::field("kind", &problem))
        }
    }
}
