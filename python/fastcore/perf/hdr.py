"""Histograms in HdrHistogram's format: what its plotters, log processors and other languages read.

Source: the V2 encoding and the log format 1.3 of HdrHistogram, github.com/HdrHistogram/HdrHistogram.
"""

from __future__ import annotations

import base64
import os
import struct
import zlib
from collections.abc import Mapping

from fastcore._core import Histogram

__all__ = ["encode", "write_log"]

_DIGITS, _HALF_BITS = 2, 7  # two digits: 256 places to a bucket, of which the lower half is the bucket below
_PLAIN, _PACKED = 0x1C849313, 0x1C849314


def encode(histogram: Histogram) -> bytes:
    """A histogram as base64 of its compressed V2 encoding, with two digits.

    Parameters
    ----------
    histogram : Histogram
        In ns. Each record goes to the largest value of its bucket, so percentiles are at most 3 % above.

    Returns
    -------
    bytes
        What ``HdrHistogram.decode`` of any language takes.

    Examples
    --------
    >>> histogram = Histogram()
    >>> histogram.record(1000)
    >>> encode(histogram)[:6]
    b'HISTFA'
    """
    counts: dict[int, int] = {}
    highest = 2
    for top, count in histogram.buckets():
        place = _place(top)
        counts[place] = counts.get(place, 0) + count
        highest = max(highest, top)
    payload = _runs(counts)
    head = struct.pack(">iiiiqqd", _PLAIN, len(payload), 0, _DIGITS, 1, min(highest, 2**62), 1.0)
    packed = zlib.compress(head + payload)
    return base64.b64encode(struct.pack(">ii", _PACKED, len(packed)) + packed)


def write_log(
    path: str | os.PathLike[str], histograms: Mapping[str, Histogram], start: float, end: float
) -> None:
    """Write histograms as a log with one interval, a line for each, tagged with its name.

    Parameters
    ----------
    path : path
    histograms : mapping of str to Histogram
        Names without commas, blanks or line ends: others are replaced.
    start, end : float
        Seconds since 1970 UTC.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {start:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    for name, histogram in histograms.items():
        tag = "".join("_" if letter in ", \r\n\t" else letter for letter in name)
        data = encode(histogram).decode()
        lines.append(f"Tag={tag},0.000,{end - start:.3f},{histogram.max / 1e6:.3f},{data}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _place(value: int) -> int:
    """Where a value is counted."""
    bucket = max(0, value.bit_length() - 1 - _HALF_BITS)
    return ((bucket + 1) << _HALF_BITS) + (value >> bucket) - (1 << _HALF_BITS)


def _runs(counts: Mapping[int, int]) -> bytes:
    """Counts in order as variable-length numbers; a run of places without any is one negative number."""
    out = bytearray()
    before = -1
    for place in sorted(counts):
        gap = place - before - 1
        if gap:
            _number(out, -gap if gap > 1 else 0)
        _number(out, counts[place])
        before = place
    return bytes(out)


def _number(out: bytearray, value: int) -> None:
    rest = (value << 1) ^ (value >> 63)
    for _ in range(8):
        if rest < 0x80:
            out.append(rest)
            return
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest & 0xFF)
