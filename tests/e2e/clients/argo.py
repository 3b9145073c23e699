"""Evaluates an AnalysisTemplate of Argo Rollouts once, as its web provider does.

    argo.py TEMPLATE NAME=VALUE...

The arguments are those of the template. Prints the phase of the measurement: Successful, Failed, Inconclusive or
Error. The order of the conditions is that of Argo: a failure goes first; neither is inconclusive; no 2xx, no JSON or
no value is an error.
"""

import json
import re
import sys
import urllib.error
import urllib.request

import yaml  # comes with fakellm

# All that a condition may consist of here: expressions that mean the same in Argo's language and in this one.
PLAIN = re.compile(r'(?:result(?:\.[a-z_]+)+|"[^"\\]*"|==|!=|&&|\|\||[()]|\s)+')


class Result:
    """A JSON value: members that are missing are nil."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        if not isinstance(self.value, dict):
            raise TypeError(f"cannot fetch {name} from {self.value!r}")
        return Result(self.value.get(name))

    def __eq__(self, other):
        return self.value == (other.value if isinstance(other, Result) else other)


def holds(condition, value):
    assert PLAIN.fullmatch(condition), f"not a plain condition: {condition}"
    python = condition.replace("&&", " and ").replace("||", " or ").strip()
    outcome = eval(python, {"__builtins__": {}}, {"result": Result(value)})
    assert isinstance(outcome, bool)
    return outcome


def filled(text, arguments):
    for name, value in arguments.items():
        text = text.replace("{{args." + name + "}}", value)
    assert "{{" not in text, f"an argument is missing: {text}"
    return text


def measure(metric, arguments):
    web = metric["provider"]["web"]
    headers = {it["key"]: filled(it["value"], arguments) for it in web["headers"]}
    request = urllib.request.Request(filled(web["url"], arguments), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=web["timeoutSeconds"]) as answer:
            value = json.load(answer)
    except (urllib.error.URLError, ValueError):
        return "Error"
    assert web["jsonPath"] == "{$}", "the whole answer"
    try:
        if holds(filled(metric["failureCondition"], arguments), value):
            return "Failed"
        return "Successful" if holds(filled(metric["successCondition"], arguments), value) else "Inconclusive"
    except TypeError:
        return "Error"


def main():
    template, *given = sys.argv[1:]
    arguments = dict(it.split("=", 1) for it in given)
    with open(template, encoding="utf-8") as file:
        spec = yaml.safe_load(file)["spec"]
    names = {it["name"] for it in spec["args"]}
    assert names == set(arguments), f"the arguments are {sorted(names)}"
    (metric,) = spec["metrics"]
    print(measure(metric, arguments))


if __name__ == "__main__":
    main()
