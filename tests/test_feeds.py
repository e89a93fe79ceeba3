"""Feeds: the demo market and tick files, down to the files that are broken."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore.errors import FastcoreError, FileFeedError, MissingExtraError
from fastcore.feeds import TickBatch, rebatch
from fastcore.feeds import _convert as convert_module
from fastcore.feeds import _csv as csv_module
from fastcore.feeds._times import Clock, text_time
from fastcore.feeds.demo import BAD_EVERY, LATE_NS, bad_ticks, demo_market
from fastcore.feeds.files import TickFile, count_rows_hint, read_ticks
from fastcore.ticks import TICK
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(os.environ.get("FASTCORE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
T0_MS = 1_723_161_255_342
MS = 1_000_000


def data_file(name: str) -> Path:
    """A real file; without it the test fails in CI and is skipped elsewhere."""
    path = DATA / name
    if not path.exists():
        reason = f"the real ticks {name} are not in {DATA}: set FASTCORE_DATA to the folder that holds them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def joined(batches: Iterable[TickBatch]) -> np.ndarray[Any, Any]:
    parts = [batch.ticks for batch in batches]
    return np.concatenate(parts) if parts else np.zeros(0, TICK)


def same(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    """Bitwise equal in every field; the bytes between the fields mean nothing."""
    return all(left[name].tobytes() == right[name].tobytes() for name in TICK.names or ())


def named(batches: Iterable[TickBatch]) -> list[str]:
    """The symbol of every tick."""
    return [batch.symbols[code] for batch in batches for code in batch.ticks["symbol"].tolist()]


def columns_of(path: Path) -> dict[str, str]:
    with TickFile(path) as source:
        return source.columns


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


# ---- the demo market ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1_000, 65_536, 65_537, 200_000])
def test_the_demo_stream_does_not_depend_on_the_batch(batch: int) -> None:
    whole = joined(demo_market(symbols=7, ticks=150_000, seed=3))
    assert same(joined(demo_market(symbols=7, ticks=150_000, seed=3, batch=batch)), whole)


def test_a_demo_tick_is_a_function_of_seed_and_place() -> None:
    whole = joined(demo_market(ticks=70_000))
    assert same(joined(demo_market(ticks=1_234)), whole[:1_234])
    assert not same(joined(demo_market(ticks=1_234, seed=2)), whole[:1_234])


def test_demo_batches_have_the_asked_size() -> None:
    sizes = [len(batch) for batch in demo_market(ticks=20_001, batch=8_192)]
    assert sizes == [8_192, 8_192, 3_617]
    assert list(demo_market(ticks=0)) == []


def test_the_demo_market_has_the_faults_it_announces() -> None:
    ticks = joined(demo_market(ticks=130_000))
    price, ts = ticks["price"], ticks["ts"]
    back = np.flatnonzero(np.diff(ts) < -LATE_NS // 2) + 1
    assert bad_ticks(130_000) == {
        "nan": int(np.isnan(price).sum()),
        "zero": int((price == 0).sum()),
        "negative": int((price < 0).sum()),
        "infinite": int(np.isinf(price).sum()),
        "late": len(back),
    }
    assert sum(bad_ticks(130_000).values()) == 130_000 // BAD_EVERY
    assert (np.diff(np.delete(ts, back)) >= 0).all(), "only the late ticks go back"


def test_the_demo_market_looks_like_a_market() -> None:
    batches = list(demo_market(ticks=300_000))
    ticks = joined(batches)
    names = batches[0].symbols
    good = ticks[np.isfinite(ticks["price"]) & (ticks["price"] > 0)]
    typical = {name: float(np.median(good["price"][good["symbol"] == i])) for i, name in enumerate(names)}
    assert len(typical) == 10
    assert min(typical.values()) < 2e-4
    assert max(typical.values()) > 40_000
    es = good["price"][good["symbol"] == names.index("demo:ES")]
    assert (es * 4 == np.rint(es * 4)).all(), "ES moves in quarters"
    assert abs(np.log(es / es[0])).max() < 0.5
    gaps = np.diff(ticks["ts"])
    assert (gaps > 100e9).sum() >= 3, "silences of minutes"
    assert 0.05 < (gaps == 0).mean() < 0.2, "runs of equal timestamps"
    pace = np.array([np.median(part[part > 0]) for part in np.array_split(gaps, len(gaps) // 256)])
    assert np.quantile(pace, 0.02) < np.median(pace) / 8, "bursts"
    counts = np.bincount(ticks["symbol"], minlength=10)
    assert (np.diff(counts) < 0).all(), "activity falls with the rank"


def test_many_demo_symbols_have_distinct_names_and_good_prices() -> None:
    batch = next(demo_market(symbols=1_000, ticks=60_000, batch=60_000))
    assert len(set(batch.symbols)) == 1_000
    price = batch.ticks["price"]
    good = np.isfinite(price) & (price > 0)
    assert (~good).sum() == 60_000 // BAD_EVERY - bad_ticks(60_000)["late"]
    assert price[good].min() > 1e-5


@pytest.mark.parametrize(
    ("argument", "value"),
    [("symbols", 0), ("symbols", 100_001), ("ticks", -1), ("seed", -1), ("batch", 0)],
)
def test_demo_arguments_are_checked_at_the_call(argument: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be .*, got {value}"):
        demo_market(**{argument: value})


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 50))
def test_rebatch_keeps_every_row_in_order(sizes: list[int], batch: int) -> None:
    rows = np.arange(sum(sizes))
    parts = list(rebatch(np.split(rows, np.cumsum(sizes)[:-1]) if sizes else [], batch))
    assert all(len(part) == batch for part in parts[:-1])
    assert np.array_equal(np.concatenate([*parts, np.zeros(0, rows.dtype)]), rows)


def test_a_batch_of_another_dtype_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be an array of fastcore\.ticks\.TICK"):
        TickBatch(np.zeros(3), [])  # type: ignore[arg-type]


# ---- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_all_fields_of_a_plain_file(tmp_path: Path, suffix: str) -> None:
    file = write(
        tmp_path / f"trades{suffix}",
        "recv_ns,Exchange,Ticker,T,trade_id,Price,Qty,aggressor\n"
        f"1,spot,BTC,{T0_MS},11,100.5,2,buy\n"
        f"2,usdm,BTC,{T0_MS + 1},12,100.25,3,sell\n"
        f"3,spot,BTC,{T0_MS + 1},13,100.75,4,?\n",
    )
    batches = list(read_ticks(file))
    assert named(batches) == ["spot:BTC", "usdm:BTC", "spot:BTC"]
    ticks = joined(batches)
    assert ticks["ts"].tolist() == [T0_MS * MS, (T0_MS + 1) * MS, (T0_MS + 1) * MS]
    assert ticks["price"].tolist() == [100.5, 100.25, 100.75]
    assert ticks["size"].tolist() == [2.0, 3.0, 4.0]
    assert ticks["id"].tolist() == [11, 12, 13]
    assert ticks["side"].tolist() == [1, -1, 0]


def test_of_t_and_capital_t_the_capital_is_the_time(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", f"t,p,q,T,m,price\n3735683259,1,1,{T0_MS},true,5\n")
    assert columns_of(file)["ts"] == "T"
    alone = write(tmp_path / "a.csv", f"t,price\n{T0_MS},5\n")
    assert columns_of(alone)["ts"] == "t"


def test_columns_can_be_named(tmp_path: Path) -> None:
    file = write(tmp_path / "odd.csv", f"when,what,where\n{T0_MS},7.5,XETRA\n")
    ticks = read_ticks(file, columns={"ts": "when", "price": "What", "symbol": "where"})
    batch = next(ticks)
    assert batch.symbols == ["XETRA"]
    assert batch.ticks["price"][0] == 7.5


def test_the_symbol_of_a_file_without_one(tmp_path: Path) -> None:
    file = write(tmp_path / "eurusd_ticks.csv.gz", f"ts_ns,bid,ask\n{T0_MS * MS},1.25,1.75\n")
    assert next(read_ticks(file)).symbols == ["eurusd_ticks"]
    assert next(read_ticks(file, symbol="EURUSD")).symbols == ["EURUSD"]


def test_quotes_tick_at_the_mid_with_size_zero(tmp_path: Path) -> None:
    file = write(tmp_path / "q.csv", f"ts,bid,bid_size,ask,ask_size,size\n{T0_MS},1.25,5,1.75,6,9\n")
    tick = next(read_ticks(file)).ticks[0]
    assert (tick["price"], tick["size"]) == (1.5, 0.0)
    both = write(tmp_path / "b.csv", f"ts,bid,ask,last,size\n{T0_MS},1.25,1.75,1.3,9\n")
    assert next(read_ticks(both)).ticks[["price", "size"]].tolist() == [(1.3, 9.0)]
    asked = next(read_ticks(both, columns={"bid": "bid", "ask": "ask"}))
    assert asked.ticks["price"][0] == 1.5


def test_a_time_column_with_gaps_is_passed_over(tmp_path: Path) -> None:
    rows = f"{T0_MS * MS},,1\n{T0_MS * MS + 5},{T0_MS},2\n"
    gaps = write(tmp_path / "gaps.csv", f"recv_ns,exch_ms,price\n{rows}")
    assert columns_of(gaps)["ts"] == "recv_ns"
    whole = write(tmp_path / "whole.csv", "recv_ns,exch_ms,price\n" + rows.replace(",,", f",{T0_MS},"))
    assert columns_of(whole)["ts"] == "exch_ms"
    alone = write(tmp_path / "alone.csv", f"exch_ms,price\n,1\n{T0_MS},2\n")
    assert np.isnan(joined(read_ticks(alone))["price"]).tolist() == [True, False]


@pytest.mark.parametrize("header", ["side", "is_buyer_maker"])
@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("buy", 1),
        ("SELL", -1),
        ("B", 1),
        ("s", -1),
        ("1", 1),
        ("-1", -1),
        ("True", 1),
        ("false", -1),
        ("", 0),
    ],
)
def test_sides(tmp_path: Path, header: str, text: str, side: int) -> None:
    file = write(tmp_path / "s.csv", f"ts,price,{header}\n{T0_MS},1,{text}\n{T0_MS},1,x\n")
    sign = -1 if header == "is_buyer_maker" else 1
    assert joined(read_ticks(file))["side"].tolist() == [sign * side, 0]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_line_ends_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    text = f"\ufeffts,price\r\n{T0_MS},1.5\r\n\r\n{T0_MS},2.5\r\n".replace(",", delimiter)
    assert joined(read_ticks(write(tmp_path / "d.csv", text)))["price"].tolist() == [1.5, 2.5]


def test_quoted_fields_and_numeric_symbols(tmp_path: Path) -> None:
    file = write(tmp_path / "q.csv", f'"ts","symbol","price"\n"{T0_MS}","000001","1.5"\n{T0_MS},NA,2\n')
    batches = list(read_ticks(file))
    assert named(batches) == ["000001", "NA"]
    assert joined(batches)["price"].tolist() == [1.5, 2.0]


def test_ids_that_are_no_integers_are_no_ids(tmp_path: Path) -> None:
    file = write(tmp_path / "u.csv", f"ts,price,id\n{T0_MS},1,7d5c-91\n{T0_MS},2,9\n")
    ticks = joined(read_ticks(file))
    assert ticks["id"].tolist() == [0, 9]
    assert ticks["price"].tolist() == [1.0, 2.0]


# ---- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "text", "ns"),
    [
        ("ts", "1723161255", 1_723_161_255 * 10**9),
        ("ts", "1723161255342", T0_MS * MS),
        ("ts", "1723161255342001", T0_MS * MS + 1_000),
        ("ts", "1723161255342000007", T0_MS * MS + 7),
        ("time_ms", "1723161255342", T0_MS * MS),
        ("time_us", "1723161255342001", T0_MS * MS + 1_000),
        ("ts_s", "123456789", 123_456_789 * 10**9),
        ("ts", "1723161255.342", T0_MS * MS),
        ("ts", "1723161255.342000007", T0_MS * MS + 7),
        ("ts_ms", "1723161255342.000007", T0_MS * MS + 7),
        ("Date", "2024-08-08 23:54:15.342", T0_MS * MS),
        ("datetime", "2024-08-08T23:54:15.342000007Z", T0_MS * MS + 7),
        ("timestamp", "2024-08-09T01:54:15.342+02:00", T0_MS * MS),
        ("time", "2014-12-01 00:00", 1_417_392_000 * 10**9),
        ("date", "2014-12-01", 1_417_392_000 * 10**9),
    ],
)
def test_times_become_ns_utc(tmp_path: Path, header: str, text: str, ns: int) -> None:
    clean = write(tmp_path / "clean.csv", f"{header},price\n{text},1\n{text},2\n")
    broken = write(tmp_path / "broken.csv", f"{header},price\n{text},1\n{text},2\n{text},x\n")
    assert joined(read_ticks(clean))["ts"].tolist() == [ns, ns]
    assert joined(read_ticks(broken))["ts"].tolist() == [ns, ns, ns], "the tolerant path reads the same"


def test_seconds_that_are_whole_at_first_keep_their_fractions(tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "ts,price\n1723161255,1\n1723161255.342000007,2\n")
    assert joined(read_ticks(file))["ts"].tolist() == [1_723_161_255 * 10**9, T0_MS * MS + 7]


@given(st.integers(0, 2**62), st.sampled_from([1, 1_000, 1_000_000, 10**9]))
def test_a_count_as_text_is_read_exactly(ns: int, unit: int) -> None:
    clock = Clock("fraction", unit)
    whole, rest = divmod(ns, unit)
    text = f"{whole}.{rest:0{clock.scale}d}" if clock.scale else str(whole)
    assert text_time(text, clock) == ns


@pytest.mark.parametrize("text", ["17:00:00.083", "yesterday", "20240808", "5", "-1723161255342"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "t.csv", f"time,price\n{text},1\n")
    with pytest.raises(FileFeedError, match=f"t.csv: column 'time' holds '{text}', which is neither"):
        read_ticks(file)


# ---- rows that cannot be read ---------------------------------------------------------------------

GOOD = [f"{T0_MS + i},S{i % 3},{100 + i / 8},{i % 7}" for i in range(2_000)]


@pytest.mark.parametrize(
    ("line", "ts_known", "symbol"),
    [
        ("{ts},S0,oops,1", True, "S0"),
        ("{ts},S0,,1", True, "S0"),
        ("{ts},S0,1_000,1", True, "S0"),
        ("{ts},S0,1.5,many", True, "S0"),
        ("later,S0,1.5,1", False, "S0"),
        (",S0,1.5,1", False, "S0"),
        ("7,S0,1.5,1", False, "S0"),
        ("-7,S0,1.5,1", False, "S0"),
        ("99999999999999999999,S0,1.5,1", False, "S0"),
        ("{ts},,1.5,1", True, "?"),
        ("{ts},S0,1.5", False, "?"),
        ("{ts},S0,1.5,1,2", False, "?"),
        ("garbage", False, "?"),
        ('{ts},S0,"1.5,1', False, "?"),
        ("\x00\x01\ufffd", False, "?"),
    ],
)
@pytest.mark.parametrize("at", [0, 1_234, 2_000])
def test_a_bad_line_costs_itself_alone(
    tmp_path: Path, line: str, ts_known: bool, symbol: str, at: int
) -> None:
    lines = [*GOOD[:at], line.format(ts=T0_MS + 9_999), *GOOD[at:]]
    batches = list(read_ticks(write(tmp_path / "bad.csv", "\n".join(["ts,symbol,price,size", *lines, ""]))))
    ticks, names = joined(batches), named(batches)
    assert len(ticks) == len(lines)
    assert np.flatnonzero(np.isnan(ticks["price"])).tolist() == [at]
    assert names[at] == symbol
    before = (T0_MS + max(0, at - 1)) * MS
    assert ticks["ts"][at] == ((T0_MS + 9_999) * MS if ts_known else before)
    clean = joined(read_ticks(write(tmp_path / "clean.csv", "\n".join(["ts,symbol,price,size", *GOOD]))))
    rest = np.delete(ticks, at)
    for name in ("ts", "price", "size"):
        assert rest[name].tobytes() == clean[name].tobytes()
    assert names[:at] + names[at + 1 :] == [row.split(",")[1] for row in GOOD]


def test_two_stray_quotes_do_not_swallow_the_lines_between(tmp_path: Path) -> None:
    lines = [*GOOD[:10], f'{T0_MS},S0,1,"', *GOOD[10:20], f'{T0_MS},S0,1,"', *GOOD[20:30]]
    ticks = joined(read_ticks(write(tmp_path / "q.csv", "\n".join(["ts,symbol,price,size", *lines]))))
    assert len(ticks) == 32
    assert np.isnan(ticks["price"]).sum() == 2


def test_bad_bytes_in_a_symbol(tmp_path: Path) -> None:
    file = tmp_path / "b.csv"
    file.write_bytes(b"ts,symbol,price\n%d,\xff\xfe,1\n%d,OK,2\n" % (T0_MS, T0_MS))
    batches = list(read_ticks(file))
    assert joined(batches)["price"].tolist() == [1.0, 2.0]
    assert named(batches)[1] == "OK"


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_damage_keeps_the_number_of_ticks(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is written over a line, each line that is not blank gives one tick, here as in Python."""
    lines = list(GOOD[:300])
    junk = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30)
    for at in data.draw(st.lists(st.integers(0, 299), max_size=5, unique=True)):
        lines[at] = data.draw(junk)
    text = "\n".join(["ts,symbol,price,size", GOOD[0], *lines])
    path = tmp_path_factory.getbasetemp() / "damage.csv"
    path.write_text(text, encoding="utf-8", newline="")
    ticks = joined(read_ticks(path))
    assert len(ticks) == 1 + sum(bool(line.strip()) for line in lines)


