"""openfeature-provider-flagd, unmodified, in both of its modes: sees a flag change, and never the old value again.

Usage: flagd_client.py HOST PORT ADMIN
"""

import json
import sys
import time
import urllib.request

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import CacheType, ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

TIMEOUT = 60
host, port, admin = sys.argv[1], int(sys.argv[2]), sys.argv[3]
acme = EvaluationContext("ann", {"tenant": "acme"})
other = EvaluationContext("bob", {"tenant": "other", "age": 40, "groups": ["a", {"b": None}]})


def change(flag, **body):
    """Changes a flag; the answer is the acknowledgement."""
    request = urllib.request.Request(
        f"{admin}/v1/flags/{flag}",
        json.dumps({"reason": "a test", **body}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["timing"]["settled"]


def provider(mode):
    if mode == "in-process":
        return FlagdProvider(host, port, resolver_type=ResolverType.IN_PROCESS, deadline_ms=20_000)
    cache = CacheType.LRU if mode == "rpc, cached" else CacheType.DISABLED
    return FlagdProvider(host, port, resolver_type=ResolverType.RPC, cache=cache, deadline_ms=20_000)


for mode in ["rpc", "rpc, cached", "in-process"]:
    api.set_provider_and_wait(provider(mode))
    client = api.get_client()
    details = client.get_boolean_details("new-prompt", False, acme)
    assert details.value is True and details.variant == "on", details
    assert details.reason == Reason.TARGETING_MATCH, details
    assert details.flag_metadata.get("owner") == "ann" or mode != "in-process", details
    assert client.get_boolean_value("new-prompt", True, other) is False
    details = client.get_string_details("nobody", "own", acme)
    assert details.value == "own" and details.error_code == ErrorCode.FLAG_NOT_FOUND, details
    assert client.get_string_details("new-prompt", "own", acme).error_code == ErrorCode.TYPE_MISMATCH
    details = client.get_string_details("switched-off", "own", acme)
    assert details.value == "own" and details.reason == Reason.DISABLED, details
    assert client.get_integer_value("steps", 1) == 3
    assert client.get_object_value("model", {}) == {"name": "m-6", "temperature": 0.5}

    for flag, context in [("new-prompt", other), ("steps", None)]:
        old, new = (False, True) if flag == "new-prompt" else (3, 5)
        ask = client.get_boolean_value if flag == "new-prompt" else client.get_integer_value
        assert ask(flag, old, context) == old
        change(flag, action="set", variant="on" if flag == "new-prompt" else "many")
        asked = time.monotonic()
        if mode != "rpc":
            # The provider has a copy: it is told of the change, and follows a moment after the acknowledgement.
            while ask(flag, old, context) != new:
                assert time.monotonic() < asked + TIMEOUT, f"{mode}: the change of {flag} is not seen"
        print(f"{mode}: {flag} followed within {(time.monotonic() - asked) * 1e3:.1f} ms")
        assert all(ask(flag, old, context) == new for _ in range(200)), mode
        change(flag, action="rm")
        deadline = time.monotonic() + TIMEOUT
        while ask(flag, new, context) != old:
            assert time.monotonic() < deadline, f"{mode}: the way back of {flag} is not seen"
    print(f"ok {mode}")
    api.shutdown()
