#!/usr/bin/env bash
# Installs what the tests of samples/MultiCamera look for, on Debian and its kin and with the right to: the MQTT broker mosquitto, a browser with its driver, and what checks a compose file.
# Where that cannot be, those tests are skipped, and say so.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: this needs root and apt-get" >&2
    exit 1
fi
packages=(mosquitto chromium chromium-driver docker-compose)
if dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
