//! The head of a page, its navigation, its headers, and the pages of refusals.

use crate::assets;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use stagegate_api::words::harmless;

/// Content-Security-Policy of every page: own files only, shown in no frame. The one Trusted Types
/// policy parses the same pages again (`live.js`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stagegate";

/// The pages that the navigation names.
const NAVIGATION: [(&str, &str); 7] = [
    ("/", "Overview"),
    ("/request", "Requests"),
    ("/samples", "Samples"),
    ("/flags", "Flags"),
    ("/fleet", "Fleet"),
    ("/audit", "Audit"),
    ("/settings", "Settings"),
];

/// A page of a visitor; `here` is its entry of the navigation.
pub(crate) fn page(visitor: &Visitor, here: &str, title: &str, main: &Markup) -> Response {
    page_with(StatusCode::OK, visitor, here, title, main)
}

/// As [`page`], with another status.
pub(crate) fn page_with(
    status: StatusCode,
    visitor: &Visitor,
    here: &str,
    title: &str,
    main: &Markup,
) -> Response {
    let body = html! {
        a.skip href="#main" { "To the content" }
        header {
            strong { "Stagegate" }
            nav aria-label="Pages" {
                @for (address, name) in NAVIGATION {
                    a href=(address) aria-current=[(address == here).then_some("page")] { (name) }
                }
            }
            span.who {
                (visitor.identity.actor) ", " (visitor.identity.role)
                @if visitor.signed_in {
                    form method="post" action="/sign-out" {
                        (secret(visitor))
                        button.link type="submit" { "Sign out" }
                    }
                }
            }
        }
        p #stale role="status" hidden { "No connection to Stagegate: what you see is old." }
        main #main { (main) }
    };
    whole(status, title, &body)
}

/// A page without a visitor.
pub(crate) fn bare(status: StatusCode, title: &str, body: &Markup) -> Response {
    whole(status, title, body)
}

/// Leads on to a page, as if the visitor had followed a link to it.
pub(crate) fn onward(next: &str, actor: &str) -> Response {
    let body = html! {
        main.narrow {
            h1 { "Signed in as " (actor) }
            p { a.button href=(next) { "Go on" } }
        }
    };
    let head = html! { meta http-equiv="refresh" content={ "0;url=" (next) }; };
    with_head(StatusCode::OK, "Signed in", &head, &body)
}

fn whole(status: StatusCode, title: &str, body: &Markup) -> Response {
    with_head(status, title, &html! {}, body)
}

fn with_head(status: StatusCode, title: &str, head: &Markup, body: &Markup) -> Response {
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                (head)
                title { (title) " · Stagegate" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::STYLE.address());
                script type="module" src=(assets::LIVE.address()) {}
            }
            body { (body) }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would make a browser send `Origin: null` with the forms of these pages.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (status, headers, harmless(&text.into_string())).into_response()
}

/// The hidden field that proves that a form is of this session.
pub(crate) fn secret(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="secret" value=(visitor.secret); }
}

/// The API's refusal as a page.
fn refusal(refusal: &Refusal) -> Response {
    let Refusal { status, problem } = refusal;
    let body = html! {
        main.narrow {
            h1 { @if problem.title.is_empty() { "This did not work" } @else { (problem.title) } }
            p.alarm role="alert" { (problem.detail) }
            @if *status == StatusCode::UNAUTHORIZED {
                p { a href="/sign-in" { "Sign in" } }
            }
            p { a href="/" { "To the overview" } }
        }
    };
    bare(*status, "Refused", &body)
}

/// A refusal of these pages themselves.
pub(crate) fn plain_refusal(status: StatusCode, why: &str) -> Response {
    let body = html! {
        main.narrow {
            h1 { "Refused" }
            p.alarm role="alert" { (why) "." }
            p { a href="/" { "To the overview" } }
        }
    };
    bare(status, "Refused", &body)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refusal(&self)
    }
}
