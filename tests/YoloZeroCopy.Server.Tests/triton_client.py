"""What Triton's own Python client (tritonclient.grpc) makes of this server: python3 triton_client.py HOST:PORT MODEL PICTURE, with tritonclient on PYTHONPATH.

Prints one line for each part that it did; ends with an error where an answer is not what it should be. The picture's boxes are the ones that every way must bring.
"""
import base64
import os
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

address, model, picture = sys.argv[1:4]
client = triton.InferenceServerClient(address)


def found(result):
    count = int(result.as_numpy("counts")[0])
    return result.as_numpy("boxes")[0][:count], result.as_numpy("scores")[0][:count], result.as_numpy("classes")[0][:count]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other))


def refused(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    raise AssertionError(f"{call} was to be refused")


assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
metadata = client.get_model_metadata(model)
assert [tensor.name for tensor in metadata.inputs] == ["picture", "image"], metadata
assert "statistics" in client.get_server_metadata().extensions
print("health and metadata")

# Of CUDA only the handle is Triton's client's affair: a program that has the memory gives it, as HEX:HEIGHTxWIDTH.
if "YZC_CUDA_FRAME" in os.environ:
    handle, frame = os.environ["YZC_CUDA_FRAME"].split(":")
    shape = [int(side) for side in frame.split("x")] + [3]
    size = int(np.prod(shape))
    client.register_cuda_shared_memory("device", base64.b64encode(bytes.fromhex(handle)), 0, size)
    assert client.get_cuda_shared_memory_status().regions["device"].byte_size == size
    on_device = triton.InferInput("image", shape, "UINT8")
    on_device.set_shared_memory("device", size)
    print(f"infer in CUDA shared memory: {len(found(client.infer(model, [on_device]))[0])} detections")
    client.unregister_cuda_shared_memory("device")
    print(refused(client.infer, model, [on_device]))
    sys.exit()

with open(picture, "rb") as file:
    data = file.read()
encoded = triton.InferInput("picture", [1], "BYTES")
encoded.set_data_from_numpy(np.array([data], dtype=np.object_))
by_picture = found(client.infer(model, [encoded], request_id="one"))
assert len(by_picture[0]) > 0 and by_picture[1].min() > 0.25
print(f"infer of a picture: {len(by_picture[0])} detections, the best {by_picture[1][0]:.4f}")

# Pixels that numpy makes, the same in every way in.
pixels = np.random.default_rng(5).integers(0, 256, (480, 640, 3), dtype=np.uint8)
pixels[100:300, 200:400] = 200
tensor = triton.InferInput("image", list(pixels.shape), "UINT8")
tensor.set_data_from_numpy(pixels)
by_tensor = found(client.infer(model, [tensor], client_timeout=60))
two = triton.InferInput("image", [2, *pixels.shape], "UINT8")
two.set_data_from_numpy(np.stack([pixels, pixels]))
batch = client.infer(model, [two])
assert batch.as_numpy("boxes").shape[0] == 2 and np.array_equal(batch.as_numpy("scores")[0], batch.as_numpy("scores")[1])
print("infer of tensors, one and two frames")

text = client.infer(model, [encoded], outputs=[triton.InferRequestedOutput("detections")]).as_numpy("detections")
assert text[0].startswith(b'[{"name":'), text
print("detections as text")

# System shared memory, both ways.
region_in = shm.create_shared_memory_region("frames", "/yzc_triton_in", pixels.nbytes + len(data) + 4)
region_out = shm.create_shared_memory_region("found", "/yzc_triton_out", 1 << 20)
try:
    shm.set_shared_memory_region(region_in, [pixels])
    client.register_system_shared_memory("frames", "/yzc_triton_in", pixels.nbytes)
    client.register_system_shared_memory("found", "/yzc_triton_out", 1 << 20)
    assert set(client.get_system_shared_memory_status().regions) == {"frames", "found"}
    shared = triton.InferInput("image", list(pixels.shape), "UINT8")
    shared.set_shared_memory("frames", pixels.nbytes)
    outputs = []
    offset = 0
    places = {}
    for name, shape, kind in (("boxes", (1, 300, 4), np.float32), ("scores", (1, 300), np.float32), ("classes", (1, 300), np.int32), ("counts", (1,), np.int32)):
        output = triton.InferRequestedOutput(name)
        size = int(np.prod(shape)) * 4
        output.set_shared_memory("found", size, offset)
        places[name] = (shape, kind, offset)
        offset += size
        outputs.append(output)
    client.infer(model, [shared], outputs=outputs)
    values = {name: shm.get_contents_as_numpy(region_out, kind, shape, where) for name, (shape, kind, where) in places.items()}
    count = int(values["counts"][0])
    assert same((values["boxes"][0][:count], values["scores"][0][:count], values["classes"][0][:count]), by_tensor)
    assert "1048577" in refused(client.register_system_shared_memory, "more", "/yzc_triton_out", (1 << 20) + 1)
    client.unregister_system_shared_memory()
    print("infer in system shared memory: the same detections as of bytes;", refused(client.infer, model, [shared]))
finally:
    shm.destroy_shared_memory_region(region_in)
    shm.destroy_shared_memory_region(region_out)

print("CUDA shared memory without a device:", refused(client.register_cuda_shared_memory, "device", b"0" * 64, 0, 1 << 20))

# A stream: every frame is answered, in order.
answers = queue.Queue()
client.start_stream(callback=lambda result, error: answers.put(error or result))
for number in range(5):
    client.async_stream_infer(model, [tensor], request_id=str(number))
for number in range(5):
    answer = answers.get(timeout=60)
    assert answer.get_response().id == str(number) and same(found(answer), by_tensor), answer
client.stop_stream()
print("stream of 5 frames, in order")

client.unload_model(model)
assert not client.is_model_ready(model)
print("unloaded:", refused(client.infer, model, [tensor]))
client.load_model(model)
assert client.get_model_repository_index().models[0].state == "READY"
assert same(found(client.infer(model, [tensor])), by_tensor)
statistics = client.get_inference_statistics(model).model_stats[0]
assert statistics.inference_stats.success.count >= 10 and statistics.inference_stats.fail.count >= 1
print(f"loaded again; {statistics.inference_stats.success.count} requests, {statistics.inference_count} pictures")
print("unknown model:", refused(client.infer, "nobody", [tensor]))
