"""A backend that remembers what it has issued, and refuses every id of another process with 404.

Usage: stateful_server.py HOST PORT

It speaks the stateful parts of OpenAI, Anthropic, Gemini, MCP of both generations, A2A and LangGraph. Every
id begins with its kind and holds a name of this process, so that clients can tell who issued it.
"""

import json
import re
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = uuid.uuid4().hex[:6]
ISSUED = set()
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
DATES = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}


class Unknown(Exception):
    pass


def issue(prefix):
    made = f"{prefix}{NAME}{uuid.uuid4().hex[:18]}"
    ISSUED.add(made)
    return made


def issue_uuid():
    """For LangGraph, whose client takes nothing else."""
    made = str(uuid.uuid4())
    ISSUED.add(made)
    return made


def known(*ids):
    for it in ids:
        if it and it not in ISSUED:
            raise Unknown(it)


# OpenAI.


def response(id, asked):
    text = {"type": "output_text", "text": NAME, "annotations": []}
    message = {"type": "message", "id": issue("msg_"), "role": "assistant"}
    message |= {"status": "completed", "content": [text]}
    answer = {"id": id, "object": "response", "created_at": 1, "model": "m", "output": [message]}
    answer |= {"status": "completed", "error": None, "incomplete_details": None, "tools": []}
    answer |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    usage = {**USAGE, "input_tokens_details": {"cached_tokens": 0}}
    answer["usage"] = usage | {"output_tokens_details": {"reasoning_tokens": 0}}
    conversation = asked.get("conversation")
    if conversation:
        answer["conversation"] = {"id": conversation}
    return answer


def make_response(_, asked):
    conversation = asked.get("conversation")
    conversation = conversation.get("id") if isinstance(conversation, dict) else conversation
    known(asked.get("previous_response_id"), conversation)
    for item in asked["input"] if isinstance(asked.get("input"), list) else []:
        if item.get("type") == "item_reference":
            known(item["id"])
    return response(issue("resp_"), {**asked, "conversation": conversation})


def get_response(found, _):
    known(found[1])
    return response(found[1], {})


