"""The official OpenTelemetry SDK, which begins traces and sends them along with its requests.

Usage: otel_client.py URL

Prints `sampled TRACE SPAN` or `dropped TRACE SPAN` for each request: what the SDK decided.
"""

import sys

import httpx
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

for sampler in (ALWAYS_ON, ALWAYS_OFF):
    tracer = TracerProvider(sampler=sampler).get_tracer("client")
    for number in range(3):
        with tracer.start_as_current_span(f"ask {number}") as span:
            token = context.attach(baggage.set_baggage("session.id", "séance 7"))
            headers = {}
            propagate.inject(headers)
            context.detach(token)
            httpx.get(f"{sys.argv[1]}/sdk", headers=headers).raise_for_status()
            it = span.get_span_context()
            word = "sampled" if it.trace_flags.sampled else "dropped"
            print(word, trace.format_trace_id(it.trace_id), trace.format_span_id(it.span_id))
