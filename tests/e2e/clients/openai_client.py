"""The openai SDK, unmodified, against a base URL: plain, streaming, tool calls, 50 streams at once.

Usage: openai_client.py BASE_URL
"""

import asyncio
import json
import sys
import uuid

import openai

GREETING = (
    "Grüezi, traveller. The train to Zürich leaves at noon from track seven, "
    "and a second one follows."
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
OPTIONS = {"api_key": "test", "max_retries": 0, "timeout": 40}


def user(text):
    return [{"role": "user", "content": text}]


def weather():
    """A question nobody asked before: a mock may remember the answers of a conversation."""
    return f"how is the weather? ({uuid.uuid4()})"


def plain(client):
    answer = client.chat.completions.create(model="m-5", messages=user("greet me"))
    assert answer.choices[0].message.content == GREETING, answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens > 0, answer


def streaming(client):
    stream = client.chat.completions.create(model="m-5", messages=user("greet me"), stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    text = "".join(piece for piece in pieces if piece)
    assert text == GREETING, text
    assert len(pieces) > 2, pieces


def tool_calls(client):
    messages = user(weather())
    answer = client.chat.completions.create(model="m-5", messages=messages, tools=TOOLS)
    message = answer.choices[0].message
    call = message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls", answer
    assert call.function.name == "get_weather", call
    assert json.loads(call.function.arguments) == {"city": "Bern"}, call
    messages += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    answer = client.chat.completions.create(model="m-5", messages=messages, tools=TOOLS)
    assert answer.choices[0].message.content == "It is sunny in Bern.", answer


def streamed_tool_calls(client):
    stream = client.chat.completions.create(
        model="m-5", messages=user(weather()), tools=TOOLS, stream=True
    )
    name, arguments = "", ""
    for chunk in stream:
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "get_weather" and json.loads(arguments) == {"city": "Bern"}, (name, arguments)


def errors(client):
    try:
        client.chat.completions.create(model="m-5", messages=user("refuse me"))
    except openai.RateLimitError as error:
        assert "slow down" in str(error), error
    else:
        raise AssertionError("a 429 of the backend must reach the client as one")


async def parallel_streams(base_url):
    async def one(client, number):
        stream = await client.chat.completions.create(
            model="m-5",
            messages=user("greet me"),
            stream=True,
            extra_headers={"x-user-id": f"user-{number}"},
        )
        pieces = [c.choices[0].delta.content or "" async for c in stream if c.choices]
        assert "".join(pieces) == GREETING, pieces

    async with openai.AsyncOpenAI(base_url=base_url, **OPTIONS) as client:
        await asyncio.gather(*(one(client, number) for number in range(50)))


def main():
    base_url = sys.argv[1]
    with openai.OpenAI(base_url=base_url, **OPTIONS) as client:
        for step in (plain, streaming, tool_calls, streamed_tool_calls, errors):
            step(client)
            print("ok", step.__name__)
    asyncio.run(parallel_streams(base_url))
    print("ok parallel_streams")


main()
