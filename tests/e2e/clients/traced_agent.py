"""An agent that is instrumented with the official OpenTelemetry SDK, and exports its spans over OTLP.

Usage: traced_agent.py HOST PORT ENDPOINT http|grpc gzip|none [TOKEN]

Every POST is a run of the agent: a call of a tool, with a search for documents below it, and two calls
of a model, which are told in the words of OpenTelemetry's conventions and of OpenInference. The path
`/fails` fails the tool. Headers of the trace are continued, as an instrumented web framework does.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

host, port, endpoint, protocol, compression = sys.argv[1:6]
headers = {"authorization": f"Bearer {sys.argv[6]}"} if len(sys.argv) > 6 else None
if protocol == "grpc":
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    zipped = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
    exporter = OTLPSpanExporter(endpoint, insecure=True, compression=zipped, headers=headers)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    zipped = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", compression=zipped, headers=headers)

provider = TracerProvider(resource=Resource.create({"service.name": "agent"}))
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
tracer = provider.get_tracer("agent")


def call(name, attributes):
    with tracer.start_as_current_span(name, attributes=attributes):
        time.sleep(0.02)


def run(fails):
    with tracer.start_as_current_span(
        "invoke_agent planner",
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"},
    ):
        with tracer.start_as_current_span(
            "search", attributes={"openinference.span.kind": "TOOL", "tool.name": "search"}
        ) as tool:
            with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT):
                call("docs", {"openinference.span.kind": "RETRIEVER"})
            if fails:
                tool.set_status(Status(StatusCode.ERROR, "no such index"))
        call(
            "chat gpt-4o",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 100,
            },
        )
        call(
            "ChatOpenAI",
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o",
                "llm.token_count.prompt": 500,
                "llm.token_count.completion": 50,
            },
        )


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"] or 0))
        context = propagate.extract({name.lower(): value for name, value in self.headers.items()})
        with tracer.start_as_current_span(f"POST {self.path}", context, SpanKind.SERVER):
            run(self.path == "/fails")
        self.reply()

    def reply(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


ThreadingHTTPServer((host, int(port)), Agent).serve_forever()
