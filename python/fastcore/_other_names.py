"""What people call the indicators elsewhere: words by which they are looked for and found here.

An indicator has one name, TA-Lib's where that has it. These are no further ones: only look-ups by text, the
command line, error messages and the pages know them.
"""

from __future__ import annotations

__all__ = ["OTHER_NAMES", "bare"]

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "AC": ("accelerator", "accelerator oscillator"),
    "AD": ("ADL", "accumulation/distribution"),
    "ADOSC": ("Chaikin oscillator",),
    "ALMA": ("Arnaud Legoux",),
    "AMIHUD": ("illiquidity",),
    "ANCHOREDVWAP": ("anchored VWAP bands",),
    "AO": ("awesome", "awesome oscillator"),
    "BANDWIDTH": ("BBW", "Bollinger bandwidth"),
    "BBANDS": ("BB", "Bollinger", "Bollinger bands"),
    "BIPOWER": ("bipower variation",),
    "BOP": ("balance of power",),
    "CHANDEKROLL": ("Chande Kroll stop",),
    "CHANDELIER": ("chandelier exit",),
    "CHOP": ("choppiness", "choppiness index"),
    "CMF": ("Chaikin money flow",),
    "CORREL": ("CORR", "correlation"),
    "COV": ("covariance",),
    "CRSI": ("Connors", "Connors RSI"),
    "EFI": ("force", "force index"),
    "EOM": ("EMV", "ease of movement"),
    "ERI": ("elder ray",),
    "FISHER": ("Fisher transform",),
    "FRACTAL": ("fractals", "Williams fractals"),
    "GARMANKLASS": ("GK",),
    "HA": ("Heikin-Ashi",),
    "HISTVOL": ("HV", "historical volatility"),
    "ICHIMOKU": ("Ichimoku cloud",),
    "KC": ("Keltner", "Keltner channel", "Keltner channels"),
    "KVO": ("Klinger", "Klinger oscillator"),
    "KYLELAMBDA": ("Kyle", "Kyle's lambda"),
    "LEEREADY": ("signed volume by Lee-Ready",),
    "LINEARREG": ("LSMA", "EPMA", "LINREG"),
    "MASSI": ("mass", "mass index"),
    "MAXDRAWDOWN": ("MDD", "drawdown"),
    "MCGINLEY": ("McGinley dynamic",),
    "MEDIAN": ("rolling median",),
    "OFI": ("order-flow imbalance",),
    "PERCENTB": ("Bollinger %B",),
    "PERCENTRANK": ("percentile rank",),
    "PIVOTS": ("pivot points", "classic pivots"),
    "PIVOTSCAMARILLA": ("Camarilla",),
    "PIVOTSDEMARK": ("DeMark",),
    "PIVOTSFIBONACCI": ("Fibonacci",),
    "PIVOTSWOODIE": ("Woodie",),
    "PVO": ("volume oscillator",),
    "PVT": ("VPT",),
    "QUEUEIMBALANCE": ("OBI", "book imbalance", "imbalance"),
    "QUOTEDSPREAD": ("spread",),
    "REALISEDSPREAD": ("realized spread",),
    "REALISEDVAR": ("realised variance", "realized variance", "realized var"),
    "RMA": ("SMMA", "Wilder", "Wilder's average"),
    "RVGI": ("relative vigor index",),
    "SAR": ("PSAR", "parabolic SAR"),
    "SMA": ("mean", "rolling mean"),
    "SQUEEZE": ("TTM", "TTM squeeze"),
    "STC": ("Schaff", "Schaff trend cycle"),
    "STDDEV": ("STD", "STDEV", "rolling std"),
    "STOCH": ("stochastic", "stochastic oscillator"),
    "STOCHF": ("fast stochastic",),
    "SUPERSMOOTHER": ("SSF",),
    "TICKRULE": ("signed volume",),
    "TIMESTD": ("time-windowed std",),
    "TIMEVWAP": ("time-windowed VWAP",),
    "TRANGE": ("TR", "true range"),
    "ULCER": ("ulcer index",),
    "ULTOSC": ("UO", "ultimate oscillator"),
    "VAR": ("variance",),
    "VOLUMEPROFILE": ("VP",),
    "VORTEX": ("vortex indicator",),
    "WILLR": ("Williams %R",),
    "YANGZHANG": ("YZ",),
}


def bare(name: str) -> str:
    """A name without what people write in several ways: case, blanks, hyphens, underscores."""
    return "".join(letter for letter in name.upper() if letter.isalnum())
