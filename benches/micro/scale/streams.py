"""Connections and event streams that stay open, served and read by this program itself."""

import asyncio
import contextlib
import pathlib
import resource
import socket
import sys
import time

from lab import WORKLOAD, Stagegate, cpu_seconds, free_ports, nginx, resident_kib, running


class Stream(asyncio.Protocol):
    """A client connection: asks once and counts what comes."""

    def __init__(self, path, tally):
        self.path, self.tally, self.seen = path, tally, False

    def connection_made(self, transport):
        transport.write(f"GET {self.path} HTTP/1.1\r\nHost: a\r\nx-user-id: u\r\n\r\n".encode())

    def data_received(self, data):
        self.tally["bytes"] += len(data)
        if not self.seen:
            self.seen = True
            self.tally["answered" if data.startswith(b"HTTP/1.1 200 ") else "refused"] += 1

    def connection_lost(self, error):
        self.tally["lost"] += 1


class Events(asyncio.Protocol):
    """A backend that answers every request with a stream of events, one every five seconds."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    # Those that are being answered.
    open = set()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if b"\r\n\r\n" in data:
            self.transport.write(self.HEAD + self.event())
            self.open.add(self)

    def connection_lost(self, error):
        self.open.discard(self)

    @staticmethod
    def event():
        data = b'data: {"token": "a word or two"}\n\n'
        return b"%x\r\n%s\r\n" % (len(data), data)

    @classmethod
    async def tick(cls):
        while True:
            await asyncio.sleep(5)
            for one in list(cls.open):
                one.transport.write(cls.event())


async def open_many(port, count, path, tally):
    """Connections in batches, each batch answered before the next."""
    loop, transports = asyncio.get_running_loop(), []
    while len(transports) < count:
        batch = min(200, count - len(transports))
        made = await asyncio.gather(
            *(loop.create_connection(lambda: Stream(path, tally), "127.0.0.1", port)
              for _ in range(batch))
        )
        transports += [transport for transport, _ in made]
        async with asyncio.timeout(30):
            while tally["answered"] + tally["refused"] < len(transports):
                await asyncio.sleep(0.001)
    return transports


async def hold(stagegate, counts, path, what):
    """Opens more and more connections and says what each costs while they are open."""
    tally = dict.fromkeys(("answered", "refused", "lost", "bytes"), 0)
    before, held = resident_kib(stagegate.pid), []
    print(f"| {what} | RSS MiB | KiB each | CPU of a core while open | refused | lost |")
    print(f"| 0 | {before / 1024:.1f} | - | - | 0 | 0 |")
    for count in counts:
        held += await open_many(stagegate.proxy, count - len(held), path, tally)
        began, cpu = time.monotonic(), cpu_seconds(stagegate.pid)
        # Two rounds of events, so that what is open is at work.
        await asyncio.sleep(11)
        busy = (cpu_seconds(stagegate.pid) - cpu) / (time.monotonic() - began)
        now = resident_kib(stagegate.pid)
        print(f"| {count} | {now / 1024:.1f} | {(now - before) / count:.1f} | {busy:.1%} | "
              f"{tally['refused']} | {tally['lost']} |", flush=True)
    for transport in held:
        transport.abort()
    await asyncio.sleep(3)
    print(f"| 0, after closing | {resident_kib(stagegate.pid) / 1024:.1f} | - | - | - | - |")


def connections(binary, scratch):
    with nginx(scratch) as origin:
        text = WORKLOAD.format(name="agent", path="/", origin=origin, lists="")
        with Stagegate(binary, scratch, "connections", text).serving() as stagegate:
            asyncio.run(hold(stagegate, (1_000, 10_000), "/", "idle keep-alive connections"))


def streams(binary, scratch):
    """The backend is a process of its own: together they would be short of file descriptors."""
    [origin] = free_ports(1)
    with running([sys.executable, pathlib.Path(__file__).parent, "events", "--port", str(origin)]) as backend:
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", origin), 1).close()
                break
            if backend.poll() is not None or time.monotonic() > until:
                sys.exit("the backend does not listen")
        text = WORKLOAD.format(name="agent", path="/", origin=origin, lists="")
        # Two descriptors each in the proxy, beside what it needs itself.
        room = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 400) // 2
        with Stagegate(binary, scratch, "streams", text).serving() as stagegate:
            counts = (1_000, min(10_000, room))
            asyncio.run(hold(stagegate, counts, "/chat", "open event streams"))


def events(port):
    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Events, "127.0.0.1", port, backlog=4096)
        ticking = asyncio.create_task(Events.tick())
        async with server:
            await server.serve_forever()
        ticking.cancel()

    asyncio.run(serve())
