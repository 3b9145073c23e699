"""Realtime and Responses over WebSocket: every answer has a usage of its own, other numbers each time.

Usage: realtime_server.py HOST PORT

An input of `fail` ends in a failed answer, `close CODE` in a close with that code.
"""

import asyncio
import itertools
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

ROUND = itertools.count(1)


def realtime_usage(n):
    return {
        "input_tokens": 100 * n + 7,
        "output_tokens": 30 + n,
        "total_tokens": 101 * n + 37,
        "input_token_details": {
            "text_tokens": 60 * n, "audio_tokens": 40 * n + 7, "cached_tokens": 20 + n,
            "cached_tokens_details": {"text_tokens": 20, "audio_tokens": n},
        },
        "output_token_details": {"text_tokens": 10, "audio_tokens": 20 + n},
    }  # fmt: skip


def responses_usage(n):
    return {
        "input_tokens": 200 * n,
        "output_tokens": 40 + n,
        "total_tokens": 201 * n + 40,
        "input_tokens_details": {"cached_tokens": 80 + n},
        "output_tokens_details": {"reasoning_tokens": 15},
    }


def realtime_answer(n, status):
    answer = {"id": f"resp_{n}", "object": "realtime.response", "status": status, "output": []}
    if status == "failed":
        error = {"type": "server_error", "code": "server_error"}
        answer["status_details"] = {"type": "failed", "error": error}
    return answer | {"usage": realtime_usage(n) if status == "completed" else None}


def responses_answer(n, status):
    answer = {"id": f"resp_{n}", "object": "response", "created_at": 1, "model": "m-1", "output": []}
    answer |= {"status": status, "error": None, "incomplete_details": None, "tools": []}
    answer |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    if status == "failed":
        answer["error"] = {"code": "server_error", "message": "m"}
    return answer | {"usage": responses_usage(n) if status == "completed" else None}


async def talk(socket):
    realtime = "/realtime" in socket.request.path
    make = realtime_answer if realtime else responses_answer

    async def say(kind, **more):
        await socket.send(json.dumps({"type": kind, "event_id": "e", "sequence_number": 1} | more))

    if realtime:
        session = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": "m-1"}
        await say("session.created", session=session)
    try:
        async for message in socket:
            asked = json.loads(message)
            if asked["type"] != "response.create":
                continue
            asked = asked.get("response", asked)
            word = str(asked.get("instructions") or asked.get("input") or "")
            if word.startswith("close"):
                return await socket.close(int(word.split()[1]), "as asked")
            n = next(ROUND)
            await say("response.created", response=make(n, "in_progress"))
            delta = {"item_id": "i", "response_id": f"resp_{n}", "output_index": 0, "content_index": 0}
            await say("response.output_text.delta", delta='"usage":{"input_tokens":9}', **delta)
            status = "failed" if word == "fail" else "completed"
            last = "response.done" if realtime else f"response.{status}"
            await say(last, response=make(n, status))
    except ConnectionClosed:
        pass


async def main():
    async with serve(talk, sys.argv[1], int(sys.argv[2])):
        await asyncio.Future()


asyncio.run(main())