@pytest.mark.parametrize("block", [64, 1_000, 1 << 20])
def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    file = write(tmp_path / "b.csv", "\n".join(["ts,symbol,price,size", *GOOD, "x"]))
    whole = joined(read_ticks(file))
    monkeypatch.setattr(csv_module, "BLOCK_BYTES", block)
    for batch in (1, 7, 10_000):
        assert same(joined(read_ticks(file, batch=batch)), whole)
    assert max(len(part) for part in read_ticks(file, batch=7)) <= 7


def test_names_keep_their_index_when_more_appear(tmp_path: Path) -> None:
    rows = [f"{T0_MS},N{i // 3},1" for i in range(300)]
    batches = list(read_ticks(write(tmp_path / "n.csv", "\n".join(["ts,symbol,price", *rows])), batch=10))
    assert named(batches) == [f"N{i // 3}" for i in range(300)]
    assert all(batches[-1].symbols[: len(b.symbols)] == b.symbols for b in batches)


def test_names_that_are_no_utf8_stay_apart(tmp_path: Path) -> None:
    """Two names of other encodings are two symbols, written with their bytes."""
    path = tmp_path / "latin.csv"
    path.write_bytes(
        b"ts,symbol,price\n" + b"".join(b"%d,\xe9%c,1\n%d,\xe8,1\n" % (T0_MS, 65, T0_MS) for _ in "ab")
    )
    batches = list(read_ticks(path))
    assert named(batches) == [r"\xe9A", r"\xe8"] * 2


