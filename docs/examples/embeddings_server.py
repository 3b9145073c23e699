"""Embeddings of sentences over OpenAI's embeddings API, offline: the model of embedding_scorer.py. For
`stagegate eval coverage --embeddings http://127.0.0.1:8701/v1/embeddings`.

    scorer/bin/python docs/examples/embeddings_server.py 8701
"""

import http.server
import json
import sys

import embedding_scorer


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        with embedding_scorer.ONE_AT_A_TIME:
            vectors = [embedding_scorer.MODEL.embed(text or " ").tolist() for text in texts]
        data = [{"object": "embedding", "index": at, "embedding": it} for at, it in enumerate(vectors)]
        body = json.dumps({"object": "list", "model": asked.get("model"), "data": data}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
