"""Heads, and what exports put behind them: raw maps in, detections out, in the three layouts that there are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from architectures.blocks import depthwise
from conveyor.network import DISTANCE_BINS, STRIDES, ConvBlock

KEPT = 300
"""Detections of a head that ends in the best ones."""

ANCHORS = (((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)))
"""YOLOv5's anchor boxes of each level, width and height in pixels."""


def cells(level: Tensor, fixed: bool) -> tuple[Tensor, Tensor]:
    """Column and row of every cell of a map, [H,W] each. `fixed`: as constants of the exported model."""
    height, width = (int(side) for side in level.shape[-2:]) if fixed else level.shape[-2:]
    # Counted in float32 whatever the maps hold: ONNX has no half-precision Range.
    x = torch.arange(width, device=level.device, dtype=torch.float32).to(level.dtype)
    y = torch.arange(height, device=level.device, dtype=torch.float32).to(level.dtype)
    row, column = torch.meshgrid(y, x, indexing="ij")
    return column, row


class AnchorHead(nn.Module):
    """YOLOv5: one convolution a level; at every cell, for each of three anchors, box, objectness and class scores. [N,A,5+C]"""

    end_to_end = False

    def __init__(self, classes: int, channels: list[int]) -> None:
        super().__init__()
        self.classes = classes
        self.levels = nn.ModuleList(nn.Conv2d(count, 3 * (5 + classes), 1) for count in channels)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        return [head(level) for head, level in zip(self.levels, levels)]

    def decode(self, maps: list[Tensor], fixed: bool) -> Tensor:
        rows = []
        for level, stride, anchors in zip(maps, STRIDES, ANCHORS):
            pictures, _, height, width = level.shape
            values = level.view(pictures, 3, 5 + self.classes, height, width).permute(0, 1, 3, 4, 2).sigmoid()
            centre, size, scores = values.split((2, 2, 1 + self.classes), 4)
            column, row = cells(level, fixed)
            corner = torch.stack((column, row), -1) - 0.5
            sizes = torch.tensor(anchors, dtype=level.dtype, device=level.device).view(1, 3, 1, 1, 2)
            row_of_all = torch.cat(((centre * 2 + corner) * stride, (size * 2) ** 2 * sizes, scores), 4)
            rows.append(row_of_all.view(pictures, 3 * height * width, 5 + self.classes))
        return torch.cat(rows, 1)

    def outputs(self) -> tuple[int | str, ...]:
        return "batch", "anchors", 5 + self.classes


class DistanceHead(nn.Module):
    """
    Two towers a level: distances from the cell's centre to the four sides, as distributions over `bins` or one number each, and class logits.
    [N,4+C,A], or, where training left one anchor for each object, the best `KEPT` detections: [N,300,6].
    """

    def __init__(self, classes: int, channels: list[int], bins: int = DISTANCE_BINS, separated: bool = True, end_to_end: bool = False,
                 least: int = 64) -> None:
        super().__init__()
        self.classes, self.bins, self.end_to_end = classes, bins, end_to_end
        box_width = max(min(least, 16), channels[0] // 4, min(least, 4 * bins))
        class_width = max(channels[0], min(classes, 100))
        self.box = nn.ModuleList(self._tower(count, box_width, 4 * bins, False) for count in channels)
        self.score = nn.ModuleList(self._tower(count, class_width, classes, separated) for count in channels)
        self.register_buffer("distances", torch.arange(bins, dtype=torch.float32).view(1, bins, 1, 1))

    @staticmethod
    def _tower(inputs: int, width: int, outputs: int, separated: bool) -> nn.Sequential:
        if separated:
            return nn.Sequential(depthwise(inputs), ConvBlock(inputs, width), depthwise(width), ConvBlock(width, width),
                                 nn.Conv2d(width, outputs, 1))
        return nn.Sequential(ConvBlock(inputs, width, 3), ConvBlock(width, width, 3), nn.Conv2d(width, outputs, 1))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        return [torch.cat((box(level), score(level)), 1) for box, score, level in zip(self.box, self.score, levels)]

    def decode(self, maps: list[Tensor], fixed: bool) -> Tensor:
        pictures = maps[0].shape[0]
        rows = torch.cat([level.flatten(2) for level in maps], 2)
        sides, logits = rows.split((4 * self.bins, self.classes), 1)
        grids = [cells(level, fixed) for level in maps]
        centres = torch.cat([torch.stack((column.flatten(), row.flatten())) + 0.5 for column, row in grids], 1)
        strides = torch.cat([torch.full_like(column.flatten(), stride) for (column, _), stride in zip(grids, STRIDES)])
        if self.bins > 1:
            shares = sides.view(pictures, 4, self.bins, -1).transpose(1, 2).softmax(1)
            sides = nn.functional.conv2d(shares, self.distances).view(pictures, 4, -1)
        near, far = sides.chunk(2, 1)
        first, last = centres - near, centres + far
        if self.end_to_end:
            return self._best(torch.cat((first, last), 1) * strides, logits.sigmoid())
        return torch.cat((torch.cat(((first + last) / 2, last - first), 1) * strides, logits.sigmoid()), 1)

    def _best(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """The best pairs of an anchor and a class, among the anchors whose best class is best."""
        boxes, scores = boxes.transpose(1, 2), scores.transpose(1, 2)
        count = min(KEPT, int(scores.shape[1]))
        anchors = scores.amax(2).topk(count).indices[..., None]
        boxes = boxes.gather(1, anchors.expand(-1, -1, 4))
        scores, pairs = scores.gather(1, anchors.expand(-1, -1, self.classes)).flatten(1).topk(count)
        owners = torch.div(pairs, self.classes, rounding_mode="floor")
        boxes = boxes.gather(1, owners[..., None].expand(-1, -1, 4))
        return torch.cat((boxes, scores[..., None], (pairs - owners * self.classes)[..., None].to(boxes.dtype)), 2)

    def outputs(self) -> tuple[int | str, ...]:
        return ("batch", KEPT, 6) if self.end_to_end else ("batch", 4 + self.classes, "anchors")
