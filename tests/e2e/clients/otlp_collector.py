"""An OpenTelemetry collector: OTLP over HTTP and gRPC, decoded with the official classes.

Usage: otlp_collector.py HOST PORT

HTTP at PORT. `GET /received` tells as JSON: `grpc_port`, `spans` and `events` decoded, `headers` of
every export, and `bytes`, all that came, in hexadecimal digits. `POST /answer/STATUS` sets what is
answered to exports from then on; the gRPC side answers UNAVAILABLE unless it is 200.
"""

import gzip
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

lock = threading.Lock()
received = {"grpc_port": 0, "spans": [], "events": [], "headers": [], "refused": 0}
raw = bytearray()
answer = 200


def attributes(of):
    return {it.key: getattr(it.value, it.value.WhichOneof("value")) for it in of}


def span(it, resource, scope, via):
    return {
        "via": via,
        "resource": resource,
        "scope": scope,
        "name": it.name,
        "kind": Span.SpanKind.Name(it.kind),
        "trace_id": it.trace_id.hex(),
        "span_id": it.span_id.hex(),
        "parent_span_id": it.parent_span_id.hex(),
        "flags": it.flags,
        "nanos": it.end_time_unix_nano - it.start_time_unix_nano,
        "start": it.start_time_unix_nano,
        "attributes": attributes(it.attributes),
        "events": [{"name": e.name, "attributes": attributes(e.attributes)} for e in it.events],
        "status": Status.StatusCode.Name(it.status.code),
    }


def event(it, resource, scope, via):
    return {
        "via": via,
        "resource": resource,
        "scope": scope,
        "name": it.event_name,
        "trace_id": it.trace_id.hex(),
        "span_id": it.span_id.hex(),
        "flags": it.flags,
        "attributes": attributes(it.attributes),
        "body": it.body.WhichOneof("value"),
    }


def take(message, headers, via):
    """Keeps what came; false when it is not to be taken."""
    with lock:
        raw.extend(message.SerializeToString())
        received["headers"].append(headers)
        if answer != 200:
            received["refused"] += 1
            return False
        for of in getattr(message, "resource_spans", ()):
            for scope in of.scope_spans:
                known = (attributes(of.resource.attributes), scope.scope.name, via)
                received["spans"] += [span(it, *known) for it in scope.spans]
        for of in getattr(message, "resource_logs", ()):
            for scope in of.scope_logs:
                known = (attributes(of.resource.attributes), scope.scope.name, via)
                received["events"] += [event(it, *known) for it in scope.log_records]
        return True


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            told = json.dumps({**received, "bytes": raw.hex()}).encode()
        self.reply(200, "application/json", told)

    def do_POST(self):
        global answer
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        if self.path.startswith("/answer/"):
            with lock:
                answer = int(self.path.rsplit("/", 1)[1])
            return self.reply(200, "text/plain", b"")
        path = self.path.removeprefix("/prefix")
        kinds = {
            "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
            "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
        }
        if path not in kinds or self.headers["content-type"] != "application/x-protobuf":
            return self.reply(400, "text/plain", b"")
        request, response = kinds[path]
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not take(request.FromString(body), headers, "http"):
            return self.reply(answer, "application/x-protobuf", b"")
        self.reply(200, "application/x-protobuf", response().SerializeToString())


def grpc_export(response):
    def export(_, request, context):
        if not take(request, dict(context.invocation_metadata()), "grpc"):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return response()

    return export


class Traces(traces_grpc.TraceServiceServicer):
    Export = grpc_export(traces.ExportTraceServiceResponse)


class Logs(logs_grpc.LogsServiceServicer):
    Export = grpc_export(logs.ExportLogsServiceResponse)


server = grpc.server(ThreadPoolExecutor(4))
traces_grpc.add_TraceServiceServicer_to_server(Traces(), server)
logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)
received["grpc_port"] = server.add_insecure_port("127.0.0.1:0")
server.start()
ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Http).serve_forever()
