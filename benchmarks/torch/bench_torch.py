"""How fast the same network runs as compiled PyTorch: cuDNN convolutions, fused pointwise kernels, one CUDA graph a stream.

    python benchmarks/torch/bench_torch.py --batch 1 8 32 --streams 2 --seconds 3 [--profile]

The line that the engine of this library is measured against (docs/performance.md). Network and box decoding only: no upload, no preprocessing, no suppression. Needs a GPU and PyTorch.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples" / "model"))
from conveyor.network import Detector, ExportableDetector  # noqa: E402

CLASSES = 80
SIZE = 640


class Lane:
    """A stream with a captured graph of one batch, and the tensors it reads and writes."""

    def __init__(self, network: torch.nn.Module, batch: int) -> None:
        self.stream = torch.cuda.Stream()
        self.images = torch.rand(batch, 3, SIZE, SIZE, device="cuda").half().to(memory_format=torch.channels_last)
        with torch.no_grad(), torch.cuda.stream(self.stream):
            for _ in range(3):
                network(self.images)
            self.stream.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.output = network(self.images)

    def launch(self) -> None:
        with torch.cuda.stream(self.stream):
            self.graph.replay()


def rate(lanes: list[Lane], batch: int, seconds: float) -> float:
    """Frames a second with every lane two graphs ahead."""
    marks = [collections.deque() for _ in lanes]
    for lane in lanes:
        for _ in range(3):
            lane.launch()
    torch.cuda.synchronize()
    batches = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for lane, queue in zip(lanes, marks):
            if len(queue) == 2:
                queue.popleft().synchronize()
            lane.launch()
            event = torch.cuda.Event(blocking=False)
            event.record(lane.stream)
            queue.append(event)
            batches += 1
    torch.cuda.synchronize()
    return batches * batch / (time.perf_counter() - start)


def device_time(lane: Lane, runs: int = 200) -> float:
    """Median milliseconds of one graph on the device, alone."""
    times = []
    for _ in range(runs):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        with torch.cuda.stream(lane.stream):
            begin.record()
            lane.graph.replay()
            end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[runs // 2]


def profile(lane: Lane, top: int) -> None:
    from torch.profiler import ProfilerActivity

    with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as record:
        for _ in range(5):
            lane.launch()
        torch.cuda.synchronize()
    total: dict[str, list[float]] = collections.defaultdict(lambda: [0, 0.0])
    for event in record.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            total[event.name][0] += 1
            total[event.name][1] += event.device_time_total / 5
    everything = sum(t for _, t in total.values())
    print(f"kernels: {everything:.0f} us a batch")
    for name, (count, microseconds) in sorted(total.items(), key=lambda entry: -entry[1][1])[:top]:
        print(f"  {microseconds:8.1f} us {microseconds / everything:6.1%} {count // 5:4} x {name[:110]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--raw", action="store_true", help="without box decoding: the maps of the three levels")
    parser.add_argument("--mode", default="default")
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="print the N kernels that take most time")
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    detector = Detector(CLASSES).eval().fold()
    network = (detector if args.raw else ExportableDetector(detector)).eval().cuda().half().to(memory_format=torch.channels_last)
    compiled = torch.compile(network, mode=args.mode, dynamic=False)
    for batch in args.batch:
        start = time.perf_counter()
        lanes = [Lane(compiled, batch) for _ in range(args.streams)]
        opened = time.perf_counter() - start
        print(json.dumps({"batch": batch, "streams": args.streams, "mode": args.mode, "raw": args.raw,
                          "fps": round(rate(lanes, batch, args.seconds)), "one_stream_fps": round(rate(lanes[:1], batch, args.seconds)),
                          "device_ms": round(device_time(lanes[0]), 4), "compile_s": round(opened, 1)}), flush=True)
        if args.profile:
            profile(lanes[0], args.profile)


if __name__ == "__main__":
    main()