# ---- files that cannot be read --------------------------------------------------------------------


def refused(path: Path, sentence: str, **options: Any) -> None:
    with pytest.raises(FileFeedError, match=sentence) as caught:
        list(read_ticks(path, **options))
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, FastcoreError)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    refused(tmp_path / "folder.csv", "is a folder")
    refused(tmp_path / "absent.csv", "cannot be opened: No such file")
    refused(
        write(tmp_path / "notes.txt", "x"), r"unknown kind: tick files end in \.csv, \.csv\.gz, \.parquet"
    )
    refused(write(tmp_path / "trades.gz", "x"), "unknown kind")
    for suffix in (".csv", ".parquet"):
        refused(write(tmp_path / f"empty{suffix}", ""), "is empty")
    (tmp_path / "zero.csv.gz").write_bytes(b"")
    refused(tmp_path / "zero.csv.gz", "is empty")
    refused(write(tmp_path / "packed_nothing.csv.gz", ""), "is empty")
    (tmp_path / "plain.csv.gz").write_text("ts,price\n")
    refused(tmp_path / "plain.csv.gz", "is named .gz, but its content is not gzip")
    (tmp_path / "wide.csv").write_bytes("ts,price\n".encode("utf-16"))
    refused(tmp_path / "wide.csv", "is UTF-16")
    (tmp_path / "noise.csv").write_bytes(b"x" * 3_000_000)
    refused(tmp_path / "noise.csv", "a line of more than")
    refused(write(tmp_path / "text.parquet", "PAR1 is not enough"), "truncated or no Parquet file")


