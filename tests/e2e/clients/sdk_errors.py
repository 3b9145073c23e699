"""What the SDKs make of the proxy's own errors: message, type, and how often they try again.

Usage: sdk_errors.py BASE_URL REASON DETAIL
"""

import sys
import time

import anthropic
import openai
from google import genai
from google.genai import errors, types


def raised(kind, call):
    began = time.monotonic()
    try:
        call()
    except kind as error:
        return error, time.monotonic() - began
    raise AssertionError("no error")


def with_openai(url, reason, detail):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=2, timeout=20)
    ask = [{"role": "user", "content": "hi"}]
    for call in (
        lambda: client.chat.completions.create(model="m", messages=ask),
        lambda: client.responses.create(model="m", input="hi"),
        lambda: client.chat.completions.create(model="m", messages=ask, stream=True),
    ):
        error, took = raised(openai.APIStatusError, call)
        assert error.code == reason, error
        assert detail in error.message, error
        assert error.body["message"] == detail and error.body["type"], error.body
        print("ok openai", error.status_code, type(error).__name__, f"{took:.1f}s")


def with_anthropic(url, reason, detail):
    client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=2, timeout=20)
    ask = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    for call in (
        lambda: client.messages.create(**ask),
        lambda: client.messages.create(**ask, stream=True),
    ):
        error, took = raised(anthropic.APIStatusError, call)
        assert error.body["type"] == "error", error.body
        assert error.body["error"]["message"] == detail, error.body
        assert error.body["reason"] == reason, error.body
        assert detail in str(error), error
        print("ok anthropic", error.status_code, type(error).__name__, f"{took:.1f}s")


def with_gemini(url, reason, detail):
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    for call in (
        lambda: client.models.generate_content(model="gemini-2.5-flash", contents="hi"),
        lambda: list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi")),
    ):
        error, took = raised(errors.APIError, call)
        assert error.message == detail, error
        assert error.status == google_status(error.code), error.status
        assert reason in str(error.details), error.details
        print("ok gemini", error.code, error.status, type(error).__name__, f"{took:.1f}s")


def google_status(code):
    return {429: "RESOURCE_EXHAUSTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}[code]


def main():
    url, reason, detail = sys.argv[1:4]
    with_openai(url, reason, detail)
    with_anthropic(url, reason, detail)
    with_gemini(url, reason, detail)


if __name__ == "__main__":
    main()
