#!/usr/bin/env bash
# Installs the servers that the tests of a fleet start, on Debian and its kin and with the right to: Redis, and NATS with JetStream. Neither is left running.
# Where that cannot be, those tests are skipped, and say so.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: this needs root and apt-get" >&2
    exit 1
fi
packages=(redis-server nats-server)
if dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# Debian starts a server with its installation where the system has an init; a program that says "no" keeps it from that.
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get install -q -y --no-install-recommends "${packages[@]}"
