#!/usr/bin/env bash
# Installs what the load figures of YoloZeroCopy.Server are measured with, on Debian and its kin and with the right to: h2load.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: this needs root and apt-get" >&2
    exit 1
fi
packages=(nghttp2-client)
if dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
