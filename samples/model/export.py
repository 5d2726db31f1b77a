"""Writes the trained checkpoint as an ONNX file with the inputs, outputs and metadata of an Ultralytics export.

    python export.py --checkpoint conveyor.pt --output conveyor.onnx
"""

from __future__ import annotations

import argparse
import datetime
import warnings
from pathlib import Path

import onnx
import torch

from conveyor.classes import NAMES
from conveyor.network import Detector, ExportableDetector

VERSION = "1.0.0"
OPSET = 17


def load_detector(checkpoint: Path) -> Detector:
    detector = Detector(len(NAMES))
    detector.load_state_dict(torch.load(checkpoint, map_location="cpu")["weights"])
    return detector.float().eval()


def metadata(names: tuple[str, ...], half: bool, description: str) -> dict[str, str]:
    return {
        "description": description,
        "author": "YoloZeroCopy contributors",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "version": VERSION,
        "license": "MIT",
        "docs": "samples/model/README.md",
        "stride": "32",
        "task": "detect",
        "batch": "1",
        "imgsz": "[640, 640]",
        "names": repr(dict(enumerate(names))),
        "args": repr({"batch": 1, "half": half, "dynamic": True, "simplify": False, "opset": OPSET, "nms": False}),
        "channels": "3",
    }


def export(detector: Detector, names: tuple[str, ...], output: Path, description: str, half: bool = False) -> None:
    """Half needs a GPU: PyTorch traces by running the model, and its half convolutions run there."""
    device = "cuda" if half else "cpu"
    model = ExportableDetector(detector.fold()).eval().to(device)
    example = torch.zeros(1, 3, 640, 640, device=device)
    if half:
        model, example = model.half(), example.half()
    # The tracing exporter, where PyTorch has a choice: it keeps the dimension names as given.
    tracing = {} if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 5) else {"dynamo": False}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (example,), str(output), opset_version=OPSET, do_constant_folding=True,
            input_names=["images"], output_names=["output0"],
            dynamic_axes={
                "images": {0: "batch", 2: "height", 3: "width"},
                "output0": {0: "batch", 2: "anchors"},
            }, **tracing)
    proto = onnx.load(str(output))
    # The tracer makes up names such as "Concatoutput0_dim_1" for sizes that it lost track of. Both are known here.
    dims = proto.graph.output[0].type.tensor_type.shape.dim
    dims[0].dim_param, dims[1].dim_value, dims[2].dim_param = "batch", 4 + len(names), "anchors"
    del proto.metadata_props[:]
    for key, value in metadata(names, half, description).items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(output))


def check(detector: Detector, model: Path) -> None:
    """Runs the file in ONNX Runtime at several sizes and compares it with PyTorch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    reference = ExportableDetector(detector).eval()
    generator = torch.Generator().manual_seed(0)
    for batch, height, width in ((1, 640, 640), (2, 384, 640), (8, 320, 320), (1, 640, 352)):
        images = torch.rand(batch, 3, height, width, generator=generator)
        with torch.no_grad():
            expected = reference(images).numpy()
        actual = session.run(["output0"], {"images": images.numpy()})[0]
        boxes = float(abs(actual[:, :4] - expected[:, :4]).max())
        scores = float(abs(actual[:, 4:] - expected[:, 4:]).max())
        print(f"{batch}x3x{height}x{width} -> {actual.shape}: boxes within {boxes:.1e} px, scores within {scores:.1e}")
        if actual.shape != expected.shape or boxes > 0.05 or scores > 1e-3:
            raise SystemExit("the exported file does not give what PyTorch gives")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("conveyor.pt"))
    parser.add_argument("--output", type=Path, default=Path("conveyor.onnx"))
    parser.add_argument("--check", action="store_true", help="compare with PyTorch (needs onnxruntime)")
    args = parser.parse_args()
    export(load_detector(args.checkpoint), NAMES, args.output, "YOLOv8n-architecture detector of parts on a conveyor")
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")
    if args.check:
        check(load_detector(args.checkpoint), args.output)


if __name__ == "__main__":
    main()
