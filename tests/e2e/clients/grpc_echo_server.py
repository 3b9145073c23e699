"""A gRPC echo server: unary, server stream, both ways, and a status of its own.

Usage: grpc_echo_server.py HOST PORT
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-seen-arm", arm(context)),))
    return request.upper()


def arm(context):
    return dict(context.invocation_metadata()).get("stagegate-arm", "none")


def stream(request, context):
    for number in range(int(request)):
        yield f"token-{number}".encode()


def both(requests, context):
    for request in requests:
        yield request.upper()


def refuse(request, context):
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "as asked")


class Service(grpc.GenericRpcHandler):
    methods = {
        "/echo.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
        "/echo.Echo/Stream": grpc.unary_stream_rpc_method_handler(stream),
        "/echo.Echo/Both": grpc.stream_stream_rpc_method_handler(both),
        "/echo.Echo/Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    }

    def service(self, details):
        return self.methods.get(details.method)


server = grpc.server(ThreadPoolExecutor(max_workers=64))
server.add_generic_rpc_handlers((Service(),))
server.add_insecure_port(f"{sys.argv[1]}:{sys.argv[2]}")
server.start()
server.wait_for_termination()
