//! A span, as far as stages need it.

use stagegate_signals::{Protocol, Usage};

/// The id of a trace; never all zero.
pub type TraceId = [u8; 16];
/// The id of a span; all zero where there is none.
pub type SpanId = [u8; 8];

/// Longest name of an agent, a tool or another stage that is kept, in bytes.
const MAX_NAME: usize = 48;

/// The kind of work that a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A run of an agent.
    Agent,
    /// A step of an agent, such as a node of a graph.
    Task,
    /// A call of a tool.
    Tool,
    /// A search for documents.
    Retriever,
    /// A call of a model that generates.
    Llm,
    /// A call of a model that embeds.
    Embedding,
    /// A call of a model that orders documents.
    Reranker,
    /// A check of an input or an output.
    Guardrail,
}

impl Kind {
    /// The word that names its stages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Tool => "tool",
            Self::Retriever => "retriever",
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Reranker => "reranker",
            Self::Guardrail => "guardrail",
        }
    }

    /// Returns true for a call of a model: its tokens are its own, and not the sum of others'.
    #[must_use]
    pub const fn is_model(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding | Self::Reranker)
    }

    /// Returns true if its stages carry the span's name. Calls of models do not: a release that
    /// swaps the model keeps its stages, and the arms stay comparable.
    const fn is_named(self) -> bool {
        matches!(self, Self::Agent | Self::Task | Self::Tool | Self::Retriever)
    }
}

/// The work of an agent that a span stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its kind.
    pub kind: Kind,
    /// The stage that it counts under: `llm`, `tool:search`.
    pub stage: Box<str>,
    /// Tokens, if it states any.
    pub usage: Option<Usage>,
    /// The cost that it states, in nano-dollars.
    pub nanos: Option<u64>,
    /// The model that served, else the one that was asked for.
    pub model: Option<Box<str>>,
    /// The provider's protocol, by its name; [`Protocol::Auto`] where it is not known.
    pub protocol: Protocol,
}

/// A span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its id; never all zero.
    pub id: SpanId,
    /// The span above it; all zero for a root.
    pub parent: SpanId,
    /// Microseconds from its start to its end; 0 if it ends before it starts.
    pub micros: u64,
    /// Its status is an error.
    pub failed: bool,
    /// The work that it stands for; none for all other spans, which only lead to their parents.
    pub work: Option<Box<Work>>,
}

impl Span {
    /// Bytes that it holds, to bound them.
    #[must_use]
    pub fn size(&self) -> usize {
        let work = self.work.as_ref().map_or(0, |work| {
            size_of::<Work>() + work.stage.len() + work.model.as_ref().map_or(0, |it| it.len())
        });
        // Its place in a map takes about as much again as its key.
        size_of::<Self>() + size_of::<SpanId>() * 2 + work
    }
}

/// The stage of a kind of work with a name: `tool:search`. Characters that labels of metrics and
/// keys of gates should not have become `_`.
pub(crate) fn stage(kind: Kind, name: &str) -> Box<str> {
    let name = name.trim();
    if !kind.is_named() || name.is_empty() {
        return kind.label().into();
    }
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    let plain = |c: char| match c {
        c if c.is_alphanumeric() || "-_./@#+".contains(c) => c,
        _ => '_',
    };
    let name: String = name.chars().map(plain).collect();
    format!("{}:{name}", kind.label()).into()
}

#[cfg(test)]
mod tests {
    use super::{Kind, stage};

    #[test]
    fn a_stage_is_named_by_its_kind_and_where_that_helps_by_its_name() {
        for (kind, name, wanted) in [
            (Kind::Tool, "search", "tool:search"),
            (Kind::Tool, " web search\"}\n ", "tool:web_search__"),
            (Kind::Tool, "", "tool"),
            (Kind::Llm, "ChatOpenAI", "llm"),
            (Kind::Agent, "Planer für Ü", "agent:Planer_für_Ü"),
        ] {
            assert_eq!(&*stage(kind, name), wanted);
        }
        assert!(stage(Kind::Tool, &"ä".repeat(100)).len() <= 48 + 5);
    }
}
