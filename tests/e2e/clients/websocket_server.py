"""A WebSocket echo server that also streams on request.

Usage: websocket_server.py HOST PORT
"""

import asyncio
import sys

from websockets.asyncio.server import serve


async def handle(socket):
    async for message in socket:
        if message == "stream":
            for number in range(20):
                await socket.send(f"token-{number}")
        elif message == "bye":
            await socket.close(4001, "as asked")
        else:
            await socket.send(message)


async def main():
    async with serve(
        handle, sys.argv[1], int(sys.argv[2]), max_size=8 << 20, subprotocols=["agent.v1"]
    ) as server:
        await server.serve_forever()


asyncio.run(main())
