#!/usr/bin/env bash
# Makes Triton's own Python client ready for the tests of YoloZeroCopy.Server: eng/triton-client.sh CLIENT COMMON FOLDER, then YZC_TRITON_CLIENT=FOLDER and the tests.
# CLIENT and COMMON are git directories or checkouts of triton-inference-server/client and /common; nothing of either is kept here. What it stands on comes from Debian, as root.
set -euo pipefail
client=$1 common=$2 folder=$3
packages=(python3-grpcio python3-numpy python3-protobuf python3-rapidjson python3-packaging protobuf-compiler protobuf-compiler-grpc)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${packages[@]}"
fi
mkdir -p "$folder"
git -C "$client" archive HEAD src/python/library/tritonclient | tar x --strip-components=3 -C "$folder"
protos=$(mktemp -d)
trap 'rm -rf "$protos"' EXIT
git -C "$common" show HEAD:protobuf/grpc_service.proto >"$protos/service.proto"
git -C "$common" show HEAD:protobuf/model_config.proto >"$protos/model_config.proto"
target=$folder/tritonclient/grpc
protoc -I "$protos" --python_out="$target" --grpc_out="$target" --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" "$protos"/*.proto
sed -i 's/^import \(model_config_pb2\|service_pb2\)/from tritonclient.grpc import \1/' "$target"/*_pb2*.py
PYTHONPATH=$folder /usr/bin/python3 -c 'import tritonclient.grpc, tritonclient.utils.shared_memory'
echo "export YZC_TRITON_CLIENT=$(cd "$folder" && pwd)"
