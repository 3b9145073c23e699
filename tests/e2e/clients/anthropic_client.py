"""The anthropic SDK, unmodified, against a base URL: plain, streaming, tool use, 50 streams at once.

Usage: anthropic_client.py BASE_URL
"""

import asyncio
import sys
import uuid

import anthropic

GREETING = (
    "Grüezi, traveller. The train to Zürich leaves at noon from track seven, "
    "and a second one follows."
)
TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
OPTIONS = {"api_key": "test", "max_retries": 0, "timeout": 40}


def ask(text, **more):
    messages = [{"role": "user", "content": text}]
    return {"model": "m-5", "max_tokens": 200, "messages": messages, **more}


def weather():
    """A question nobody asked before: a mock may remember the answers of a conversation."""
    return f"how is the weather? ({uuid.uuid4()})"


def plain(client):
    answer = client.messages.create(**ask("greet me"))
    assert answer.content[0].text == GREETING, answer
    assert answer.stop_reason == "end_turn", answer


def streaming(client):
    with client.messages.stream(**ask("greet me")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == GREETING, pieces
    assert len(pieces) > 2, pieces
    assert final.stop_reason == "end_turn", final


def tool_use(client):
    answer = client.messages.create(**ask(weather(), tools=TOOLS))
    call = next(block for block in answer.content if block.type == "tool_use")
    assert answer.stop_reason == "tool_use", answer
    assert (call.name, call.input) == ("get_weather", {"city": "Bern"}), call


def streamed_tool_use(client):
    with client.messages.stream(**ask(weather(), tools=TOOLS)) as stream:
        final = stream.get_final_message()
    call = next(block for block in final.content if block.type == "tool_use")
    assert (call.name, call.input) == ("get_weather", {"city": "Bern"}), call


def errors(client):
    try:
        client.messages.create(**ask("refuse me"))
    except anthropic.RateLimitError as error:
        assert "slow down" in str(error), error
    else:
        raise AssertionError("a 429 of the backend must reach the client as one")


async def parallel_streams(base_url):
    async def one(client, number):
        headers = {"x-user-id": f"user-{number}"}
        async with client.messages.stream(**ask("greet me"), extra_headers=headers) as stream:
            pieces = [piece async for piece in stream.text_stream]
        assert "".join(pieces) == GREETING, pieces

    async with anthropic.AsyncAnthropic(base_url=base_url, **OPTIONS) as client:
        await asyncio.gather(*(one(client, number) for number in range(50)))


def main():
    base_url = sys.argv[1]
    with anthropic.Anthropic(base_url=base_url, **OPTIONS) as client:
        for step in (plain, streaming, tool_use, streamed_tool_use, errors):
            step(client)
            print("ok", step.__name__)
    asyncio.run(parallel_streams(base_url))
    print("ok parallel_streams")


main()
