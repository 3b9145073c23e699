//! The meaning of a span's attributes, in the three conventions that agents use:
//!
//! - OpenTelemetry's for generative AI: `gen_ai.operation.name`, `gen_ai.usage.*`
//!   (<https://github.com/open-telemetry/semantic-conventions-genai>);
//! - OpenInference: `openinference.span.kind`, `llm.token_count.*`
//!   (<https://github.com/Arize-ai/openinference/tree/main/spec>);
//! - OpenLLMetry: `traceloop.span.kind`, `llm.request.type`
//!   (<https://github.com/traceloop/openllmetry>).
//!
//! Instrumentations mix them, so every attribute is looked at, whatever convention the others are of.

use crate::span::{Kind, Work, stage};
use stagegate_signals::{Protocol, Usage};

/// Longest text that is kept of an attribute, in bytes.
const MAX_TEXT: usize = 128;
/// No count of tokens of one span is larger.
const MAX_TOKENS: u64 = 1 << 40;
/// No cost of one span is larger, in dollars.
const MAX_USD: f64 = 1e6;
/// Vector databases that instrumentations name in `db.system`: a query there is a search for
/// documents.
const VECTOR_STORES: [&str; 8] =
    ["chroma", "pinecone", "qdrant", "weaviate", "milvus", "lancedb", "marqo", "elasticsearch"];

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attribute<'a> {
    Text(&'a str),
    Int(i64),
    Float(f64),
}

/// What a convention says of a span: a kind of work, or that it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Work(Kind),
    /// A part of a chain: a step if it is the node of a graph.
    Chain,
    /// Work of no kind that is counted.
    Nothing,
}

/// What the attributes of one span said so far.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    open_inference: Option<Said>,
    gen_ai: Option<Said>,
    traceloop: Option<Said>,
    request_type: Option<Said>,
    vector_store: Option<Box<str>>,
    agent: Option<Box<str>>,
    tool: Option<Box<str>>,
    entity: Option<Box<str>>,
    source: Option<Box<str>>,
    node: Option<Box<str>>,
    asked_model: Option<Box<str>>,
    served_model: Option<Box<str>>,
    provider: Option<Protocol>,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    reasoning: u64,
    nanos: Option<u64>,
}

