#!/usr/bin/env bash
# smoke.sh [TARGET...]: builds images of deploy/Containerfile without any registry, and starts what is in them: as another user, with a read-only root file system.
# Base is a Debian that debootstrap makes, the SDK is this machine's. For Debian and its kin, as root, with: buildah podman crun debootstrap curl jq, and for the fleet
# redis-server nats-server. Minutes, and 1 GB of downloads at first; the base is kept in $YZC_SMOKE_FOLDER (/var/tmp/yzc-smoke).
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("${@:-server}")
[ $# -gt 0 ] || targets=(server fleet)
folder=${YZC_SMOKE_FOLDER:-/var/tmp/yzc-smoke}
suite=bookworm
base=localhost/yzc-smoke/base
sdk=localhost/yzc-smoke/sdk
mkdir -p "$folder"
work=$(mktemp -d)
container=yzc-smoke-$$
pids=()

finish() {
    podman rm -f "$container" >/dev/null 2>&1 || true
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

say() { printf '%s %s\n' "$(date +%T)" "$*"; }
fail() {
    say "FAILED: $*"
    podman logs "$container" 2>&1 | tail -40 || true
    exit 1
}
now() { date +%s%3N; }
megabytes() { podman image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }

bases() {
    if ! podman image exists "$base"; then
        [ -e "$folder/$suite.tar" ] || {
            say "debootstrap"
            debootstrap --variant=minbase "$suite" "$work/root" "${YZC_DEBIAN:-http://deb.debian.org/debian}" >"$work/log" || { tail -20 "$work/log"; exit 1; }
            # What Debian's slim images leave out, too.
            rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,info,locale}/*
            tar -C "$work/root" -cf "$folder/$suite.tar" .
            rm -rf "$work/root"
        }
        podman import "$folder/$suite.tar" "$base" >/dev/null
    fi
    say "base: $(megabytes "$base")"
    podman image exists "$sdk" || printf 'FROM %s\nRUN ln -s %s/dotnet /usr/local/bin/dotnet\nENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1\n' \
        "$base" "$dotnet" | buildah bud --isolation chroot -t "$sdk" - >/dev/null
}

build() {
    local start=$SECONDS
    buildah bud --isolation chroot --format docker --layers --ignorefile deploy/Containerfile.dockerignore -f deploy/Containerfile --target "$1" \
        --build-arg SDK="$sdk" --build-arg BASE="$base" --volume "$dotnet:$dotnet:ro" --volume "$HOME/.nuget:/root/.nuget" \
        --volume /etc/ssl:/etc/ssl:ro --volume "$(dirname "$(realpath /usr/lib/x86_64-linux-gnu/libssl.so.3)"):/host-lib:ro" --env LD_LIBRARY_PATH= \
        -t "localhost/yzc-smoke/$1" . >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; exit 1; }
    say "$1: $(megabytes "localhost/yzc-smoke/$1"), $(megabytes "$base") of it the base; built in $((SECONDS - start)) s"
}
