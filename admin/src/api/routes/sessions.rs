//! Sessions of people: begun with a token, listed, ended.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::Segments;
use crate::auth::{self, Caller};
use crate::describe;
use crate::people::{LIFE, Session, Who};
use axum::extract::{ConnectInfo, State};
use axum::{Extension, Json};
use http::{Extensions, HeaderMap, header};
use serde_json::json;
use stagegate_api::{SessionBegun, SessionDetail, Sessions, SignedInBy};
use stagegate_config::Role;
use stagegate_control::now_ms;
use stagegate_sealed::{bearer, owner};
use std::net::SocketAddr;

/// The word for the session of the caller itself.
const OWN: &str = "own";

/// Begins a session with the caller's token.
///
/// Its key stands for the token for twelve hours, or until the session is ended or the token leaves
/// the configuration.
#[utoipa::path(post, path = "/v1/sessions", tag = "system",
    responses((status = 200, description = "The session, and its key.", body = SessionBegun)))]
pub(in crate::api) async fn begin_session(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<SessionBegun>, ApiError> {
    let view = app.control.view();
    let tokens = &view.config.admin.tokens;
    let key = headers.get(header::AUTHORIZATION).and_then(|it| bearer(it.as_bytes()));
    let token = key.and_then(|key| owner(tokens, |token| token.hash.as_bytes(), key));
    let Some(token) = token else {
        return Err(ApiError::new(Kind::Refused, "a session begins with a token"));
    };
    let who = Who::Token { name: token.name.clone(), hash: token.hash.clone() };
    let begun = app.people.sessions.begin(who, now_ms());
    let (key, session) = begun.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))?;
    let session = detail(&session, &caller);
    note_begin(&app, &extensions, &session);
    Ok(Json(SessionBegun { key, session }))
}

/// The open sessions.
#[utoipa::path(get, path = "/v1/sessions", tag = "system",
    responses((status = 200, description = "Newest first; only the caller's own unless it is an admin.",
        body = Sessions)))]
pub(in crate::api) async fn sessions(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Json<Sessions> {
    let sessions = shown_to(&app, &caller);
    Json(Sessions { sessions: sessions.iter().map(|(it, who)| detail(it, who)).collect() })
}

/// Ends a session: `own`, or one by its id.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "system",
    params(("session" = String, Path, description = "Its id, or `own`")),
    responses((status = 200, description = "The session that was ended.", body = SessionDetail)))]
pub(in crate::api) async fn end_session(
    State(app): State<App>,
    Segments(id): Segments<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<SessionDetail>, ApiError> {
    let id = if id == OWN { caller.session.clone().unwrap_or(id) } else { id };
    let found = shown_to(&app, &caller).into_iter().find(|(it, _)| it.id == id);
    let Some((session, who)) = found else {
        return Err(ApiError::new(Kind::NotFound, format!("you see no session `{id}`")));
    };
    app.people.sessions.end(&session.id);
    let summary = format!("session of {} ended", who.actor);
    app.control.note_sign_out(&caller.actor, &summary, json!({ "session": session.id }));
    Ok(Json(detail(&session, &who)))
}

/// The sessions that a caller may see and end.
fn shown_to(app: &App, caller: &Caller) -> Vec<(Session, Caller)> {
    let view = app.control.view();
    let sees_all = auth::authorize(caller, Role::Admin, None).is_ok();
    let all = app.people.sessions.all().into_iter();
    all.filter_map(|it| it.caller(&view.config.admin).ok().map(|who| (it, who)))
        .filter(|(_, who)| sees_all || who.actor == caller.actor)
        .collect()
}

pub(in crate::api) fn detail(session: &Session, who: &Caller) -> SessionDetail {
    SessionDetail {
        id: session.id.clone(),
        actor: who.actor.clone(),
        role: describe::role(who.role),
        workloads: describe::roles(&who.workloads),
        by: match session.who {
            Who::Token { .. } => SignedInBy::Token,
            Who::Person { .. } => SignedInBy::Oidc,
        },
        since_ms: session.since_ms,
        until_ms: session.since_ms + LIFE.as_millis() as u64,
    }
}

/// Records that a session began.
pub(in crate::api) fn note_begin(app: &App, extensions: &Extensions, session: &SessionDetail) {
    let by = match session.by {
        SignedInBy::Token => "token",
        SignedInBy::Oidc => "provider",
    };
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.to_string());
    let details = json!({ "session": session.id, "peer": peer, "role": session.role });
    app.control.note_sign_in(&session.actor, &format!("signed in by {by}"), details);
}
