"""SDK streams in lockstep: the backend sends a chunk only after the client confirmed the one before.

A proxy that holds a chunk back until more arrive makes this hang, whatever the machine's speed.
Backend and clients live in this process, so the confirmation does not pass the proxy.

Usage: lockstep_streams.py BACKEND_HOST BACKEND_PORT PROXY_URL
"""

import asyncio
import json
import sys
import time

import anthropic
import openai

STEPS = 25
OPTIONS = {"api_key": "test", "max_retries": 0, "timeout": 40}
confirmed = asyncio.Queue()


def openai_events():
    for number in range(STEPS):
        yield number, "data: " + json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m-5",
                "choices": [{"index": 0, "delta": {"content": f"t{number} "}}],
            }
        ) + "\n\n"
    yield None, "data: [DONE]\n\n"


def anthropic_events():
    def event(kind, **fields):
        return f"event: {kind}\ndata: " + json.dumps({"type": kind, **fields}) + "\n\n"

    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m-5",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    yield None, event("message_start", message=message)
    block = {"type": "text", "text": ""}
    yield None, event("content_block_start", index=0, content_block=block)
    for number in range(STEPS):
        delta = {"type": "text_delta", "text": f"t{number} "}
        yield number, event("content_block_delta", index=0, delta=delta)
    yield None, event("content_block_stop", index=0)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield None, event("message_delta", delta=delta, usage={"output_tokens": STEPS})
    yield None, event("message_stop")


async def backend(reader, writer):
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            break
        fields = dict(
            line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line
        )
        await reader.readexactly(int(fields["content-length"]))
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        events = anthropic_events() if b"/v1/messages" in head else openai_events()
        for number, text in events:
            data = text.encode()
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await writer.drain()
            if number is not None:
                # The next chunk exists only once the client has seen this one.
                assert await asyncio.wait_for(confirmed.get(), 40) == f"t{number} "
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    writer.close()


async def with_openai(url, arrivals):
    async with openai.AsyncOpenAI(base_url=url + "/v1", **OPTIONS) as client:
        messages = [{"role": "user", "content": "count"}]
        stream = await client.chat.completions.create(model="m-5", messages=messages, stream=True)
        async for chunk in stream:
            arrivals.append(time.perf_counter())
            confirmed.put_nowait(chunk.choices[0].delta.content)


async def with_anthropic(url, arrivals):
    async with anthropic.AsyncAnthropic(base_url=url, **OPTIONS) as client:
        messages = [{"role": "user", "content": "count"}]
        async with client.messages.stream(
            model="m-5", max_tokens=99, messages=messages
        ) as stream:
            async for text in stream.text_stream:
                arrivals.append(time.perf_counter())
                confirmed.put_nowait(text)


async def main():
    host, port, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    server = await asyncio.start_server(backend, host, port)
    for stream in (with_openai, with_anthropic):
        arrivals = []
        await stream(url, arrivals)
        assert len(arrivals) == STEPS, arrivals
        assert all(a < b for a, b in zip(arrivals, arrivals[1:])), arrivals
        print(f"ok {stream.__name__}: {STEPS} chunks, one by one, "
              f"{(arrivals[-1] - arrivals[0]) * 1000 / (STEPS - 1):.2f} ms apart")
    server.close()


asyncio.run(main())
