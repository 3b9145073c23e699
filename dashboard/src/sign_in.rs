//! Sign-in by a token or by the provider, and sign-out.

use crate::ask::{Change, path};
use crate::context::Dashboard;
use crate::cookies::{SESSION, SIGN_IN, from_https};
use crate::door::{Own, bearer, is_own};
use crate::form::Form;
use crate::frame;
use crate::visitor::Visitor;
use axum::extract::{FromRequest as _, RawQuery, Request, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{Method, StatusCode, header};
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};
use stagegate_api::{SessionBegun, SessionDetail};

/// Longest time at the provider, in seconds.
const AT_PROVIDER_S: u64 = 600;

/// A sign-in by the provider that has begun.
#[derive(Deserialize)]
struct Begun {
    url: String,
    key: String,
}

/// One that has ended well.
#[derive(Deserialize)]
struct Done {
    key: String,
    session: SessionDetail,
    #[serde(default)]
    next: String,
}

/// The page that asks who somebody is.
pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    RawQuery(query): RawQuery,
) -> Response {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    if !(dashboard.site)().asks_to_sign_in {
        return Redirect::to("/").into_response();
    }
    ask(&dashboard, StatusCode::OK, form.get("next"), None)
}

fn ask(
    dashboard: &Dashboard,
    status: StatusCode,
    next: Option<&str>,
    why: Option<&str>,
) -> Response {
    let site = (dashboard.site)();
    let body = html! {
        main.narrow {
            h1 { "Stagegate" }
            @if let Some(why) = why { p.alarm role="alert" { (why) } }
            @if site.has_provider {
                // A link: a form that leads to another site is not sent.
                p { a.button.main href=(crate::ask::with_query("/sign-in/provider", &[("next", next)])) {
                    "Sign in with your organisation"
                } }
            }
            @if site.takes_tokens {
                form method="post" action="/sign-in" {
                    input type="hidden" name="next" value=[next];
                    label for="token" { "Token" }
                    input #token type="password" name="token" autocomplete="current-password" required autofocus[!site.has_provider];
                    button.main type="submit" { "Sign in" }
                }
                p.dim {
                    "An operator makes a token with " code { "stagegate token new NAME --role viewer" }
                    " and puts its line under " code { "admin.tokens" } "."
                }
            }
        }
    };
    frame::bare(status, "Sign in", &body)
}

/// Takes a token and begins a session.
pub(crate) async fn by_token(State(dashboard): State<Dashboard>, request: Request) -> Response {
    if let Err(why) = is_own(request.headers()) {
        return frame::plain_refusal(StatusCode::FORBIDDEN, why);
    }
    let stranger = Visitor::stranger(&request);
    let form = match Form::from_request(request, &()).await {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let next = form.get("next").filter(|it| is_here(it));
    let Some(bearer) = bearer(form.text("token")) else {
        return ask(&dashboard, StatusCode::UNAUTHORIZED, next, Some("That is not a token."));
    };
    let visitor = Visitor { bearer: Some(bearer), ..stranger };
    let begin = Change::plain(Method::POST, "/v1/sessions".to_owned());
    let begun = match dashboard.api.change::<SessionBegun>(&visitor, begin).await {
        Ok(begun) => begun,
        Err(refusal) => {
            return ask(&dashboard, refusal.status, next, Some(&refusal.problem.detail));
        }
    };
    let is_secure = (dashboard.site)().speaks_tls || from_https(&visitor.headers);
    let cookie = SESSION.set(is_secure, &begun.key, life_s(&begun.session));
    ([(header::SET_COOKIE, cookie)], Redirect::to(next.unwrap_or("/"))).into_response()
}

fn life_s(session: &SessionDetail) -> u64 {
    session.until_ms.saturating_sub(session.since_ms) / 1000
}

/// Sends the browser to the provider.
pub(crate) async fn to_provider(State(dashboard): State<Dashboard>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default().as_bytes());
    let next = form.get("next").filter(|it| is_here(it));
    let stranger = Visitor::stranger(&request);
    let body = json!({ "next": next.unwrap_or("/") });
    let begun = match dashboard.api.ask::<Begun>(&stranger, "/oidc/begin", &body).await {
        Ok(begun) => begun,
        Err(refusal) => {
            return ask(&dashboard, refusal.status, next, Some(&refusal.problem.detail));
        }
    };
    let cookie = SIGN_IN.set(is_secure(&dashboard), &begun.key, AT_PROVIDER_S);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&begun.url)).into_response()
}

/// Browsers reach these pages by TLS, as far as the configuration says.
fn is_secure(dashboard: &Dashboard) -> bool {
    let site = (dashboard.site)();
    site.speaks_tls || site.is_https
}

/// The browser comes back from the provider.
pub(crate) async fn from_provider(
    State(dashboard): State<Dashboard>,
    request: Request,
) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default().as_bytes());
    let is_secure = is_secure(&dashboard);
    let key = SIGN_IN.find(request.headers(), is_secure).unwrap_or_default();
    let mut body = json!({ "key": key, "state": form.text("state"), "code": form.text("code") });
    if let Some(error) = form.get("error") {
        let said = format!("{error} {}", form.text("error_description"));
        body["error"] = said.trim().chars().take(200).collect::<String>().into();
    }
    let stranger = Visitor::stranger(&request);
    let gone = SIGN_IN.set(is_secure, "", 0);
    match dashboard.api.ask::<Done>(&stranger, "/oidc/end", &body).await {
        Ok(done) => {
            let next = Some(done.next.as_str()).filter(|it| is_here(it)).unwrap_or("/");
            let session = SESSION.set(is_secure, &done.key, life_s(&done.session));
            let cookies =
                AppendHeaders([(header::SET_COOKIE, session), (header::SET_COOKIE, gone)]);
            // A redirect would still count as the other site's, and the session's cookie not be sent.
            (cookies, frame::onward(next, &done.session.actor)).into_response()
        }
        Err(refusal) => {
            let why = Some(refusal.problem.detail.as_str());
            let page = ask(&dashboard, refusal.status, None, why);
            ([(header::SET_COOKIE, gone)], page).into_response()
        }
    }
}

/// An address of these pages, never of another server.
fn is_here(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains('\\')
}

/// Ends the session.
pub(crate) async fn sign_out(
    State(dashboard): State<Dashboard>,
    Own { visitor, .. }: Own,
) -> Response {
    let own = Change::plain(Method::DELETE, path(&["v1", "sessions", "own"]));
    if let Err(refusal) = dashboard.api.change::<Value>(&visitor, own).await {
        return refusal.into_response();
    }
    // Under both names: it may have begun in another way than this.
    let gone = [true, false].map(|is_secure| (header::SET_COOKIE, SESSION.set(is_secure, "", 0)));
    (AppendHeaders(gone), Redirect::to("/sign-in")).into_response()
}

#[cfg(test)]
mod tests {
    use super::is_here;

    #[test]
    fn a_sign_in_leads_to_these_pages_only() {
        assert!(is_here("/w/agent?x=1") && is_here("/"));
        for address in ["//evil.example", "/\\evil.example", "https://evil.example", "", "w/agent"]
        {
            assert!(!is_here(address), "{address}");
        }
    }
}
