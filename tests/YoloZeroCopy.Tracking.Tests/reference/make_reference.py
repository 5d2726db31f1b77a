#!/usr/bin/env python3
"""Writes sequences.txt.gz: seeded synthetic detections with the identities that ByteTrack's published rules give them.

A second implementation of the rules, on numpy and scipy (Debian: python3-scipy) and as the papers write them: one Kalman filter of eight numbers
with whole matrices, costs padded to a square of (rows + columns) with half the limit, lists of tracked, lost and removed tracks. Two runs give the
same file. Sources of the rules: Zhang et al., "ByteTrack" (2022), and Bewley et al., "SORT" (2016).

    python3 make_reference.py          writes the file beside this script
    python3 make_reference.py --check  only compares with it

Format, one text line each: `s` high low new match fuse buffer begins a sequence, thresholds in 1/1024. Each further line is a frame: detections
separated by spaces, each x1,y1,x2,y2,score,id with edges in 1/4 pixel, scores in 1/1024 and id 0 where the detection is no reported track's.
"""
import gzip
import io
import pathlib
import random
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment

SEQUENCES = 200
FRAMES = 150
EDGE = 4
SCORE = 1024
NEW, TRACKED, LOST, REMOVED = range(4)


# The rules.

class Filter:
    """Kalman filter of centre x, centre y, aspect, height and their velocities."""
    MOTION = np.eye(8) + np.eye(8, k=4)
    MEASURE = np.eye(4, 8)

    def __init__(self, box):
        self.mean = np.concatenate([measure(box), np.zeros(4)])
        h = self.mean[3]
        self.covariance = np.diag(np.square([2 * h / 20, 2 * h / 20, 1e-2, 2 * h / 20, 10 * h / 160, 10 * h / 160, 1e-5, 10 * h / 160]))

    def predict(self):
        h = self.mean[3]
        noise = np.diag(np.square([h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]))
        self.mean = self.MOTION @ self.mean
        self.covariance = self.MOTION @ self.covariance @ self.MOTION.T + noise

    def update(self, box):
        h = self.mean[3]
        projected = self.MEASURE @ self.covariance @ self.MEASURE.T + np.diag(np.square([h / 20, h / 20, 1e-1, h / 20]))
        gain = np.linalg.solve(projected, self.MEASURE @ self.covariance).T
        self.mean = self.mean + gain @ (measure(box) - self.MEASURE @ self.mean)
        self.covariance = self.covariance - gain @ projected @ gain.T

    def box(self):
        x, y, aspect, h = self.mean[:4]
        return np.array([x - aspect * h / 2, y - h / 2, x + aspect * h / 2, y + h / 2])


def measure(box):
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1])


def overlaps(rows, columns):
    """Intersection over union of every row's box with every column's."""
    if not len(rows) or not len(columns):
        return np.zeros((len(rows), len(columns)))
    a, b = np.array(rows)[:, None, :], np.array(columns)[None, :, :]
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = sides[..., 0] * sides[..., 1]
    area = lambda box: (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
    return shared / (area(a) + area(b) - shared)


def assign(costs, limit):
    """Pairs, rows left and columns left, at the least total where whatever is left costs limit / 2."""
    n, m = costs.shape
    padded = np.full((n + m, n + m), limit / 2)
    padded[:n, :m] = costs
    padded[n:, m:] = 0
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(padded)) if i < n and j < m]
    rows, columns = {i for i, _ in pairs}, {j for _, j in pairs}
    return pairs, [i for i in range(n) if i not in rows], [j for j in range(m) if j not in columns]


class Track:
    def __init__(self, detection):
        self.detection = detection
        self.filter = None
        self.state = NEW
        self.confirmed = False

    def box(self):
        return self.filter.box()


