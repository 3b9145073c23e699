"""What the official SDKs assemble from recorded streams, as one JSON object by file.

Usage: sdk_assembles.py CORPUS_DIRECTORY
A local server sends each file in pieces of seven bytes, so that characters, lines and events are
cut anywhere. Where an SDK raises, what it had assembled until then is given, and what it raised.
"""

import json
import pathlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai

CORPUS = pathlib.Path(sys.argv[1])
PIECE = 7


class Recorded(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        data = (CORPUS / self.headers["x-file"]).read_bytes()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


def drained(stream, snapshot):
    """Reads to the end, or to the error; then what was assembled."""
    raised = None
    try:
        for _ in stream:
            pass
    except Exception as error:  # whatever it is, it is what a user of the SDK would see
        raised = type(error).__name__
    whole = snapshot()
    if whole is None:
        return {"raised": raised, "final": None}
    return {"raised": raised, "final": whole.model_dump(mode="python", exclude_none=True, warnings=False)}


def chat(client, file):
    ask = {"model": "m-5", "messages": [{"role": "user", "content": "x"}]}
    with client.chat.completions.stream(**ask, extra_headers={"x-file": file}) as stream:
        return drained(stream, lambda: stream._state.current_completion_snapshot)


def responses(client, file):
    def snapshot():
        state = stream._state
        return state._completed_response or state._ResponseStreamState__current_snapshot

    with client.responses.stream(model="m-5", input="x", extra_headers={"x-file": file}) as stream:
        return drained(stream, snapshot)


def messages(client, file):
    ask = {"model": "c-4", "max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    with client.messages.stream(**ask, extra_headers={"x-file": file}) as stream:
        return drained(stream, lambda: stream.current_message_snapshot)


server = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
gpt = openai.OpenAI(base_url=f"{url}/v1", api_key="test", max_retries=0, timeout=30)
claude = anthropic.Anthropic(base_url=url, api_key="test", max_retries=0, timeout=30)
ways = {
    "openai-chat": (chat, gpt),
    "openai-responses": (responses, gpt),
    "anthropic": (messages, claude),
}
assembled = {}
for folder, (way, client) in ways.items():
    for path in sorted((CORPUS / folder).glob("*.sse")):
        name = f"{folder}/{path.name}"
        assembled[name] = way(client, name)
print(json.dumps(assembled))
