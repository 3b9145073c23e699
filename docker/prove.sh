#!/bin/bash
# Proves the image and the compose file on this machine: docker/prove.sh [STATIC_BINARY]
#
# Starts a Docker daemon of its own in a temporary directory, builds the stage that ships around the
# binary (compiled here if none is given), brings docker/compose.yaml up with an image made from
# this machine's Prometheus, and checks what the documentation promises. Everything it started is
# ended again. Needs root, dockerd, docker-compose (or the compose plugin), prometheus and curl.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
# eventually SECONDS COMMAND…: until the command succeeds.
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "not within its time: $*"
        sleep 0.2
    done
}

work=$(mktemp -d)
docker_pid=
cleanup() {
    local status=$?
    set +e
    if [ -n "$docker_pid" ]; then
        [ "$status" = 0 ] || compose logs --no-color --tail 40 2>&1
        compose down --volumes --timeout 5 >/dev/null 2>&1 </dev/null
        kill -TERM "$docker_pid" && wait "$docker_pid"
    fi
    # The daemon leaves its own network namespace mounted.
    umount "$work"/exec/netns/* 2>/dev/null
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT

export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/client DOCKER_BUILDKIT=1
export STAGEGATE_IMAGE=stagegate:prove PROMETHEUS_IMAGE=prometheus:prove
# A daemon cannot give more than it has.
STAGEGATE_NOFILE=$(ulimit -Hn)
[ "$STAGEGATE_NOFILE" != unlimited ] || STAGEGATE_NOFILE=131072
export STAGEGATE_NOFILE
# Not the ports people use: something may be running there.
export STAGEGATE_PORT=18080 STAGEGATE_ADMIN_PORT=19900 PROMETHEUS_PORT=19090
# Debian's client first: it brings its own BuildKit; others need the buildx plugin.
export PATH=/usr/bin:$PATH

# A project of its own in a directory of its own: neither docker/.env nor docker/secrets is touched.
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --project-name prove --file "$work/site/docker/compose.yaml" "$@"
    else
        docker-compose --project-name prove --file "$work/site/docker/compose.yaml" "$@"
    fi
}

say "binary"
binary=${1:-}
if [ -z "$binary" ]; then
    target=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=target/static \
        cargo build --locked --release --bin stagegate --target "$target"
    binary=target/static/$target/release/stagegate
fi
docker/assemble-root.sh "$binary" "$work/root"
ls -l "$work/root/usr/bin/stagegate"

say "daemon"
# No iptables: published ports go through the daemon's own forwarder, and nothing of this machine's
# network is changed beyond a bridge that goes away again.
dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
    --host "$DOCKER_HOST" --bridge=none --iptables=false --ip-forward=false \
    >"$work/dockerd.log" 2>&1 &
docker_pid=$!
eventually 60 docker version

say "images"
tar -C "$work/root" -c . | docker import - stagegate-assembled:prove >/dev/null
docker build --quiet --file docker/Dockerfile --tag "$STAGEGATE_IMAGE" \
    --build-arg BUILT=stagegate-assembled:prove --build-arg VERSION=prove .
mkdir -p "$work/prometheus/bin" "$work/prometheus/prometheus"
cp "$(command -v prometheus)" "$work/prometheus/bin/"
for library in $(ldd "$(command -v prometheus)" | grep -o '/[^ ]*'); do
    cp --parents -L "$library" "$work/prometheus/"
done
chown 65534:65534 "$work/prometheus/prometheus"
tar -C "$work/prometheus" -c . | docker import \
    --change 'USER 65534' --change 'VOLUME /prometheus' --change 'ENTRYPOINT ["/bin/prometheus"]' \
    - "$PROMETHEUS_IMAGE" >/dev/null
docker images

say "what the image says"
image() { docker image inspect --format "$1" "$STAGEGATE_IMAGE"; }
[ "$(image '{{.Config.User}}')" = 65532:65532 ] || fail "the image runs as root"
[ "$(image '{{json .Config.ExposedPorts}}')" = '{"8080/tcp":{},"9900/tcp":{}}' ] || fail "ports"
[ "$(image '{{.Config.Healthcheck.Test}}')" = '[CMD /usr/bin/stagegate health]' ] || fail "health"
docker run --rm --network none "$STAGEGATE_IMAGE" --version
docker run --rm --network none --user 0 -e STAGEGATE_TOKEN_HASH=sha256:"$(printf '0%.0s' {1..64})" \
    -e PROMETHEUS_TOKEN_HASH=sha256:"$(printf '1%.0s' {1..64})" \
    -v "$PWD/config/examples/docker.yaml:/etc/stagegate/stagegate.yaml:ro" \
    "$STAGEGATE_IMAGE" check /etc/stagegate/stagegate.yaml

say "compose"
mkdir -p "$work/site/config"
cp -r docker "$work/site/"
cp -r config/examples "$work/site/config/"
rm -rf "$work/site/docker/.env" "$work/site/docker/secrets"
"$work/site/docker/tokens.sh"
set -a
. "$work/site/docker/.env"
set +a
compose config --quiet
compose up --detach --no-build
container=$(compose ps --quiet stagegate)
state() { docker inspect --format "$1" "$container"; }
healthy() { [ "$(state '{{.State.Health.Status}}')" = healthy ]; }
eventually 60 healthy
compose ps

say "not root, no capabilities, read-only"
process=/proc/$(state '{{.State.Pid}}')/status
grep -q '^Uid:	65532	65532	65532	65532$' "$process" || fail "runs as $(grep Uid: "$process")"
grep -q '^CapEff:	0000000000000000$' "$process" || fail "has $(grep CapEff: "$process")"
grep -q '^NoNewPrivs:	1$' "$process" || fail "may gain privileges"
[ "$(state '{{.HostConfig.ReadonlyRootfs}}')" = true ] || fail "the root is writable"
grep '^Uid:\|^CapEff:\|^NoNewPrivs:' "$process"

say "traffic, through names that Docker's DNS resolves"
ask() {
    curl --silent --show-error --fail --max-time 10 --output /dev/null --dump-header - \
        --header 'content-type: application/json' \
        --data '{"model":"m","messages":[{"role":"user","content":"hello"}]}' \
        http://127.0.0.1:$STAGEGATE_PORT/v1/chat/completions
}
served_by() { ask | tr -d '\r' | sed -n 's/^demo-agent: //p'; }
eventually 30 ask
control() { docker exec -e STAGEGATE_TOKEN="$STAGEGATE_TOKEN" "$container" /usr/bin/stagegate "$@"; }
workload=$(control status --output json | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | head -n 1)
[ -n "$workload" ] || fail "no workload in the status"
control weight "$workload" 100% --reason 'prove the image'
[ "$(served_by)" = candidate ] || fail "100% does not reach the candidate"
control rollback "$workload" --reason 'prove the image'
[ "$(served_by)" = stable ] || fail "after the rollback something else than stable serves"

say "Prometheus scrapes with its token and has the rules"
prometheus() { curl --silent --fail --max-time 10 "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1"; }
scraped() { prometheus 'query?query=stagegate_rollbacks_total\{reason="rollback"\}==1' | grep -q '"value"'; }
firing() { prometheus alerts | grep -q '"alertname":"StagegateRolledBack"'; }
eventually 60 scraped
eventually 60 firing
code=$(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$STAGEGATE_ADMIN_PORT/metrics")
[ "$code" = 401 ] || fail "metrics without a token: $code"

say "state outlives the container; SIGTERM ends it with 0"
epoch() { control status --output json | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p' | head -n 1; }
before=$(epoch)
compose stop stagegate
[ "$(state '{{.State.ExitCode}}')" = 0 ] || fail "exit code $(state '{{.State.ExitCode}}')"
compose rm --force stagegate >/dev/null
compose up --detach --no-build stagegate
container=$(compose ps --quiet stagegate)
eventually 60 healthy
[ "$(epoch)" = "$before" ] || fail "epoch was $before, is $(epoch)"
[ "$(served_by)" = stable ] || fail "the rollback was forgotten"

say "all proven"
