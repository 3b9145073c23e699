#!/bin/sh
# Makes the whole file system of the image: assemble-root.sh BINARY DIRECTORY
# Used by the Dockerfile's build stage and by prove.sh, so that both ship the same.
set -eu

binary=$1
root=$2
uid=65532

# A binary that asks for a loader cannot start where there is none.
if LC_ALL=C grep -aq '/ld-linux\|/ld-musl' "$binary" && ldd "$binary" >/dev/null 2>&1 &&
    ! ldd "$binary" 2>&1 | grep -q 'statically linked\|not a dynamic'; then
    echo "$binary is not static: build it with RUSTFLAGS='-C target-feature=+crt-static' and --target" >&2
    exit 1
fi

mkdir -p "$root/usr/bin" "$root/etc/stagegate" "$root/var/lib/stagegate" "$root/tmp"
cp "$binary" "$root/usr/bin/stagegate"
chmod 0755 "$root/usr/bin/stagegate"
chmod 1777 "$root/tmp"
# The data directory belongs to the user, and a new volume takes that over.
chown "$uid:$uid" "$root/var/lib/stagegate"
chmod 0750 "$root/var/lib/stagegate"
printf 'stagegate:x:%s:%s::/var/lib/stagegate:/sbin/nologin\n' "$uid" "$uid" >"$root/etc/passwd"
printf 'stagegate:x:%s:\n' "$uid" >"$root/etc/group"
# The file first: a name in --add-host or extra_hosts must win.
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
