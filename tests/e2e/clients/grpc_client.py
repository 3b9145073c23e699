"""grpcio, unmodified: unary, server stream, both ways in lockstep, a status, thirty at once.

Usage: grpc_client.py HOST:PORT [CA]
"""

import queue
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

TIMEOUT = 40
target = sys.argv[1]
if len(sys.argv) > 2:
    with open(sys.argv[2], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = (("grpc.ssl_target_name_override", "a.test"),)
    channel = grpc.secure_channel(target, credentials, options)
else:
    channel = grpc.insecure_channel(target)

unary = channel.unary_unary("/echo.Echo/Unary")
answer, call = unary.with_call(b"hello", timeout=TIMEOUT)
assert answer == b"HELLO"
assert dict(call.trailing_metadata())["x-seen-arm"] == "stable", call.trailing_metadata()
large = bytes(range(97, 123)) * 40_000
assert unary(large, timeout=TIMEOUT) == large.upper()
print("ok unary")

stream = channel.unary_stream("/echo.Echo/Stream")
assert list(stream(b"50", timeout=TIMEOUT)) == [f"token-{n}".encode() for n in range(50)]
print("ok stream")

asked = queue.Queue()
both = channel.stream_stream("/echo.Echo/Both")(iter(asked.get, None), timeout=TIMEOUT)
for number in range(30):
    # The next one is asked only after this one was answered: nothing is held back.
    asked.put(f"piece {number}".encode())
    assert next(both) == f"PIECE {number}".encode()
asked.put(None)
assert list(both) == []
print("ok both")

try:
    channel.unary_unary("/echo.Echo/Refuse")(b"", timeout=TIMEOUT)
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert error.details() == "as asked", error
else:
    raise AssertionError("the status must arrive")
print("ok status")

with ThreadPoolExecutor(30) as pool:
    texts = [f"message {n}".encode() for n in range(30)]
    answers = list(pool.map(lambda text: unary(text, timeout=TIMEOUT), texts))
assert answers == [text.upper() for text in texts]
print("ok parallel")
