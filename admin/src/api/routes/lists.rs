//! Routes for exclusion groups, opt-in, and the allow and deny lists.

use super::changes::carry_out;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason, required_reason};
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{Changed, OptIn, OptionalReason};
use stagegate_rollout::{Command, GroupName, ListKind, Subject};

/// Adds a tenant to an exclusion group.
#[utoipa::path(put, path = "/v1/workloads/{workload}/exclusions/{group}/{tenant}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("group" = String, Path, description = "The exclusion group"),
        ("tenant" = String, Path, description = "Tenant id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn exclude(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |group, tenant| {
        Ok(Command::Exclude { group: named(&group)?, tenant: tenant.into() })
    })
    .await
}

/// Takes a tenant out of an exclusion group it was added to at run time.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/exclusions/{group}/{tenant}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("group" = String, Path, description = "The exclusion group"),
        ("tenant" = String, Path, description = "Tenant id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn unexclude(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |group, tenant| {
        Ok(Command::Unexclude { group: named(&group)?, tenant: tenant.into() })
    })
    .await
}

/// Opts an excluded tenant in.
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
pub(super) async fn allow(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |kind, id| {
        Ok(Command::List { list: ListKind::Allow, subject: subject(&kind, &id)? })
    })
    .await
}

/// Takes a tenant or user off the allow list.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/allow/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn unallow(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |kind, id| {
        Ok(Command::Unlist { list: ListKind::Allow, subject: subject(&kind, &id)? })
    })
    .await
}

/// Puts a tenant or user on the deny list: never the candidate.
#[utoipa::path(put, path = "/v1/workloads/{workload}/deny/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn deny(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |kind, id| {
        Ok(Command::List { list: ListKind::Deny, subject: subject(&kind, &id)? })
    })
    .await
}

/// Takes a tenant or user off the deny list.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/deny/{kind}/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("kind" = String, Path, description = "`tenant` or `user`"),
        ("id" = String, Path, description = "The id, percent-encoded")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn undeny(app: State<App>, path: Listed, change: Plain) -> Answered {
    listed(app, path, change, |kind, id| {
        Ok(Command::Unlist { list: ListKind::Deny, subject: subject(&kind, &id)? })
    })
    .await
}

/// The workload, the list's part, and who is listed.
type Listed = Segments<(String, String, String)>;
type Plain = Change<OptionalReason>;
type Answered = Result<Response, ApiError>;

/// A change of membership; its reason may be left out. `command` makes it from the path.
async fn listed(
    State(app): State<App>,
    Segments((workload, part, who)): Listed,
    change: Plain,
    command: impl FnOnce(String, String) -> Result<Command, ApiError>,
) -> Answered {
    let command = command(part, who)?;
    let reason = optional_reason(change.body.reason.as_deref())?;
    carry_out(&app, change.order(workload, command, reason)).await
}

fn named(group: &str) -> Result<GroupName, ApiError> {
    group.parse().map_err(|error| ApiError::field("group", &error))
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