def a_list(found, _):
    known(found[1])
    return {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


def conversation(found, _):
    id = found[1] if found.groups() else issue("conv_")
    known(id)
    return {"id": id, "object": "conversation", "created_at": 1, "metadata": {}}


def file(found, _):
    id = found[1] if found.groups() else issue("file-")
    known(id)
    answer = {"id": id, "object": "file", "type": "file", "bytes": 1, "filename": "f", "purpose": "batch"}
    answer |= {"status": "processed", "mime_type": "text/plain", "size_bytes": 1, "downloadable": True}
    return {**answer, "created_at": 1}


def thread(found, _):
    id = found[1] if found.groups() else issue("thread_")
    known(id)
    return {"id": id, "object": "thread", "created_at": 1, "metadata": {}, "tool_resources": {}}


def thread_message(found, asked):
    known(found[1])
    answer = {"id": issue("msg_"), "object": "thread.message", "thread_id": found[1], "content": []}
    return {**answer, "created_at": 1, "role": asked["role"], "metadata": {}, "status": "completed"}


def run(found, asked):
    known(found[1])
    id = found[2] if len(found.groups()) > 1 else issue("run_")
    known(id)
    answer = {"id": id, "object": "thread.run", "thread_id": found[1], "status": "completed"}
    return {**answer, "created_at": 1, "assistant_id": "a", "model": "m", "tools": [], "instructions": ""}


def batch(found, asked):
    known(asked.get("input_file_id"))
    id = found[1] if found.groups() else issue("batch_")
    known(id)
    answer = {"id": id, "object": "batch", "status": "completed", "created_at": 1}
    return {**answer, "endpoint": "/v1/responses", "completion_window": "24h", "input_file_id": "f"}


def vector_store(found, asked):
    known(*asked.get("file_ids", []))
    id = found[1] if found.groups() else issue("vs_")
    known(id)
    counts = {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    answer = {"id": id, "object": "vector_store", "created_at": 1, "name": "n", "usage_bytes": 0}
    return {**answer, "file_counts": counts, "status": "completed", "last_active_at": 1, "metadata": {}}


# Anthropic.


def message_batch(found, _):
    id = found[1] if found.groups() else issue("msgbatch_")
    known(id)
    counts = {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0}
    dates = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
    return {"id": id, "type": "message_batch", "processing_status": "ended", "request_counts": counts, **dates}


# Gemini.


def cached(found, _):
    name = f"cachedContents/{found[1]}" if found.groups() else "cachedContents/" + issue("")
    known(name.split("/")[1])
    return {"name": name, "model": "models/m", "createTime": "2026-01-01T00:00:00Z"}


def generate(_, asked):
    used = asked.get("cachedContent", "")
    known(used.split("/")[-1])
    content = {"role": "model", "parts": [{"text": NAME}]}
    return {"candidates": [{"content": content, "finishReason": "STOP"}]}


def interaction(found, asked):
    known(asked.get("previous_interaction_id"))
    id = found[1] if found.groups() else issue("int_")
    known(id)
    answer = {"id": id, "object": "interaction", "status": "completed", "model": "m", "role": "model"}
    dates = {"created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}
    return {**answer, **dates, "outputs": [{"type": "text", "text": NAME}], "steps": []}


def gemini_batch(found, _):
    name = f"batches/{found[1]}" if found.groups() else "batches/" + issue("")
    known(name.split("/")[1])
    metadata = {"name": name, "state": "BATCH_STATE_SUCCEEDED", "model": "models/m"}
    return {"name": name, "metadata": metadata, "done": True}


# LangGraph.


def graph_thread(found, _):
    id = found[1] if found.groups() else issue_uuid()
    known(id)
    return {"thread_id": id, "metadata": {}, "values": {}, "status": "idle", **DATES}


def graph_state(found, _):
    known(found[1])
    return {"values": {}, "next": [], "checkpoint": {"thread_id": found[1]}, "metadata": {}, "tasks": []}


def graph_wait(found, _):
    known(found[1])
    return {"text": NAME}


def graph_run(found, _):
    known(found[1])
    id = found[2] if len(found.groups()) > 1 else issue_uuid()
    known(id)
    return {"run_id": id, "thread_id": found[1], "assistant_id": "a", "status": "success", "metadata": {}, **DATES}


# A2A over JSON-RPC and HTTP+JSON.


def task(id, context):
    status = {"state": "TASK_STATE_INPUT_REQUIRED", "timestamp": "2026-01-01T00:00:00Z"}
    return {"id": id, "contextId": context, "status": status}


def send_message(_, asked):
    message = asked["message"]
    known(message.get("contextId"), message.get("taskId"))
    context = message.get("contextId") or issue("ctx-")
    return {"task": task(message.get("taskId") or issue("task-"), context)}


def get_task(found, _):
    known(found[1])
    return task(found[1], "")


def a2a(_, asked):
    params = asked["params"]
    if asked["method"] == "SendMessage":
        result = send_message(None, params)
    else:
        known(params["id"])
        result = task(params["id"], "")
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result}


ROUTES = [
    ("POST", "/v1/responses", make_response),
    ("GET", "/v1/responses/([^/]+)", get_response),
    ("POST", "/v1/responses/([^/]+)/cancel", get_response),
    ("GET", "/v1/responses/([^/]+)/input_items", a_list),
    ("POST", "/v1/conversations", conversation),
    ("GET", "/v1/conversations/([^/]+)", conversation),
    ("GET", "/v1/conversations/([^/]+)/items", a_list),
    ("POST", "/v1/files", file),
    ("GET", "/v1/files/([^/]+)", file),
    ("POST", "/v1/threads", thread),
    ("GET", "/v1/threads/([^/]+)", thread),
    ("POST", "/v1/threads/([^/]+)/messages", thread_message),
    ("POST", "/v1/threads/([^/]+)/runs", run),
    ("GET", "/v1/threads/([^/]+)/runs/([^/]+)", run),
    ("POST", "/v1/batches", batch),
    ("GET", "/v1/batches/([^/]+)", batch),
    ("POST", "/v1/vector_stores", vector_store),
    ("GET", "/v1/vector_stores/([^/]+)", vector_store),
    ("POST", "/v1/messages/batches", message_batch),
    ("GET", "/v1/messages/batches/([^/]+)", message_batch),
    ("POST", "/(?:v1|v1beta)/cachedContents", cached),
    ("GET", "/(?:v1|v1beta)/cachedContents/([^/]+)", cached),
    ("POST", "/(?:v1|v1beta)/models/m:generateContent", generate),
    ("POST", "/(?:v1|v1beta)/interactions", interaction),
    ("GET", "/(?:v1|v1beta)/interactions/([^/]+)", interaction),
    ("POST", "/(?:v1|v1beta)/models/m:batchGenerateContent", gemini_batch),
    ("GET", "/(?:v1|v1beta)/batches/([^/]+)", gemini_batch),
    ("POST", "/threads", graph_thread),
    ("GET", "/threads/([^/]+)", graph_thread),
    ("GET", "/threads/([^/]+)/state", graph_state),
    ("POST", "/threads/([^/]+)/runs/wait", graph_wait),
    ("POST", "/threads/([^/]+)/runs", graph_run),
    ("GET", "/threads/([^/]+)/runs/([^/]+)", graph_run),
    ("POST", "/a2a", a2a),
    ("POST", "/rest/message:send", send_message),
    ("GET", "/rest/tasks/([^/]+)", get_task),
]


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, answer, fields=()):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-issuer", NAME)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def mcp(self, asked):
        """Sessions of the older generation; the newer one keeps its state in what the client repeats."""
        method = asked.get("method", "")
        meta = asked.get("params", {}).get("_meta", {})
        modern = self.headers["mcp-protocol-version"] == "2026-07-28" or bool(meta)
        fields = []
        if method == "initialize":
            fields = [("mcp-session-id", issue("session-"))]
        elif not modern or self.headers["mcp-session-id"]:
            session = self.headers["mcp-session-id"]
            if not session or session not in ISSUED:
                raise Unknown(session)
        if "id" not in asked:
            return self.reply(202, {}, fields)
        server = {"name": NAME, "version": "1"}
        result = {"resultType": "complete"}
        if method == "initialize":
            version = asked["params"]["protocolVersion"]
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
        elif method == "server/discover":
            result |= {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "serverInfo": server}
            result |= {"ttlMs": 0, "cacheScope": "private"}
        elif method == "tools/list":
            result |= {"tools": [{"name": "t", "inputSchema": {"type": "object"}}], "ttlMs": 0, "cacheScope": "private"}
        elif method == "tools/call":
            result |= {"content": [{"type": "text", "text": NAME}], "isError": False}
        self.reply(200, {"jsonrpc": "2.0", "id": asked["id"], "result": result}, fields)

    def answer(self):
        length = int(self.headers["content-length"] or 0)
        body = self.rfile.read(length)
        path = self.path.split("?")[0]
        is_json = (self.headers["content-type"] or "").startswith("application/json")
        asked = json.loads(body) if body and is_json else {}
        try:
            if path == "/mcp":
                if self.command != "POST":
                    return self.reply(405, {})
                return self.mcp(asked)
            for method, pattern, make in ROUTES:
                found = re.fullmatch(pattern, path)
                if found and method == self.command:
                    return self.reply(200, make(found, asked))
            self.reply(404, {"error": {"message": f"no {self.command} {path}"}})
        except Unknown as unknown:
            message = f"{unknown} is not one of {NAME}"
            self.reply(404, {"error": {"message": message, "code": 404, "status": "NOT_FOUND"}})

    do_GET = do_POST = do_DELETE = answer


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Backend).serve_forever()
