"""How a symbol takes what it is given: the rules behind the ledger's buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """Rules for ticks that are late or cannot be.

    Parameters
    ----------
    order : {"drop", "reject", "accept"}
        A tick older than the newest: counted as late_dropped; refused with a TickError and counted as
        rejected; or taken where it stands and counted as late_accepted. A closed bar older than the newest
        of its clock cannot be taken after it: it is left out, also where late ticks are accepted.
    invalid : {"drop", "raise"}
        A price that is not above 0, a size below 0, NaN or infinite: counted as invalid, or counted
        and refused with a TickError.

    Examples
    --------
    >>> Policy(order="accept").order
    'accept'
    """

    order: Literal["drop", "reject", "accept"] = "drop"
    invalid: Literal["drop", "raise"] = "drop"
