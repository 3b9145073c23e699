//! Tests of `facts`.

use super::{Attribute, Facts};
use crate::span::Work;
use stagegate_signals::Protocol;

fn work(span: &str, attributes: &[(&str, Attribute<'_>)]) -> Option<Box<Work>> {
    let mut facts = Facts::default();
    attributes.iter().for_each(|(key, value)| facts.attribute(key, *value));
    facts.work(span)
}

fn stage(span: &str, attributes: &[(&str, &str)]) -> Option<String> {
    let attributes: Vec<_> =
        attributes.iter().map(|(key, text)| (*key, Attribute::Text(text))).collect();
    work(span, &attributes).map(|work| work.stage.to_string())
}

#[test]
fn the_kinds_of_every_convention_become_stages() {
    let kind = "openinference.span.kind";
    let operation = "gen_ai.operation.name";
    let traceloop = "traceloop.span.kind";
    for (span, attributes, wanted) in [
        ("search", &[(kind, "TOOL")][..], Some("tool:search")),
        ("x", &[(kind, "TOOL"), ("tool.name", "search")], Some("tool:search")),
        ("ChatOpenAI", &[(kind, "LLM")], Some("llm")),
        ("VectorStoreRetriever", &[(kind, "RETRIEVER")], Some("retriever:VectorStoreRetriever")),
        ("planner", &[(kind, "AGENT")], Some("agent:planner")),
        ("embed", &[(kind, "EMBEDDING")], Some("embedding")),
        ("LangGraph", &[(kind, "CHAIN")], None),
        (
            "generate",
            &[
                (kind, "CHAIN"),
                ("metadata", "{\"langgraph_step\": 2, \"langgraph_node\": \"generate\"}"),
            ],
            Some("task:generate"),
        ),
        (
            "RunnableSequence",
            &[(kind, "CHAIN"), ("metadata", "{\"langgraph_node\": \"generate\"}")],
            None,
        ),
        ("chat gpt-4o", &[(operation, "chat")], Some("llm")),
        (
            "execute_tool f",
            &[(operation, "execute_tool"), ("gen_ai.tool.name", "f")],
            Some("tool:f"),
        ),
        (
            "invoke_agent a",
            &[(operation, "invoke_agent"), ("gen_ai.agent.name", "a")],
            Some("agent:a"),
        ),
        ("create_agent a", &[(operation, "create_agent")], None),
        ("embeddings m", &[(operation, "embeddings")], Some("embedding")),
        (
            "retrieval",
            &[(operation, "retrieval"), ("gen_ai.data_source.id", "docs")],
            Some("retriever:docs"),
        ),
        ("a.agent", &[(traceloop, "agent"), ("traceloop.entity.name", "a")], Some("agent:a")),
        ("s.task", &[(traceloop, "task"), ("traceloop.entity.name", "s")], Some("task:s")),
        ("w.workflow", &[(traceloop, "workflow")], None),
        ("openai.chat", &[("llm.request.type", "chat")], Some("llm")),
        ("chroma.query", &[("db.system", "chroma")], Some("retriever:chroma")),
        ("SELECT", &[("db.system", "postgresql")], None),
        ("GET", &[("http.request.method", "GET")], None),
    ] {
        assert_eq!(stage(span, attributes).as_deref(), wanted, "{span} {attributes:?}");
    }
}

#[test]
fn tokens_model_and_cost_are_read_in_every_convention() {
    let int = Attribute::Int;
    for keys in [
        [
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.response.model",
            "gen_ai.provider.name",
        ],
        [
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.completion_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.request.model",
            "gen_ai.system",
        ],
        [
            "llm.token_count.prompt",
            "llm.token_count.completion",
            "llm.token_count.prompt_details.cache_read",
            "llm.model_name",
            "llm.provider",
        ],
    ] {
        let [input, output, cached, model, provider] = keys;
        let work = work(
            "x",
            &[
                ("llm.request.type", Attribute::Text("chat")),
                (input, int(100)),
                (output, Attribute::Text("20")),
                (cached, Attribute::Float(30.0)),
                (model, Attribute::Text("gpt-4o")),
                (provider, Attribute::Text("OpenAI")),
                ("llm.cost.total", Attribute::Float(0.0021)),
            ],
        );
        let work = work.expect("a call of a model");
        let usage = work.usage.expect("tokens");
        assert_eq!((usage.input, usage.cache_read, usage.output), (70, 30, 20), "{keys:?}");
        assert_eq!(work.model.as_deref(), Some("gpt-4o"), "{keys:?}");
        assert_eq!((work.protocol, work.nanos), (Protocol::OpenAiChat, Some(2_100_000)));
    }
}

#[test]
fn figures_that_cannot_be_are_none() {
    let work = work(
        "x",
        &[
            ("gen_ai.operation.name", Attribute::Text("chat")),
            ("gen_ai.usage.input_tokens", Attribute::Int(-5)),
            ("gen_ai.usage.output_tokens", Attribute::Float(f64::NAN)),
            ("llm.cost.total", Attribute::Float(f64::INFINITY)),
        ],
    );
    let work = work.expect("a call of a model");
    assert_eq!((work.usage, work.nanos), (None, None));
}
