#!/usr/bin/env bash
# Installs what the tests of video look for, on Debian and its kin and with the right to: the ffmpeg program with ffprobe, and GStreamer's RTSP server with its binding for Python.
# Where that cannot be, those tests are skipped, and say so.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed: this needs root and apt-get" >&2
    exit 1
fi
packages=(ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
if dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"
