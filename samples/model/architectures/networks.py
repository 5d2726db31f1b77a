"""The nano sizes of seven architectures, layer by layer, from the tables in their papers and documentation. Channels are those of the full width."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from architectures import blocks
from architectures.heads import AnchorHead, DistanceHead
from conveyor.network import ConvBlock


@dataclass(frozen=True)
class Scale:
    """How wide and deep a network is. Channels are multiples of `divisor`; a box tower has no more than `tower` where nothing asks for more."""

    width: float
    depth: float
    divisor: int = 8
    tower: int = 64

    def channels(self, full: int) -> int:
        return math.ceil(full * self.width / self.divisor) * self.divisor

    def repeats(self, full: int) -> int:
        return max(1, round(full * self.depth))


class Network(nn.Module):
    """Layers, each of which reads the one before it or those that it names. In: RGB pictures [N,3,H,W] in 0..1. Out: the head's raw maps."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.ModuleList()
        self.sources: list[tuple[int, ...]] = []
        self.channels: list[int] = []
        self.levels: tuple[int, ...] = ()
        self.head: AnchorHead | DistanceHead | None = None

    def add(self, make: Callable[..., nn.Module], outputs: int, *arguments: object, **named: object) -> int:
        """Adds a layer behind the last one; gives its number."""
        inputs = self.channels[-1] if self.channels else 3
        return self._append(make(inputs, self.scale.channels(outputs), *arguments, **named), self.scale.channels(outputs), len(self.layers) - 1)

    def repeat(self, make: Callable[..., nn.Module], outputs: int, depth: int, *arguments: object, **named: object) -> int:
        """Adds a layer that has others within."""
        return self.add(make, outputs, self.scale.repeats(depth), *arguments, **named)

    def grow(self) -> int:
        return self._append(nn.Upsample(scale_factor=2.0, mode="nearest"), self.channels[-1], len(self.layers) - 1)

    def join(self, other: int) -> int:
        """The last layer's channels and another's."""
        return self._append(nn.Identity(), self.channels[-1] + self.channels[other], len(self.layers) - 1, other)

    def end(self, head: Callable[..., nn.Module], classes: int, levels: tuple[int, ...], **named: object) -> "Network":
        self.levels = levels
        self.head = head(classes, [self.channels[level] for level in levels], **named)
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        made: list[Tensor] = []
        for layer, sources in zip(self.layers, self.sources):
            parts = [made[source] if source >= 0 else images for source in sources]
            made.append(layer(torch.cat(parts, 1) if len(parts) > 1 else parts[0]))
        return self.head([made[level] for level in self.levels])

    def fold(self) -> "Network":
        for module in self.modules():
            if isinstance(module, ConvBlock):
                module.fold()
        return self

    def _append(self, layer: nn.Module, channels: int, *sources: int) -> int:
        self.layers.append(layer)
        self.sources.append(sources)
        self.channels.append(channels)
        return len(self.layers) - 1


def yolov5(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    net.add(ConvBlock, 64, 6, 2)
    net.add(ConvBlock, 128, 3, 2)
    net.repeat(blocks.C3, 128, 3)
    net.add(ConvBlock, 256, 3, 2)
    p3 = net.repeat(blocks.C3, 256, 6)
    net.add(ConvBlock, 512, 3, 2)
    p4 = net.repeat(blocks.C3, 512, 9)
    net.add(ConvBlock, 1024, 3, 2)
    net.repeat(blocks.C3, 1024, 3)
    net.add(blocks.Pool, 1024)
    n5 = net.add(ConvBlock, 512)
    net.grow()
    net.join(p4)
    net.repeat(blocks.C3, 512, 3, False)
    n4 = net.add(ConvBlock, 256)
    net.grow()
    net.join(p3)
    out3 = net.repeat(blocks.C3, 256, 3, False)
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.C3, 512, 3, False)
    net.add(ConvBlock, 512, 3, 2)
    net.join(n5)
    out5 = net.repeat(blocks.C3, 1024, 3, False)
    return net.end(AnchorHead, classes, (out3, out4, out5))


