"""Makes models of seven architectures with weights that nobody trained: tests take tiny ones, measurements those of the full nano width.

    python export_architectures.py --output FOLDER
    python export_architectures.py --output FOLDER --full --only yolo11n

Scores are spread over 0 to 1: the last convolutions are scaled until noise gives as many candidates as a busy scene does.
Each model is written with free batch, height and width (`yolo11n.onnx`), with all of them fixed (`yolo11n-static.onnx`) and,
free again, in half precision (`yolo11n-half.onnx`), which wants a GPU or a PyTorch that has half convolutions on the CPU.
"""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from architectures.heads import AnchorHead
from architectures.networks import ARCHITECTURES, Network, build
from export import OPSET, metadata

THRESHOLD_LOGIT = math.log(0.25 / 0.75)
SPREAD = 1.2
"""Of class logits and objectness: scores from near 0 to 0.9 or so. Nearer to 1 single precision cannot tell them apart."""


class ExportableNetwork(nn.Module):
    def __init__(self, network: Network, fixed: bool) -> None:
        super().__init__()
        self.network = network
        self.fixed = fixed

    def forward(self, images: Tensor) -> Tensor:
        return self.network.head.decode(self.network(images), self.fixed)


def calibrated(name: str, full: bool, classes: int, candidates: int, size: int) -> Network:
    """A network whose every layer and map has values in a useful range for pictures of noise."""
    torch.manual_seed(4 + sum(map(ord, name)))
    generator = torch.Generator().manual_seed(2)
    net = build(name, classes, full)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.7, 1.3)
                nn.init.uniform_(module.bias, -0.3, 0.3)
                module.momentum = None  # Plain averages.
        net.train()
        for _ in range(6):
            net(torch.rand(2, 3, size, size, generator=generator))
        net.eval().fold()
        # Pictures differ in how many candidates they give: it is the mean of several that is set.
        images = torch.rand(8, 3, size, size, generator=generator)
        standardise(net, net(images))
        raise_scores(net, net(images), candidates * len(images))
    return net


def standardise(net: Network, maps: list[Tensor]) -> None:
    """Gives every channel of the maps the mean and spread that suit what it says."""
    head = net.head
    for number, level in enumerate(maps):
        spread, mean = torch.std_mean(level, (0, 2, 3))
        if isinstance(head, AnchorHead):
            wanted = torch.tensor([1.0, 1.0, 0.5, 0.5] + [SPREAD] * (1 + head.classes)).repeat(3)
            rescale(head.levels[number], mean, spread, torch.zeros(len(wanted)), wanted)
            continue
        sides = 4 * head.bins
        # One number a side is a distance: a few cells. A bin's logit may be anything.
        rescale(head.box[number][-1], mean[:sides], spread[:sides], torch.full((sides,), 3.0 if head.bins == 1 else 0.0), torch.ones(sides))
        rescale(head.score[number][-1], mean[sides:], spread[sides:], torch.zeros(head.classes), torch.full((head.classes,), SPREAD))


def rescale(conv: nn.Conv2d, mean: Tensor, spread: Tensor, wanted_mean: Tensor, wanted_spread: Tensor) -> None:
    gain = wanted_spread / spread
    conv.weight.mul_(gain[:, None, None, None])
    conv.bias.sub_(mean).mul_(gain).add_(wanted_mean)


def raise_scores(net: Network, maps: list[Tensor], candidates: int) -> None:
    """Moves the scores until that many are above 0.25."""
    head = net.head
    if isinstance(head, AnchorHead):
        rows = torch.cat([level.unflatten(1, (3, -1)).transpose(1, 2).flatten(2) for level in maps], 2)
        best = rows[:, 5:].amax(1).sigmoid()
        # The objectness that makes the product of both exactly the threshold.
        wanted = torch.logit((0.25 / best).clamp(max=1 - 1e-6)) - rows[:, 4]
        shift = wanted.flatten().kthvalue(candidates).values
        for conv in head.levels:
            conv.bias.view(3, -1)[:, 4] += shift
        return
    logits = torch.cat([level[:, 4 * head.bins:].flatten(2) for level in maps], 2)
    shift = THRESHOLD_LOGIT - logits.amax(1).flatten().topk(candidates).values[-1]
    for tower in head.score:
        tower[-1].bias += shift


