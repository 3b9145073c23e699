"""An assertion as promptfoo's documentation has them (`type: python, value: file://assert.py`)."""


def get_assert(output, context):
    if "refund" not in (context["prompt"] or "").lower():
        return True
    words = [word for word in ("refund", "days") if word in output.lower()]
    reason = "names the refund and the time it takes" if len(words) == 2 else f"says only {words}"
    return {"pass": len(words) == 2, "score": len(words) / 2, "reason": reason}
