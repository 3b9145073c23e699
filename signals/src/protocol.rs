//! Protocols of backends, and how to recognise them.

/// The protocol of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// To be recognised by path and shape.
    #[default]
    Auto,
    /// OpenAI chat completions, and everything that imitates them.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini.
    Gemini,
    /// Bedrock Converse.
    Bedrock,
    /// Nothing that carries usage: bodies are not looked at.
    Plain,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Plain,
    ];

    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Plain => "plain",
        }
    }

    /// The protocol a request path belongs to, [`Protocol::Auto`] where it tells nothing.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let path = without_query(path).as_bytes();
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let last = &path[memchr::memrchr(b'/', path).map_or(0, |at| at + 1)..];
        match last {
            b"completions" => Self::OpenAiChat,
            b"responses" => Self::OpenAiResponses,
            b"messages" => Self::Anthropic,
            b"converse" | b"converse-stream" => Self::Bedrock,
            _ => match memchr::memrchr(b':', last).map(|at| &last[at + 1..]) {
                Some(b"generateContent" | b"streamGenerateContent") => Self::Gemini,
                Some(b"rawPredict" | b"streamRawPredict") => Self::Anthropic,
                _ => Self::Auto,
            },
        }
    }

    /// The price list's name for the provider to try first, and when no list has the model.
    pub(crate) const fn providers(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Bedrock => (Some("aws"), None),
            Self::Gemini => (Some("google"), None),
            Self::Anthropic => (None, Some("anthropic")),
            Self::OpenAiChat | Self::OpenAiResponses => (None, Some("openai")),
            Self::Auto | Self::Plain => (None, None),
        }
    }
}

/// The model a request path names: `/v1beta/models/{model}:generateContent` (Gemini, Vertex),
/// `/model/{model}/converse` (Bedrock), `/openai/deployments/{deployment}/…` (Azure). Percent-encoded
/// characters are decoded.
#[must_use]
pub fn model_in_path(path: &str) -> Option<String> {
    let path = without_query(path);
    let [mut models, mut model, mut deployment] = [None; 3];
    let mut rest = path;
    // One pass, because every answer's path is looked at and few name a model.
    while let Some(at) = memchr::memchr(b'/', rest.as_bytes()) {
        let (part, after) = (&rest.as_bytes()[..at], &rest[at + 1..]);
        let is_first_part = rest.len() == path.len();
        match part {
            b"models" if !is_first_part => models = models.or(Some(after)),
            b"model" if !is_first_part => model = model.or(Some(after)),
            b"deployments" if !is_first_part => deployment = deployment.or(Some(after)),
            _ => {}
        }
        rest = after;
    }
    let part = match (models, model.or(deployment)) {
        // Only with a verb: a bare name is looked up, not asked.
        (Some(rest), _) => rest.split_once(':')?.0,
        (None, rest) => rest?.split_once('/')?.0,
    };
    let model = percent_decoded(part)?;
    (!model.is_empty() && model.len() <= 256).then_some(model)
}

/// A path without what follows it.
pub(crate) fn without_query(path: &str) -> &str {
    memchr::memchr2(b'?', b'#', path.as_bytes()).map_or(path, |at| &path[..at])
}

/// A text without its percent encoding; none if it is not one.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The media type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// One JSON document, or several.
    Json,
    /// Server-sent events.
    Events,
    /// Amazon's binary event stream.
    EventStream,
    /// gRPC-Web; in Base64 or not.
    GrpcWeb {
        /// In Base64.
        is_text: bool,
    },
    /// A stream of the Connect protocol, of any codec.
    Connect,
    /// Text of no kind, a page, or nothing said, as frameworks label what a handler returns as a
    /// string (Flask: `text/html`; Node: no label). Its beginning tells.
    Text,
}