def test_headers_that_do_not_do(tmp_path: Path) -> None:
    refused(
        write(tmp_path / "a.csv", "ts,bid\n1,2\n"),
        "no column that looks like a price, nor bid and ask; .* ts, bid",
    )
    refused(write(tmp_path / "b.csv", "price\n1\n"), "no column that looks like a time")
    refused(write(tmp_path / "c.csv", "1723161255342,1.5\n"), "has no header line: its first line is")
    good = write(tmp_path / "d.csv", f"ts,price\n{T0_MS},1\n")
    refused(good, "has no column 'px'; its columns are ts, price", columns={"price": "px"})
    with pytest.raises(FileFeedError, match="'prise' is not a field of a tick; the fields are ts, price"):
        read_ticks(good, columns={"prise": "price"})
    refused(
        write(tmp_path / "e.csv", f"ts,price\n{T0_MS},1,\n{T0_MS},2,\n"),
        "the header has 2 fields, the first row 3",
    )
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        read_ticks(good, batch=0)


def test_a_header_alone_is_a_file_of_no_ticks(tmp_path: Path) -> None:
    assert list(read_ticks(write(tmp_path / "h.csv", "ts,price\n"))) == []
    assert list(read_ticks(write(tmp_path / "i.csv.gz", "ts,price"))) == []


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_truncated_gzip_yields_its_ticks_and_then_the_error(tmp_path: Path, cut: float) -> None:
    rng = np.random.default_rng(1)
    prices = rng.random(60_000).tolist()
    text = "\n".join(["ts,price", *(f"{T0_MS + i},{price}" for i, price in enumerate(prices)), ""])
    packed = gzip.compress(text.encode())
    file = tmp_path / "cut.csv.gz"
    file.write_bytes(packed[: int(len(packed) * cut)])
    got: list[float] = []
    with pytest.raises(FileFeedError, match=r"cut\.csv\.gz is truncated"):
        for batch in read_ticks(file):
            got += batch.ticks["price"].tolist()
    assert got == prices[: len(got)]
    assert len(got) > 60_000 * cut * 0.9


