"""A backend that speaks enough of seven protocols for the snippets of docs/how-to/conversations.md.

Usage: frameworks_server.py HOST PORT
"""

import itertools
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBERS = itertools.count(1)
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def chat(_):
    message = {"role": "assistant", "content": "hello"}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**answer, "choices": choices, "usage": USAGE}


def responses(_):
    text = {"type": "output_text", "text": "hello", "annotations": []}
    number = next(NUMBERS)
    message = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
    message |= {"status": "completed", "content": [text]}
    answer = {"id": f"resp_{number}", "object": "response", "created_at": 1, "model": "m"}
    answer |= {"status": "completed", "error": None, "incomplete_details": None}
    answer |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage |= {"input_tokens_details": {"cached_tokens": 0}}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}}
    return {**answer, "output": [message], "usage": usage}


def messages(_):
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    answer |= {"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"}
    return {**answer, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}


def gemini(_):
    content = {"role": "model", "parts": [{"text": "hello"}]}
    return {"candidates": [{"content": content, "finishReason": "STOP"}]}


def threads(_):
    dates = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    thread = {"thread_id": f"thread-{next(NUMBERS)}", "metadata": {}, "values": {}}
    return {**thread, "status": "idle", **dates}


def mcp(asked):
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "mock", "version": "1"},
        },
        "tools/list": {"tools": []},
    }
    return rpc(asked, results.get(asked.get("method"), {}))


def a2a(asked):
    message = asked["params"]["message"]
    context = message.get("contextId") or f"context-{next(NUMBERS)}"
    parts = [{"text": "hello"}]
    reply = {"messageId": f"m-{next(NUMBERS)}", "contextId": context}
    if asked["method"] == "SendMessage":
        return rpc(asked, {"message": {**reply, "role": "ROLE_AGENT", "parts": parts}})
    parts = [{"kind": "text", "text": "hello"}]
    return rpc(asked, {**reply, "kind": "message", "role": "agent", "parts": parts})


def rpc(asked, result):
    return {"jsonrpc": "2.0", "id": asked.get("id"), "result": result}


ROUTES = [
    ("/chat/completions", chat),
    ("/v1/responses", responses),
    ("/v1/messages", messages),
    (":generateContent", gemini),
    ("/runs/wait", lambda _: {}),
    ("/threads", threads),
    ("/mcp", mcp),
    ("/a2a", a2a),
]


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, fields=()):
        body = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if body:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/mcp"):
            return self.answer(405, None)
        self.answer(200, {"ok": True})

    def do_DELETE(self):
        self.answer(200, None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(body or b"{}")
        path = self.path.split("?")[0]
        make = next((make for end, make in ROUTES if path.endswith(end)), None)
        if make is None:
            return self.answer(404, {"error": path})
        if make is not mcp:
            return self.answer(200, make(asked))
        if "id" not in asked:
            return self.answer(202, None)
        known = self.headers.get("mcp-session-id")
        session = known or f"session-{next(NUMBERS)}"
        self.answer(200, mcp(asked), [("Mcp-Session-Id", session)])


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Backend).serve_forever()