impl Media {
    /// The layout a `Content-Type` names, if it is one that is understood.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let end = content_type.iter().position(|b| *b == b';').unwrap_or(content_type.len());
        let kind = content_type[..end].trim_ascii();
        let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
        let begins = |name: &str| {
            kind.len() >= name.len() && kind[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        let ends = |name: &str| {
            kind.len() >= name.len()
                && kind[kind.len() - name.len()..].eq_ignore_ascii_case(name.as_bytes())
        };
        if kind == b"application/json" {
            Some(Self::Json)
        } else if begins("application/connect+") {
            Some(Self::Connect)
        } else if ["/json", "+json", "ndjson", "jsonl", "jsonlines", "json-seq"]
            .iter()
            .any(|it| ends(it))
        {
            Some(Self::Json)
        } else if is("text/event-stream") {
            Some(Self::Events)
        } else if is("application/vnd.amazon.eventstream") {
            Some(Self::EventStream)
        } else if begins("application/grpc-web-text") {
            Some(Self::GrpcWeb { is_text: true })
        } else if begins("application/grpc-web") {
            Some(Self::GrpcWeb { is_text: false })
        } else if kind.is_empty() || is("text/plain") || is("text/html") {
            Some(Self::Text)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Media, Protocol, model_in_path};

    #[test]
    fn paths_tell_what_is_spoken() {
        for (path, protocol) in [
            ("/v1/chat/completions", Protocol::OpenAiChat),
            ("/openai/deployments/d/chat/completions?api-version=1", Protocol::OpenAiChat),
            ("/v1/responses", Protocol::OpenAiResponses),
            ("/v1/messages/", Protocol::Anthropic),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", Protocol::Gemini),
            ("/model/anthropic.claude-sonnet-4-5-v1%3A0/converse-stream", Protocol::Bedrock),
            ("/support/chat", Protocol::Auto),
            ("", Protocol::Auto),
        ] {
            assert_eq!(Protocol::of_path(path), protocol, "{path}");
        }
    }

    #[test]
    fn models_are_read_from_paths_that_name_them() {
        let gemini = "/v1beta/models/gemini-2.5-pro:generateContent";
        assert_eq!(model_in_path(gemini).as_deref(), Some("gemini-2.5-pro"));
        let bedrock = "/model/us.anthropic.claude-sonnet-4-5-v1%3A0/converse";
        assert_eq!(model_in_path(bedrock).as_deref(), Some("us.anthropic.claude-sonnet-4-5-v1:0"));
        let arn = "/model/arn%3aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse";
        let expected = "arn:aws:bedrock:us-east-1:1:inference-profile/us.x";
        assert_eq!(model_in_path(arn).as_deref(), Some(expected));
        let azure = "/openai/deployments/gpt-4o/chat/completions?api-version=1";
        assert_eq!(model_in_path(azure).as_deref(), Some("gpt-4o"));
        let vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict";
        assert_eq!(model_in_path(vertex).as_deref(), Some("claude-sonnet-4-5@20250929"));
        for none in [
            "/v1/messages",
            "/model//converse",
            "/v1/models/gpt-4o",
            "/model/%zz/converse",
            "/model/%/x",
        ] {
            assert_eq!(model_in_path(none), None, "{none}");
        }
    }

    #[test]
    fn content_types_are_read_without_their_parameters() {
        assert_eq!(Media::of(b"Application/JSON; charset=utf-8"), Some(Media::Json));
        assert_eq!(Media::of(b"application/problem+json"), Some(Media::Json));
        for lines in ["x-ndjson", "jsonl", "x-jsonlines", "json-seq", "stream+json"] {
            let kind = format!("application/{lines}");
            assert_eq!(Media::of(kind.as_bytes()), Some(Media::Json), "{kind}");
        }
        assert_eq!(Media::of(b"text/event-stream;charset=utf-8"), Some(Media::Events));
        assert_eq!(Media::of(b"application/vnd.amazon.eventstream"), Some(Media::EventStream));
        assert_eq!(Media::of(b"application/connect+json"), Some(Media::Connect));
        assert_eq!(Media::of(b"application/connect+proto"), Some(Media::Connect));
        for text in ["text/plain; charset=utf-8", "text/html", "", "; charset=utf-8"] {
            assert_eq!(Media::of(text.as_bytes()), Some(Media::Text), "{text}");
        }
        for other in ["text/css", "image/png", "application/notjson"] {
            assert_eq!(Media::of(other.as_bytes()), None, "{other}");
        }
    }
}
