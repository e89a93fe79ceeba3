"""Messages that show whether they are whole, for tests of shared memory in this process and in others."""

from __future__ import annotations

from typing import Any

import numpy as np

NOTE = np.dtype([("n", "<u8"), ("key", "<u4"), ("check", "<u4"), ("words", "<u8", (4,))])
KEYS = 5


def notes(first: int, end: int) -> np.ndarray[Any, Any]:
    """Messages whose every part follows from their sequence."""
    made = np.zeros(end - first, NOTE)
    made["n"] = np.arange(first, end)
    made["key"] = made["n"] % KEYS
    made["check"] = ~made["n"].astype("u4")
    made["words"] = made["n"][:, None] * np.array([3, 5, 7, 11], "u8")
    return made