def test_a_damaged_gzip(tmp_path: Path) -> None:
    packed = bytearray(
        gzip.compress("\n".join(["ts,price", *(f"{T0_MS + i},{i}" for i in range(50_000))]).encode())
    )
    packed[len(packed) // 2] ^= 0xFF
    file = tmp_path / "damaged.csv.gz"
    file.write_bytes(packed)
    refused(file, "is damaged|is truncated")


def test_gzip_members_and_plain_csv_that_is_packed(tmp_path: Path) -> None:
    file = tmp_path / "two.csv.gz"
    file.write_bytes(gzip.compress(b"ts,price\n%d,1\n" % T0_MS) + gzip.compress(b"%d,2\n" % T0_MS))
    assert joined(read_ticks(file))["price"].tolist() == [1.0, 2.0]
    assert joined(read_ticks(file.rename(tmp_path / "packed.csv")))["price"].tolist() == [1.0, 2.0]


# ---- Parquet --------------------------------------------------------------------------------------


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=700)
    return path


@pytest.mark.parametrize(
    ("times", "name"),
    [
        (pa.array([T0_MS, T0_MS + 1]), "ts"),
        (pa.array([T0_MS * MS, (T0_MS + 1) * MS], pa.timestamp("ns")), "time"),
        (pa.array([T0_MS, T0_MS + 1], pa.timestamp("ms", "Europe/Berlin")), "time"),
        (pa.array([T0_MS / 1e3, (T0_MS + 1) / 1e3]), "timestamp"),
        (pa.array(["2024-08-08T23:54:15.342Z", "2024-08-08T23:54:15.343Z"]), "Date"),
    ],
)
def test_parquet_times(tmp_path: Path, times: Any, name: str) -> None:
    file = parquet(tmp_path / "t.parquet", **{name: times, "price": [1.5, 2.5]})
    ticks = joined(read_ticks(file))
    assert ticks["ts"].tolist() == [T0_MS * MS, (T0_MS + 1) * MS]
    assert ticks["price"].tolist() == [1.5, 2.5]


