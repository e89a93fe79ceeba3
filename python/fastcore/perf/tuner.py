"""The tuner: turns one knob at a time, measures both settings in turns, keeps what clearly wins.

What it measures is up to who calls it: a live process over windows of time, or a replay from end to end. It
is a hill climb with a guard: a breach ends a trial at once and puts the old setting back, and nothing is kept
that chance may have won. Every trial is a row that says what was tried and why it stayed or went.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fastcore.errors import ConfigError

__all__ = ["Knob", "Trial", "Tuner"]

log = logging.getLogger("fastcore.perf")

#: Student's t that 1 of 200 trials of two equal settings exceeds, by degrees of freedom.
_T = (63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17, 3.11, 3.05, 3.01, 2.98, 2.95)

Verdict = Literal["kept", "not better", "worse", "breach", "refused", "frozen", "set"]


@dataclass(frozen=True)
class Knob:
    """Something that can be set while it runs, declared by who owns it.

    Attributes
    ----------
    name : str
    get, set : callable
    values : sequence of float
        The settings there are, rising.
    cost : str
        What a larger setting costs, for whoever reads the trials.

    Examples
    --------
    >>> held = {"batch": 64}
    >>> knob = Knob("batch", lambda: held["batch"], lambda n: held.update(batch=n), (16, 64, 256))
    >>> knob.neighbours()
    [256, 16]
    """

    name: str
    get: Callable[[], float]
    set: Callable[[Any], Any]
    values: Sequence[float]
    cost: str = ""

    def __post_init__(self) -> None:
        values = list(self.values)
        if len(values) < 2 or values != sorted(set(values)):
            raise ConfigError(f"knob {self.name}: values must rise, and be two at least, not {values}")

    def neighbours(self) -> list[float]:
        """The settings above and below the one that holds."""
        now = self.get()
        above = [value for value in self.values if value > now]
        below = [value for value in self.values if value < now]
        return above[:1] + below[-1:]


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of the audit: a setting against another.

    Attributes
    ----------
    at : float
        s since 1970 UTC.
    knob : str
    before, after : float
        The setting that held and the one that was tried.
    ratio : float
        What is measured, tried over held: 0.8 is 20 % less. nan where nothing was measured.
    t : float
        How many standard errors that is from 1.
    verdict : str
    why : str
    """

    at: float
    knob: str
    before: float
    after: float
    ratio: float
    t: float
    verdict: Verdict
    why: str


