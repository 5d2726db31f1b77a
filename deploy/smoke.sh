#!/usr/bin/env bash
# smoke.sh [IMAGE...]: builds images of the Containerfile without a registry, starts them as another user with a read-only root file system, and
# looks whether they do their work and end in order.
# IMAGE is server, fleet or fleet-video; without one, server and fleet. The base is a Debian that debootstrap makes, the SDK is this machine's.
#
# For Debian and its kin, as root, with the packages buildah podman crun debootstrap curl jq, and for fleets redis-server nats-server. Takes
# minutes; images stay for the next time, and YZC_SMOKE_BUILT=1 starts them as they are. `podman rmi --all` removes them.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian's crun does not start anything where both versions of control groups are mounted. The newer one is hidden from what this starts, and
# from nothing else.
if [ -z "${YZC_SMOKE_INSIDE:-}" ]; then
    hidden=/sys/fs/cgroup/unified
    exec env YZC_SMOKE_INSIDE=1 unshare --mount bash -c "if mountpoint -q $hidden; then umount $hidden; fi; exec \"\$@\"" - "$(realpath "$0")" "$@"
fi

images=("$@")
[ $# -gt 0 ] || images=(server fleet)
prefix=localhost/yzc-smoke
work=$(mktemp -d)
containers=()
processes=()

finish() {
    [ ${#containers[@]} = 0 ] || podman rm -f "${containers[@]}" >/dev/null 2>&1 || true
    [ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "FAILED: $*"
    for container in "${containers[@]}"; do podman logs --tail 30 "$container" 2>&1 || true; done
    exit 1
}

# quietly COMMAND...: what it says is shown only where it fails.
quietly() { "$@" >"$work/log" 2>&1 || { tail -40 "$work/log"; fail "$*"; }; }

# until SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    while ! "$@"; do
        [ $SECONDS -lt $end ] || fail "not within its time: $*"
        sleep 0.05
    done
}

milliseconds() { date +%s%3N; }
megabytes() { podman image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
status() { curl -s -o /dev/null -w '%{http_code}' "$@" || true; }
is_200() { [ "$(status "$@")" = 200 ]; }

make_bases() {
    if ! podman image exists $prefix/base; then
        quietly debootstrap --variant=minbase bookworm "$work/root" "${YZC_DEBIAN:-http://deb.debian.org/debian}"
        # What Debian's own slim image leaves out, too.
        rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,info,locale}/*
        tar -C "$work/root" -cf "$work/base.tar" .
        quietly podman import "$work/base.tar" $prefix/base
        rm -rf "$work/root" "$work/base.tar"
    fi
    if ! podman image exists $prefix/sdk; then
        # With the certificates that this machine trusts: its packages may come by a mirror.
        mkdir "$work/sdk"
        cp -L /etc/ssl/certs/ca-certificates.crt "$work/sdk/"
        cat >"$work/sdk/Containerfile" <<END
FROM $prefix/base
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
COPY ca-certificates.crt /etc/ssl/certs/
RUN ln -s $dotnet/dotnet /usr/local/bin/dotnet
ENV DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
END
        quietly buildah bud --isolation chroot -t $prefix/sdk "$work/sdk"
    fi
}

build() {
    local start=$SECONDS
    mkdir -p "$HOME/.nuget"
    quietly buildah bud --isolation chroot --format docker --layers -f deploy/Containerfile --ignorefile deploy/Containerfile.dockerignore \
        --target "$1" --build-arg SDK=$prefix/sdk --build-arg BASE=$prefix/base \
        --volume "$dotnet:$dotnet:ro" --volume "$HOME/.nuget:/root/.nuget" -t "$prefix/$1" .
    echo "$1: $(megabytes "$prefix/$1"), of which the base has $(megabytes $prefix/base); built in $((SECONDS - start)) s"

    # Nothing of NVIDIA's, and ffmpeg only where it is in the name.
    local root
    root=$(podman image mount "$prefix/$1")
    local found
    found=$(find "$root" -xdev | grep -E '/lib(cuda|cudnn|cublas|nv|onnxruntime_providers_cuda)[^/]*\.so' | head -3 || true)
    [ -z "$found" ] || fail "$1 has $found"
    [ "$1" = fleet-video ] || [ -z "$(find "$root" -xdev -name ffmpeg)" ] || fail "$1 has ffmpeg"

    # Licences of what is handed on, .NET's among them.
    local licence
    for licence in LICENSE THIRD-PARTY-NOTICES.txt licences/Microsoft.ML.OnnxRuntime/LICENSE licences/Microsoft.NETCore.App/LICENSE.TXT; do
        [ -s "$root/app/$licence" ] || fail "$1 lacks $licence"
    done
    podman image unmount "$prefix/$1" >/dev/null
}

# run NAME IMAGE OPTION... -- ARGUMENT...: as the manifests do it. The machine's network and limits, since this may itself run in a container.
run() {
    local name=yzc-smoke-$$-$1 image=$prefix/$2 options=()
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
    shift || true
    containers+=("$name")
    quietly podman run -d --name "$name" --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all --security-opt no-new-privileges \
        --no-healthcheck --network host --cgroups disabled --ulimit nofile=10000:10000 --ulimit nproc=10000:10000 "${options[@]}" "$image" "$@"
}

# Another user, without rights, who can write nowhere but where he is to.
check_contained() {
    local name=yzc-smoke-$$-$1 pid
    pid=$(podman inspect --format '{{.State.Pid}}' "$name")
    grep -q '^Uid:.10001.10001.10001.10001$' "/proc/$pid/status" || fail "$1 runs as $(grep Uid "/proc/$pid/status")"
    grep -q '^CapEff:.0*$' "/proc/$pid/status" || fail "$1 has capabilities"
    grep -q '^NoNewPrivs:.1$' "/proc/$pid/status" || fail "$1 could get more rights"
    awk '$5 == "/" { exit $6 !~ /^ro/ }' "/proc/$pid/mountinfo" || fail "$1 has a root file system that can be written"
    podman exec "$name" /usr/local/bin/probe "$2" "$3" || fail "the probe of $1 says no"
    if podman exec "$name" /usr/local/bin/probe "$2" /nowhere; then fail "the probe of $1 says yes to everything"; fi
}

# ended NAME SECONDS CODE
ended() {
    local name=yzc-smoke-$$-$1 code
    code=$(timeout "$2" podman wait "$name") || fail "$1 does not end within $2 s"
    [ "$code" = "$3" ] || fail "$1 ended with $code"
}

smoke_server() {
    local rest grpc token=smoke-smoke-smoke-smoke picture=samples/media/pictures/0.jpg start live ready answer
    rest=$(free_port)
    grpc=$(free_port)
    echo "$token" >"$work/token"
    chmod 444 "$work/token"
    local url=http://127.0.0.1:$rest
    start=$(milliseconds)
    run server server -v "$PWD/samples/model/conveyor.onnx:/models/conveyor.onnx:ro" -v "$work/token:/run/secrets/token:ro" \
        -- --listen 0.0.0.0 --insecure --token-file /run/secrets/token --http-port "$rest" --grpc-port "$grpc" \
        --drain 20 --max-queue-age 60
    until_true 120 is_200 "$url/v2/health/live"
    live=$(milliseconds)
    until_true 120 is_200 "$url/v2/health/ready"
    ready=$(milliseconds)
    echo "server: live after $((live - start)) ms, ready after $((ready - start)) ms"
    check_contained server "$rest" /v2/health/live

    [ "$(status --data-binary "@$picture" "$url/v2/models/conveyor/detect")" = 401 ] || fail "who has no token is let in"
    answer=$(curl -s -H "Authorization: Bearer $token" --data-binary "@$picture" "$url/v2/models/conveyor/detect")
    [ "$(jq '.detections | length' <<<"$answer")" -gt 0 ] || fail "nothing is detected: $answer"
    echo "server: $(jq -c '[.detections[].name] | length' <<<"$answer") objects in $picture"
    curl -s -H "Authorization: Bearer $token" "$url/metrics" >"$work/metrics"
    grep -q '^yzc_server_queue_wait_seconds{model="conveyor"}' "$work/metrics" || fail "no metric of the queue"

    # When the server is told to end, requests that it has are answered, one whose bytes are still coming is not cut off, and new ones are refused.
    { head -c 1000 "$picture"; sleep 3; tail -c +1001 "$picture"; } |
        curl -s -o /dev/null -w '%{http_code}\n' -X POST -T - -H "Authorization: Bearer $token" "$url/v2/models/conveyor/detect" >"$work/slow" &
    local clients=($!) client
    for client in {1..24}; do
        status -H "Authorization: Bearer $token" -w '%{http_code}\n' --data-binary "@$picture" "$url/v2/models/conveyor/detect" >>"$work/statuses" &
        clients+=($!)
    done
    until_true 60 [ -s "$work/statuses" ]
    start=$(milliseconds)
    podman kill --signal TERM "yzc-smoke-$$-server" >/dev/null
    until_true 5 eval '! is_200 "$url/v2/health/ready"'
    if is_200 -H "Authorization: Bearer $token" --data-binary "@$picture" "$url/v2/models/conveyor/detect"; then
        fail "a new request is answered while the server ends"
    fi
    wait "${clients[@]}" || true
    cat "$work/slow" >>"$work/statuses"
    [ "$(grep -c -E '^(200|503)$' "$work/statuses")" = 25 ] || fail "requests were cut off: $(sort "$work/statuses" | uniq -c | tr '\n' ' ')"
    ended server 30 143
    echo "server: ended $(($(milliseconds) - start)) ms after SIGTERM; of 25 open requests $(grep -c 200 "$work/statuses") were answered, the rest refused"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
has_capacity() { [ "$(curl -s "http://127.0.0.1:$2/fleet" | jq '.capacity')" = "$1" ]; }

# carries CAMERAS PORT...: so many see something, at these nodes together.
carries() {
    local wanted=$1 port
    shift
    for port in "$@"; do
        curl -s "http://127.0.0.1:$port/fleet/node" | jq '.cameras[]? | select(.frames > 0) | .id' || true
    done | sort -u >"$work/cameras"
    [ "$(wc -l <"$work/cameras")" = "$wanted" ]
}

smoke_fleet() {
    local image=$1 source=simulated cameras=() redis nats start node a b
    # Real ones where they can be: a file, on the sample's model.
    if [ "$image" = fleet-video ]; then
        source=/media/conveyor.mp4
        cameras=(-e Detector__Model=/models/conveyor.onnx -v "$PWD/samples/model/conveyor.onnx:/models/conveyor.onnx:ro"
            -v "$PWD/samples/media/conveyor.mp4:$source:ro")
    fi
    redis=$(free_port)
    nats=$(free_port)
    mkdir -p "$work/redis" "$work/nats"
    redis-server --port "$redis" --bind 127.0.0.1 --dir "$work/redis" --appendonly yes >/dev/null 2>&1 &
    processes+=($!)
    nats-server -js -sd "$work/nats" -a 127.0.0.1 -p "$nats" >/dev/null 2>&1 &
    processes+=($!)
    until_true 30 listens "$redis"
    until_true 30 listens "$nats"
    a=$(free_port)
    b=$(free_port)
    start=$(milliseconds)
    for node in a b; do
        run "$node" "$image" "${cameras[@]}" --tmpfs /data:mode=1777 -e "Fleet__Redis=127.0.0.1:$redis" -e "Fleet__Nats=nats://127.0.0.1:$nats" \
            -e "Fleet__Node=$node" -e "Fleet__SiloPort=$(free_port)" -e "Urls=http://127.0.0.1:${!node}" -e Fleet__Capacity=8
        until_true 120 is_200 "http://127.0.0.1:${!node}/health"
        echo "$image: node $node healthy after $(($(milliseconds) - start)) ms"
        check_contained "$node" "${!node}" /health
        start=$(milliseconds)
    done
    until_true 60 has_capacity 16 "$a"
    for node in 0 1 2 3; do
        is_200 -X PUT "http://127.0.0.1:$a/fleet/cameras/gate-$node" -H 'Content-Type: application/json' -d "{\"source\": \"$source\"}" ||
            fail "a camera is not taken"
    done
    until_true 60 carries 4 "$a" "$b"
    start=$(milliseconds)
    podman kill --signal TERM "yzc-smoke-$$-a" >/dev/null
    ended a 30 0
    echo "$image: ended $(($(milliseconds) - start)) ms after SIGTERM"
    until_true 30 carries 4 "$b"
    echo "$image: its cameras run at the other node after $(($(milliseconds) - start)) ms"
    podman kill --signal TERM "yzc-smoke-$$-b" >/dev/null
    ended b 30 0
}

dotnet=$(dirname "$(realpath "$(command -v dotnet)")")
make_bases
for image in "${images[@]}"; do
    [ -n "${YZC_SMOKE_BUILT:-}" ] || build "$image"
    case $image in
        server) smoke_server ;;
        *) smoke_fleet "$image" ;;
    esac
    podman rm -f "${containers[@]}" >/dev/null
    containers=()
done
echo "all well"
