"""Routes, tenants and pins, under wrk."""

import contextlib
import re
import statistics
import subprocess
import sys
import time

from lab import CHANGES, WORKLOAD, Stagegate, ask, cpu_seconds, metrics, nginx, resident_kib

ROUNDS = 5
SECONDS = 3


def load(stagegate, script, seconds=SECONDS):
    """CPU microseconds per request under wrk."""
    before = cpu_seconds(stagegate.pid)
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c64", "--timeout", "10s", f"-d{seconds}s", "-s", script]
    command.append(f"http://127.0.0.1:{stagegate.proxy}/")
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    spent = cpu_seconds(stagegate.pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"requests to {stagegate.name} failed:\n{said}")
    return spent * 1e6 / int(re.search(r"(\d+) requests in", said)[1])


def wrk_script(scratch, name, path, tenant, count, step=1):
    """Requests whose number is drawn anew each time: one of `count`, `step` apart."""
    script = scratch / f"{name}.lua"
    script.write_text(
        "local headers = {}\n"
        "request = function()\n"
        f"  local n = {step} * math.random(0, {count - 1})\n"
        f"  headers['x-tenant-id'] = string.format('{tenant}', n)\n"
        "  headers['x-user-id'] = string.format('user-%d', math.random(0, 4095))\n"
        f"  return wrk.format('GET', string.format('{path}', n), headers)\n"
        "end\n"
    )
    return script


def compare(cases, changed, first_path):
    """Starts every case, loads them in turn, and prints a row each."""
    checks = {stagegate.name: stagegate.check() for stagegate, _ in cases}
    with contextlib.ExitStack() as stack:
        for stagegate, _ in cases:
            stack.enter_context(stagegate.serving(first_path))
        idle = {stagegate.name: resident_kib(stagegate.pid) for stagegate, _ in cases}
        costs = {stagegate.name: [] for stagegate, _ in cases}
        for number in range(ROUNDS + 1):
            for stagegate, script in cases[number % len(cases) :] + cases[: number % len(cases)]:
                cost = load(stagegate, script, 1 if number == 0 else SECONDS)
                # The first round fills pools and caches.
                if number > 0:
                    costs[stagegate.name].append(cost)
        print("| case | check s | start s | RSS idle MiB | RSS loaded MiB | CPU us/request (min-max)"
              " | weight change ms p50/p99 | /metrics KiB | /metrics ms | reload s |")
        for stagegate, _ in cases:
            loaded = resident_kib(stagegate.pid)
            changes = stagegate.weight_changes(changed)
            began = time.monotonic()
            size = len(metrics(stagegate))
            scraped = (time.monotonic() - began) * 1e3
            began = time.monotonic()
            ask(stagegate.admin, "POST", "/v1/reload", {"reason": "measuring"})
            reloaded = time.monotonic() - began
            cost = costs[stagegate.name]
            print(
                f"| {stagegate.name} | {checks[stagegate.name]:.3f} | {stagegate.started:.3f} | "
                f"{idle[stagegate.name] / 1024:.1f} | {loaded / 1024:.1f} | "
                f"{statistics.median(cost):.1f} ({min(cost):.1f}-{max(cost):.1f}) | "
                f"{statistics.median(changes):.2f} / {changes[-1 - CHANGES // 100]:.2f} | "
                f"{size / 1024:.0f} | {scraped:.1f} | {reloaded:.3f} |",
                flush=True,
            )


def routes(binary, scratch):
    with nginx(scratch) as origin:
        cases = []
        # Every release has a pool of connections. Asking all of many routes measures cold pools
        # too; asking a hundred of them measures the lookup.
        for count, asked in ((1, 1), (100, 100), (10_000, 100), (10_000, 10_000)):
            text = "".join(
                WORKLOAD.format(name=f"agent-{n}", path=f"/agents/{n}", origin=origin, lists="")
                for n in range(count)
            )
            name = f"routes-{count}-asked-{asked}"
            path = "/agents/%d/chat"
            script = wrk_script(scratch, name, path, "tenant-%d", asked, count // asked)
            cases.append((Stagegate(binary, scratch, name, text), script))
        compare(cases, "agent-0", "/agents/0/")


def tenants(binary, scratch):
    with nginx(scratch) as origin:
        cases = []
        for count in (10, 1_000, 1_000_000):
            cohort, group = scratch / f"cohort-{count}.txt", scratch / f"group-{count}.txt"
            cohort.write_text("".join(f"tenant-{n:08}\n" for n in range(count)))
            group.write_text("".join(f"bank-{n:08}\n" for n in range(count // 10)))
            lists = (
                f'    cohorts: [{{ name: pilots, tenants: ["file:{cohort}"] }}]\n'
                f'    exclusions: {{ regulated: ["file:{group}"] }}\n'
            )
            text = WORKLOAD.format(name="agent", path="/", origin=origin, lists=lists)
            script = wrk_script(scratch, f"tenants-{count}", "/chat", "tenant-%08d", count)
            cases.append((Stagegate(binary, scratch, f"tenants-{count}", text), script))
        compare(cases, "agent", "/")


def pins(binary, scratch):
    """Every answer issues an id, which pins a conversation."""
    with nginx(scratch) as origin:
        text = WORKLOAD.format(name="agent", path="/", origin=origin, lists="")
        text = text.replace("x-user-id }]", "x-user-id }], conversation: [learned]")
        script = scratch / "pins.lua"
        script.write_text(
            "wrk.method, wrk.path, wrk.body = 'POST', '/v1/responses', '{\"input\": \"hello\"}'\n"
            "wrk.headers = {['Content-Type'] = 'application/json'}\n"
        )
        with Stagegate(binary, scratch, "pins", text).serving() as stagegate:
            print("| pins made | RSS MiB | CPU us/request |")
            for _ in range(20):
                cost = load(stagegate, script, 5)
                made = float(re.search(rb"\nstagegate_pins (\S+)", metrics(stagegate))[1])
                print(f"| {made:.0f} | {resident_kib(stagegate.pid) / 1024:.1f} | {cost:.1f} |",
                      flush=True)
                if made > 1_500_000:
                    break
