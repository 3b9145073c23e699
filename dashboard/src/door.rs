//! Who a visitor is, with each request, and the checks against pages of other sites.
//!
//! A visitor's cookie is the key of a session of the admin API, which says with each request who that is
//! and what they may do. While the API asks for no token nobody signs in: whoever reaches the loopback
//! listener is `local`, as for the API.
//!
//! Cookies go to every port of a host, so a change needs more: the `Origin` of the page must be this
//! listener with its port, `Sec-Fetch-Site` must not name another site, and the form must carry the
//! secret of the session.

use crate::context::Dashboard;
use crate::cookies::SESSION;
use crate::form::Form;
use crate::frame;
use crate::secret;
use crate::visitor::Visitor;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use stagegate_api::Identity;

/// Lets known visitors in; sends others to the sign-in.
pub(crate) async fn guard(
    State(dashboard): State<Dashboard>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut visitor = Visitor::stranger(&request);
    let site = (dashboard.site)();
    let wanted = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let wanted = if *request.method() == Method::GET { wanted } else { "/" };
    match SESSION.find(request.headers(), site.speaks_tls) {
        Some(key) if site.asks_to_sign_in => {
            visitor.secret = secret::of_session(key);
            visitor.signed_in = true;
            visitor.bearer = bearer(key);
        }
        _ if site.asks_to_sign_in => return to_sign_in(wanted),
        _ => dashboard.secret.as_ref().clone_into(&mut visitor.secret),
    }
    // Each time: a session may be over, or its role another one.
    match dashboard.api.get::<Identity>(&visitor, "/v1/whoami").await {
        Ok(identity) => visitor.identity = identity,
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => return to_sign_in(wanted),
        Err(refusal) => return refusal.into_response(),
    }
    if *request.method() != Method::GET
        && let Err(why) = is_own(request.headers())
    {
        return frame::plain_refusal(StatusCode::FORBIDDEN, why);
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// The header of a caller with this key; none if it cannot be one.
pub(crate) fn bearer(key: &str) -> Option<HeaderValue> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
    bearer.set_sensitive(true);
    Some(bearer)
}

fn to_sign_in(next: &str) -> Response {
    let address = crate::ask::with_query("/sign-in", &[("next", Some(next))]);
    Redirect::to(&address).into_response()
}

/// Succeeds if a page of this listener sent the request, as far as a browser says.
pub(crate) fn is_own(headers: &HeaderMap) -> Result<(), &'static str> {
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

/// A form that carries the secret of its visitor's session. Others are refused before a handler sees
/// them.
pub(crate) struct Own {
    pub(crate) visitor: Visitor,
    pub(crate) form: Form,
}

impl<S: Send + Sync> FromRequest<S> for Own {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        let form = Form::from_request(Request::from_parts(parts, body), state).await?;
        if secret::same(form.text("secret"), &visitor.secret) {
            return Ok(Self { visitor, form });
        }
        let why = "the form is of another session, and nothing was changed: open the page again";
        Err(frame::plain_refusal(StatusCode::FORBIDDEN, why))
    }
}

#[cfg(test)]
mod tests {
    use super::is_own;
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
}
