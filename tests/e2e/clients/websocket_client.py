"""The websockets client, unmodified: text, binary, pings, a stream, close codes, 30 at once.

Usage: websocket_client.py URL
"""

import asyncio
import os
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError


async def talk(url, number):
    async with connect(url, subprotocols=["agent.v1"], max_size=8 << 20) as socket:
        assert socket.subprotocol == "agent.v1", socket.subprotocol
        for message in (f"hello {number}", "Grüezi", "", os.urandom(70_000)):
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping(b"are you there"))
        await socket.send("stream")
        assert [await socket.recv() for _ in range(20)] == [f"token-{n}" for n in range(20)]


async def large(url):
    message = os.urandom(4 << 20)
    async with connect(
        url, subprotocols=["agent.v1"], max_size=8 << 20, compression=None
    ) as socket:
        await socket.send(message)
        assert await socket.recv() == message


async def closing(url):
    async with connect(url, subprotocols=["agent.v1"]) as socket:
        await socket.send("bye")
        try:
            await socket.recv()
        except ConnectionClosedError as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "as asked"), closed
        else:
            raise AssertionError("the server's close must arrive")


async def main():
    url = sys.argv[1]
    await talk(url, 0)
    print("ok talk")
    await large(url)
    print("ok large")
    await closing(url)
    print("ok closing")
    await asyncio.gather(*(talk(url, number) for number in range(30)))
    print("ok parallel")


asyncio.run(main())
