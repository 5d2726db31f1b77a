"""Trains the detector on scenes that are drawn while it trains.

    python train.py --seconds 430 --output conveyor.pt

Worker processes draw scenes without pause into a rolling store on the GPU; each step takes a random batch of it. The learning
rate follows the clock, so that a run takes the time it is given on any machine.
"""

from __future__ import annotations

import argparse
import copy
import math
import mmap
import multiprocessing
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from conveyor.classes import NAMES
from conveyor.loss import DetectionLoss, assign
from conveyor.network import Detector
from conveyor.samples import MOST_OBJECTS, TRAINING, training_sample

_CHUNK = 16             # pictures a worker hands over at once
_CHUNKS_PER_WORKER = 3
_PEAK_RATE = 2e-3
_WARM_UP_STEPS = 300
_WEIGHT_DECAY = 0.02


class SceneFactory:
    """Worker processes that draw into shared memory. Start it before CUDA: the workers are forks."""

    def __init__(self, workers: int, side: int, seed: int) -> None:
        context = multiprocessing.get_context("fork")
        chunks = workers * _CHUNKS_PER_WORKER
        # Anonymous shared memory, because /dev/shm is small on many machines.
        self._pictures = np.frombuffer(mmap.mmap(-1, chunks * _CHUNK * side * side * 3), np.uint8).reshape(chunks, _CHUNK, side, side, 3)
        self._labels = np.frombuffer(mmap.mmap(-1, chunks * _CHUNK * MOST_OBJECTS * 5 * 4), np.float32).reshape(chunks, _CHUNK, MOST_OBJECTS, 5)
        self._free, self._ready = context.Queue(), context.Queue()
        for chunk in range(chunks):
            self._free.put(chunk)
        self._workers = [context.Process(target=self._draw, args=(seed, w, side), daemon=True) for w in range(workers)]
        for worker in self._workers:
            worker.start()

    def _draw(self, seed: int, worker: int, side: int) -> None:
        os.nice(5)  # the training loop goes first
        cv2.setNumThreads(0)
        number = 0
        while True:
            chunk = self._free.get()
            for place in range(_CHUNK):
                picture, labels = training_sample((TRAINING, seed, worker, number), side)
                self._pictures[chunk, place], self._labels[chunk, place] = picture, labels
                number += 1
            self._ready.put(chunk)

    def waiting(self) -> int:
        return self._ready.qsize()

    def take_into(self, pictures: Tensor, labels: Tensor) -> None:
        chunk = self._ready.get()
        pictures.copy_(torch.from_numpy(self._pictures[chunk]))
        labels.copy_(torch.from_numpy(self._labels[chunk]))
        self._free.put(chunk)

    def stop(self) -> None:
        for worker in self._workers:
            worker.terminate()


class SceneStore:
    """The latest scenes, on the training device, as bytes."""

    def __init__(self, factory: SceneFactory, capacity: int, side: int, device: torch.device) -> None:
        capacity -= capacity % _CHUNK
        self._factory = factory
        self._pictures = torch.zeros(capacity, side, side, 3, dtype=torch.uint8, device=device)
        self._labels = torch.full((capacity, MOST_OBJECTS, 5), -1.0, device=device)
        self.drawn = 0

    def refill(self, at_least: int = 0) -> None:
        while self._factory.waiting() or self.drawn < at_least:
            start = self.drawn % len(self._pictures)
            self._factory.take_into(self._pictures[start:start + _CHUNK], self._labels[start:start + _CHUNK])
            self.drawn += _CHUNK

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        filled = min(self.drawn, len(self._pictures))
        index = torch.randint(filled, (size,), device=self._pictures.device)
        return vary(self._pictures[index], self._labels[index])


