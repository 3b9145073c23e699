//! The message formats of the receivers. Pure: a notice and a channel give a request.

pub(crate) mod alertmanager;
pub(crate) mod pagerduty;
pub(crate) mod slack;
pub(crate) mod webhook;

use crate::{Hidden, Request};
use serde_json::Value;

/// A request without extra headers.
fn json(url: &Hidden, body: &Value) -> Request {
    Request { url: url.expose().to_owned(), headers: Vec::new(), body: body.to_string() }
}

/// The text cut to `most` characters, the last of which then is `…`.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
