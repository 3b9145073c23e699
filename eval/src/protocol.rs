//! The protocol of a body, and its detection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A protocol whose answers are put together and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// OpenAI chat completions, and everything that imitates them.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// OpenAI Responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Anthropic messages.
    #[serde(rename = "anthropic")]
    Anthropic,
    /// Gemini.
    #[serde(rename = "gemini")]
    Gemini,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] =
        [Self::OpenAiChat, Self::OpenAiResponses, Self::Anthropic, Self::Gemini];

    /// The word used in the configuration and in samples.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// The protocol with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.label() == label)
    }

    /// The protocol that a request path belongs to, if it tells.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next()?.trim_end_matches('/');
        match path.rsplit('/').next()? {
            "completions" => Some(Self::OpenAiChat),
            "responses" => Some(Self::OpenAiResponses),
            "messages" => Some(Self::Anthropic),
            last => match last.rsplit_once(':')?.1 {
                "generateContent" | "streamGenerateContent" => Some(Self::Gemini),
                _ => None,
            },
        }
    }

    /// The protocol that a whole body, or one event of a stream, has the shape of.
    #[must_use]
    pub fn of_shape(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("");
        if text("object").starts_with("chat.completion") {
            return Some(Self::OpenAiChat);
        }
        if text("object") == "response" || text("type").starts_with("response.") {
            return Some(Self::OpenAiResponses);
        }
        if matches!(text("type"), "message" | "message_start") {
            return Some(Self::Anthropic);
        }
        let first = value.get(0).unwrap_or(value);
        if first.get("candidates").is_some_and(Value::is_array)
            || first.get("promptFeedback").is_some_and(Value::is_object)
        {
            return Some(Self::Gemini);
        }
        // Imitators leave `object` out.
        let choice = value.get("choices")?.get(0)?;
        (choice.get("message").is_some() || choice.get("delta").is_some())
            .then_some(Self::OpenAiChat)
    }
}
