"""The usage that OpenAI's SDK shows over WebSockets, as one JSON object for each connection.

Usage: realtime_usage.py BASE_URL [ENDING…]

With endings it prints the request's id and the ending of one connection each: `fail`, or `close CODE`.
"""

import json
import sys

import openai

ai = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="k")


def id_of(connection):
    return connection._connection.response.headers["x-request-id"]


def answers(connection, count):
    """The answers to so many questions."""
    for _ in range(count):
        if hasattr(connection, "session"):
            connection.response.create()
        else:
            connection.send({"type": "response.create", "model": "m-1", "input": "hi"})
        for event in connection:
            if event.type in ("response.done", "response.completed"):
                yield event.response
                break


def show(name, connect, count, parts):
    sums = {"input": 0, "read": 0, "written": 0, "output": 0, "reasoning": 0}
    with connect() as connection:
        id = id_of(connection)
        for answer in answers(connection, count):
            usage = answer.usage
            read, reasoning = parts(usage)
            sums["input"] += usage.input_tokens - read
            sums["read"] += read
            sums["output"] += usage.output_tokens
            sums["reasoning"] += reasoning
    print(json.dumps({"id": id, "name": name} | sums), flush=True)


def realtime():
    return ai.realtime.connect(model="m-1")


def of_realtime(usage):
    return usage.input_token_details.cached_tokens, 0


def of_responses(usage):
    return usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens


if len(sys.argv) > 2:
    for ending in sys.argv[2:]:
        with realtime() as connection:
            connection.response.create(response={"instructions": ending})
            try:
                for event in connection:
                    if event.type == "response.done":
                        break
            except Exception as error:
                print(f"# {type(error).__name__}", file=sys.stderr)
            print(json.dumps({"id": id_of(connection), "ending": ending}), flush=True)
else:
    show("realtime", realtime, 3, of_realtime)
    show("responses", ai.responses.connect, 2, of_responses)
