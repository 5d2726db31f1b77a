"""What the networks are built of. Every block is made as `block(inputs, outputs, ...)`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from conveyor.network import ConvBlock


def inside(channels: int, share: float = 0.5) -> int:
    """Channels within a block: a share of its outputs, and no fewer than the eight that engines take at once."""
    return max(8, int(channels * share))


class Residual(nn.Module):
    """Adds what its part makes of the input to the input."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return x + self.part(x)


def bottleneck(channels: int, residual: bool, share: float = 1.0, first: int = 3) -> nn.Module:
    middle = inside(channels, share)
    part = nn.Sequential(ConvBlock(channels, middle, first), ConvBlock(middle, channels, 3))
    return Residual(part) if residual else part


class C3(nn.Module):
    """Cross-stage partial (Wang et al., 2020): bottlenecks on one branch, nothing on the other, both joined."""

    def __init__(self, inputs: int, outputs: int, depth: int, residual: bool = True, first: int = 1) -> None:
        super().__init__()
        middle = inside(outputs)
        self.enter = ConvBlock(inputs, middle)
        self.bypass = ConvBlock(inputs, middle)
        self.chain = nn.Sequential(*(bottleneck(middle, residual, first=first) for _ in range(depth)))
        self.leave = ConvBlock(2 * middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(torch.cat((self.chain(self.enter(x)), self.bypass(x)), 1))


class Links(nn.Module):
    """Splits the channels in two, runs one half through a chain and keeps every link's output: what YOLOv8 calls C2f, with links of several kinds."""

    def __init__(self, inputs: int, outputs: int, middle: int, links: list[nn.Module]) -> None:
        super().__init__()
        self.middle = middle
        self.enter = ConvBlock(inputs, 2 * middle)
        self.chain = nn.ModuleList(links)
        self.leave = ConvBlock((2 + len(links)) * middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).split(self.middle, 1))
        for link in self.chain:
            parts.append(link(parts[-1]))
        return self.leave(torch.cat(parts, 1))


def c2f(inputs: int, outputs: int, depth: int, residual: bool) -> Links:
    middle = inside(outputs)
    return Links(inputs, outputs, middle, [bottleneck(middle, residual) for _ in range(depth)])


def c3k2(inputs: int, outputs: int, depth: int, nested: bool, share: float = 0.5, attends: bool = False) -> Links:
    """YOLO11: the links are narrow bottlenecks, or C3 blocks of two 3x3 bottlenecks; YOLO26's last one attends."""
    middle = inside(outputs, share)
    if attends:
        links = [nn.Sequential(bottleneck(middle, True, 0.5), attention_block(middle)) for _ in range(depth)]
    elif nested:
        links = [C3(middle, middle, 2, first=3) for _ in range(depth)]
    else:
        links = [bottleneck(middle, True, 0.5) for _ in range(depth)]
    return Links(inputs, outputs, middle, links)


