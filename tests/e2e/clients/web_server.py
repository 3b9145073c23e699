"""A page, an event stream, a chunked stream and a WebSocket by hypercorn: HTTP/1.1 and h2c.

Usage: web_server.py HOST PORT
"""

import asyncio
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

PAGE = b"<!doctype html><title>agent</title><p>hello"


async def begin(send, kind):
    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def streamed(send, kind, pieces):
    await begin(send, kind)
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
        await asyncio.sleep(0.02)
    await send({"type": "http.response.body", "body": b""})


async def echo(scope, receive, send):
    """Echoes; tells the first that asks how the handshake came here; closes when told to."""
    via = dict(scope["headers"]).get(b"via", b"").decode()
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/closed":
        return await send({"type": "websocket.close"})
    offered = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
    while (message := await receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        if text == "stream":
            for number in range(20):
                await send({"type": "websocket.send", "text": f"token-{number}"})
        elif text == "via":
            http = scope["http_version"]
            await send({"type": "websocket.send", "text": f"{via}; endpoint {http}"})
        elif text == "bye":
            return await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
        elif text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": data})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (event := (await receive())["type"]) != "lifespan.shutdown":
            await send({"type": f"{event}.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    if scope["path"] == "/events":
        events = (f"id: {n}\ndata: event-{n}\n\n" for n in range(20))
        return await streamed(send, b"text/event-stream", events)
    if scope["path"] == "/stream":
        return await streamed(send, b"text/plain", (f"piece-{n};" for n in range(20)))
    await begin(send, b"text/html")
    await send({"type": "http.response.body", "body": PAGE})


config = Config()
config.bind = [f"{sys.argv[1]}:{sys.argv[2]}"]
config.accesslog = config.errorlog = None
config.websocket_max_message_size = 16 << 20
asyncio.run(serve(app, config))
