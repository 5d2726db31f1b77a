"""What the network is trained to minimise.

Which cells answer for which object is decided anew at every step, by how well each cell already does (task-aligned assignment:
score^0.5 * IoU^6, the ten best cells whose centres lie in the box). Those cells learn the box (complete IoU, and the
distance distribution by cross entropy of the two neighbouring bins) and a score that equals their relative alignment.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .network import DISTANCE_BINS, cell_centres, flatten_levels

_CELLS_PER_OBJECT = 10
_SCORE_POWER, _IOU_POWER = 0.5, 6.0
_BOX_GAIN, _SCORE_GAIN, _DISTRIBUTION_GAIN = 7.5, 0.5, 1.5
_TINY = 1e-7


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the centres' distance and the difference of the aspect ratios. Boxes are x1, y1, x2, y2 in the last dimension."""
    ax1, ay1, ax2, ay2 = a.unbind(-1)
    bx1, by1, bx2, by2 = b.unbind(-1)
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1
    shared = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(0) * (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(0)
    iou = shared / (aw * ah + bw * bh - shared + _TINY)
    hull_w = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    hull_h = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    apart = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
    shape = (torch.atan(bw / (bh + _TINY)) - torch.atan(aw / (ah + _TINY))) ** 2 * (4 / math.pi ** 2)
    with torch.no_grad():
        shape_weight = shape / (1 - iou + shape + _TINY)
    return iou - apart / (hull_w ** 2 + hull_h ** 2 + _TINY) - shape_weight * shape


@torch.no_grad()
def assign(scores: Tensor, boxes: Tensor, centres: Tensor, kinds: Tensor, truth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """scores [N,A,C], boxes [N,A,4] and centres [A,2] in pixels; kinds [N,M], truth [N,M,4], valid [N,M].
    Returns for each cell the index of its object [N,A], whether it has one [N,A], and the score it should give [N,A]."""
    batch, cells, classes = scores.shape
    near, far = truth[:, :, None, :2], truth[:, :, None, 2:]
    inside = ((centres > near) & (centres < far)).all(-1) & valid[..., None]
    wanted = kinds.clamp(0)[:, None, :].expand(batch, cells, -1)
    own_score = scores.gather(2, wanted).transpose(1, 2)
    iou = complete_iou(boxes[:, None], truth[:, :, None]).clamp(0) * inside
    alignment = own_score ** _SCORE_POWER * iou ** _IOU_POWER
    best, index = alignment.topk(_CELLS_PER_OBJECT, 2)
    taken = torch.zeros_like(alignment).scatter_(2, index, (best > 0).to(alignment.dtype))
    # A cell that several objects want goes to the one it overlaps most.
    claim = (iou + _TINY) * taken
    strongest, owner = claim.max(1)
    has_object = strongest > 0
    mine = functional.one_hot(owner, truth.shape[1]).transpose(1, 2) * taken * has_object[:, None]
    alignment = alignment * mine
    top_alignment = alignment.amax(2, keepdim=True)
    top_iou = (iou * mine).amax(2, keepdim=True)
    target = (alignment / (top_alignment + 1e-9) * top_iou).amax(1)
    return owner, has_object, target


class DetectionLoss:
    def __init__(self, assigner: Callable[..., tuple[Tensor, Tensor, Tensor]] = assign) -> None:
        self._assign = assigner

    def __call__(self, outputs: list[tuple[Tensor, Tensor]], labels: Tensor) -> tuple[Tensor, Tensor]:
        """labels [N,M,5]: class (-1 = none), box in pixels. Returns the loss and its three parts (box, score, distribution)."""
        outputs = [(box.float(), score.float()) for box, score in outputs]
        centres, strides = cell_centres([box for box, _ in outputs])
        distances, logits = flatten_levels(outputs)
        batch, _, cells = distances.shape
        distances = distances.reshape(batch, 4, DISTANCE_BINS, cells).permute(0, 3, 1, 2)  # [N,A,4,16]
        logits = logits.transpose(1, 2)
        bins = torch.arange(DISTANCE_BINS, device=logits.device, dtype=torch.float32)
        sides = distances.softmax(-1) @ bins
        boxes = torch.cat((centres - sides[..., :2], centres + sides[..., 2:]), -1)  # in units of the stride
        truth, kinds = labels[..., 1:], labels[..., 0].long()
        owner, has_object, target = self._assign(
            logits.detach().sigmoid(), boxes.detach() * strides, centres * strides, kinds, truth, kinds >= 0)

        kind_of_cell = kinds.gather(1, owner).clamp(0)
        wanted = torch.zeros_like(logits).scatter_(2, kind_of_cell[..., None], target[..., None])
        total = target.sum().clamp(min=1)
        score_loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total

        # Everything is computed for all cells and weighted by zero elsewhere: no shapes that depend on the data, no waiting.
        weight = target * has_object
        truth_of_cell = truth.gather(1, owner[..., None].expand(-1, -1, 4)) / strides
        box_loss = ((1 - complete_iou(boxes, truth_of_cell)) * weight).sum() / total
        wanted_sides = torch.cat((centres - truth_of_cell[..., :2], truth_of_cell[..., 2:] - centres), -1)
        wanted_sides = wanted_sides.clamp(0, DISTANCE_BINS - 1 - 0.01)
        lower = wanted_sides.floor()
        upper_share = wanted_sides - lower
        log_share = distances.log_softmax(-1)
        at_lower = log_share.gather(-1, lower.long()[..., None])[..., 0]
        at_upper = log_share.gather(-1, lower.long()[..., None] + 1)[..., 0]
        distribution = -(at_lower * (1 - upper_share) + at_upper * upper_share).mean(-1)
        distribution_loss = (distribution * weight).sum() / total
        parts = torch.stack((box_loss * _BOX_GAIN, score_loss * _SCORE_GAIN, distribution_loss * _DISTRIBUTION_GAIN))
        return parts.sum(), parts.detach()