class Tuner:
    """Tunes knobs so that a measured value falls.

    Parameters
    ----------
    knobs : sequence of Knob
        No two of one name.
    measure : callable
        Measures the setting that holds, for as long as that takes: a positive number, less is better.
    guard : callable, optional
        Asked after every measurement; a sentence is a breach, and "" is none.
    pairs : int
        Measurements of each setting, 3 to 16, in turns: A B, B A, A B.
    least : float
        Share by which it must be better to be worth it.
    file : path, optional
        Where trials are written, a line of JSON each.

    Raises
    ------
    ConfigError
        If knobs overlap or numbers are outside their ranges.

    Examples
    --------
    >>> held = {"batch": 1}
    >>> knob = Knob("batch", lambda: held["batch"], lambda n: held.update(batch=n), (1, 4, 16, 64))
    >>> tuner = Tuner([knob], lambda: 10 + 100 / held["batch"] + held["batch"])
    >>> tuner.climb()
    >>> held["batch"], [(trial.after, trial.verdict) for trial in tuner.trials]
    (16, [(4, 'kept'), (16, 'kept'), (64, 'worse'), (64, 'worse'), (4, 'worse')])
    """

    def __init__(
        self,
        knobs: Sequence[Knob],
        measure: Callable[[], float],
        *,
        guard: Callable[[], str] | None = None,
        pairs: int = 5,
        least: float = 0.03,
        file: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        names = [knob.name for knob in knobs]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ConfigError(f"Tuner: two knobs have the name {doubled[0]}: one would undo the other")
        if not 3 <= pairs <= 16 or not 0 <= least < 1:
            raise ConfigError(f"Tuner: pairs must be 3 to 16 and least 0 to 1, not {pairs} and {least}")
        self.knobs = list(knobs)
        self.trials: list[Trial] = []
        self._measure, self._guard = measure, guard or (lambda: "")
        self._pairs, self._least = pairs, least
        self._file, self._clock = file, clock
        self._frozen = threading.Event()
        self.trouble = ""

    @property
    def frozen(self) -> bool:
        """Whether nothing may be changed."""
        return self._frozen.is_set()

    def freeze(self) -> None:
        """Change nothing from now on; a trial that runs is ended, and its old setting put back."""
        self._frozen.set()

    def thaw(self) -> None:
        """Let it tune again."""
        self._frozen.clear()

    def climb(self, rounds: int = 20) -> None:
        """Try every knob's neighbours, as long as something wins, for so many rounds at most."""
        for _ in range(rounds):
            won = False
            for knob in self.knobs:
                won = self._climb(knob) or won
            if not won or self.frozen:
                return

    def _climb(self, knob: Knob) -> bool:
        """Go up or down as far as it wins; whether it did."""
        won, beaten = False, set[float]()
        while not self.frozen:
            for value in knob.neighbours():
                if value in beaten:
                    continue
                held = knob.get()
                if self.try_value(knob, value).verdict == "kept":
                    won = True
                    beaten.add(held)
                    break
                beaten.add(value)
            else:
                break
        return won

    def try_value(self, knob: Knob, value: float) -> Trial:
        """One trial: the setting that holds against another, in turns."""
        held = knob.get()
        ratios: list[float] = []
        why = ""
        verdict: Verdict = "not better"
        try:
            for pair in range(self._pairs):
                order = (held, value) if pair % 2 == 0 else (value, held)
                measured: dict[float, float] = {}
                for setting in order:
                    knob.set(setting)
                    measured[setting] = self._measure()
                    why = "it was frozen" if self.frozen else self._guard()
                    if why:
                        verdict = "frozen" if self.frozen else "breach"
                        raise _Ended
                ratios.append(math.log(measured[value] / measured[held]))
        except _Ended:
            pass
        except Exception as error:
            verdict, why = "refused", f"{type(error).__name__}: {error}"
            if self.frozen:
                verdict, why = "frozen", "it was frozen"
        ratio, t = _judged(ratios)
        if not why:
            verdict, why = self._verdict(ratio, t, len(ratios))
        if verdict == "kept":
            knob.set(value)
        else:
            knob.set(held)
        trial = Trial(self._clock(), knob.name, held, value, ratio, t, verdict, why)
        self._note(trial)
        return trial

    def set_by_hand(self, knob: Knob, value: float) -> Trial:
        """Set a knob, and note it beside the trials."""
        held = knob.get()
        knob.set(value)
        trial = Trial(self._clock(), knob.name, held, knob.get(), math.nan, 0.0, "set", "set by hand")
        self._note(trial)
        return trial

    def _verdict(self, ratio: float, t: float, count: int) -> tuple[Verdict, str]:
        certain = _T[min(count - 2, len(_T) - 1)]
        about = f"{abs(1 - ratio):.1%} {'less' if ratio < 1 else 'more'}, t = {t:.1f}, certain from {certain}"
        if t < -certain and ratio < 1 - self._least:
            return "kept", about
        return ("worse" if t > certain else "not better"), about

    def _note(self, trial: Trial) -> None:
        self.trials.append(trial)
        log.info(
            "knob %s from %g to %g: %s: %s",
            *(trial.knob, trial.before, trial.after, trial.verdict, trial.why),
        )
        if self._file is not None:
            try:
                with open(self._file, "a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(trial)) + "\n")
                self.trouble = ""
            except OSError as error:  # the trial is done, and is in `trials`
                self.trouble = f"trials cannot be written to {os.fspath(self._file)}: {error.strerror}"
                log.warning("%s", self.trouble)


class _Ended(Exception):
    """A trial that is not to go on."""


def _judged(logs: Sequence[float]) -> tuple[float, float]:
    """The mean ratio, and how many standard errors it is from 1."""
    if not logs:
        return math.nan, 0.0
    mean = sum(logs) / len(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0
    spread = math.sqrt(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))
    # Equal to the last digit is no certainty: 0.1 % is what nobody measures.
    error = max(spread, 1e-3) / math.sqrt(len(logs))
    return math.exp(mean), mean / error
