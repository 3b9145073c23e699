"""openfeature-provider-ofrep, unmodified: sees a flag change, and never the old value again.

Usage: flags_client.py URL FILE [KEY]
"""

import json
import sys
import time

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

TIMEOUT = 60
url, path = sys.argv[1], sys.argv[2]
headers = {"X-API-Key": sys.argv[3]} if len(sys.argv) > 3 else {}
api.set_provider(OFREPProvider(url, headers_factory=lambda: headers))
client = api.get_client()
acme = EvaluationContext("ann", {"tenant": "acme"})
other = EvaluationContext("bob", {"tenant": "other"})

details = client.get_boolean_details("new-prompt", False, acme)
assert details.value is True and details.variant == "on", details
assert details.reason == Reason.TARGETING_MATCH, details
assert details.flag_metadata["owner"] == "ann", details
assert client.get_boolean_value("new-prompt", True, other) is False
details = client.get_string_details("nobody", "own", acme)
assert details.value == "own" and details.error_code == ErrorCode.FLAG_NOT_FOUND, details
assert client.get_string_details("new-prompt", "own", acme).error_code == ErrorCode.TYPE_MISMATCH
details = client.get_string_details("switched-off", "own", acme)
assert details.value == "own" and details.reason == Reason.DISABLED, details
print("ok values")

with open(path) as file:
    flags = json.load(file)
flags["flags"]["new-prompt"]["defaultVariant"] = "on"
with open(path, "w") as file:
    json.dump(flags, file)
deadline = time.monotonic() + TIMEOUT
while not client.get_boolean_value("new-prompt", False, other):
    assert time.monotonic() < deadline, "the change is not seen"
assert all(client.get_boolean_value("new-prompt", False, other) for _ in range(200))
print("ok change")
