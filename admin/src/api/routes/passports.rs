//! Passports of releases.

use super::checklists::named;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use stagegate_api::{AdmitPassport, ExportPassport, PassportDetail, SignedPassport};
use stagegate_rollout::ReleaseName;

/// Issues a passport for a release: what is known of it now, signed by this environment.
#[utoipa::path(post, path = "/v1/workloads/{workload}/passports", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<ExportPassport>,
    responses((status = 200, description = "The passport.", body = SignedPassport)))]
pub(super) async fn export_passport(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<ExportPassport>,
) -> Result<Json<SignedPassport>, ApiError> {
    let release = named(change.body.release.as_deref())?;
    let reason = optional_reason(change.body.reason.as_deref())?;
    let actor = change.actor().to_owned();
    let signed = app.control.export_passport(&actor, &workload, release.as_ref(), reason).await?;
    Ok(Json(describe::signed_passport(signed)))
}

/// Admits the passport of a release: same pins, a trusted key, young enough, the demanded checks met.
#[utoipa::path(put, path = "/v1/workloads/{workload}/releases/{release}/passport", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    request_body = AdmitPassport,
    responses((status = 200, description = "Admitted, or would be.", body = PassportDetail)))]
pub(super) async fn admit_passport(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
    change: Change<AdmitPassport>,
) -> Result<Response, ApiError> {
    let name: ReleaseName = release.parse().map_err(|error| ApiError::field("release", &error))?;
    let AdmitPassport { passport, reason, dry_run } = change.body.clone();
    let signed = describe::given_passport(passport);
    let reason = optional_reason(reason.as_deref())?;
    if dry_run {
        let passport = app.control.judge_passport(&workload, &name, &signed)?;
        return Ok(Json(describe::passport(&passport)).into_response());
    }
    let answer = app.control.admit_passport(change.admit(workload, name, signed, reason)).await?;
    reply(&answer, describe::admitted_passport, |admitted| {
        let view = app.control.view();
        view.find(&admitted.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}

/// The passport that was admitted last for a release.
#[utoipa::path(get, path = "/v1/workloads/{workload}/releases/{release}/passport", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    responses((status = 200, description = "The passport.", body = PassportDetail)))]
pub(super) async fn show_passport(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
) -> Result<Json<PassportDetail>, ApiError> {
    let name: ReleaseName = release.parse().map_err(|error| ApiError::field("release", &error))?;
    let found = app.control.passport(&workload, Some(&name)).await?;
    let found = found.ok_or_else(|| {
        let detail = format!("no passport of release `{release}` was admitted");
        ApiError::new(Kind::NotFound, detail)
    })?;
    Ok(Json(describe::admitted_passport(&found)))
}