def export(net: Network, name: str, output: Path, shape: tuple[int, int, int], fixed: bool, half: bool, short: bool) -> None:
    """`shape` is pictures, height and width."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = ExportableNetwork(net, fixed).eval().to(device)
    example = torch.zeros(shape[0], 3, *shape[1:], device=device)
    model, example = (model.half(), example.half()) if half else (model.float(), example)
    head = net.head
    free = {} if fixed else {"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch"}}
    # The tracing exporter, where PyTorch has a choice: it keeps the dimension names as given.
    tracing = {} if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 5) else {"dynamo": False}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (example,), str(output), opset_version=OPSET, do_constant_folding=True,
                          input_names=["images"], output_names=["output0"], dynamic_axes=free, **tracing)
    proto = onnx.load(str(output))
    if not fixed:
        # The tracer makes up names for sizes that it lost track of. All are known here.
        for dim, wanted in zip(proto.graph.output[0].type.tensor_type.shape.dim, head.outputs()):
            dim.Clear()
            if isinstance(wanted, str):
                dim.dim_param = wanted
            else:
                dim.dim_value = wanted
    names = tuple(f"class{number}" for number in range(head.classes))
    values = metadata(names, half, f"{name} architecture without training")
    values["batch"], values["imgsz"] = str(shape[0]), repr(list(shape[1:]))
    values["args"] = repr({"batch": shape[0], "half": half, "dynamic": not fixed, "simplify": False, "opset": OPSET, "nms": False})
    if head.end_to_end:
        values["end2end"] = "True"
    del proto.metadata_props[:]
    for key, value in values.items():
        # A day that does not change: the same weights are the same file.
        proto.metadata_props.add(key=key, value="2026-11-27T00:00:00+00:00" if key == "date" else value)
    if short:
        shorten(proto.graph)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(output))


def shorten(graph: onnx.GraphProto) -> None:
    """Numbers for the tracer's names, which are half of a small file."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    made = {name for node in graph.node for name in node.output} | {tensor.name for tensor in graph.initializer}
    names = {name: f"t{number}" for number, name in enumerate(sorted(made - kept))}
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def describe(net: Network, size: int) -> str:
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        rows = ExportableNetwork(net, False)(images)
    if net.head.end_to_end:
        scores = rows[..., 4]
    elif isinstance(net.head, AnchorHead):
        scores = rows[..., 4] * rows[..., 5:].amax(2)
    else:
        scores = rows[:, 4:].amax(1)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return (f"{parameters / 1e6:.3f} million parameters; two pictures of noise: {int((scores > 0.25).sum())} scores above 0.25, "
            f"{int((scores > 0.5).sum())} above 0.5, best {float(scores.max()):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--full", action="store_true", help="the nano width and 80 classes; without it an eighth of that and 3 classes")
    parser.add_argument("--only", choices=sorted(ARCHITECTURES), action="append", help="these architectures only")
    parser.add_argument("--no-half", action="store_true", help="without half precision")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    classes, candidates, size = (80, 270, 640) if args.full else (3, 60, 320)
    # For tests: sides that differ tell height and width apart, and few cells make a small file of constants.
    fixed_shape = (1, 640, 640) if args.full else (2, 256, 320)
    for name in args.only or ARCHITECTURES:
        net = calibrated(name, args.full, classes, candidates, size)
        print(f"{name}: {describe(net, size)}", flush=True)
        exports = [("", (1, 640, 640), False, False), ("-static", fixed_shape, True, False), ("-half", (1, 640, 640), False, True)]
        for suffix, shape, fixed, half in exports[:2] if args.no_half else exports:
            path = args.output / f"{name}{suffix}.onnx"
            try:
                export(net, name, path, shape, fixed, half, short=not args.full)
                print(f"  {path.name}: {path.stat().st_size / 1e3:.1f} kB", flush=True)
            except RuntimeError as error:
                print(f"  {path.name}: {error}", flush=True)
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
