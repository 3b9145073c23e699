//! The two ends of a sign-in by the provider, for the pages. They are no part of the API: a program
//! has a token.

use super::App;
use super::error::{ApiError, Kind};
use super::extract::Body;
use super::guard::note_refusal;
use super::routes::sessions;
use crate::people::{Ended, SignInError};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::{Extensions, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagegate_api::SessionBegun;
use stagegate_config::Oidc;
use stagegate_control::now_ms;
use stagegate_oidc::OidcError;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Most who ask the provider at a time: each takes a thread.
static FREE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(8));

const BEGIN: &str = "/oidc/begin";
const END: &str = "/oidc/end";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct End {
    key: String,
    state: String,
    #[serde(default)]
    code: String,
    /// What the provider said instead of a code.
    #[serde(default)]
    error: Option<String>,
}

/// A sign-in that led to a session.
#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    begun: SessionBegun,
    next: String,
}

pub(super) fn routes() -> Router<App> {
    Router::new().route(BEGIN, post(begin)).route(END, post(end))
}

async fn begin(State(app): State<App>, Body(body): Body<Begin>) -> Result<Json<Value>, ApiError> {
    let oidc = configured(&app)?;
    let people = app.people.clone();
    let begun = in_turn(move || people.sign_ins.begin(&oidc, body.next)).await?;
    let begun = begun.map_err(|error| {
        tracing::warn!(%error, "no sign-in has begun");
        refusal(&error)
    })?;
    Ok(Json(json!({ "url": begun.url, "key": begun.key })))
}

async fn end(
    State(app): State<App>,
    extensions: Extensions,
    Body(body): Body<End>,
) -> Result<Json<Done>, ApiError> {
    let oidc = configured(&app)?;
    let people = app.people.clone();
    let End { key, state, code, error } = body;
    let code = match error {
        Some(error) => Err(error),
        None => Ok(code),
    };
    let ended = in_turn(move || people.sign_ins.end(&oidc, &key, &state, code)).await?;
    let Ended { who, caller, next } = ended.map_err(|error| {
        let actor = match &error {
            SignInError::Denied(actor, _) => actor.as_deref(),
            _ => None,
        };
        note_refusal(&app, &extensions, (&Method::POST, END), actor, &error.to_string());
        refusal(&error)
    })?;
    let begun = app.people.sessions.begin(who, now_ms());
    let (key, session) = begun.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))?;
    let session = sessions::detail(&session, &caller);
    sessions::note_begin(&app, &extensions, &session);
    Ok(Json(Done { begun: SessionBegun { key, session }, next }))
}

fn configured(app: &App) -> Result<Oidc, ApiError> {
    let oidc = app.control.view().config.admin.oidc.clone();
    oidc.ok_or_else(|| ApiError::new(Kind::NotFound, "no `admin.oidc` is configured"))
}

/// Asks the provider, on a thread that may wait.
async fn in_turn<T: Send + 'static>(
    ask: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let busy = || ApiError::new(Kind::Unavailable, "too many sign in at a time: try again");
    let _place = FREE.try_acquire().map_err(|_| busy())?;
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.map_err(|_| ApiError::new(Kind::Internal, "it failed; the log says where"))
}

fn refusal(error: &SignInError) -> ApiError {
    let kind = match error {
        SignInError::Denied(..) => Kind::Forbidden,
        SignInError::Oidc(OidcError::Provider(_)) => Kind::Unavailable,
        SignInError::Oidc(_) => Kind::Unauthenticated,
        SignInError::NoRandomness(_) => Kind::Internal,
    };
    ApiError::new(kind, error.to_string())
}