class Tracker:
    def __init__(self, high, low, new, match, fuse, buffer):
        self.high, self.low, self.new, self.match, self.fuse, self.buffer = high, low, new, match, fuse, buffer
        self.frame = 0
        self.last_id = 0
        self.tracked, self.lost = [], []

    def costs(self, tracks, detections, fuse):
        similar = overlaps([t.box() for t in tracks], [d[:4] for d in detections])
        return 1 - (similar * np.array([d[4] for d in detections])[None, :] if fuse and len(detections) else similar)

    def see(self, track, detection):
        track.filter.update(detection[:4])
        track.detection, track.last, track.state, track.confirmed = detection, self.frame, TRACKED, True

    def update(self, detections):
        """The identity of each detection, 0 where it has none."""
        self.frame += 1
        high = [d for d in detections if d[4] >= self.high]
        low = [d for d in detections if self.low < d[4] < self.high]
        unconfirmed = [t for t in self.tracked if not t.confirmed]
        pool = [t for t in self.tracked if t.confirmed] + self.lost
        for track in pool:
            if track.state != TRACKED:
                track.filter.mean[7] = 0
            track.filter.predict()

        pairs, rows, columns = assign(self.costs(pool, high, self.fuse), self.match)
        for i, j in pairs:
            self.see(pool[i], high[j])
        left = [high[j] for j in columns]

        rest = [pool[i] for i in rows if pool[i].state == TRACKED]
        pairs, rows, _ = assign(self.costs(rest, low, False), 0.5)
        for i, j in pairs:
            self.see(rest[i], low[j])
        for i in rows:
            rest[i].state = LOST

        pairs, rows, columns = assign(self.costs(unconfirmed, left, self.fuse), 0.7)
        for i, j in pairs:
            self.see(unconfirmed[i], left[j])
        for i in rows:
            unconfirmed[i].state = REMOVED

        begun = []
        for detection in (left[j] for j in columns):
            if detection[4] >= self.new:
                track = Track(detection)
                track.filter = Filter(detection[:4])
                self.last_id += 1
                track.id, track.first, track.last, track.state = self.last_id, self.frame, self.frame, TRACKED
                track.confirmed = self.frame == 1
                begun.append(track)

        for track in pool:
            if track.state == LOST and self.frame - track.last > self.buffer:
                track.state = REMOVED
        known = pool + unconfirmed + begun
        self.tracked = [t for t in known if t.state == TRACKED]
        self.lost = [t for t in known if t.state == LOST]

        same = overlaps([t.box() for t in self.tracked], [t.box() for t in self.lost])
        shorter_tracked, shorter_lost = set(), set()
        for i, j in zip(*np.nonzero(1 - same < 0.15)):
            p, q = self.tracked[i], self.lost[j]
            if p.last - p.first > q.last - q.first:
                shorter_lost.add(j)
            else:
                shorter_tracked.add(i)
        self.tracked = [t for i, t in enumerate(self.tracked) if i not in shorter_tracked]
        self.lost = [t for j, t in enumerate(self.lost) if j not in shorter_lost]

        ids = {id(t.detection): t.id for t in self.tracked if t.confirmed}
        return [ids.get(id(d), 0) for d in detections]


# The scenes.

STYLES = [
    # high, low, new, match, fuse, buffer; objects, speed, jitter, share of misses, share of the picture that they keep to
    ((256, 102, 256, 819, 1, 30), (4, 9), 4, 1.0, 0.05, 1.0),
    ((614, 102, 717, 819, 1, 30), (4, 9), 6, 1.5, 0.08, 0.7),
    ((256, 102, 256, 716, 0, 30), (14, 20), 9, 4.0, 0.10, 0.4),
    ((512, 205, 614, 921, 1, 8), (4, 8), 6, 3.0, 0.25, 0.5),
    ((256, 102, 300, 819, 1, 60), (20, 28), 8, 4.0, 0.08, 0.4),
]
WIDTH, HEIGHT = 1280, 720


class Object:
    def __init__(self, chance, speed, spread):
        self.w, self.h = chance.uniform(24, 160), chance.uniform(24, 200)
        self.area = [WIDTH * (1 - spread) / 2, HEIGHT * (1 - spread) / 2, WIDTH * (1 + spread) / 2, HEIGHT * (1 + spread) / 2]
        self.x, self.y = chance.uniform(self.area[0], self.area[2]), chance.uniform(self.area[1], self.area[3])
        self.vx, self.vy = chance.gauss(0, speed), chance.gauss(0, speed / 2)
        self.growth = chance.gauss(0, 0.003)
        self.score = chance.uniform(0.3, 0.95)
        self.begin = 0 if chance.random() < 0.5 else chance.randrange(FRAMES)
        self.end = self.begin + chance.randrange(20, FRAMES)
        self.depth = chance.random()

    def step(self, chance, speed):
        turn = chance.random()
        if turn < 0.01:
            self.vx, self.vy = chance.gauss(0, speed), chance.gauss(0, speed / 2)
        elif turn < 0.02:
            self.vx = self.vy = 0
        self.x += self.vx
        self.y += self.vy
        self.w = min(max(self.w * (1 + self.growth), 12), 300)
        self.h = min(max(self.h * (1 + self.growth), 12), 300)
        if not self.area[0] < self.x < self.area[2]:
            self.vx = abs(self.vx) if self.x < WIDTH / 2 else -abs(self.vx)
        if not self.area[1] < self.y < self.area[3]:
            self.vy = abs(self.vy) if self.y < HEIGHT / 2 else -abs(self.vy)

    def box(self):
        return np.array([self.x - self.w / 2, self.y - self.h / 2, self.x + self.w / 2, self.y + self.h / 2])