class Pool(nn.Module):
    """Three 5x5 max-pools in a row between two convolutions, all kept. SPPF, and YOLOv9's SPPELAN with a width of its own."""

    def __init__(self, inputs: int, outputs: int, middle: int | None = None, activated: bool = True, residual: bool = False) -> None:
        super().__init__()
        middle = middle or inside(inputs)
        self.residual = residual
        self.enter = ConvBlock(inputs, middle, activated=activated)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.leave = ConvBlock(4 * middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        y = self.leave(torch.cat(parts, 1))
        return x + y if self.residual else y


class Elan(nn.Module):
    """Generalised efficient layer aggregation (Wang et al., YOLOv9, 2024): two halves and two more steps from the second, all kept."""

    def __init__(self, inputs: int, outputs: int, wide: int, narrow: int, depth: int) -> None:
        super().__init__()
        self.half = wide // 2
        self.enter = ConvBlock(inputs, wide)
        self.second = self._step(self.half, narrow, depth)
        self.third = self._step(narrow, narrow, depth)
        self.leave = ConvBlock(wide + 2 * narrow, outputs)

    @staticmethod
    def _step(inputs: int, outputs: int, depth: int) -> nn.Module:
        # Its 3x3 convolutions beside 1x1 ones are one after training.
        return nn.Sequential(C3(inputs, outputs, depth, first=3), ConvBlock(outputs, outputs, 3)) if depth else ConvBlock(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).split(self.half, 1))
        parts.append(self.second(parts[-1]))
        parts.append(self.third(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class AverageDown(nn.Module):
    """YOLOv9 halves the size with a blur before the convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.blur = nn.AvgPool2d(2, 1)
        self.conv = ConvBlock(inputs, outputs, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.blur(x))


def depthwise(channels: int, kernel: int = 3, stride: int = 1, activated: bool = True) -> ConvBlock:
    return ConvBlock(channels, channels, kernel, stride, channels, activated)


def separated_down(inputs: int, outputs: int) -> nn.Module:
    """YOLOv10 changes channels first and halves the size then, channel by channel."""
    return nn.Sequential(ConvBlock(inputs, outputs), depthwise(outputs, 3, 2, activated=False))


def compact_inverted(channels: int) -> nn.Module:
    """YOLOv10's CIB: depthwise 3x3, up, depthwise 7x7, down, depthwise 3x3."""
    wide = 2 * channels
    return Residual(nn.Sequential(depthwise(channels), ConvBlock(channels, wide), depthwise(wide, 7),
                                  ConvBlock(wide, channels), depthwise(channels)))


def c2f_compact(inputs: int, outputs: int, depth: int) -> Links:
    middle = inside(outputs)
    return Links(inputs, outputs, middle, [compact_inverted(middle) for _ in range(depth)])


class Attention(nn.Module):
    """Attention of all cells to all, with keys half as wide as values and a depthwise convolution for position (YOLOv10)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 64)
        self.value = channels // self.heads
        self.key = self.value // 2
        self.all = ConvBlock(channels, self.heads * (2 * self.key + self.value), activated=False)
        self.position = depthwise(channels, activated=False)
        self.leave = ConvBlock(channels, channels, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        pictures, channels, height, width = x.shape
        rows = self.all(x).view(pictures, self.heads, 2 * self.key + self.value, height * width)
        query, key, value = rows.split((self.key, self.key, self.value), 2)
        weights = ((query.transpose(2, 3) @ key) * self.key ** -0.5).softmax(3)
        seen = (value @ weights.transpose(2, 3)).view(pictures, channels, height, width)
        return self.leave(seen + self.position(value.reshape(pictures, channels, height, width)))


def attention_block(channels: int) -> nn.Module:
    wide = nn.Sequential(ConvBlock(channels, 2 * channels), ConvBlock(2 * channels, channels, activated=False))
    return nn.Sequential(Residual(Attention(channels)), Residual(wide))


class PartialAttention(nn.Module):
    """Attends with half of the channels: PSA of YOLOv10, C2PSA of YOLO11."""

    def __init__(self, inputs: int, outputs: int, depth: int = 1) -> None:
        super().__init__()
        self.half = inside(inputs)
        self.enter = ConvBlock(inputs, 2 * self.half)
        self.chain = nn.Sequential(*(attention_block(self.half) for _ in range(depth)))
        self.leave = ConvBlock(2 * self.half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        kept, seen = self.enter(x).split(self.half, 1)
        return self.leave(torch.cat((kept, self.chain(seen)), 1))


class AreaAttention(nn.Module):
    """Attention within areas, strips of the picture, which costs that many times less (YOLO12)."""

    def __init__(self, channels: int, areas: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 32)
        self.width = channels // self.heads
        self.areas = areas
        self.all = ConvBlock(channels, 3 * channels, activated=False)
        self.position = depthwise(channels, 7, activated=False)
        self.leave = ConvBlock(channels, channels, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        pictures, channels, height, width = x.shape
        cells = self.all(x).flatten(2).transpose(1, 2)
        if self.areas > 1:
            cells = cells.reshape(pictures * self.areas, height * width // self.areas, 3 * channels)
        rows = cells.view(-1, cells.shape[1], self.heads, 3 * self.width).permute(0, 2, 3, 1)
        query, key, value = rows.split(self.width, 2)
        weights = ((query.transpose(2, 3) @ key) * self.width ** -0.5).softmax(3)
        seen, value = (self._picture(part, pictures, channels, height, width) for part in (value @ weights.transpose(2, 3), value))
        return self.leave(seen + self.position(value))

    @staticmethod
    def _picture(rows: Tensor, pictures: int, channels: int, height: int, width: int) -> Tensor:
        return rows.permute(0, 3, 1, 2).reshape(pictures, height, width, channels).permute(0, 3, 1, 2)


def area_block(channels: int, areas: int) -> nn.Module:
    wide = nn.Sequential(ConvBlock(channels, 2 * channels), ConvBlock(2 * channels, channels, activated=False))
    return nn.Sequential(Residual(AreaAttention(channels, areas)), Residual(wide))


class AreaLinks(nn.Module):
    """YOLO12's A2C2f: one branch in, every link's output kept; the links are pairs of area attention, or C3 blocks where `areas` is 0."""

    def __init__(self, inputs: int, outputs: int, depth: int, areas: int) -> None:
        super().__init__()
        middle = inside(outputs)
        self.enter = ConvBlock(inputs, middle)
        self.chain = nn.ModuleList(
            nn.Sequential(area_block(middle, areas), area_block(middle, areas)) if areas else C3(middle, middle, 2, first=3)
            for _ in range(depth))
        self.leave = ConvBlock((1 + depth) * middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for link in self.chain:
            parts.append(link(parts[-1]))
        return self.leave(torch.cat(parts, 1))
