"""What Stagegate costs as its inputs grow: routes, tenants in lists, pins, connections, streams.

    python3 benches/micro/scale routes|tenants|pins|connections|streams [--binary FILE]

The figures of docs/SCALING.md come from here. Everything listens on free loopback ports, is
bounded in time, and is ended by its process id. The load is wrk's and the origin nginx, both as
`cargo xtask bench` installs them.
"""

import argparse
import os
import pathlib
import resource
import sys
import tempfile

# Nothing but the program itself belongs into its directory.
sys.dont_write_bytecode = True

import growth
import streams
from lab import ROOT

MEASUREMENTS = {
    "routes": growth.routes,
    "tenants": growth.tenants,
    "pins": growth.pins,
    "connections": streams.connections,
    "streams": streams.streams,
}


def main():
    parser = argparse.ArgumentParser(prog="scale", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=(*MEASUREMENTS, "events"))
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/stagegate")
    parser.add_argument("--port", type=int, help="where `events`, a backend by itself, listens")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.what == "events":
        return streams.events(args.port)
    print(f"{args.what}: load average before {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        MEASUREMENTS[args.what](args.binary.resolve(), pathlib.Path(scratch))


if __name__ == "__main__":
    main()
