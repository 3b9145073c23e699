"""Random contexts: the evaluations of a running Stagegate (over OFREP) against those of openfeature-flagd-core.

Usage: compare.py contexts COUNT OUT     writes the contexts
       compare.py URL RULES CONTEXTS     compares
"""

import http.client
import json
import logging
import random
import sys
from urllib.parse import urlsplit

FIELDS = {
    "targetingKey": lambda r: f"user-{r.randrange(100_000)}",
    "tenant": lambda r: r.choice(["acme", "globex", "initech", "other", ""]),
    "email": lambda r: r.choice(["ann@acme.com", "bob@acme.com", "anna@x.org", "", "x"]),
    "age": lambda r: r.choice([0, 17, 18, 40, 65, 66, 17.5]),
    "banned": lambda r: r.choice([True, False]),
    "version": lambda r: r.choice(["2.0.0", "2.1.0", "v2.3.1", "1.9", "3", "2.1.0-rc.1", "2.1.0+b7", "x", "2.0.0.1"]),
    "value": lambda r: f"key-{r.randrange(100_000)}",
    "weight": lambda r: r.choice([0, 1, 10, 90, -5]),
    "groups": lambda r: r.sample(["beta", "staff", "x", "y"], r.randrange(4)),
    "numbers": lambda r: [r.randrange(8) for _ in range(r.randrange(6))],
    "plan": lambda r: r.choice(["pro", "free", "gone"]),
    "user": lambda r: {"name": f"n{r.randrange(1000)}", "deep": {"x": r.random()}},
}


def write(count, path):
    r = random.Random(20_261_130)
    contexts = [
        {name: make(r) for name, make in FIELDS.items() if name == "numbers" or r.random() < 0.8}
        for _ in range(count)
    ]
    with open(path, "w") as file:
        json.dump(contexts, file)


def compare(url, rules, path):
    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.exception import OpenFeatureError

    logging.disable(logging.CRITICAL)
    with open(rules) as file:
        text = file.read()
    core, keys = FlagdCore(), list(json.loads(text)["flags"])
    core.set_flags(text)
    with open(path) as file:
        contexts = json.load(file)
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    wrong = evaluations = 0
    for context in contexts:
        connection.request("POST", "/ofrep/v1/evaluate/flags", json.dumps({"context": context}))
        ours = {flag["key"]: flag for flag in json.load(connection.getresponse())["flags"]}
        attributes = {name: value for name, value in context.items() if name != "targetingKey"}
        asked = EvaluationContext(context.get("targetingKey"), attributes)
        for key in keys:
            evaluations += 1
            try:
                theirs = core.resolve_string_value(key, "own", asked)
                found = (theirs.variant, str(theirs.error_code) if theirs.error_code else None)
            except OpenFeatureError as error:
                found = (None, str(error.error_code))
            answer = ours[key]
            # The kind of an error differs between flagd's implementations; that there is one does not.
            same = (found[0] or None) == (answer.get("variant") or None) and (found[1] is None) == ("errorCode" not in answer)
            if not same:
                wrong += 1
                if wrong <= 10:
                    print(f"{key}: ours {answer}, theirs {found}: {context}")
    print(f"{evaluations} evaluations, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "contexts":
        write(int(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(compare(*sys.argv[1:]))
