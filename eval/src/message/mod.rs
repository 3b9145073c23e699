//! An answer as every scorer sees it, whatever protocol it was written in.

mod read;

use crate::Protocol;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The final message of an exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its protocol.
    pub protocol: Protocol,
    /// The answer's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model that says it wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The alternatives, in the order of their index; one unless more were asked for.
    pub choices: Vec<Choice>,
    /// Use of tokens, as the protocol writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Value>,
    /// The error that ended it, as the protocol writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// True if the protocol's own end was seen; a stream that broke off has none.
    pub complete: bool,
}

/// One alternative.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Everything that was said as text, in order.
    pub text: String,
    /// The refusal, if the protocol has a field for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The reasoning that the model showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// The tools it wants called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The finish reason, as the protocol writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

/// A call of a tool that the model asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The call's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// The arguments as JSON; a text that is no JSON stays a text.
    pub arguments: Value,
}

/// The finish reason, in one vocabulary (that of OpenAI chat and promptfoo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// It ran into a limit of tokens.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// It was stopped, or refused, for what it says.
    ContentFilter,
}

impl Finish {
    /// The word for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }

    /// The meaning of a protocol's word; `None` for words that none of the four have.
    #[must_use]
    pub fn of(reason: &str) -> Option<Self> {
        Some(match reason.to_ascii_lowercase().as_str() {
            "stop" | "end_turn" | "stop_sequence" | "completed" => Self::Stop,
            "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => {
                Self::Length
            }
            "tool_calls" | "tool_use" | "function_call" => Self::ToolCalls,
            "content_filter" | "refusal" | "safety" | "recitation" | "blocklist"
            | "prohibited_content" | "spii" | "language" | "image_safety" => Self::ContentFilter,
            _ => return None,
        })
    }
}

impl Message {
    /// The first alternative: what scorers judge.
    #[must_use]
    pub fn first(&self) -> Option<&Choice> {
        self.choices.first()
    }
}

impl Choice {
    /// The reason why it ended, in the common vocabulary. A Gemini or Responses answer that asks
    /// for tools reports that it is done, so its calls are checked too.
    #[must_use]
    pub fn finish(&self) -> Option<Finish> {
        match Finish::of(self.finish_reason.as_deref()?)? {
            Finish::Stop if !self.tool_calls.is_empty() => Some(Finish::ToolCalls),
            finish => Some(finish),
        }
    }
}
