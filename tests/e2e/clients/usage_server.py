"""A model server whose usage has every part that its protocols know, other numbers in each answer.

Usage: usage_server.py HOST PORT
"""

import itertools
import json
import struct
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUND = itertools.count(1)
PIECE = 11


def chat_usage(n):
    return {
        "prompt_tokens": 100 * n + 20,
        "completion_tokens": 30 + n,
        "total_tokens": 100 * n + 50 + n,
        "prompt_tokens_details": {"cached_tokens": 60 + n, "audio_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 12, "accepted_prediction_tokens": 2},
    }


def chat(n, _):
    message = {"role": "assistant", "content": '"usage":{"prompt_tokens":1}', "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    answer = {"id": f"chatcmpl-{n}", "object": "chat.completion", "created": 1, "model": "m-1"}
    return answer | {"choices": [choice], "usage": chat_usage(n)}


def chat_events(n, asked):
    chunk = {"id": f"chatcmpl-{n}", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    for text in ("a", "ä"):
        choice = {"index": 0, "finish_reason": None, "delta": {"content": text}}
        yield None, chunk | {"choices": [choice], "usage": None}
    choice = {"index": 0, "finish_reason": "stop", "delta": {}}
    yield None, chunk | {"choices": [choice], "usage": None}
    if asked.get("stream_options", {}).get("include_usage"):
        yield None, chunk | {"choices": [], "usage": chat_usage(n)}
    yield None, "[DONE]"


def response(n, _, status="completed"):
    text = {"type": "output_text", "text": "hi", "annotations": []}
    item = {"type": "message", "id": f"msg_{n}", "role": "assistant", "status": "completed"}
    answer = {"id": f"resp_{n}", "object": "response", "created_at": 1, "model": "m-1"}
    answer |= {"status": status, "error": None, "incomplete_details": None, "tools": []}
    answer |= {"parallel_tool_calls": True, "tool_choice": "auto", "output": []}
    if status == "completed":
        answer["output"] = [item | {"content": [text]}]
        usage = {"input_tokens": 200 * n, "output_tokens": 40 + n, "total_tokens": 201 * n + 40}
        usage["input_tokens_details"] = {"cached_tokens": 80 + n}
        answer["usage"] = usage | {"output_tokens_details": {"reasoning_tokens": 15}}
    return answer


def response_events(n, asked):
    made = {"type": "response.created", "sequence_number": 0}
    yield made["type"], made | {"response": response(n, asked, "in_progress")}
    done = {"type": "response.completed", "sequence_number": 1}
    yield done["type"], done | {"response": response(n, asked)}


def message_usage(n):
    usage = {"input_tokens": 21 + n, "output_tokens": 33 + n, "cache_read_input_tokens": 100 * n}
    usage["cache_creation_input_tokens"] = 7 + n
    parts = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4 + n}
    return usage | {"cache_creation": parts, "service_tier": "standard"}


def message(n, _):
    text = {"type": "text", "text": "hi"}
    answer = {"id": f"msg_{n}", "type": "message", "role": "assistant", "model": "m-1"}
    answer |= {"content": [text], "stop_reason": "end_turn", "stop_sequence": None}
    return answer | {"usage": message_usage(n)}


def message_events(n, asked):
    whole = message_usage(n)
    begun = message(n, asked) | {"content": [], "stop_reason": None, "usage": whole | {"output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": begun}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield "content_block_start", {"type": "content_block_start"} | block
    delta = {"index": 0, "delta": {"type": "text_delta", "text": "hi"}}
    yield "content_block_delta", {"type": "content_block_delta"} | delta
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    for output in (5, whole["output_tokens"]):
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        said = {"type": "message_delta", "delta": stop, "usage": {"output_tokens": output}}
        yield "message_delta", said
    yield "message_stop", {"type": "message_stop"}


def gemini(n, _):
    usage = {"promptTokenCount": 120 * n, "cachedContentTokenCount": 90 + n, "thoughtsTokenCount": 11}
    usage |= {"candidatesTokenCount": 22 + n, "toolUsePromptTokenCount": 5}
    usage["totalTokenCount"] = 120 * n + 38 + n
    content = {"role": "model", "parts": [{"text": "hi"}]}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1", "responseId": "r"}


def gemini_events(n, asked):
    whole = gemini(n, asked)
    part = {"promptTokenCount": 120 * n, "totalTokenCount": 120 * n}
    candidate = {"content": whole["candidates"][0]["content"], "index": 0}
    yield None, {"candidates": [candidate], "usageMetadata": part, "modelVersion": "m-1"}
    yield None, whole


def converse(n, _):
    usage = {"inputTokens": 20 + n, "outputTokens": 34 + n, "cacheReadInputTokens": 100 * n}
    usage |= {"cacheWriteInputTokens": 9, "totalTokens": 63 + 102 * n}
    output = {"message": {"role": "assistant", "content": [{"text": "hi"}]}}
    metrics = {"latencyMs": 1}
    return {"output": output, "stopReason": "end_turn", "usage": usage, "metrics": metrics}


def binary(kind, payload):
    """A message of Amazon's event stream."""
    data = json.dumps(payload).encode()
    headers = b""
    fields = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    for name, value in fields:
        headers += bytes([len(name)]) + name.encode() + b"\x07"
        headers += struct.pack(">H", len(value)) + value.encode()
    head = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    made = head + struct.pack(">I", zlib.crc32(head)) + headers + data
    return made + struct.pack(">I", zlib.crc32(made))


def converse_events(n, asked):
    whole = converse(n, asked)
    yield binary("messageStart", {"role": "assistant"})
    yield binary("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}})
    yield binary("contentBlockStop", {"contentBlockIndex": 0})
    yield binary("messageStop", {"stopReason": "end_turn"})
    yield binary("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer("application/json", [b"{}"])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(body or b"{}")
        path = self.path.split("?")[0]
        streams = asked.get("stream") or "stream" in path.lower()
        n = next(ROUND)
        if "/converse" in path and streams:
            return self.answer("application/vnd.amazon.eventstream", converse_events(n, asked))
        for mark, whole, events in (
            ("/chat/completions", chat, chat_events),
            ("/responses", response, response_events),
            ("/messages", message, message_events),
            ("enerateContent", gemini, gemini_events),
            ("/converse", converse, None),
        ):
            if mark not in path:
                continue
            if not streams:
                return self.answer("application/json", [json.dumps(whole(n, asked)).encode()])
            made = []
            for name, data in events(n, asked):
                text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
                made.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
            return self.answer("text/event-stream", [part.encode() for part in made])
        self.send_error(404)

    def answer(self, kind, parts):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        data = b"".join(parts)
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Server).serve_forever()
