#!/bin/sh
# Makes the tokens docker/compose.yaml needs: an operator's for you and a viewer's for Prometheus.
# Writes docker/.env (read by compose) and docker/secrets/prometheus_token; keeps what is there.
# Uses STAGEGATE (a binary) if it is set, else `stagegate` from PATH, else the image.
set -eu
umask 077
cd "$(dirname "$0")"

if [ -e .env ]; then
    echo "docker/.env is there already; remove it to make new tokens" >&2
    exit 1
fi

stagegate() {
    if [ -n "${STAGEGATE:-}" ]; then
        "$STAGEGATE" "$@"
    elif command -v stagegate >/dev/null 2>&1; then
        command stagegate "$@"
    else
        docker run --rm "${STAGEGATE_IMAGE:-stagegate:dev}" "$@"
    fi
}

# One member of the flat JSON object that `token new` prints.
member() {
    sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p'
}

operator=$(stagegate token new --name operator --role operator --output json)
viewer=$(stagegate token new --name prometheus --role viewer --output json)

mkdir -p secrets
# Prometheus runs as another user and reads the file through the mount; the directory around it
# stays closed to others on this machine.
printf '%s' "$viewer" | member token | tr -d '\n' >secrets/prometheus_token
chmod 0444 secrets/prometheus_token
{
    echo "STAGEGATE_TOKEN=$(printf '%s' "$operator" | member token)"
    echo "STAGEGATE_TOKEN_HASH=$(printf '%s' "$operator" | member hash)"
    echo "PROMETHEUS_TOKEN_HASH=$(printf '%s' "$viewer" | member hash)"
} >.env

echo "wrote docker/.env and docker/secrets/prometheus_token"
echo "to use the CLI:  . docker/.env; export STAGEGATE_TOKEN; stagegate status"