def test_parquet_fields_nulls_and_types(tmp_path: Path) -> None:
    file = parquet(
        tmp_path / "p.parquet",
        ts=pa.array([T0_MS] * 4),
        price=pa.array([1, None, 3, 4], pa.int32()),
        size=pa.array(["1", "2", "many", "4"]),
        symbol=pa.array(["A", "A", "B", None]).dictionary_encode(),
        market=["x", "y", "x", "x"],
        side=pa.array([1, -1, 0, 1], pa.int8()),
        trade_id=pa.array([5, 6, None, 8], pa.uint64()),
    )
    batches = list(read_ticks(file))
    ticks = joined(batches)
    assert np.array_equal(ticks["price"], [1.0, np.nan, np.nan, np.nan], equal_nan=True)
    assert named(batches) == ["x:A", "y:A", "x:B", "?"]
    assert ticks["side"].tolist() == [1, -1, 0, 1]
    assert ticks["id"].tolist() == [5, 6, 0, 8]


@pytest.mark.parametrize("few", [1 << 16, 0])
def test_names_are_the_same_however_the_file_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """As text, numbered, or numbered anew in each group of rows; pairs with a market counted or sorted."""
    monkeypatch.setattr(convert_module, "_FEW", few)
    rows = 100_000
    place = np.random.default_rng(5).integers(0, 60, (2, rows))
    names = [None if n == 7 else "" if n == 8 else f" S{n % 50}" for n in place[0].tolist()]
    markets = [f"M{n % 3}" for n in place[1].tolist()]
    sides = pa.array(["buy", "sell"]).take(pa.array(place[1] % 2))
    base = {"ts": pa.array(T0_MS + np.arange(rows)), "price": pa.array(np.ones(rows))}
    texts = (pa.array(names), pa.array(names, pa.large_string()), pa.array(names).dictionary_encode())
    stored = [(text, size) for text in texts for size in (rows, 20_000, 500)]
    stored.append((pa.array(names), 0))  # without a dictionary
    for extra in ({}, {"market": pa.array(markets), "side": sides}):
        pairs = zip(markets, [(name or "").strip() for name in names], strict=True)
        expected = [f"{m}:{name}" if extra and name else name or "?" for m, name in pairs]
        for symbol, size in stored:
            table = pa.table({**base, "symbol": symbol, **extra})
            pq.write_table(
                table, tmp_path / "n.parquet", row_group_size=size or rows, use_dictionary=size > 0
            )
            batches = list(read_ticks(tmp_path / "n.parquet"))
            # Groups of few rows are read together, unless the file itself says that their numbers differ.
            assert len(batches) < 11 or pa.types.is_dictionary(symbol.type)
            assert named(batches) == expected
            assert not extra or joined(batches)["side"].tolist() == (1 - 2 * (place[1] % 2)).tolist()


