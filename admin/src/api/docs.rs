//! `/openapi.json`, and `/docs` to browse it: a page of our own that loads nothing from other
//! servers.

use super::App;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde_json::Value;
use std::sync::Arc;

/// The page; it fetches `/openapi.json` and renders it.
const PAGE: &str = include_str!("docs.html");

/// Content-Security-Policy of the page: it loads and sends nothing elsewhere, and is shown in no
/// frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(document: &Value) -> Router<App> {
    let text: Arc<str> = document.to_string().into();
    let json = move || {
        let text = text.to_string();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    Router::new().route("/openapi.json", get(json)).route("/docs", get(page))
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE).into_response()
}