def quantise(box, score):
    x1, x2 = (round(min(max(v, 0), WIDTH) * EDGE) for v in (box[0], box[2]))
    y1, y2 = (round(min(max(v, 0), HEIGHT) * EDGE) for v in (box[1], box[3]))
    return (x1, y1, x2, y2, min(max(round(score * SCORE), 1), SCORE))


def scene(seed):
    """The options of one sequence and its frames, in whole units."""
    options, count, speed, jitter, missing, spread = STYLES[seed % len(STYLES)]
    chance = random.Random(seed)
    objects = [Object(chance, speed, spread) for _ in range(chance.randint(*count))]
    frames = []
    for frame in range(FRAMES):
        detections = []
        shown = sorted((o for o in objects if o.begin <= frame < o.end), key=lambda o: o.depth)
        for i, item in enumerate(shown):
            item.step(chance, speed)
            box = item.box()
            # How much of it the nearest one before it covers.
            covered = 0
            for other in shown[:i]:
                b = other.box()
                w, h = min(box[2], b[2]) - max(box[0], b[0]), min(box[3], b[3]) - max(box[1], b[1])
                covered = max(covered, max(w, 0) * max(h, 0) / (item.w * item.h))
            score = item.score * (1 - 0.7 * covered) + chance.gauss(0, 0.05)
            if covered > 0.9 or chance.random() < missing:
                continue
            if chance.random() < 0.1:
                score *= 0.35
            detections.append(quantise([edge + chance.gauss(0, jitter) for edge in box], score))
        for _ in range(chance.choice((0, 0, 0, 0, 1, 2))):
            x, y, w, h = chance.uniform(0, WIDTH), chance.uniform(0, HEIGHT), chance.uniform(15, 150), chance.uniform(15, 150)
            detections.append(quantise([x - w / 2, y - h / 2, x + w / 2, y + h / 2], chance.uniform(0.05, 0.6)))
        # A second box for one object, as suppression lets some pass.
        if detections and chance.random() < 0.05:
            x1, y1, x2, y2, score = chance.choice(detections)
            detections.append((x1 + 8, y1 + 4, x2 + 12, y2 + 8, max(score // 2, 1)))
        chance.shuffle(detections)
        frames.append([d for d in detections if d[2] > d[0] and d[3] > d[1]])
    return options, frames


def sequence(seed):
    options, frames = scene(seed)
    high, low, new, match, fuse, buffer = options
    yield 's ' + ' '.join(map(str, options))
    tracker = Tracker(high / SCORE, low / SCORE, new / SCORE, match / SCORE, bool(fuse), buffer)
    for frame in frames:
        detections = [(x1 / EDGE, y1 / EDGE, x2 / EDGE, y2 / EDGE, score / SCORE) for x1, y1, x2, y2, score in frame]
        yield ' '.join(','.join(map(str, (*d, i))) for d, i in zip(frame, tracker.update(detections)))


def main():
    text = ''.join(line + '\n' for seed in range(SEQUENCES) for line in sequence(seed))
    target = pathlib.Path(__file__).with_name('sequences.txt.gz')
    if '--check' in sys.argv:
        sys.exit(0 if gzip.decompress(target.read_bytes()).decode() == text else 'sequences.txt.gz is not what this script gives.')
    packed = io.BytesIO()
    # No name and no time: the same text gives the same bytes.
    with gzip.GzipFile(filename='', mode='wb', fileobj=packed, mtime=0) as file:
        file.write(text.encode())
    target.write_bytes(packed.getvalue())


if __name__ == '__main__':
    main()
