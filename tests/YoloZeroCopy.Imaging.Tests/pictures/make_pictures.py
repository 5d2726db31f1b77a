#!/usr/bin/python3
"""Makes pictures.zip: small pictures of every kind, and the pixels that OpenCV's imread gets from them, for PicturePixelTests.

Needs OpenCV's Python package (Debian: python3-opencv) and a C compiler with libjpeg's headers (libjpeg62-turbo-dev) for the JPEG kinds that
cv2.imwrite cannot make. For a picture NAME the archive holds NAME.bgr: width and height as 16-bit little-endian numbers, then the pixels of IMREAD_COLOR;
and NAME.gray: those turned gray by cvtColor. OpenCV 4.6 reads no GIF: there the pixels are those that the file was made of.
"""
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import cv2
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20260101)


def picture(width, height, noise=6):
    """Smooth colours, hard edges and noise: every path of the decoder has something to do."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    img = np.stack([127 + 120 * np.sin(x / 7 + y / 13), 255 * x / max(1, width - 1), 255 * y / max(1, height - 1)], axis=2)
    img[height // 3: height // 2, width // 4: width // 2] = (20, 30, 250)
    img[height // 2:, : width // 5] = (250, 240, 10)
    img[:, width // 2: width // 2 + 2] = (0, 255, 0)
    return np.clip(img + rng.normal(0, noise, img.shape), 0, 255).astype(np.uint8)


def put(name, data, pixels=None):
    if pixels is None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, name
    size = struct.pack("<HH", pixels.shape[1], pixels.shape[0])
    for entry, content in ((name, data), (name + ".bgr", size + pixels.tobytes()), (name + ".gray", size + cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).tobytes())):
        # A fixed date: the same pictures make the same archive.
        archive.writestr(zipfile.ZipInfo(entry, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)


# --- JPEG through libjpeg itself: sampling, scans, restarts and colour models as asked.
MAKER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
/* width height channels quality space(0 gray, 1 ycc, 2 rgb, 3 cmyk, 4 ycck) h1 v1 h2 v2 h3 v3 progressive restart optimise separate; pixels on stdin, file on stdout */
int main(int argc, char** argv) {
    int a[16]; for (int i = 1; i < argc; i++) a[i - 1] = atoi(argv[i]);
    int w = a[0], h = a[1], c = a[2];
    unsigned char* px = malloc(w * h * c); if (fread(px, 1, w * h * c, stdin) != (size_t)(w * h * c)) return 1;
    struct jpeg_compress_struct s; struct jpeg_error_mgr e; s.err = jpeg_std_error(&e); jpeg_create_compress(&s);
    jpeg_stdio_dest(&s, stdout); s.image_width = w; s.image_height = h; s.input_components = c;
    s.in_color_space = c == 1 ? JCS_GRAYSCALE : c == 4 ? JCS_CMYK : JCS_RGB; jpeg_set_defaults(&s);
    if (a[4] == 2) jpeg_set_colorspace(&s, JCS_RGB);
    if (a[4] == 4) jpeg_set_colorspace(&s, JCS_YCCK);
    jpeg_set_quality(&s, a[3], TRUE);
    for (int i = 0; i < c && i < 3; i++) { s.comp_info[i].h_samp_factor = a[5 + 2 * i]; s.comp_info[i].v_samp_factor = a[6 + 2 * i]; }
    s.restart_interval = a[12]; s.optimize_coding = a[13];
    jpeg_scan_info separate[3];
    if (a[11]) jpeg_simple_progression(&s);
    else if (a[14]) {
        for (int i = 0; i < c; i++) { separate[i].comps_in_scan = 1; separate[i].component_index[0] = i; separate[i].Ss = 0; separate[i].Se = 63; separate[i].Ah = separate[i].Al = 0; }
        s.scan_info = separate; s.num_scans = c;
    }
    jpeg_start_compress(&s, TRUE);
    while (s.next_scanline < s.image_height) { JSAMPROW row = px + (size_t)s.next_scanline * w * c; jpeg_write_scanlines(&s, &row, 1); }
    jpeg_finish_compress(&s); return 0;
}
"""


def build_maker(folder):
    source = os.path.join(folder, "maker.c")
    with open(source, "w") as f:
        f.write(MAKER)
    program = os.path.join(folder, "maker")
    subprocess.run(["cc", "-O1", "-o", program, source, "-ljpeg"], check=True)
    return program


