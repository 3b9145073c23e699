//! Names and values that a visitor sent, in a form or in the query of an address.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::collections::BTreeMap;

/// Largest form in bytes.
const LARGEST: usize = 64 * 1024;

/// The fields by name. Of a repeated field the first one counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// The value without blanks around it; `None` if it is missing or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|it| it.trim()).filter(|it| !it.is_empty())
    }

    /// The value, or an empty text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether a box is checked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let body = axum::body::to_bytes(request.into_body(), LARGEST).await;
        body.map(|body| Self::read(&body)).map_err(|_| {
            let text = format!("a form may have at most {LARGEST} bytes");
            (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn the_first_of_a_repeated_field_counts() {
        let form = Form::read(b"reason=p99+doubled%21&reason=other&empty=+&force");
        assert_eq!(form.get("reason"), Some("p99 doubled!"));
        assert_eq!((form.get("empty"), form.get("missing")), (None, None));
        assert!(form.has("force") && !form.has("missing"));
    }
}
