//! The text of a sample that scorers read.

use super::{Output, Sample};
use crate::{Choice, ToolCall};
use serde_json::Value;
use std::borrow::Cow;

impl Sample {
    /// Returns the reason why the response cannot be judged by its text: it is truncated, it is an
    /// error (which belongs to another axis), or its end never came. `None` if it can be judged.
    #[must_use]
    pub fn unreadable(&self) -> Option<Cow<'static, str>> {
        if self.truncated.response {
            return Some("the answer was cut at the cap on captured bytes".into());
        }
        if let Some(status) = self.metrics.status.filter(|status| *status >= 400) {
            return Some(format!("the answer has status {status}: counted as an error").into());
        }
        match &self.output {
            Output::Message(message) if message.error.is_some() => {
                Some("the answer names an error: counted as an error".into())
            }
            Output::Message(message) if !message.complete => {
                Some("the answer broke off before its end".into())
            }
            Output::Message(message) if message.choices.is_empty() => {
                Some("the answer holds no message".into())
            }
            Output::Opaque { why, .. } => Some(format!("the answer cannot be read: {why}").into()),
            _ => None,
        }
    }

    /// The answer as text: what the first alternative says (its refusal, where it says nothing
    /// else), or the body.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.output {
            Output::Message(_) => match self.choice() {
                Some(Choice { text, refusal: Some(refusal), .. }) if text.is_empty() => {
                    refusal.as_str().into()
                }
                Some(choice) => choice.text.as_str().into(),
                None => "".into(),
            },
            Output::Json(value) => value.to_string().into(),
            Output::Text(text) => text.as_str().into(),
            Output::Opaque { .. } => "".into(),
        }
    }

    /// The answer as JSON, where what it says is JSON.
    #[must_use]
    pub fn json(&self) -> Option<Cow<'_, Value>> {
        match &self.output {
            Output::Json(value) => Some(Cow::Borrowed(value)),
            _ => serde_json::from_str(self.text().trim()).ok().map(Cow::Owned),
        }
    }

    /// The first alternative of a message.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        match &self.output {
            Output::Message(message) => message.first(),
            _ => None,
        }
    }

    /// The tools that the answer wants called.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.choice().map_or(&[], |choice| &choice.tool_calls)
    }
}
