"""The usage that unmodified SDKs show, as one JSON object a line.

Usage: sdk_usage.py BASE_URL [bedrock]

Each line has the request's id, a name, and what the SDK's own objects say: `input` without what came from
a cache or went into one, `read`, `written`, `output` with its reasoning, and `reasoning`.
"""

import json
import sys

import anthropic
import httpx
import openai
from google import genai
from google.genai import types

BASE = sys.argv[1]
last = {}


def note(answer):
    last["id"] = answer.headers["x-request-id"]


HOOKS = {"event_hooks": {"response": [note]}}


def show(name, input, read, written, output, reasoning):
    figures = {"input": input, "read": read, "written": written, "output": output}
    print(json.dumps({"id": last["id"], "name": name, **figures, "reasoning": reasoning}), flush=True)


http = openai.DefaultHttpxClient(**HOOKS)
ai = openai.OpenAI(base_url=f"{BASE}/v1", api_key="k", max_retries=0, http_client=http)
http = anthropic.DefaultHttpxClient(**HOOKS)
claude = anthropic.Anthropic(base_url=BASE, api_key="k", max_retries=0, http_client=http)
gemini = genai.Client(
    api_key="k", http_options=types.HttpOptions(base_url=BASE, httpx_client=httpx.Client(**HOOKS))
)
ASK = [{"role": "user", "content": "hi"}]


def of_chat(name, usage):
    read = usage.prompt_tokens_details.cached_tokens
    reasoning = usage.completion_tokens_details.reasoning_tokens
    show(name, usage.prompt_tokens - read, read, 0, usage.completion_tokens, reasoning)


def of_response(name, usage):
    read = usage.input_tokens_details.cached_tokens
    reasoning = usage.output_tokens_details.reasoning_tokens
    show(name, usage.input_tokens - read, read, 0, usage.output_tokens, reasoning)


def of_message(name, usage):
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    show(name, usage.input_tokens, read, written, usage.output_tokens, 0)


def of_gemini(name, usage):
    read, thoughts = usage.cached_content_token_count, usage.thoughts_token_count
    input = usage.prompt_token_count - read + usage.tool_use_prompt_token_count
    show(name, input, read, 0, usage.candidates_token_count + thoughts, thoughts)


def of_converse(name, usage):
    read, written = usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]
    show(name, usage["inputTokens"], read, written, usage["outputTokens"], 0)


of_chat("openai chat", ai.chat.completions.create(model="m-1", messages=ASK).usage)
options = {"include_usage": True}
with ai.chat.completions.stream(model="m-1", messages=ASK, stream_options=options) as stream:
    of_chat("openai chat, streamed", stream.get_final_completion().usage)
of_response("openai responses", ai.responses.create(model="m-1", input="hi").usage)
with ai.responses.stream(model="m-1", input="hi") as stream:
    of_response("openai responses, streamed", stream.get_final_response().usage)
asked = {"model": "m-1", "max_tokens": 99, "messages": ASK}
of_message("anthropic", claude.messages.create(**asked).usage)
with claude.messages.stream(**asked) as stream:
    of_message("anthropic, streamed", stream.get_final_message().usage)
of_gemini("gemini", gemini.models.generate_content(model="m-1", contents="hi").usage_metadata)
for chunk in gemini.models.generate_content_stream(model="m-1", contents="hi"):
    pass
of_gemini("gemini, streamed", chunk.usage_metadata)

if "bedrock" in sys.argv:
    import boto3

    runtime = boto3.client(
        "bedrock-runtime", endpoint_url=BASE, region_name="eu-west-1",
        aws_access_key_id="k", aws_secret_access_key="k",
    )  # fmt: skip
    asked = {"modelId": "m-1", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}

    def noted(answer):
        last["id"] = answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"]
        return answer

    of_converse("bedrock", noted(runtime.converse(**asked))["usage"])
    *_, said = noted(runtime.converse_stream(**asked))["stream"]
    of_converse("bedrock, streamed", said["metadata"]["usage"])