def test_parquet_equals_csv_and_knows_its_rows(tmp_path: Path) -> None:
    text = write(tmp_path / "g.csv", "\n".join(["ts,symbol,price,size", *GOOD]))
    table = {
        name: [row.split(",")[i] for row in GOOD] for i, name in enumerate(("ts", "symbol", "price", "size"))
    }
    file = parquet(tmp_path / "g.parquet", **table)
    assert same(joined(read_ticks(file)), joined(read_ticks(text)))
    assert count_rows_hint(file) == 2_000
    assert count_rows_hint(text) == 2_000
    source = TickFile(file)
    assert source.position == 0
    assert sum(map(len, source)) == 2_000
    assert source.position == source.size


def test_broken_parquet(tmp_path: Path) -> None:
    whole = parquet(
        tmp_path / "w.parquet", ts=[T0_MS + i for i in range(5_000)], price=[float(i) for i in range(5_000)]
    )
    content = whole.read_bytes()
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(content[: len(content) // 2])
    refused(cut, "is truncated or no Parquet file")
    hurt = tmp_path / "hurt.parquet"
    hurt.write_bytes(content[:200] + b"\xff" * 400 + content[600:])
    refused(hurt, "is damaged|is truncated")
    refused(parquet(tmp_path / "b.parquet", ts=[True], price=[1.0]), "column 'ts' is of type bool")


# ---- real files, memory, and a missing extra ------------------------------------------------------


def by_hand(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as lines:
        return list(csv.DictReader(lines))


def test_real_trades(tmp_path: Path) -> None:
    path = data_file("binance_ws_multi_20240808/trades.csv.gz")
    rows = by_hand(path)
    batches = list(read_ticks(path))
    ticks = joined(batches)
    assert len(ticks) == 55_270
    assert ticks["price"].tolist() == [float(row["price"]) for row in rows]
    assert ticks["ts"].tolist() == [int(row["trade_ms"]) * MS for row in rows]
    assert ticks["id"].tolist() == [int(row["trade_id"]) for row in rows]
    assert ticks["side"].tolist() == [1 if row["aggressor"] == "buy" else -1 for row in rows]
    assert named(batches) == [f"{row['market']}:{row['symbol']}" for row in rows]


def test_real_quotes() -> None:
    path = data_file("binance_ws_multi_20240808/quotes.csv.gz")
    rows = by_hand(path)
    source = TickFile(path)
    assert source.columns["ts"] == "recv_ns", "exch_ms is empty for spot"
    ticks = joined(source)
    assert ticks["price"].tolist() == [(float(row["bid"]) + float(row["ask"])) / 2 for row in rows]
    assert ticks["ts"].tolist() == [int(row["recv_ns"]) for row in rows]
    assert (ticks["size"] == 0).all()
    assert source.position == source.size


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("es_trades_mlfinpy/es_trades_first300k.csv.gz", 300_000),
        ("fx_quotes_oanda_2014/eurusd_ticks.csv.gz", 532_903),
    ],
)
def test_real_single_symbol_files(name: str, rows: int) -> None:
    path = data_file(name)
    ticks = joined(read_ticks(path))
    assert len(ticks) == rows
    assert (np.diff(ticks["ts"]) >= 0).all()
    assert np.isfinite(ticks["price"]).all()
    assert 0.8 * rows < count_rows_hint(path) < 1.2 * rows


def test_memory_stays_flat_over_a_large_file(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    row = f"{T0_MS},60000.5,1\n" * 100_000
    with file.open("w") as out:
        out.write("ts,price,size\n")
        for _ in range(20):
            out.write(row)
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for batch in read_ticks(file):
        most = max(most, pool.bytes_allocated() - before, batch.ticks.nbytes)
    assert most < 16e6, "a 46 MB file is read in blocks of 1 MB"


def test_a_missing_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "x.csv", f"ts,price\n{T0_MS},1\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        MissingExtraError, match=r"reading tick files needs pyarrow.*fastcore-ticks\[frames\]"
    ):
        read_ticks(file)


def test_open_files_are_closed(tmp_path: Path) -> None:
    file = write(tmp_path / "c.csv", f"ts,price\n{T0_MS},1\n")
    with TickFile(file) as source:
        pass
    with pytest.raises((ValueError, io.UnsupportedOperation)):
        list(source)


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("ts,price,price,size", {}),
        ("ts,price,Price,size", {}),
        ("ts,ts,price", {}),
        ("ts,price,px,px", {"columns": {"price": "px"}}),
    ],
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str, options: dict[str, Any]) -> None:
    """Which of them is meant cannot be told; where a name tells, it is taken."""
    rows = ",".join([str(T0_MS)] * header.count("ts") + ["1"] * (header.count(",") + 1 - header.count("ts")))
    path = write(tmp_path / "twins.csv", f"{header}\n{rows}\n")
    refused(path, "2 columns named", **options)
    apart = write(tmp_path / "apart.csv", f"ts,price,Price\n{T0_MS},1,2\n")
    assert joined(read_ticks(apart, columns={"price": "Price"}))["price"].tolist() == [2.0]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("clock", ["time", "Time of Day"])
def test_days_and_times_of_the_day_are_refused(tmp_path: Path, clock: str, suffix: str) -> None:
    """All ticks would be at midnight. Named, the days are taken; a whole time beside them is taken before."""
    path = tmp_path / f"x{suffix}"

    def write(times: list[str]) -> None:
        columns = {"date": ["2024-01-02", "2024-01-02"], clock: times, "price": [1.0, 2.0]}
        if suffix == ".parquet":
            pq.write_table(pa.table(columns), path)
        else:
            rows = zip(*columns.values(), strict=True)
            path.write_text("\n".join(",".join(map(str, row)) for row in [list(columns), *rows]))

    write(["10:00:00", "15:30:01.5"])
    with pytest.raises(
        FileFeedError, match=f"column 'date' holds days and column '{clock}' times of the day"
    ):
        read_ticks(path)
    (batch,) = read_ticks(path, columns={"ts": "date"})
    assert batch.ticks["ts"].tolist() == [1_704_153_600_000_000_000] * 2
    write(["", "late"])
    assert sum(map(len, read_ticks(path))) == 2