impl Facts {
    /// Takes in one attribute.
    pub(crate) fn attribute(&mut self, key: &str, value: Attribute<'_>) {
        match value {
            Attribute::Text(text) => self.text(key, text),
            Attribute::Int(number) => self.number(key, number as f64),
            Attribute::Float(number) => self.number(key, number),
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        let short = || Some(text[..text.floor_char_boundary(MAX_TEXT)].into());
        match key {
            "openinference.span.kind" => self.open_inference = Some(open_inference(text)),
            "gen_ai.operation.name" => self.gen_ai = Some(operation(text)),
            "traceloop.span.kind" => self.traceloop = Some(traceloop(text)),
            "llm.request.type" => self.request_type = Some(request_type(text)),
            "db.system" | "db.system.name" => {
                self.vector_store = VECTOR_STORES.contains(&text).then(|| text.into());
            }
            "gen_ai.agent.name" | "agent.name" => self.agent = short(),
            "gen_ai.tool.name" | "tool.name" => self.tool = short(),
            "traceloop.entity.name" => self.entity = short(),
            "gen_ai.data_source.id" => self.source = short(),
            "graph.node.id" | "traceloop.association.properties.langgraph_node" => {
                self.node = short();
            }
            "metadata" => self.node = langgraph_node(text).map(Into::into).or(self.node.take()),
            "gen_ai.request.model" => self.asked_model = short(),
            "gen_ai.response.model" => self.served_model = short(),
            "llm.model_name" | "embedding.model_name" | "reranker.model_name" => {
                self.asked_model = self.asked_model.take().or_else(short);
            }
            "gen_ai.provider.name" | "gen_ai.system" | "llm.provider" | "llm.system" => {
                self.provider = provider(text).or(self.provider);
            }
            // Some exporters write every value as a text.
            _ => {
                if let Ok(number) = text.trim().parse() {
                    self.number(key, number);
                }
            }
        }
    }

    fn number(&mut self, key: &str, number: f64) {
        let tokens = || if number > 0.0 { (number as u64).min(MAX_TOKENS) } else { 0 };
        let at = match key {
            "gen_ai.usage.input_tokens"
            | "gen_ai.usage.prompt_tokens"
            | "llm.token_count.prompt"
            | "llm.usage.prompt_tokens" => &mut self.input,
            "gen_ai.usage.output_tokens"
            | "gen_ai.usage.completion_tokens"
            | "llm.token_count.completion"
            | "llm.usage.completion_tokens" => &mut self.output,
            "gen_ai.usage.cache_read.input_tokens"
            | "gen_ai.usage.cache_read_input_tokens"
            | "llm.token_count.prompt_details.cache_read" => &mut self.cache_read,
            "gen_ai.usage.cache_creation.input_tokens"
            | "gen_ai.usage.cache_creation_input_tokens"
            | "llm.token_count.prompt_details.cache_write" => &mut self.cache_write,
            "gen_ai.usage.reasoning.output_tokens"
            | "gen_ai.usage.reasoning_tokens"
            | "llm.token_count.completion_details.reasoning" => &mut self.reasoning,
            "llm.cost.total" => {
                if (0.0..=MAX_USD).contains(&number) {
                    self.nanos = Some((number * 1e9).round() as u64);
                }
                return;
            }
            _ => return,
        };
        *at = tokens();
    }

    /// The work of a span of this name; none if it stands for none that is counted.
    pub(crate) fn work(self, span: &str) -> Option<Box<Work>> {
        let usage = self.usage();
        let model = self.served_model.or(self.asked_model);
        let said = [self.open_inference, self.gen_ai, self.traceloop, self.request_type];
        // Of two conventions, the one that tells more counts.
        let works = said.into_iter().flatten().find(|it| matches!(it, Said::Work(_)));
        let node = self.node.as_deref().filter(|node| *node == span);
        let kind = match works.or_else(|| said.into_iter().flatten().next()) {
            Some(Said::Work(kind)) => kind,
            Some(Said::Chain) if node.is_some() => Kind::Task,
            Some(_) => return None,
            None if self.vector_store.is_some() => Kind::Retriever,
            None if usage.is_some() && model.is_some() => Kind::Llm,
            None => return None,
        };
        let name = match kind {
            Kind::Agent => self.agent.as_deref().or(self.entity.as_deref()),
            Kind::Tool => self.tool.as_deref().or(self.entity.as_deref()),
            Kind::Task => node.or(self.entity.as_deref()),
            Kind::Retriever => self.source.as_deref().or(self.vector_store.as_deref()),
            _ => None,
        };
        Some(Box::new(Work {
            kind,
            stage: stage(kind, name.unwrap_or(span)),
            usage,
            nanos: self.nanos,
            model,
            protocol: self.provider.unwrap_or_default(),
        }))
    }

    /// All conventions count cached tokens as a part of the input, and reasoning as a part of the
    /// output.
    fn usage(&self) -> Option<Usage> {
        let cached = self.cache_read + self.cache_write;
        let any = self.input + self.output + cached + self.reasoning > 0;
        any.then(|| Usage {
            input: self.input.saturating_sub(cached),
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            output: self.output.max(self.reasoning),
            reasoning: self.reasoning,
            ..Usage::default()
        })
    }
}

/// `openinference.span.kind`.
fn open_inference(kind: &str) -> Said {
    match kind {
        "AGENT" => Said::Work(Kind::Agent),
        "TOOL" => Said::Work(Kind::Tool),
        "RETRIEVER" => Said::Work(Kind::Retriever),
        "LLM" => Said::Work(Kind::Llm),
        "EMBEDDING" => Said::Work(Kind::Embedding),
        "RERANKER" => Said::Work(Kind::Reranker),
        "GUARDRAIL" => Said::Work(Kind::Guardrail),
        "CHAIN" => Said::Chain,
        _ => Said::Nothing,
    }
}

/// `gen_ai.operation.name`.
fn operation(name: &str) -> Said {
    match name {
        "chat" | "text_completion" | "generate_content" | "completion" | "responses" => {
            Said::Work(Kind::Llm)
        }
        "embeddings" => Said::Work(Kind::Embedding),
        "rerank" => Said::Work(Kind::Reranker),
        "execute_tool" => Said::Work(Kind::Tool),
        "invoke_agent" => Said::Work(Kind::Agent),
        "retrieval" => Said::Work(Kind::Retriever),
        _ => Said::Nothing,
    }
}

/// `traceloop.span.kind`. A workflow is the whole request.
fn traceloop(kind: &str) -> Said {
    match kind {
        "agent" => Said::Work(Kind::Agent),
        "task" => Said::Work(Kind::Task),
        "tool" => Said::Work(Kind::Tool),
        _ => Said::Nothing,
    }
}

/// `llm.request.type`.
fn request_type(kind: &str) -> Said {
    match kind {
        "chat" | "completion" => Said::Work(Kind::Llm),
        "embedding" => Said::Work(Kind::Embedding),
        "rerank" => Said::Work(Kind::Reranker),
        _ => Said::Nothing,
    }
}

/// The node of a graph in the metadata that LangGraph adds to every run below it, in JSON.
fn langgraph_node(metadata: &str) -> Option<&str> {
    let (_, rest) = metadata.split_once("\"langgraph_node\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (node, _) = rest.split_once('"')?;
    (node.len() <= MAX_TEXT).then_some(node)
}

/// The protocol of a provider, by its name in any convention.
fn provider(name: &str) -> Option<Protocol> {
    let name = name.to_ascii_lowercase();
    let has = |part: &str| name.contains(part);
    Some(match () {
        () if has("bedrock") => Protocol::Bedrock,
        () if has("anthropic") => Protocol::Anthropic,
        () if has("openai") || has("azure") => Protocol::OpenAiChat,
        () if has("gemini") || has("google") || has("gcp") || has("vertex") => Protocol::Gemini,
        () => return None,
    })
}

#[cfg(test)]
mod tests;