def jpeg(program, img, sampling, quality=85, space=1, progressive=0, restart=0, optimise=0, separate=0):
    channels = 1 if img.ndim == 2 else img.shape[2]
    pixels = img[:, :, ::-1] if channels == 3 else img
    factors = [int(d) for d in sampling] + [1] * (6 - len(sampling))
    args = [img.shape[1], img.shape[0], channels, quality, space, *factors, progressive, restart, optimise, separate]
    return subprocess.run([program, *map(str, args)], input=pixels.tobytes(), stdout=subprocess.PIPE, check=True).stdout


def with_orientation(data, orientation, little):
    order = "<" if little else ">"
    tiff = (b"II*\0" if little else b"MM\0*") + struct.pack(order + "IH", 8, 1) + struct.pack(order + "HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


# --- PNG written by hand: every colour type and depth, every filter, interlaced or not.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def pack(row, depth):
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = "".join(format(int(v), f"0{depth}b") for v in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(kind, row, above, step):
    out = bytearray([kind])
    for i, value in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        out.append((value - [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) & 255)
    return bytes(out)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(samples, color_type, depth, interlaced=False, palette=None, transparency=None, parts=1):
    height, width = samples.shape[:2]
    channels = CHANNELS[color_type]
    samples = samples.reshape(height, width, channels)
    step = max(1, channels * depth // 8)
    raw = b""
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.shape[0] == 0 or part.shape[1] == 0:
            continue
        above = None
        for i, line in enumerate(part):
            row = pack(line.reshape(-1), depth)
            above = above if above is not None else bytes(len(row))
            raw += filtered((i + x0) % 5, row, above, step)
            above = row
    data = zlib.compress(raw, 9)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced)))
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    size = -(-len(data) // parts)
    for i in range(0, len(data), size):
        out += chunk(b"IDAT", data[i:i + size])
    return out + chunk(b"IEND", b"")


# --- GIF and BMP written by hand, of the kinds that cv2.imwrite does not make.
def gif(indices, palette, interlaced=False, transparent=None, frames=1):
    height, width = indices.shape
    bits = max(2, (len(palette) - 1).bit_length())
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 | (bits - 1), 0, 0)
    out += np.pad(palette, ((0, (1 << bits) - len(palette)), (0, 0))).astype(np.uint8).tobytes()
    rows = [y for start, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(start, height, step)] if interlaced else range(height)
    for frame in range(frames):
        # Codes of a fixed width: a clear code before the table grows to the next one.
        clear, codes = 1 << bits, []
        for i, value in enumerate(int(v) for y in rows for v in (indices[y] if frame == 0 else indices[height - 1 - y])):
            if i % ((1 << bits) - 2) == 0:
                codes.append(clear)
            codes.append(value)
        codes.append(clear + 1)
        stream = sum(code << (i * (bits + 1)) for i, code in enumerate(codes))
        data = stream.to_bytes(-(-len(codes) * (bits + 1) // 8), "little")
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", 4 | (transparent is not None), 10, transparent or 0, 0)
        out += b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0x40 if interlaced else 0) + bytes([bits])
        for i in range(0, len(data), 255):
            out += bytes([len(data[i:i + 255])]) + data[i:i + 255]
        out += b"\x00"
    return out + b"\x3b"


def bmp(rows, width, height, bits, compression=0, masks=b"", palette=b""):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(rows), 0, 0, len(palette) // 4, 0) + masks + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows


def make_jpegs(program):
    img = picture(45, 37)
    gray = img[:, :, 1].copy()
    for sampling in ("111111", "211111", "221111", "121111", "411111", "222121"):
        put(f"s{sampling}.jpg", jpeg(program, img, sampling))
    put("gray.jpg", jpeg(program, gray, "11"))
    put("rgb.jpg", jpeg(program, img, "111111", space=2))
    put("restart420.jpg", jpeg(program, img, "221111", restart=2))
    put("separate420.jpg", jpeg(program, img, "221111", separate=1, restart=3))
    put("progressive420.jpg", jpeg(program, img, "221111", progressive=1, restart=5))
    put("progressivegray.jpg", jpeg(program, gray, "11", progressive=1))
    put("q100.jpg", jpeg(program, img, "221111", quality=100))
    put("q5.jpg", jpeg(program, img, "221111", quality=5))
    for w, h in ((1, 1), (5, 4), (17, 1)):
        put(f"size{w}x{h}.jpg", jpeg(program, picture(w, h), "221111"))
    noise = rng.integers(0, 256, (40, 56, 3)).astype(np.uint8)
    put("noise420.jpg", jpeg(program, noise, "221111", quality=95))
    # Higher than the rows that are decoded at a time.
    put("tall422.jpg", jpeg(program, picture(36, 2000, noise=0), "211111", quality=10))
    base = jpeg(program, picture(11, 6), "221111")
    for orientation in range(1, 9):
        put(f"exif{orientation}.jpg", with_orientation(base, orientation, orientation % 2 == 0))
    inks = np.concatenate([255 - img, rng.integers(0, 256, (37, 45, 1)).astype(np.uint8)], axis=2)
    put("cmyk.jpg", jpeg(program, inks, "111111", space=3, quality=95))
    put("ycck.jpg", jpeg(program, inks, "221111", space=4, quality=95))


def make_pngs():
    img = picture(19, 13)
    rgb = img[:, :, ::-1].astype(np.int64)
    alpha = rng.integers(0, 256, (13, 19, 1))
    gray = img[:, :, 1:2].astype(np.int64)
    palette = rng.integers(0, 256, (256, 3))
    for interlaced in (False, True):
        tag = "i" if interlaced else ""
        put(f"gray1{tag}.png", png(gray >> 7, 0, 1, interlaced))
        put(f"gray8{tag}.png", png(gray, 0, 8, interlaced))
        put(f"gray16{tag}.png", png(np.minimum(gray * 257 + 77, 65535), 0, 16, interlaced))
        put(f"palette4{tag}.png", png(gray >> 4, 3, 4, interlaced, palette[:16], bytes(range(16))))
        put(f"palette8{tag}.png", png(gray, 3, 8, interlaced, palette))
        for depth, scale in ((8, 1), (16, 256)):
            low = 0 if depth == 8 else rng.integers(0, 256, rgb.shape)
            put(f"rgb{depth}{tag}.png", png(rgb * scale + low, 2, depth, interlaced, parts=3))
            low4 = 0 if depth == 8 else rng.integers(0, 256, (13, 19, 4))
            put(f"rgba{depth}{tag}.png", png(np.concatenate([rgb, alpha], axis=2) * scale + low4, 6, depth, interlaced))
            low2 = 0 if depth == 8 else rng.integers(0, 256, (13, 19, 2))
            put(f"graya{depth}{tag}.png", png(np.concatenate([gray, alpha], axis=2) * scale + low2, 4, depth, interlaced))
    for w, h in ((1, 1), (1, 9), (9, 1)):
        put(f"size{w}x{h}.png", png(picture(w, h)[:, :, ::-1].astype(np.int64), 2, 8, True))
    plain = png(rgb, 2, 8)
    for orientation in (2, 6, 8):
        tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
        put(f"turned{orientation}.png", plain[:33] + chunk(b"eXIf", tiff) + plain[33:])


def make_others():
    img = picture(45, 37)
    alpha = rng.integers(0, 256, (37, 45, 1)).astype(np.uint8)
    rgba = np.concatenate([img, alpha], axis=2)
    for name, pixels, quality in (("lossy", img, 75), ("lossless", img, 101), ("lossyalpha", rgba, 60), ("losslessalpha", rgba, 101)):
        put(f"{name}.webp", cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes())
    put("rgb.bmp", cv2.imencode(".bmp", img)[1].tobytes())
    put("gray.bmp", cv2.imencode(".bmp", img[:, :, 1].copy())[1].tobytes())
    small = picture(6, 5)
    four = np.concatenate([small, np.full((5, 6, 1), 255, np.uint8)], axis=2)
    put("topdown32.bmp", bmp(four.tobytes(), 6, -5, 32))
    palette = rng.integers(0, 256, (16, 4)).astype(np.uint8)
    put("palette4.bmp", bmp(rng.integers(0, 256, (5, 4)).astype(np.uint8).tobytes(), 6, 5, 4, palette=palette.tobytes()))
    rle = b"".join(bytes([3, y, 0, 3, y + 1, y + 2, y + 3, 0, 0, 0]) for y in range(5)) + b"\x00\x01"
    put("rle8.bmp", bmp(rle, 6, 5, 8, 1, palette=palette.tobytes()))
    colors = rng.integers(0, 256, (30, 3))
    indices = rng.integers(0, 30, (13, 19))
    bgr = colors[:, ::-1].astype(np.uint8)[indices]
    put("still.gif", gif(indices, colors), bgr)
    put("interlaced.gif", gif(indices, colors, interlaced=True), bgr)
    put("frames.gif", gif(indices, colors, frames=3), bgr)
    put("transparent.gif", gif(indices, colors, transparent=7), np.where(indices[:, :, None] == 7, 0, bgr).astype(np.uint8))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(os.path.join(HERE, "pictures.zip"), "w") as archive:
        make_jpegs(sys.argv[1] if len(sys.argv) > 1 else build_maker(folder))
        make_pngs()
        make_others()
