#!/bin/sh
# Makes the tokens that docker/compose.yaml needs: an operator's for you and a viewer's for Prometheus.
# Writes docker/.env (read by compose) and docker/secrets/prometheus_token; keeps what is there.
# Needs no stagegate: a token is `sgt_` and 32 random bytes in hex, its hash is SHA-256 of that text,
# as `stagegate token new` makes them.
set -eu
umask 077
cd "$(dirname "$0")"

if [ -e .env ]; then
    echo "docker/.env is there already; remove it to make new tokens" >&2
    exit 1
fi

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256
    else
        openssl dgst -sha256 -r
    fi | cut -d ' ' -f 1
}

new_token() {
    bytes=$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')
    if [ "${#bytes}" -ne 64 ]; then
        echo "/dev/urandom gave no 32 bytes" >&2
        exit 1
    fi
    printf 'sgt_%s' "$bytes"
}

hash_of() {
    digest=$(printf '%s' "$1" | sha256)
    if [ "${#digest}" -ne 64 ]; then
        echo "no SHA-256 here: install sha256sum, shasum or openssl" >&2
        exit 1
    fi
    printf 'sha256:%s' "$digest"
}

operator=$(new_token)
viewer=$(new_token)
operator_hash=$(hash_of "$operator")
viewer_hash=$(hash_of "$viewer")

mkdir -p secrets
# Prometheus runs as another user and reads the file through the mount; the directory around it
# stays closed to others on this machine.
printf '%s' "$viewer" >secrets/prometheus_token
chmod 0444 secrets/prometheus_token
{
    echo "STAGEGATE_TOKEN=$operator"
    echo "STAGEGATE_TOKEN_HASH=$operator_hash"
    echo "PROMETHEUS_TOKEN_HASH=$viewer_hash"
} >.env

echo "wrote docker/.env and docker/secrets/prometheus_token"
echo "to use the CLI:  . docker/.env; export STAGEGATE_TOKEN; stagegate status"
