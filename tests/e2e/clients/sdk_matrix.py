"""Unmodified SDKs against backends that refuse each other's ids.

Usage: sdk_matrix.py BASE_URL TRIES

Each row begins TRIES things and goes on with each by its id. It prints `ok NAME KEPT/TRIES`, or
`LOST NAME KEPT/TRIES: why`, and how many backends issued them. All must be kept.
"""

import asyncio
import sys

import anthropic
import httpx
import openai
from google import genai
from google.genai import types

BASE, TRIES = sys.argv[1], int(sys.argv[2])
issuers = set()


def note(answer):
    issuers.add(answer.headers.get("x-issuer"))


http = httpx.Client(event_hooks={"response": [note]}, timeout=30)
ai = openai.OpenAI(base_url=f"{BASE}/v1", api_key="k", max_retries=0, http_client=http)
claude = anthropic.Anthropic(base_url=BASE, api_key="k", max_retries=0)
gemini = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=BASE))
lost = 0


def row(name, once):
    global lost
    kept, why = 0, ""
    for number in range(TRIES):
        try:
            once(number)
            kept += 1
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:200]
    lost += TRIES - kept
    word = "ok" if kept == TRIES else "LOST"
    print(word, name, f"{kept}/{TRIES}", why, flush=True)


def responses_by_id(_):
    made = ai.responses.create(model="m", input="hi")
    ai.responses.retrieve(made.id)
    ai.responses.cancel(made.id)
    ai.responses.input_items.list(made.id)


def responses_on(_):
    made = ai.responses.create(model="m", input="hi")
    for turn in range(3):
        made = ai.responses.create(model="m", input=f"and {turn}", previous_response_id=made.id)


def responses_far_behind(_):
    made = ai.responses.create(model="m", input="hi")
    long = [{"role": "user", "content": "x" * 200_000}]
    ai.responses.create(model="m", input=long, previous_response_id=made.id)
    ai.responses.create(model="m", input=[*long, {"type": "item_reference", "id": made.output[0].id}])


def conversations(_):
    made = ai.conversations.create()
    ai.conversations.retrieve(made.id)
    ai.conversations.items.list(made.id)
    ai.responses.create(model="m", input="hi", conversation=made.id)


def files(_):
    made = ai.files.create(file=("f.jsonl", b"{}"), purpose="batch")
    ai.files.retrieve(made.id)
    batch = ai.batches.create(
        input_file_id=made.id, endpoint="/v1/responses", completion_window="24h"
    )
    ai.batches.retrieve(batch.id)
    store = ai.vector_stores.create(name="s", file_ids=[made.id])
    ai.vector_stores.retrieve(store.id)


def threads(_):
    made = ai.beta.threads.create()
    ai.beta.threads.messages.create(made.id, role="user", content="hi")
    run = ai.beta.threads.runs.create(made.id, assistant_id="a")
    ai.beta.threads.runs.retrieve(run.id, thread_id=made.id)


def claude_batches(_):
    ask = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    made = claude.messages.batches.create(requests=[{"custom_id": "a", "params": ask}])
    claude.messages.batches.retrieve(made.id)


def claude_files(_):
    made = claude.beta.files.upload(file=("f.txt", b"hi", "text/plain"))
    claude.beta.files.retrieve_metadata(made.id)


def gemini_caches(_):
    made = gemini.caches.create(model="m", config=types.CreateCachedContentConfig(contents="hi"))
    gemini.caches.get(name=made.name)
    config = types.GenerateContentConfig(cached_content=made.name)
    gemini.models.generate_content(model="m", contents="hi", config=config)


def gemini_interactions(_):
    made = gemini.interactions.create(model="m", input="hi")
    gemini.interactions.get(made.id)
    gemini.interactions.create(model="m", input="and?", previous_interaction_id=made.id)


def gemini_batches(_):
    made = gemini.batches.create(model="m", src=[types.InlinedRequest(contents="hi")])
    gemini.batches.get(name=made.name)


def pydantic(_):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=f"{BASE}/v1", api_key="k")
    settings = OpenAIResponsesModelSettings(openai_previous_response_id="auto")
    agent = Agent(OpenAIResponsesModel("m", provider=provider), model_settings=settings)

    async def talk():
        first = await agent.run("hi")
        second = await agent.run("and?", message_history=first.all_messages())
        await agent.run("and?", message_history=second.all_messages())

    asyncio.run(talk())


def langgraph(_):
    from langgraph_sdk import get_sync_client

    client = get_sync_client(url=BASE, api_key="k")
    made = client.threads.create()
    client.threads.get(made["thread_id"])
    client.runs.wait(made["thread_id"], "agent", input={"text": "hi"})
    run = client.runs.create(made["thread_id"], "agent", input={"text": "hi"})
    client.runs.get(made["thread_id"], run["run_id"])
    client.threads.get_state(made["thread_id"])


def mcp_with(mode):
    from mcp import Client

    async def talk():
        async with Client(f"{BASE}/mcp", mode=mode) as client:
            await client.list_tools()
            for _ in range(3):
                await client.call_tool("t", {})

    return lambda _: asyncio.run(talk())


def a2a_with(binding, path):
    from a2a.client import ClientConfig, create_client
    from a2a.types import a2a_pb2 as pb

    async def talk(number):
        face = pb.AgentInterface(url=f"{BASE}{path}", protocol_binding=binding, protocol_version="1.0")
        card = pb.AgentCard(name="n", version="1", supported_interfaces=[face])
        async with httpx.AsyncClient(timeout=30) as http:
            config = ClientConfig(
                streaming=False, httpx_client=http, supported_protocol_bindings=[binding]
            )
            client = await create_client(card, config)

            async def send(**ids):
                part = pb.Part(text="hi")
                message = pb.Message(message_id="1", role=pb.ROLE_USER, parts=[part], **ids)
                async for answer in client.send_message(pb.SendMessageRequest(message=message)):
                    return answer.task

            first = await send()
            await client.get_task(pb.GetTaskRequest(id=first.id))
            await send(context_id=first.context_id)
            await send(task_id=first.id)

    return lambda number: asyncio.run(talk(number))


row("openai responses by id", responses_by_id)
row("openai previous_response_id", responses_on)
row("openai ids behind 200 KB", responses_far_behind)
row("openai conversations", conversations)
row("openai files, batches, vector stores", files)
row("openai threads and runs", threads)
row("anthropic message batches", claude_batches)
row("anthropic files", claude_files)
row("google-genai caches", gemini_caches)
row("google-genai interactions", gemini_interactions)
row("google-genai batches", gemini_batches)
row("pydantic-ai previous_response_id", pydantic)
row("langgraph-sdk threads and runs", langgraph)
row("mcp with sessions", mcp_with("legacy"))
row("mcp 2026-07-28", mcp_with("auto"))
row("a2a-sdk JSON-RPC", a2a_with("JSONRPC", "/a2a"))
row("a2a-sdk HTTP+JSON", a2a_with("HTTP+JSON", "/rest"))
print(f"{len(issuers - {None})} backends, {lost} lost")
sys.exit(1 if lost else 0)
