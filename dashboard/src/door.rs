//! Who a visitor is: sign-in by token, sessions, and the checks against pages of other sites.
//!
//! A visitor shows a token of `admin.tokens` once and gets a cookie. The session behind the cookie
//! is kept in this process and holds the token, so a token that leaves the configuration ends its
//! sessions with the next request. Without configured tokens nobody signs in: whoever reaches the
//! loopback listener is `local`, as for the API.
//!
//! Cookies go to every port of a host, so a change needs more: the `Origin` of the page must be this
//! listener with its port, `Sec-Fetch-Site` must not name another site, and the form must carry the
//! secret of the session.

use crate::context::Dashboard;
use crate::form::Form;
use crate::frame;
use crate::session::{LIFE, Session, key};
use crate::visitor::Visitor;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use maud::html;
use stagegate_api::{Identity, Role};

/// Name of the cookie.
const COOKIE: &str = "stagegate_session";

/// The session's cookie of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Lets known visitors in; sends others to the sign-in.
pub(crate) async fn guard(
    State(dashboard): State<Dashboard>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut visitor = Visitor::stranger(&request);
    let session = cookie(request.headers()).and_then(|it| dashboard.sessions.find(it));
    match session {
        Some(Session { bearer, name, role, secret, .. }) => {
            visitor =
                Visitor { name, role, secret, bearer: Some(bearer), signed_in: true, ..visitor };
        }
        None if (dashboard.asks_for_tokens)() => {
            let wanted = request.uri().path_and_query().map_or("/", |it| it.as_str());
            let next = if *request.method() == Method::GET { wanted } else { "/" };
            return to_sign_in(next);
        }
        None => {
            let secret = dashboard.sessions.secret.clone();
            visitor = Visitor { name: "local".to_owned(), role: Role::Admin, secret, ..visitor };
        }
    }
    if *request.method() != Method::GET
        && let Err(why) = is_own(request.headers())
    {
        return frame::plain_refusal(StatusCode::FORBIDDEN, why);
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

fn to_sign_in(next: &str) -> Response {
    let address = crate::ask::with_query("/sign-in", &[("next", Some(next))]);
    Redirect::to(&address).into_response()
}

/// Succeeds if a page of this listener sent the request, as far as a browser says.
fn is_own(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: header::HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    if let Some(origin) = text(header::ORIGIN) {
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        if !authority.eq_ignore_ascii_case(host) {
            return Err("the form came from a page of another site, and nothing was changed");
        }
    }
    let site = headers.get("sec-fetch-site").map(|it| it.to_str().unwrap_or("?"));
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err("the form came from a page of another site, and nothing was changed"),
    }
}

/// The refusal of a form that does not carry the secret of the visitor's session.
pub(crate) fn foreign(visitor: &Visitor, form: &Form) -> Option<Response> {
    // Compared by their hashes: the time says nothing about the secret.
    if key(form.text("secret")) == key(&visitor.secret) {
        return None;
    }
    let why = "the form is of another session, and nothing was changed: open the page again";
    Some(frame::plain_refusal(StatusCode::FORBIDDEN, why))
}

/// The page that asks for a token.
pub(crate) async fn sign_in_page(State(dashboard): State<Dashboard>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default().as_bytes());
    if !(dashboard.asks_for_tokens)() {
        return Redirect::to("/").into_response();
    }
    sign_in_form(StatusCode::OK, form.get("next"), None)
}

fn sign_in_form(status: StatusCode, next: Option<&str>, why: Option<&str>) -> Response {
    let body = html! {
        main.narrow {
            h1 { "Stagegate" }
            @if let Some(why) = why { p.alarm role="alert" { (why) } }
            form method="post" action="/sign-in" {
                input type="hidden" name="next" value=[next];
                label for="token" { "Token" }
                input #token type="password" name="token" autocomplete="current-password" required autofocus;
                button.main type="submit" { "Sign in" }
            }
            p.dim {
                "An operator makes a token with " code { "stagegate token new NAME --role viewer" }
                " and puts its line under " code { "admin.tokens" } "."
            }
        }
    };
    frame::bare(status, "Sign in", &body)
}

/// Takes a token and begins a session.
pub(crate) async fn sign_in(State(dashboard): State<Dashboard>, request: Request) -> Response {
    if let Err(why) = is_own(request.headers()) {
        return frame::plain_refusal(StatusCode::FORBIDDEN, why);
    }
    let stranger = Visitor::stranger(&request);
    let form = match <Form as axum::extract::FromRequest<()>>::from_request(request, &()).await {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let next = form.get("next").filter(|it| is_here(it));
    let bearer = HeaderValue::try_from(format!("Bearer {}", form.text("token")));
    let Ok(mut bearer) = bearer else {
        return sign_in_form(StatusCode::UNAUTHORIZED, next, Some("That is not a token."));
    };
    bearer.set_sensitive(true);
    let visitor = Visitor { bearer: Some(bearer.clone()), ..stranger };
    let identity = match dashboard.api.get::<Identity>(&visitor, "/v1/whoami").await {
        Ok(identity) => identity,
        Err(refusal) => {
            return sign_in_form(refusal.status, next, Some(&refusal.problem.detail));
        }
    };
    let Ok(value) = dashboard.sessions.begin(identity, bearer) else {
        let why = "the operating system gave no random bytes for a session";
        return sign_in_form(StatusCode::INTERNAL_SERVER_ERROR, next, Some(why));
    };
    let life = LIFE.as_secs();
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}");
    ([(header::SET_COOKIE, cookie)], Redirect::to(next.unwrap_or("/"))).into_response()
}

/// An address of these pages, never of another server.
fn is_here(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains('\\')
}

/// Ends the session.
pub(crate) async fn sign_out(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Response {
    if let Some(refusal) = foreign(&visitor, &form) {
        return refusal;
    }
    cookie(&headers).inspect(|value| dashboard.sessions.end(value));
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
}

#[cfg(test)]
mod tests {
    use super::{cookie, is_here, is_own};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        given.iter().map(pair).collect()
    }

    #[test]
    fn forms_of_other_sites_and_other_ports_are_not_own() {
        let host = ("host", "ops.example:9900");
        let own = |given: &[(&'static str, &'static str)]| is_own(&headers(given)).is_ok();
        assert!(own(&[host]), "a program that is no browser");
        assert!(own(&[host, ("origin", "http://ops.example:9900")]));
        assert!(own(&[
            host,
            ("origin", "http://OPS.example:9900"),
            ("sec-fetch-site", "same-origin")
        ]));
        for origin in
            ["http://ops.example", "http://ops.example:9901", "https://evil.example", "null"]
        {
            assert!(!own(&[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(!own(&[host, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn a_sign_in_leads_to_these_pages_only() {
        assert!(is_here("/w/agent?x=1") && is_here("/"));
        for address in ["//evil.example", "/\\evil.example", "https://evil.example", "", "w/agent"]
        {
            assert!(!is_here(address), "{address}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let given = headers(&[("cookie", "a=b; stagegate_session=abc; c=d")]);
        assert_eq!(cookie(&given), Some("abc"));
        assert_eq!(cookie(&headers(&[("cookie", "not_stagegate_session=abc")])), None);
    }
}
