"""An agent of LangGraph, instrumented by openinference-instrumentation-langchain, over OTLP/HTTP.

Usage: langgraph_agent.py HOST PORT ENDPOINT

Every POST runs a graph of three nodes: `plan` asks a model, which calls the tool `search`, which asks a
retriever; `answer` asks the model again. The model is a stand-in that reports its tokens as OpenAI's
does. The trace of the request is continued, as an instrumented web framework does.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

host, port, endpoint = sys.argv[1:4]
provider = TracerProvider()
exporter = OTLPSpanExporter(f"{endpoint}/v1/traces")
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
trace.set_tracer_provider(provider)
LangChainInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("server")


class Model(BaseChatModel):
    """Calls the tool first, and answers then."""

    @property
    def _llm_type(self):
        return "openai-chat"

    def _generate(self, messages, stop=None, run_manager=None, **_):
        calls = [{"name": "search", "args": {"question": "why"}, "id": "call-1"}]
        message = AIMessage(
            "because" if len(messages) > 1 else "",
            tool_calls=[] if len(messages) > 1 else calls,
            usage_metadata={"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
            response_metadata={"model_name": "gpt-4o"},
        )
        told = {"token_usage": {"prompt_tokens": 100, "completion_tokens": 10}}
        told["model_name"] = "gpt-4o"
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output=told)


class Docs(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("because")]


model, docs = Model(), Docs()


@tool
def search(question: str) -> str:
    """Searches the documents."""
    if question == "fail":
        raise ValueError("no such index")
    return docs.invoke(question)[0].page_content


def ask(state):
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("plan", ask)
graph.add_node("tools", ToolNode([search]))
graph.add_node("answer", ask)
graph.add_edge(START, "plan")
graph.add_edge("plan", "tools")
graph.add_edge("tools", "answer")
graph.add_edge("answer", END)
agent = graph.compile()


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"] or 0))
        context = propagate.extract({name.lower(): value for name, value in self.headers.items()})
        with tracer.start_as_current_span("POST", context, SpanKind.SERVER):
            agent.invoke({"messages": [HumanMessage("why")]})
        self.reply()

    def reply(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


ThreadingHTTPServer((host, int(port)), Server).serve_forever()
