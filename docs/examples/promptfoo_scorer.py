"""Python assertions of promptfoo, unchanged, as a scorer: `get_assert(output, context)` of a file.

    SCORER_SECRET=… python3 docs/examples/promptfoo_scorer.py docs/examples/promptfoo_assert.py 8701

The assertion gives what promptfoo takes: True or False, a number, or {"pass", "score", "reason"}. It
sees the answer's text, and in `context` the request: `prompt` is its text, `vars` are its metadata with
`input` and `expected`.
"""

import runpy
import sys

import score1

get_assert = runpy.run_path(sys.argv[1])["get_assert"]


def score(item):
    output = score1.text_of(item["output"])
    if output is None:
        return None
    asked = item["input"] if isinstance(item["input"], dict) else {}
    prompt = score1.text_of(asked.get("messages") or asked.get("input") or item["input"])
    known = {**item["metadata"], "input": item["input"], "expected": item["expected"]}
    return get_assert(output, {"prompt": prompt, "vars": known})


if __name__ == "__main__":
    score1.serve(score)