def yolov8(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    net.add(ConvBlock, 64, 3, 2)
    net.add(ConvBlock, 128, 3, 2)
    net.repeat(blocks.c2f, 128, 3, True)
    net.add(ConvBlock, 256, 3, 2)
    p3 = net.repeat(blocks.c2f, 256, 6, True)
    net.add(ConvBlock, 512, 3, 2)
    p4 = net.repeat(blocks.c2f, 512, 6, True)
    net.add(ConvBlock, 1024, 3, 2)
    net.repeat(blocks.c2f, 1024, 3, True)
    p5 = net.add(blocks.Pool, 1024)
    out3, n4 = _top_down(net, p3, p4, lambda channels, _: net.repeat(blocks.c2f, channels, 3, False))
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.c2f, 512, 3, False)
    net.add(ConvBlock, 512, 3, 2)
    net.join(p5)
    out5 = net.repeat(blocks.c2f, 1024, 3, False)
    return net.end(DistanceHead, classes, (out3, out4, out5), separated=False, least=scale.tower)


def yolov9(scale: Scale, classes: int) -> Network:
    """GELAN, tiny. The paper gives its channels as they are, four times fewer than the others' full width: they are multiplied here."""
    net = Network(scale)

    def elan(full: int) -> int:
        outputs = scale.channels(full)
        return net.add(blocks.Elan, full, outputs, scale.channels(full // 2), scale.repeats(9))

    net.add(ConvBlock, 64, 3, 2)
    net.add(ConvBlock, 128, 3, 2)
    net.add(blocks.Elan, 128, scale.channels(128), scale.channels(64), 0)
    net.add(blocks.AverageDown, 256)
    p3 = elan(256)
    net.add(blocks.AverageDown, 384)
    p4 = elan(384)
    net.add(blocks.AverageDown, 512)
    elan(512)
    p5 = net.add(blocks.Pool, 512, scale.channels(256))
    out3, n4 = _top_down(net, p3, p4, lambda channels, deep: elan(384 if deep else 256))
    net.add(blocks.AverageDown, 192)
    net.join(n4)
    out4 = elan(384)
    net.add(blocks.AverageDown, 256)
    net.join(p5)
    out5 = elan(512)
    return net.end(DistanceHead, classes, (out3, out4, out5), separated=False, least=scale.tower)


def yolov10(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    net.add(ConvBlock, 64, 3, 2)
    net.add(ConvBlock, 128, 3, 2)
    net.repeat(blocks.c2f, 128, 3, True)
    net.add(ConvBlock, 256, 3, 2)
    p3 = net.repeat(blocks.c2f, 256, 6, True)
    net.add(blocks.separated_down, 512)
    p4 = net.repeat(blocks.c2f, 512, 6, True)
    net.add(blocks.separated_down, 1024)
    net.repeat(blocks.c2f, 1024, 3, True)
    net.add(blocks.Pool, 1024)
    p5 = net.add(blocks.PartialAttention, 1024)
    out3, n4 = _top_down(net, p3, p4, lambda channels, _: net.repeat(blocks.c2f, channels, 3, False))
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.c2f, 512, 3, False)
    net.add(blocks.separated_down, 512)
    net.join(p5)
    out5 = net.repeat(blocks.c2f_compact, 1024, 3)
    return net.end(DistanceHead, classes, (out3, out4, out5), end_to_end=True, least=scale.tower)


def yolo11(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    p3 = _begin(net)
    net.add(ConvBlock, 512, 3, 2)
    p4 = net.repeat(blocks.c3k2, 512, 2, True)
    net.add(ConvBlock, 1024, 3, 2)
    net.repeat(blocks.c3k2, 1024, 2, True)
    net.add(blocks.Pool, 1024)
    p5 = net.repeat(blocks.PartialAttention, 1024, 2)
    out3, n4 = _top_down(net, p3, p4, lambda channels, _: net.repeat(blocks.c3k2, channels, 2, False))
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.c3k2, 512, 2, False)
    net.add(ConvBlock, 512, 3, 2)
    net.join(p5)
    out5 = net.repeat(blocks.c3k2, 1024, 2, True)
    return net.end(DistanceHead, classes, (out3, out4, out5), least=scale.tower)


def yolo12(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    p3 = _begin(net)
    net.add(ConvBlock, 512, 3, 2)
    p4 = net.repeat(blocks.AreaLinks, 512, 4, 4)
    net.add(ConvBlock, 1024, 3, 2)
    p5 = net.repeat(blocks.AreaLinks, 1024, 4, 1)
    out3, n4 = _top_down(net, p3, p4, lambda channels, _: net.repeat(blocks.AreaLinks, channels, 2, 0))
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.AreaLinks, 512, 2, 0)
    net.add(ConvBlock, 512, 3, 2)
    net.join(p5)
    out5 = net.repeat(blocks.c3k2, 1024, 2, True)
    return net.end(DistanceHead, classes, (out3, out4, out5), least=scale.tower)


def yolo26(scale: Scale, classes: int) -> Network:
    net = Network(scale)
    p3 = _begin(net)
    net.add(ConvBlock, 512, 3, 2)
    p4 = net.repeat(blocks.c3k2, 512, 2, True)
    net.add(ConvBlock, 1024, 3, 2)
    net.repeat(blocks.c3k2, 1024, 2, True)
    net.add(blocks.Pool, 1024, activated=False, residual=True)
    p5 = net.repeat(blocks.PartialAttention, 1024, 2)
    out3, n4 = _top_down(net, p3, p4, lambda channels, _: net.repeat(blocks.c3k2, channels, 2, True))
    net.add(ConvBlock, 256, 3, 2)
    net.join(n4)
    out4 = net.repeat(blocks.c3k2, 512, 2, True)
    net.add(ConvBlock, 512, 3, 2)
    net.join(p5)
    out5 = net.repeat(blocks.c3k2, 1024, 1, True, attends=True)
    return net.end(DistanceHead, classes, (out3, out4, out5), bins=1, end_to_end=True, least=scale.tower)


def _begin(net: Network) -> int:
    """The first stages, which YOLO11, 12 and 26 have in common. Gives the level of stride 8."""
    net.add(ConvBlock, 64, 3, 2)
    net.add(ConvBlock, 128, 3, 2)
    net.repeat(blocks.c3k2, 256, 2, False, 0.25)
    net.add(ConvBlock, 256, 3, 2)
    return net.repeat(blocks.c3k2, 512, 2, False, 0.25)


def _top_down(net: Network, p3: int, p4: int, block: Callable[[int, bool], int]) -> tuple[int, int]:
    """From the deepest level, which is the last layer, to that of stride 8; gives that and the one of stride 16."""
    net.grow()
    net.join(p4)
    n4 = block(512, True)
    net.grow()
    net.join(p3)
    return block(256, False), n4


# Depth at nano size: a third for YOLOv5 to v10, a half since.
ARCHITECTURES: dict[str, tuple[Callable[[Scale, int], Network], float]] = {
    "yolov5n": (yolov5, 1 / 3),
    "yolov8n": (yolov8, 1 / 3),
    "yolov9t": (yolov9, 1 / 3),
    "yolov10n": (yolov10, 1 / 3),
    "yolo11n": (yolo11, 1 / 2),
    "yolo12n": (yolo12, 1 / 2),
    "yolo26n": (yolo26, 1 / 2),
}


def build(name: str, classes: int, full: bool) -> Network:
    """A network at its full nano width, or so narrow and shallow that its file takes a hundred kilobytes."""
    make, depth = ARCHITECTURES[name]
    return make(Scale(0.25, depth) if full else Scale(1 / 64, 0.01, tower=8), classes)