def vary(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mirrors and turns the scenes and changes their exposure, each its own way: [N,S,S,3] bytes to [N,3,S,S] in 0..1."""
    count, side = pictures.shape[:2]
    device = pictures.device
    kinds, (x1, y1, x2, y2) = labels[..., :1], labels[..., 1:].unbind(-1)

    def draw(share: float) -> Tensor:
        return torch.rand(count, device=device) < share

    def pick(flags: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        return torch.where(flags.view(-1, *[1] * (no.dim() - 1)), yes, no)

    flip = draw(0.5)
    pictures = pick(flip, pictures.flip(2), pictures)
    x1, x2 = pick(flip, side - x2, x1), pick(flip, side - x1, x2)
    flip = draw(0.5)
    pictures = pick(flip, pictures.flip(1), pictures)
    y1, y2 = pick(flip, side - y2, y1), pick(flip, side - y1, y2)
    flip = draw(0.5)
    pictures = pick(flip, pictures.transpose(1, 2), pictures)
    x1, y1, x2, y2 = pick(flip, y1, x1), pick(flip, x1, y1), pick(flip, y2, x2), pick(flip, x2, y2)

    values = pictures.permute(0, 3, 1, 2).float() / 255  # keeps the memory order: channels last
    changed = draw(0.6).view(-1, 1, 1, 1)
    gain = 1 + changed * (torch.rand(count, 3, 1, 1, device=device) * 0.16 - 0.08 + torch.rand(count, 1, 1, 1, device=device) * 0.5 - 0.25)
    lift = changed * (torch.rand(count, 1, 1, 1, device=device) * 0.12 - 0.06)
    grey = draw(0.06).view(-1, 1, 1, 1)
    values = torch.where(grey, values.mean(1, keepdim=True), values)
    values = (values * gain + lift).clamp(0, 1)
    return values.contiguous(memory_format=torch.channels_last), torch.cat((kinds, torch.stack((x1, y1, x2, y2), -1)), -1)


class Average:
    """The running average of the weights: what is kept in the end."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._mine = [v for v in self.model.state_dict().values() if v.is_floating_point()]
        self._theirs = [v for v in model.state_dict().values() if v.is_floating_point()]
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        self._steps += 1
        decay = 0.9995 * (1 - math.exp(-self._steps / 400))
        torch._foreach_mul_(self._mine, decay)
        torch._foreach_add_(self._mine, self._theirs, alpha=1 - decay)


def optimizer_for(model: nn.Module, fused: bool) -> torch.optim.Optimizer:
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]  # biases and normalisation are not decayed
    groups = [{"params": weights, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=_PEAK_RATE, betas=(0.9, 0.99), **({"fused": True} if fused else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=430, help="of training, after compilation")
    parser.add_argument("--output", type=Path, default=Path("conveyor.pt"))
    parser.add_argument("--resume", type=Path, help="a checkpoint to start from")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--store", type=int, default=48000, help="scenes kept on the device (1.2 MB each)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()

    factory = SceneFactory(args.workers, args.side, args.seed)
    torch.manual_seed(args.seed)
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    torch.backends.cudnn.benchmark = True
    model = Detector(len(NAMES)).to(device=device, memory_format=torch.channels_last)
    if args.resume:
        model.load_state_dict(torch.load(args.resume, map_location=device)["weights"])
    average = Average(model)
    optimizer = optimizer_for(model, fused=on_gpu)
    compiled = on_gpu and not args.no_compile
    forward = torch.compile(model) if compiled else model
    loss_of = DetectionLoss(torch.compile(assign) if compiled else assign)

    store = SceneStore(factory, args.store, args.side, device)
    store.refill(at_least=min(args.store // 2, 16 * args.batch))
    started = step = 0
    while True:
        store.refill()
        pictures, labels = store.batch(args.batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            outputs = forward(pictures)
        loss, parts = loss_of(outputs, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        if step == 0:
            parts.tolist()  # waits for the device: compilation is over
            started = time.monotonic()
        progress = (time.monotonic() - started) / args.seconds
        if progress >= 1:
            break
        rate = _PEAK_RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2) * min(1.0, (step + 1) / _WARM_UP_STEPS)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        average.update()
        if step % 100 == 0:
            box, score, distribution = parts.tolist()
            print(f"{time.monotonic() - started:6.1f} s  step {step:6d}  box {box:.3f}  score {score:.3f}  "
                  f"distribution {distribution:.3f}  scenes {store.drawn}", flush=True)
        step += 1
    factory.stop()
    torch.save({"weights": average.model.state_dict(), "names": NAMES, "steps": step, "scenes": store.drawn}, args.output)
    print(f"{step} steps of {args.batch}, {store.drawn} scenes drawn: {args.output}")


if __name__ == "__main__":
    main()
