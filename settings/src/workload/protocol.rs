//! The protocol of a backend.

use stagegate_signals as signals;

/// The protocol of a workload's backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Recognised per request.
    #[default]
    Auto,
    /// OpenAI chat completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini.
    Gemini,
    /// Bedrock Converse.
    Bedrock,
    /// Model Context Protocol.
    Mcp,
    /// Agent2Agent.
    A2a,
    /// HTTP of no particular kind.
    Plain,
}

impl Protocol {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
            Self::Plain => "plain",
        }
    }

    /// The protocol that usage and failures are read by. MCP and A2A carry no usage of a model.
    #[must_use]
    pub const fn signals(self) -> signals::Protocol {
        match self {
            Self::Auto => signals::Protocol::Auto,
            Self::OpenAiChat => signals::Protocol::OpenAiChat,
            Self::OpenAiResponses => signals::Protocol::OpenAiResponses,
            Self::Anthropic => signals::Protocol::Anthropic,
            Self::Gemini => signals::Protocol::Gemini,
            Self::Bedrock => signals::Protocol::Bedrock,
            Self::Mcp | Self::A2a | Self::Plain => signals::Protocol::Plain,
        }
    }
}
