"""What indicators are called elsewhere: look-ups by text find them, the code has one name for each."""

from __future__ import annotations

import json
from itertools import chain

import fastcore as fc
import pytest
from fastcore import config
from fastcore._other_names import OTHER_NAMES, bare
from fastcore.catalogue import chosen, families
from fastcore.cli import main

ASKED_FOR = {
    "Keltner": "KC",
    "keltner_channels": "KC",
    "Heikin Ashi": "HA",
    "HEIKINASHI": "HA",
    "Connors RSI": "CRSI",
    "TTM-squeeze": "SQUEEZE",
    "choppiness": "CHOP",
    "mass index": "MASSI",
    "force index": "EFI",
    "Camarilla": "PIVOTSCAMARILLA",
    "historical volatility": "HISTVOL",
    "garman_klass": "GARMANKLASS",
    "Kyle's lambda": "KYLELAMBDA",
    "realized variance": "REALISEDVAR",
    "ht dcperiod": "HT_DCPERIOD",
    " rsi ": "RSI",
}


def test_no_name_stands_for_two_indicators() -> None:
    """Nor for one whose own name it is."""
    own = {row["name"] for row in fc.indicators()}
    assert set(OTHER_NAMES) <= own
    words = [*map(bare, own), *map(bare, chain.from_iterable(OTHER_NAMES.values()))]
    assert len(words) == len(set(words))
    assert all(words)


@pytest.mark.parametrize(("name", "own"), ASKED_FOR.items())
def test_an_indicator_is_found_by_what_it_is_called_elsewhere(name: str, own: str) -> None:
    """Described, made, and told by the command line."""
    assert fc.describe(name)["name"] == own
    assert fc.make(name) == fc.make(own) or repr(fc.make(name)) == repr(fc.make(own))


def test_code_has_one_name_and_its_error_tells_it() -> None:
    """As a class and as a function; names of nothing have no hint, and private ones are not looked for."""
    for name, own in (("KELTNER", "KC"), ("keltner", "kc"), ("HEIKIN_ASHI", "HA"), ("Sma", "SMA")):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'; did you mean {own}\?"):
            getattr(fc, name)
    for name in ("nothing", "_keltner", "__wrapped__"):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'$"):
            getattr(fc, name)


def test_a_text_of_a_plan_keeps_to_the_catalogues_names() -> None:
    """Since a function of the user's may have one of the others: the error tells the catalogue's."""
    for text in ("keltner(20)", "Wilder(3)", "force"):
        with pytest.raises(fc.ConfigError, match=r"no indicator is named '.*'; did you mean (KC|RMA|EFI)\?"):
            config.parse_indicator(text)
    fc.function(lambda x: 2 * x, name="force")
    assert repr(config.parse_indicator('force(price("close"))')) == "force(price('close'))"


def test_rows_are_chosen_by_family_and_text() -> None:
    """Both at once; without either all."""
    assert [row["name"] for row in chosen("book")] == [
        row["name"] for row in fc.indicators() if row["family"] == "book"
    ]
    assert {row["name"] for row in chosen(find="keltner")} == {"KC", "SQUEEZE"}
    assert {row["name"] for row in chosen("OVERLAP", "Keltner")} == {"KC"}
    assert chosen(find="Williams %R") and chosen() == fc.indicators()
    assert chosen(find="no such words") == []
    assert families() == list(dict.fromkeys(row["family"] for row in fc.indicators()))
    with pytest.raises(fc.UnknownNameError, match="no family is named 'bok'; there are overlap, momentum"):
        chosen("bok")


def test_the_command_line_lists_a_family_and_finds_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each where its output is no terminal, so that others search in it."""
    assert main(["indicators", "--find", "keltner"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("KC ") and out[0].endswith("Also: Keltner, Keltner channel, Keltner channels.")
    assert out[1].startswith("SQUEEZE ") and out[-1].startswith("2 indicators")
    assert main(["indicators", "--family", "book", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["family"] for row in rows} == {"book"}
    assert {row["name"]: row["elsewhere"] for row in rows}["QUOTEDSPREAD"] == ["spread"]
    assert main(["indicators", "Heikin-Ashi"]) == 0
    assert "also     Heikin-Ashi" in capsys.readouterr().out
    for given, said in (
        (["--family", "bok"], "no family is named 'bok'"),
        (["RSI", "--find", "x"], "'RSI' alone tells all about one"),
    ):
        assert main(["indicators", *given]) == 2
        assert said in capsys.readouterr().err
