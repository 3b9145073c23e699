"""The contract `score/1` of docs/EVAL.md for scorers in Python: `serve(score)` listens on the port that
is given as the last argument (0: any) and prints the one it has.

`score` gets one item and gives what the contract takes for it: True or False, a number from 0 to 1,
`{"pass", "score", "reason"}`, or None for "cannot tell". Only requests that are signed with
SCORER_SECRET are believed.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 64 << 20  # bytes of a request
OLDEST = 300  # seconds since it was signed


def text_of(value):
    """What an input, an output or `expected` says, as text; None where there is nothing to read."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return "\n".join(text for text in map(text_of, value) if text) or None
    if isinstance(value, dict):
        keys = ("text", "content", "message", "choices", "value")
        return next((text for text in (text_of(value.get(key)) for key in keys) if text), None)
    return None


def is_signed(secret, header, body, now):
    """Whether `Stagegate-Signature: t=…,v1=…` is this secret's, and not an old one played again."""
    given = dict(part.partition("=")[::2] for part in (header or "").split(","))
    signed = hmac.new(secret, given.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
    same = hmac.compare_digest(signed.encode(), given.get("v1", "").encode())
    return same and abs(now - int(given["t"])) < OLDEST


def result(score, item):
    """The result of one item. A scorer that stumbles has not judged; the answer has not failed."""
    try:
        judged = score(item)
    except Exception as error:
        return {"id": item["id"], "error": {"type": repr(error), "retryable": False}}
    fields = judged if isinstance(judged, dict) else {"value": judged}
    return {"id": item["id"], "scores": [fields]}


def serve(score):
    """Answers until the process ends."""
    secret = os.environ["SCORER_SECRET"].encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length) if length <= LARGEST else b""
            status, answer = 401, {}
            if is_signed(secret, self.headers.get("stagegate-signature"), body, time.time()):
                items = json.loads(body)["items"]
                status, answer = 200, {"results": [result(score, item) for item in items]}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
