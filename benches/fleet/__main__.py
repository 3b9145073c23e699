"""How long a rollback takes until every replica of a fleet has answered.

    python3 benches/fleet PROGRAM NATS_SERVER [--replicas 5] [--servers 3] [--rounds 100]

Starts nats-servers and replicas on free loopback ports, opens the candidate at one replica and rolls it back at the
next one, and prints the quantiles in milliseconds. Then it pauses one replica (its answer is missing until its
freshness has run out), and kills one nats-server. Everything that it started ends with it.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Longest wait for the fleet to come up, in seconds.
PATIENCE = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_servers(program, directory, number):
    """Starts a cluster of nats-servers; returns the processes and their client ports."""
    clients, routes = ([free_port() for _ in range(number)] for _ in range(2))
    peers = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    processes = []
    for at in range(number):
        text = f'server_name: n{at}\nlisten: "127.0.0.1:{clients[at]}"\n'
        text += f'jetstream {{ store_dir: "{directory}/n{at}", sync_interval: always }}\n'
        if number > 1:
            text += f'cluster {{ name: bench, listen: "127.0.0.1:{routes[at]}", routes: [{peers}] }}\n'
        file = Path(directory, f"n{at}.conf")
        file.write_text(text)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen([program, "-c", file], **quiet))
    return processes, clients


class Replica:
    def __init__(self, program, directory, name, servers):
        self.admin = free_port()
        home = Path(directory, name)
        home.mkdir()
        known = ", ".join(f'"127.0.0.1:{port}"' for port in servers)
        Path(home, "stagegate.yaml").write_text(
            f"""listeners: [{{ address: "127.0.0.1:{free_port()}" }}]
admin: {{ address: "127.0.0.1:{self.admin}" }}
data_dir: data
workers: 1
fleet: {{ servers: [{known}], copies: {len(servers)}, replica: {name} }}
workloads:
  agent:
    match: [{{ path_prefix: / }}]
    health: off
    releases:
      v1: {{ endpoints: ["http://127.0.0.1:{free_port()}"] }}
      v2: {{ endpoints: ["http://127.0.0.1:{free_port()}"] }}
    stable: v1
    candidate: v2
"""
        )
        self.log = Path(home, "log")
        with self.log.open("w") as log:
            command = [program, "serve", "-c", home / "stagegate.yaml"]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=40)
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
        if response.status != 200:
            raise SystemExit(f"{method} {path}: {response.status} {answer}")
        return answer

    def open_candidate(self):
        change = {"weight": "100%", "reason": "bench", "override": True}
        self.call("PUT", "/v1/workloads/agent/weight", change)

    def roll_back(self):
        """Returns the fleet's part of the answer and the milliseconds until it came."""
        begun = time.monotonic()
        answer = self.call("POST", "/v1/workloads/agent/rollback", {"reason": "bench"})
        return answer["fleet"], (time.monotonic() - begun) * 1e3


def await_fresh(replicas):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, SystemExit, http.client.HTTPException):
            rows = replicas[0].call("GET", "/v1/fleet")["replicas"]
            if len(rows) == len(replicas) and all(row["state"] == "fresh" for row in rows):
                return
        time.sleep(0.2)
    raise SystemExit("the replicas are not fresh:\n" + replicas[0].log.read_text()[-2000:])


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(replicas, rounds):
    took, incomplete = [], 0
    for turn in range(rounds):
        replicas[turn % len(replicas)].open_candidate()
        fleet, milliseconds = replicas[(turn + 1) % len(replicas)].roll_back()
        took.append(milliseconds)
        incomplete += fleet["acked"] != len(replicas)
    middle, tail = quantile(took, 0.5), quantile(took, 0.99)
    print(f"{rounds} rollbacks: p50 {middle:.0f} ms, p99 {tail:.0f} ms; not answered by all: {incomplete}")


def said(what, fleet, milliseconds):
    counts = ", ".join(f"{key} {fleet[key]}" for key in ("acked", "fenced", "unknown"))
    print(f"{what}: complete {fleet['complete']} after {milliseconds:.0f} ms; {counts}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the stagegate binary")
    parser.add_argument("nats_server", help="the nats-server binary")
    parser.add_argument("--replicas", type=int, default=5)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=100)
    wanted = parser.parse_args()
    processes = []
    with tempfile.TemporaryDirectory() as directory:
        try:
            servers, ports = start_servers(wanted.nats_server, directory, wanted.servers)
            processes += servers
            replicas = []
            for at in range(wanted.replicas):
                replicas.append(Replica(wanted.program, directory, f"r{at}", ports))
                processes.append(replicas[-1].process)
            await_fresh(replicas)
            print(f"{wanted.replicas} replicas, {wanted.servers} nats-servers, load {os.getloadavg()[0]:.1f}")
            measure(replicas, wanted.rounds)
            replicas[0].open_candidate()
            replicas[-1].process.send_signal(signal.SIGSTOP)
            said("one replica paused", *replicas[0].roll_back())
            replicas[-1].process.send_signal(signal.SIGCONT)
            await_fresh(replicas)
            if wanted.servers > 1:
                replicas[0].open_candidate()
                servers[0].kill()
                said("one nats-server killed", *replicas[0].roll_back())
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()


main()
