//! Gated rollouts: start, promote, pause, resume, abort, and how one stands.

use super::changes::carry_out;
use super::flags::no_flags;
use super::reads::{find, tagged};
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Change, Segments, optional_reason, required_reason};
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{
    AnalysisDetail, Changed, OptionalReason, PastRollout, Promote, Reason, RolloutDetail, Rollouts,
    StartRollout,
};
use stagegate_config::Role;
use stagegate_control::{Answer, FlagRelease, NoFlagRelease, ReleaseChange, flag_release};
use stagegate_rollout::{Analysis, AnalysisId, Command, Policy, ReleaseName, Rollout};

/// Most characters of a ticket.
const LONGEST_TICKET: usize = 100;
/// Most rollouts of one answer.
const MOST: usize = 100;

/// Starts a rollout at the policy's first step, of a release or of a variant of a flag.
///
/// Candidate and rollback target are probed first. If anything is missing, the answer is 409 and
/// names all of it; `override` with a reason starts anyway. With `aa` the stable release is compared with
/// itself.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollouts", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = StartRollout, responses((status = 200, description = "Started.", body = Changed)))]
pub(super) async fn start(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<StartRollout>,
) -> Result<Response, ApiError> {
    let body = change.body.clone();
    match (&body.to, body.aa) {
        (Some(_), false) | (None, true) => {}
        (Some(_), true) => {
            let problem = "is given beside `aa`: the stable release is compared with itself";
            return Err(ApiError::field("to", &problem));
        }
        (None, false) => {
            return Err(ApiError::field("to", &"is missing: name the release to roll out"));
        }
    }
    let reason = reason_for(body.overriding, body.reason.as_deref())?;
    let ticket = body.ticket.as_deref().map(ticket).transpose()?;
    let view = app.control.view();
    let policy = view.policy(&workload, body.policy.as_deref()).map_err(|known| {
        let name = body.policy.as_deref().unwrap_or_default();
        ApiError::unknown("policy", &format!("there is no policy `{name}`; there are: {known}"))
    })?;
    let overriding = body.overriding;
    let (to, change) = match (&body.to, &body.flag) {
        (None, Some(_)) => {
            let problem = "is given beside `aa`: the stable release is compared with itself";
            return Err(ApiError::field("flag", &problem));
        }
        (None, None) => (None, change),
        (Some(to), None) => {
            (Some(to.parse().map_err(|error| ApiError::field("to", &error))?), change)
        }
        (Some(to), Some(flag)) => {
            let made = of_variant(&app, &workload, flag, to)?;
            let (to, change) = registered(&app, &workload, made, change, &reason).await?;
            (Some(to), change)
        }
    };
    let policy = Box::new(Policy::clone(&policy));
    let command = match to {
        Some(to) => Command::Start { to, policy },
        None => Command::StartAa { policy },
    };
    let mut order = change.order(workload, command, reason);
    (order.overriding, order.ticket) = (overriding, ticket);
    carry_out(&app, order).await
}

/// A ticket as people write it.
fn ticket(given: &str) -> Result<String, ApiError> {
    // What is checked is what was sent, as the document says it.
    let (text, fits) = (given.trim(), given.chars().count() <= LONGEST_TICKET);
    if fits && !text.is_empty() && !given.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let problem = format!("is not 1 to {LONGEST_TICKET} characters of one line, like `AG-118`");
    Err(ApiError::field("ticket", &problem))
}

/// The release with a variant of a flag.
fn of_variant(
    app: &App,
    workload: &str,
    flag: &str,
    variant: &str,
) -> Result<FlagRelease, ApiError> {
    let set = app.control.flags().ok_or_else(no_flags)?.set();
    flag_release(&app.control.view(), &set, workload, (flag, variant)).map_err(
        |error| match error {
            NoFlagRelease::Workload { .. } => ApiError::unknown("workload", &error),
            NoFlagRelease::Flag(_) => ApiError::unknown("flag", &error),
            NoFlagRelease::Variant { .. } => ApiError::unknown("to", &error),
            _ => ApiError::new(Kind::Refused, error.to_string()),
        },
    )
}

/// Registers the release if it is not there. The caller's condition holds for both changes.
async fn registered(
    app: &App,
    workload: &str,
    made: FlagRelease,
    change: Change<StartRollout>,
    reason: &str,
) -> Result<(ReleaseName, Change<StartRollout>), ApiError> {
    let FlagRelease { name, release, is_there } = made;
    if is_there {
        return Ok((name, change));
    }
    let add = ReleaseChange::Add { name: name.clone(), release: Box::new(release) };
    let order = change.release_before(workload, add, reason);
    let change = match app.control.change_release(order).await? {
        Answer::New(added) => change.after(added.workload.epoch),
        Answer::Kept(_) => change,
    };
    Ok((name, change))
}

