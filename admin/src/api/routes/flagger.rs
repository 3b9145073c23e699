//! Webhooks of Flagger: what it asks before each of its steps, and what it tells at the end.
//!
//! Flagger shows the body of an answer other than 2xx in its events, so answers are plain sentences. It
//! retries 5xx without showing them, so a hold is 409.

use super::reads::find;
use crate::api::App;
use crate::api::error::{ApiError, AsItIs};
use crate::api::extract::{Body, Change, Segments, required_reason};
use crate::flagger::{Known, Said, answer, at_the_end};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use stagegate_api::{FlaggerCall, FlaggerHook};
use stagegate_control::Answer;

/// Most characters of an event that are logged.
const SHOWN: usize = 300;
const NO_RELEASE: &str = "metadata.release is missing: name the candidate's release in the webhook, as in \
                          `metadata: { release: v43 }`";

/// Answers a question of Flagger.
///
/// 200 means: go on. For `rollback` it means: roll back. 409 means: hold; for `rollback`: do not. Both have one sentence.
/// `metadata.release` of the webhook names the candidate's release. Flagger sends no headers, so these paths also
/// take a token as the password of the address (`http://flagger:TOKEN@…`).
#[utoipa::path(post, path = "/v1/workloads/{workload}/flagger/{hook}", tag = "hooks",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("hook" = inline(FlaggerHook), Path, description = "The type of the webhook")),
    request_body = FlaggerCall,
    responses((status = 200, description = "Go on; for `rollback`: roll back.", body = String, content_type = "text/plain"),
        (status = 409, description = "Hold; for `rollback`: do not.", body = String, content_type = "text/plain")))]
pub(super) async fn flagger_asks(
    State(app): State<App>,
    Segments((name, hook)): Segments<(String, FlaggerHook)>,
    Body(call): Body<FlaggerCall>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let release = match call.metadata.get("release") {
        Some(release) => release.as_str(),
        None if hook == FlaggerHook::Event => "",
        None => return Ok(sentence(&name, Said::No(NO_RELEASE.to_owned()))),
    };
    if hook == FlaggerHook::Event {
        note(&name, &call);
    }
    let analysis = app.control.analysis(&name);
    let known = Known {
        state: live.split.state(),
        analysis: analysis.as_deref(),
        is_registered: live.split.spec().releases.iter().any(|it| it.as_str() == release),
    };
    Ok(sentence(&name, answer(hook, release, known)))
}

/// Takes the candidate out when Flagger has stopped its pods.
///
/// After `Succeeded` and `Failed` the pods of the canary are gone. A rollout of `metadata.release` that is in progress is
/// aborted; one that is completed is rolled back to the release before, whose pods have the promoted version. Everything
/// else changes nothing.
#[utoipa::path(post, path = "/v1/workloads/{workload}/flagger/post-rollout", tag = "hooks",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = FlaggerCall,
    responses((status = 200, description = "What was done.", body = String, content_type = "text/plain"),
        (status = 409, description = "`metadata.release` is missing, or the change was refused.", body = String, content_type = "text/plain")))]
pub(super) async fn flagger_ended(
    State(app): State<App>,
    Segments(name): Segments<String>,
    change: Change<FlaggerCall>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let call = &change.body;
    let Some(release) = call.metadata.get("release") else {
        return Ok(sentence(&name, Said::No(NO_RELEASE.to_owned())));
    };
    let Some(command) = at_the_end(call.phase, release, live.split.state()) else {
        return Ok(sentence(&name, Said::Yes("nothing is to be done".to_owned())));
    };
    let phase = call.phase.map_or("", stagegate_api::FlaggerPhase::as_str);
    let reason = format!("Flagger ended the canary {}.{}: {phase}", call.name, call.namespace);
    let reason = required_reason(&reason)?;
    let summary = match app.control.execute(change.order(name.clone(), command, reason)).await? {
        Answer::New(changed) => changed.summary,
        Answer::Kept(_) => "done already".to_owned(),
    };
    Ok(sentence(&name, Said::Yes(summary)))
}

fn sentence(workload: &str, said: Said) -> Response {
    let (status, text) = match said {
        Said::Yes(text) => (StatusCode::OK, text),
        Said::No(text) => (StatusCode::CONFLICT, text),
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let mut response = (status, kind, format!("{workload}: {text}")).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

/// Logs an event of Flagger.
fn note(workload: &str, call: &FlaggerCall) {
    let short = |text: &str| text.chars().take(SHOWN).collect::<String>();
    let of = |key: &str| short(call.metadata.get(key).map_or("", String::as_str));
    let canary = short(&format!("{}.{}", call.name, call.namespace));
    let phase = call.phase.map_or("unknown", stagegate_api::FlaggerPhase::as_str);
    let (kind, message) = (of("eventType"), of("eventMessage"));
    tracing::info!(workload, canary, phase, kind, message, "event of Flagger");
}
