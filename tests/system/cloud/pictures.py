"""Look at a picture: how much of a PNG is dark, and how much is bright (PNG specification, third edition)."""

import struct
import zlib

SIGNATURE_BYTES = 8
CHANNELS = {2: 3, 6: 4}  # colour types: red, green, blue; the same with alpha


def count_pixels(png):
    """Return how many pixels are nearly black, and how many are bright."""
    width, _, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    assert colour in CHANNELS
    channels = CHANNELS[colour]
    raw, stride = zlib.decompress(b"".join(image_data(png))), width * channels
    above, dark, bright = bytes(stride), 0, 0
    for start in range(0, len(raw), stride + 1):
        line = unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels)
        for x in range(0, stride, channels):
            brightest = max(line[x : x + 3])
            dark += brightest < 16
            bright += brightest > 128
        above = line
    return dark, bright


def image_data(png):
    """Find the chunks that hold the compressed pixels."""
    at = SIGNATURE_BYTES
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            yield png[at + 8 : at + 8 + size]
        at += 12 + size


def unfilter(kind, line, above, channels):
    """Undo a row's filter (section 9.2)."""
    if kind == 0:
        return line
    for x in range(len(line)):
        left = line[x - channels] if x >= channels else 0
        up = above[x]
        corner = above[x - channels] if x >= channels else 0
        if kind == 1:
            line[x] = (line[x] + left) & 255
        elif kind == 2:
            line[x] = (line[x] + up) & 255
        elif kind == 3:
            line[x] = (line[x] + (left + up) // 2) & 255
        else:
            estimate = left + up - corner
            nearest = min((left, up, corner), key=lambda one: abs(estimate - one))
            line[x] = (line[x] + nearest) & 255
    return line