/// Promotes to the next step.
///
/// Needs the verdict `pass`. With `expect` it is refused when verdict or gates are not as they were
/// in that analysis; the problem then holds the newest one.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollouts/current/promote", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<Promote>, responses((status = 200, description = "Promoted.", body = Changed)))]
pub(super) async fn promote(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<Promote>,
) -> Result<Response, ApiError> {
    let (force, expect) = (change.body.force, change.body.expect.as_deref());
    let reason = reason_for(force, change.body.reason.as_deref())?;
    let expect = expect.map(AnalysisId::from_text);
    if force {
        change.requires(Role::Admin, &workload)?;
    }
    let order = change.order(workload.clone(), Command::Promote { expect, force }, reason);
    carry_out(&app, order).await.map_err(|error| {
        let newest = app.control.analysis(&workload);
        error.with_analysis(newest.as_deref().map(|it| newest_analysis(&app, &workload, it)))
    })
}

/// Pauses the rollout at its step; gates still roll it back.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollouts/current/pause", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Paused.", body = Changed)))]
pub(super) async fn pause(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    plain(&app, workload, change, Command::Pause).await
}

/// Resumes a paused rollout.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollouts/current/resume", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Resumed.", body = Changed)))]
pub(super) async fn resume(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    plain(&app, workload, change, Command::Resume).await
}

/// Ends the rollout before its completion and takes the candidate out.
///
/// The answer comes when every worker follows; it says when the last new request went there.
#[utoipa::path(post, path = "/v1/workloads/{workload}/rollouts/current/abort", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Reason, responses((status = 200, description = "Aborted.", body = Changed)))]
pub(super) async fn abort(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<Reason>,
) -> Result<Response, ApiError> {
    let reason = required_reason(&change.body.reason)?;
    carry_out(&app, change.order(workload, Command::Abort, reason)).await
}

async fn plain(
    app: &App,
    workload: String,
    change: Change<OptionalReason>,
    command: Command,
) -> Result<Response, ApiError> {
    let reason = optional_reason(change.body.reason.as_deref())?;
    carry_out(app, change.order(workload, command, reason)).await
}

/// The newest analysis, with whose evidence it rests on.
pub(super) fn newest_analysis(app: &App, workload: &str, analysis: &Analysis) -> AnalysisDetail {
    let fleet = app.control.fleet_evidence(workload).map(describe::fleet_evidence);
    AnalysisDetail { fleet, ..describe::rollout::analysis(analysis) }
}

/// Returns the reason, which is required if the caller overrides.
fn reason_for(insists: bool, given: Option<&str>) -> Result<String, ApiError> {
    match given {
        given if !insists => optional_reason(given),
        given => required_reason(given.unwrap_or_default()),
    }
}

/// The rollout in progress, or the last one that ended.
#[utoipa::path(get, path = "/v1/workloads/{workload}/rollouts/current", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "The rollout.", body = RolloutDetail,
        headers(("etag" = String, description = "The workload's epoch, for If-Match")))))]
pub(super) async fn current(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let Some(rollout) = live.split.state().rollout.as_deref() else {
        let detail = format!("workload `{name}` has had no rollout: start one");
        return Err(ApiError::new(Kind::NotFound, detail));
    };
    let analysis = app.control.analysis(&name).filter(|_| rollout.is_active());
    let stale = app.control.stale_checks(&name);
    let unknown = app.control.unknown_cost(&name);
    let mut detail = describe::rollout::detail(live, rollout, analysis.as_deref(), &stale, unknown);
    if let Some(analysis) = &mut detail.analysis {
        analysis.fleet = app.control.fleet_evidence(&name).map(describe::fleet_evidence);
    }
    Ok(tagged(live, detail))
}

/// The workload's rollouts.
#[utoipa::path(get, path = "/v1/workloads/{workload}/rollouts", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "Newest first, at most 100.", body = Rollouts)))]
pub(super) async fn history(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<Json<Rollouts>, ApiError> {
    let view = app.control.view();
    let workload = find(&view, &name)?.split.spec().name.clone();
    let kept = app.control.read(move |store| Ok(store.rollouts(&workload, None, MOST)?)).await?;
    let read = |body: &str| -> Result<PastRollout, ApiError> {
        let rollout: Rollout = serde_json::from_str(body).map_err(|error| {
            ApiError::new(Kind::Unavailable, format!("a rollout is damaged: {error}"))
        })?;
        Ok(describe::rollout::past(&rollout))
    };
    let rollouts = kept.iter().map(|kept| read(&kept.body)).collect::<Result<_, _>>()?;
    Ok(Json(Rollouts { rollouts }))
}
