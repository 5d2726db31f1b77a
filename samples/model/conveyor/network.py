"""The detector: YOLOv8's nano architecture (depth 0.33, width 0.25), written from its published description.

Five stride-2 stages make a feature pyramid at strides 8, 16 and 32. A top-down and a bottom-up path mix the levels.
At every cell of every level the head gives class logits and, for each of the four box sides, a distribution over
16 distances, whose mean is the side's distance from the cell's centre in units of the stride.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)
DISTANCE_BINS = 16


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1,
                 activated: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if activated else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    def fold(self) -> None:
        """Moves the normalisation into the convolution's weights, for inference."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        folded = nn.Conv2d(self.conv.in_channels, self.conv.out_channels, self.conv.kernel_size,
                           self.conv.stride, self.conv.padding, groups=self.conv.groups, bias=True)
        with torch.no_grad():
            folded.weight.copy_(self.conv.weight * gain[:, None, None, None])
            folded.bias.copy_(norm.bias - norm.running_mean * gain)
        self.conv = folded.to(norm.weight.device)
        self.norm = nn.Identity()


class Bottleneck(nn.Module):
    def __init__(self, channels: int, residual: bool) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels, 3)
        self.second = ConvBlock(channels, channels, 3)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        return x + y if self.residual else y


class C2f(nn.Module):
    """Splits the channels in two, runs one half through a chain of bottlenecks and keeps every link's output."""

    def __init__(self, inputs: int, outputs: int, depth: int, residual: bool) -> None:
        super().__init__()
        self.half = outputs // 2
        self.enter = ConvBlock(inputs, outputs)
        self.chain = nn.ModuleList(Bottleneck(self.half, residual) for _ in range(depth))
        self.leave = ConvBlock((2 + depth) * self.half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).split(self.half, 1))
        for link in self.chain:
            parts.append(link(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Three 5x5 max-pools in a row, all kept: context of 5, 9 and 13 cells for the price of three small ones."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.enter = ConvBlock(channels, half)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.leave = ConvBlock(half * 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Head(nn.Module):
    """Two towers a level: one for the box sides' distance distributions, one for the class logits."""

    def __init__(self, classes: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        box_width = max(16, channels[0] // 4, DISTANCE_BINS * 4)
        class_width = max(channels[0], min(classes, 100))
        self.box = nn.ModuleList(self._tower(c, box_width, 4 * DISTANCE_BINS) for c in channels)
        self.score = nn.ModuleList(self._tower(c, class_width, classes) for c in channels)
        for tower in self.box:
            nn.init.constant_(tower[-1].bias, 1.0)
        for tower, stride in zip(self.score, STRIDES):
            # About five objects in a 640x640 picture, spread over the level's cells.
            nn.init.constant_(tower[-1].bias, math.log(5 / classes / (640 / stride) ** 2))

    @staticmethod
    def _tower(inputs: int, width: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(ConvBlock(inputs, width, 3), ConvBlock(width, width, 3), nn.Conv2d(width, outputs, 1))

    def forward(self, levels: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        return [(box(x), score(x)) for box, score, x in zip(self.box, self.score, levels)]


class Detector(nn.Module):
    """In: RGB pictures [N,3,H,W] in 0..1, sides multiples of 32. Out: what the head gives at each level."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.stem = ConvBlock(3, 16, 3, 2)
        self.stage2 = nn.Sequential(ConvBlock(16, 32, 3, 2), C2f(32, 32, 1, True))
        self.stage3 = nn.Sequential(ConvBlock(32, 64, 3, 2), C2f(64, 64, 2, True))
        self.stage4 = nn.Sequential(ConvBlock(64, 128, 3, 2), C2f(128, 128, 2, True))
        self.stage5 = nn.Sequential(ConvBlock(128, 256, 3, 2), C2f(256, 256, 1, True), SPPF(256))
        self.grow = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.down4 = C2f(256 + 128, 128, 1, False)
        self.down3 = C2f(128 + 64, 64, 1, False)
        self.shrink3 = ConvBlock(64, 64, 3, 2)
        self.up4 = C2f(64 + 128, 128, 1, False)
        self.shrink4 = ConvBlock(128, 128, 3, 2)
        self.up5 = C2f(128 + 256, 256, 1, False)
        self.head = Head(classes, (64, 128, 256))

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        p3 = self.stage3(self.stage2(self.stem(x)))
        p4 = self.stage4(p3)
        p5 = self.stage5(p4)
        n4 = self.down4(torch.cat((self.grow(p5), p4), 1))
        n3 = self.down3(torch.cat((self.grow(n4), p3), 1))
        n4 = self.up4(torch.cat((self.shrink3(n3), n4), 1))
        n5 = self.up5(torch.cat((self.shrink4(n4), p5), 1))
        return self.head([n3, n4, n5])

    def fold(self) -> "Detector":
        for module in self.modules():
            if isinstance(module, ConvBlock):
                module.fold()
        return self


def cell_centres(levels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Centres of all cells, [A,2] in units of their stride, and the strides, [A,1]. Sizes come from the maps alone,
    so that an export with free height and width works for any picture."""
    centres, strides = [], []
    for level, stride in zip(levels, STRIDES):
        height, width = level.shape[-2:]
        # Counted in float32 whatever the maps hold: ONNX has no half-precision Range.
        x = torch.arange(width, device=level.device, dtype=torch.float32).to(level.dtype) + 0.5
        y = torch.arange(height, device=level.device, dtype=torch.float32).to(level.dtype) + 0.5
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        centres.append(torch.stack((grid_x, grid_y), -1).reshape(-1, 2))
        strides.append(torch.full_like(centres[-1][:, :1], stride))
    return torch.cat(centres), torch.cat(strides)


def flatten_levels(outputs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Distances [N,64,A] and class logits [N,C,A] of all levels in one row."""
    distances = torch.cat([box.flatten(2) for box, _ in outputs], 2)
    logits = torch.cat([score.flatten(2) for _, score in outputs], 2)
    return distances, logits


class ExportableDetector(nn.Module):
    """Detector plus decoding: [N,4+C,A], boxes as centre and size in pixels of the input, scores in 0..1."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector
        bins = torch.arange(DISTANCE_BINS, dtype=torch.float32)
        self.register_buffer("bins", bins.reshape(1, DISTANCE_BINS, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.detector(images)
        centres, strides = cell_centres([box for box, _ in outputs])
        distances, logits = flatten_levels(outputs)
        sides = distances.reshape(distances.shape[0], 4, DISTANCE_BINS, distances.shape[2]).transpose(1, 2).softmax(1)
        # The mean of each distribution, as a 1x1 convolution, which every inference engine has a fast kernel for.
        sides = nn.functional.conv2d(sides, self.bins)[:, 0]
        near, far = centres.T - sides[:, :2], centres.T + sides[:, 2:]
        boxes = torch.cat(((near + far) / 2, far - near), 1) * strides.T
        return torch.cat((boxes, logits.sigmoid()), 1)
