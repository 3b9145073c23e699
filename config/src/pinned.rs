//! The changes of requests that belong to a release, as one of its pins.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stagegate_settings::{BodyChange, PathChange, RequestChanges};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes of requests, and the text that stands for them: the same text for the same changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedRequest {
    changes: Arc<RequestChanges>,
    text: String,
}

/// The text's own form: JSON, with sorted keys and without what is empty.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Written {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set_headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    remove_headers: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_prefix: Option<WrittenPath>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set_body: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    flags: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPath {
    from: String,
    to: String,
}

impl PinnedRequest {
    /// None where nothing is changed.
    #[must_use]
    pub fn new(changes: RequestChanges) -> Option<Self> {
        if changes.is_empty() {
            return None;
        }
        let RequestChanges {
            set_headers,
            remove_headers,
            path_prefix,
            query,
            host,
            set_body,
            flags,
        } = changes.clone();
        let written = Written {
            set_headers: set_headers.into_iter().collect(),
            remove_headers: remove_headers.into_iter().collect(),
            path_prefix: path_prefix.map(|PathChange { from, to }| WrittenPath { from, to }),
            query: query.into_iter().collect(),
            host,
            set_body: set_body
                .map(|change| {
                    let value = serde_json::from_str(&change.value).unwrap_or(Value::Null);
                    (format!("/{}", change.member), value)
                })
                .into_iter()
                .collect(),
            flags: flags.into_iter().collect(),
        };
        // Only texts are keys, so this cannot fail.
        let text = serde_json::to_string(&written).unwrap_or_default();
        Some(Self { changes: Arc::new(changes), text })
    }

    /// Reads what [`PinnedRequest::text`] wrote.
    ///
    /// # Errors
    /// When the text is not of that form.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text)
            .map_err(|why| format!("the request changes cannot be read: {why}"))?;
        let member = |(pointer, value): (String, Value)| BodyChange {
            member: pointer.trim_start_matches('/').to_owned(),
            value: value.to_string(),
        };
        let changes = RequestChanges {
            set_headers: written.set_headers.into_iter().collect(),
            remove_headers: written.remove_headers.into_iter().collect(),
            path_prefix: written.path_prefix.map(|it| PathChange { from: it.from, to: it.to }),
            query: written.query.into_iter().collect(),
            host: written.host,
            set_body: written.set_body.into_iter().next().map(member).map(Arc::new),
            flags: written.flags.into_iter().collect(),
        };
        Self::new(changes).ok_or_else(|| "the request changes are empty".to_owned())
    }

    /// The changes.
    #[must_use]
    pub const fn changes(&self) -> &Arc<RequestChanges> {
        &self.changes
    }

    /// The text that stands for them, in JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::PinnedRequest;
    use stagegate_settings::{BodyChange, PathChange, RequestChanges};
    use std::sync::Arc;

    #[test]
    fn changes_are_what_their_text_says() {
        let changes = RequestChanges {
            set_headers: vec![("x-a".into(), "1".into()), ("x-b".into(), "2".into())],
            remove_headers: vec!["x-c".into()],
            path_prefix: Some(PathChange { from: "/v1".into(), to: "/v2".into() }),
            query: vec![("variant".into(), "b".into())],
            host: Some("h".into()),
            set_body: Some(Arc::new(BodyChange {
                member: "model".into(),
                value: "\"m-6\"".into(),
            })),
            flags: vec![("new-prompt".into(), "on".into())],
        };
        let pinned = PinnedRequest::new(changes.clone()).expect("changes");
        let read = PinnedRequest::from_text(pinned.text()).expect("read");
        assert_eq!((&**read.changes(), read.text()), (&changes, pinned.text()));
        assert!(pinned.text().contains(r#""set_body":{"/model":"m-6"}"#), "{}", pinned.text());
        assert_eq!(PinnedRequest::new(RequestChanges::default()), None);
        for wrong in ["", "{}", "[]", "{\"x\":1}"] {
            assert!(PinnedRequest::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
