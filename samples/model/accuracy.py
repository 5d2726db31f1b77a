"""Accuracy, rate and memory of a model in every precision, as one table: what single precision, TF32, half precision and 8-bit integers cost and bring.

    python accuracy.py --yzc yzc --model conveyor.onnx --device cuda:0 --output accuracy

Draws the held-out pictures and makes the 8-bit model where they are not there yet (numpy and cv2); measuring takes Python alone, and nvidia-smi for
the memory of a GPU. A row is `yzc detect` over all pictures, scored, and `yzc bench` for rate and memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import held_out

_CALIBRATION_PICTURES = 100


@dataclass(frozen=True)
class Row:
    name: str
    model: Path
    options: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def rows(model: Path, int8: Path, device: str | None) -> list[Row]:
    result = [Row("single, processor", model, ("--device", "cpu")), Row("8-bit, processor", int8, ("--device", "cpu"))]
    if device is not None:
        # NVIDIA's libraries multiply single precision in TF32 unless they are told not to.
        single = ("--device", device, "--precision", "single")
        result += [
            Row("single, GPU", model, single, {"NVIDIA_TF32_OVERRIDE": "0"}),
            Row("TF32, GPU", model, single),
            Row("half, GPU", model, ("--device", device, "--precision", "half")),
        ]
    return result


class DeviceMemory:
    """The most of a GPU's memory that was in use, in MiB, beyond what was before; None where nvidia-smi does not tell."""

    def __init__(self, device: str | None) -> None:
        ordinal = "0" if device is None or ":" not in device else device.partition(":")[2]
        self._command = ["nvidia-smi", f"--id={ordinal}", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        self._is_asked = device is not None
        self._done = threading.Event()
        self._most = self._before = self._read()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> DeviceMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def mebibytes(self) -> int | None:
        return None if self._most is None or self._before is None else self._most - self._before

    def _watch(self) -> None:
        while self._before is not None and not self._done.wait(0.1):
            self._most = max(self._most, self._read() or 0)

    def _read(self) -> int | None:
        if not self._is_asked:
            return None
        try:
            return int(subprocess.run(self._command, capture_output=True, text=True, check=True).stdout.strip())
        except (OSError, ValueError, subprocess.CalledProcessError):
            return None


def run(command: list[str], environment: dict[str, str], log: Path) -> tuple[float, int]:
    """Seconds and the most resident memory in MiB; ends the program where the command fails."""
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}:\n{log.read_text(errors='replace')}")
    return time.monotonic() - start, usage.ru_maxrss // 1024


def measure(row: Row, yzc: str, pictures: Path, truth: dict[str, dict], output: Path, bench: list[str]) -> dict[str, object]:
    stem = output / row.name.replace(", ", "-").replace(" ", "-")
    found, figures = stem.with_suffix(".jsonl"), stem.with_suffix(".bench.json")
    log = stem.with_suffix(".log")
    seconds, _ = run(
        [yzc, "detect", "-m", str(row.model), "-i", str(pictures), *row.options, "--conf", "0.001", "--iou", "0.7", "--quiet", "--json", str(found)],
        row.environment, log)
    every, small = (tally.mean() for tally in held_out.score(truth, held_out.read_detections(found)))
    device = row.options[1] if row.options[1] != "cpu" else None
    with DeviceMemory(device) as memory:
        _, resident = run([yzc, "bench", "-m", str(row.model), *row.options, *bench, "--json-file", str(figures)], row.environment, log)
    report = json.loads(figures.read_text())
    return {
        "name": row.name, "pictures": len(truth), "detect_seconds": round(seconds, 1),
        "map50": number(every.ap50), "map50_95": number(every.ap50_95), "small_map50": number(small.ap50), "small_map50_95": number(small.ap50_95),
        "engine_fps": report["engine_only_fps"], "end_to_end_fps": report["end_to_end_fps"], "engine": report["machine"]["engine"],
        "device_mib": memory.mebibytes, "resident_mib": resident,
    }


def number(value: float) -> float | None:
    """None where nothing was there to be found."""
    return None if math.isnan(value) else value


def table(results: list[dict[str, object]]) -> str:
    heads = ["mAP50", "mAP50-95", "small mAP50", "small mAP50-95", "engine frames/s", "end to end frames/s", "device memory MiB", "process MiB"]
    lines = [f"| | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for one in results:
        accuracy = ["" if one[key] is None else f"{one[key]:.4f}" for key in ("map50", "map50_95", "small_map50", "small_map50_95")]
        rates = [f"{one[key]:.1f}" for key in ("engine_fps", "end_to_end_fps")]
        memory = ["" if one[key] is None else str(one[key]) for key in ("device_mib", "resident_mib")]
        lines.append(f"| {one['name']} | {' | '.join([*accuracy, *rates, *memory])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yzc", default="yzc", help="the program")
    parser.add_argument("--model", type=Path, default=Path("conveyor.onnx"))
    parser.add_argument("--int8", type=Path, help="the 8-bit model; made where it is not there. Default: in --output")
    parser.add_argument("--device", help="cuda:0, say; without it the processor alone is measured")
    parser.add_argument("--held-out", type=Path, help="folder of `held_out.py draw`; drawn where it is not there. Default: in --output")
    parser.add_argument("--pictures", type=int, default=600, help="pictures to draw")
    parser.add_argument("--rows", nargs="*", default=[], help="only rows whose names begin so: --rows TF32 half")
    parser.add_argument("--seconds", type=float, default=2, help="how long each rate is measured")
    parser.add_argument("--batch", type=int, default=8, help="batch of the rates")
    parser.add_argument("--output", type=Path, default=Path("accuracy"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    drawn = args.held_out or args.output / "held-out"
    int8 = args.int8 or args.output / "int8.onnx"
    chosen = [row for row in rows(args.model, int8, args.device) if not args.rows or row.name.startswith(tuple(args.rows))]
    draw = [sys.executable, str(Path(__file__).with_name("held_out.py")), "draw"]
    if not (drawn / "truth.json").exists():
        run([*draw, "--output", str(drawn), "--pictures", str(args.pictures)], {}, args.output / "draw.log")
    if any(row.model == int8 for row in chosen) and not int8.exists():
        seen = args.output / "calibration"
        run([*draw, "--output", str(seen), "--pictures", str(_CALIBRATION_PICTURES), "--calibration"], {}, args.output / "draw.log")
        run(
            [args.yzc, "quantize", "--model", str(args.model), "--calibration", str(seen / "pictures"), "--output", str(int8)],
            {}, args.output / "quantize.log")
    truth = json.loads((drawn / "truth.json").read_text())
    bench = ["--batch", str(args.batch), "--seconds", str(args.seconds), "--quick"]
    results = []
    for row in chosen:
        results.append(measure(row, args.yzc, drawn / "pictures", truth, args.output, bench))
        (args.output / "accuracy.json").write_text(json.dumps(results, indent=1) + "\n")
        print(table(results[-1:]).splitlines()[-1], flush=True)
    print(f"\n{table(results)}")


if __name__ == "__main__":
    main()
