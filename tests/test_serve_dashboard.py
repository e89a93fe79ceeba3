"""The dashboard in a real browser: Debian's Chromium, driven over its own protocol.

Screenshots are kept in the folder that FASTCORE_ARTIFACTS names, for people to look at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Browser, Error, Page, Route, expect, sync_playwright
from servers import wait_until
from services import MINUTE, Served, make_key, profiled

PLAN = {"fast": "EMA(5)", "bands": 'BBANDS(5).on("1m")', "macd": 'MACD(3, 6, 3).on("1m")'}
ARGUMENTS = [part for name, text in PLAN.items() for part in ("--indicator", f"{name}={text}")]
expect.set_options(timeout=30_000)
NOW = time.time_ns() // MINUTE * MINUTE


def market(symbol: str, minutes: int = 40) -> list[dict[str, Any]]:
    """Ticks of the last minutes, four in each."""
    start = NOW - minutes * MINUTE
    return [
        {
            "symbol": symbol,
            "ts": start + i * MINUTE // 4,
            "price": 100 + (i * 13 % 29) / 8 + i / 20,
            "size": 1.0,
        }
        for i in range(4 * minutes)
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "the tests of the dashboard need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("FASTCORE_ARTIFACTS") or tmp_path_factory.mktemp("dashboard"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(*ARGUMENTS) as service:
        service.send([tick for name in ("AAA", "BBB/USD", "CCC") for tick in market(name)])
        yield service


@contextmanager
def opened(browser: Browser, service: Served, *, quiet: bool = True, **options: Any) -> Iterator[Page]:
    """The page; it must have logged no error, and asked no one else for anything."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(30_000)
    page = context.new_page()
    logged: list[str] = []
    asked: list[str] = []
    page.on(
        "console",
        lambda message: logged.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(service.url)
    yield page
    assert not quiet or not logged, logged
    assert not [url for url in asked if not url.startswith((service.url, "data:", "ws://127.0.0.1"))]
    context.close()


def until(page: Page, script: str) -> None:
    """Wait until a script gives true. (The page's policy forbids Playwright's own way of waiting.)"""
    wait_until(lambda: bool(page.evaluate(script)), script, patience=60)


def live(page: Page) -> None:
    expect(page.locator("#link")).to_have_attribute("data-state", "live", timeout=30_000)


#: How many colours the chart shows: more than a few once something is drawn.
COLOURS = """() => {
  const canvas = document.querySelector("#chart canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3]) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
}"""


def test_it_shows_the_market(browser: Browser, served: Served, pictures: Path) -> None:
    with opened(browser, served) as page:
        live(page)
        expect(page.locator("#list li")).to_have_text(
            [re.compile("^AAA"), re.compile("^BBB/USD"), re.compile("^CCC")]
        )
        expect(page.locator("#name")).to_have_text("AAA")
        last = served.get("/v1/symbols/AAA")
        expect(page.locator("#price")).to_have_text(f"{last['price']:g}")
        until(page, f"({COLOURS})() > 20")
        expect(page.locator("#spans button")).to_have_text(["ticks", "1m"])
        legend = page.locator(".legend").first
        expect(legend).to_contain_text(f"fast {last['values']['fast']:.4f}"[:9])
        expect(page.locator("#panel tbody tr")).to_have_count(3)
        page.screenshot(path=pictures / "market.png")
        page.click("#list li:has-text('BBB/USD')")  # a slash in its name
        expect(page.locator("#name")).to_have_text("BBB/USD")
        until(page, "fastcore.chart.data && fastcore.chart.data.symbol === 'BBB/USD'")
        page.click("#spans button:has-text('ticks')")
        until(page, "fastcore.chart.data.span === '' && fastcore.chart.data.ts.length === 160")
        page.screenshot(path=pictures / "ticks.png")


def test_a_tick_is_seen_at_once(browser: Browser, served: Served) -> None:
    with opened(browser, served) as page:
        live(page)
        page.click("#list li:has-text('CCC')")
        until(page, "fastcore.chart.data && fastcore.chart.data.symbol === 'CCC'")
        served.send([{"symbol": "CCC", "ts": NOW, "price": 123.5}])
        expect(page.locator("#price")).to_have_text("123.5")
        expect(page.locator("#list li:has-text('CCC')")).to_contain_text("123.5")
        until(page, "fastcore.chart.data.close.at(-1) === 123.5")
        ema = served.get("/v1/symbols/CCC")["values"]["fast"]
        expect(page.locator("#panel tr:has-text('EMA(period=5)')")).to_contain_text(f"{ema:.4f}"[:-2])
        served.send([{"symbol": "CCC", "ts": NOW + MINUTE, "price": 124.0}])  # which closes a bar
        until(page, "fastcore.chart.data.close.at(-2) === 123.5 && fastcore.chart.data.open.at(-1) === 124")


def test_a_tick_that_comes_while_the_chart_is_loaded_is_in_it(browser: Browser, served: Served) -> None:
    """What the service was asked for is older than the tick."""
    with opened(browser, served) as page:
        live(page)
        page.click("#list li:has-text('BBB/USD')")
        until(page, "fastcore.chart.data && fastcore.chart.data.symbol === 'BBB/USD'")
        held: list[tuple[Route, APIResponse]] = []
        page.route(re.compile("/v1/symbols/AAA/bars"), lambda route: held.append((route, route.fetch())))
        page.click("#list li:has-text('AAA')")
        wait_until(lambda: page.evaluate("true") and bool(held), "the chart's bars are asked for")
        served.send([{"symbol": "AAA", "ts": NOW - MINUTE // 6, "price": 111.25}])
        until(page, "fastcore.state.rows.get('AAA')[1] === 111.25")
        route, answer = held[-1]  # the others were given up
        route.fulfill(response=answer)
        until(page, "fastcore.chart.data.symbol === 'AAA' && fastcore.chart.data.close.at(-1) === 111.25")


def test_another_symbols_chart_never_stands_under_a_name(browser: Browser, served: Served) -> None:
    """While a symbol is loaded there is nothing, and a note says so."""
    with opened(browser, served) as page:
        live(page)
        page.click("#list li:has-text('BBB/USD')")
        until(page, "fastcore.chart.data && fastcore.chart.data.symbol === 'BBB/USD'")
        held: list[Route] = []
        free = False
        page.route(
            re.compile("/v1/symbols/AAA/bars"),
            lambda route: route.continue_() if free else held.append(route),
        )
        page.click("#list li:has-text('AAA')")
        expect(page.locator("#name")).to_have_text("AAA")
        wait_until(lambda: page.evaluate("true") and bool(held), "the chart's bars are asked for")
        assert page.evaluate("fastcore.chart.data.ts.length") == 0
        expect(page.locator("#chart-note")).to_have_text("Loading")
        free = True
        for route in held:
            with suppress(Error):  # the page has given up all but the last
                route.continue_()
        until(page, "fastcore.chart.data.symbol === 'AAA' && fastcore.chart.data.ts.length > 0")
        expect(page.locator("#chart-note")).not_to_be_visible()


def test_a_symbol_that_is_dropped_leaves_the_page(browser: Browser) -> None:
    """Also the one that is shown; and Enter takes the symbol of that very name."""
    with Served(*ARGUMENTS) as service:
        service.send([tick for name in ("AONE", "ONE", "ZONE") for tick in market(name, 3)])
        with opened(browser, service) as page:
            live(page)
            expect(page.locator("#name")).to_have_text("AONE")
            page.keyboard.press("/")
            page.keyboard.type("one")
            page.keyboard.press("Enter")
            expect(page.locator("#name")).to_have_text("ONE")
            assert service.client.delete("/v1/symbols/ONE").status_code == 200
            expect(page.locator("#list li")).to_have_count(2)
            expect(page.locator("#name")).to_have_text("AONE")
            assert service.client.delete("/v1/symbols/ZONE").status_code == 200
            expect(page.locator("#list li")).to_have_count(1)
            service.send(market("ONE", 3))
            expect(page.locator("#list li")).to_have_count(2)


def test_an_indicator_is_added_and_removed(browser: Browser, pictures: Path) -> None:
    with Served(*ARGUMENTS) as service:
        service.send(market("AAA"))
        with opened(browser, service, quiet=False) as page:  # the browser logs answers of 422
            live(page)
            page.wait_for_selector("#spans button")
            page.click("#add")
            page.fill("#which", "stoch")
            expect(page.locator("#params label")).to_have_count(3)
            page.screenshot(path=pictures / "form.png")
            page.fill("#which", "RSI")
            expect(page.locator("#called")).to_have_value("rsi")
            period = page.locator("#params input[name=period]")
            expect(period).to_have_value("14")
            assert period.get_attribute("min") == "2"
            period.fill("5")
            page.fill("#on", "soon")
            page.click("#create")
            expect(page.locator("#form-error")).to_contain_text("bar spec 'soon'")
            expect(page.locator("#on")).to_be_focused()
            page.fill("#on", "1m")
            page.click("#create")
            expect(page.locator("#form")).not_to_be_visible()
            assert service.get("/v1/plan")["plan"]["rsi"] == "RSI(period=5).on('1m')"
            row = page.locator("#panel tr:has-text('RSI(period=5)')")
            expect(row).to_contain_text("warming up")
            service.send(
                [{"symbol": "AAA", "ts": NOW + i * MINUTE, "price": 100.0 + i % 3} for i in range(8)]
            )
            expect(row).not_to_contain_text("warming up")
            until(page, "fastcore.chart.panes.some((p) => p.series.some((s) => s.name === 'rsi'))")
            page.screenshot(path=pictures / "added.png")
            page.click("button[aria-label='Remove rsi']")
            expect(row).to_have_count(0)
            assert "rsi" not in service.get("/v1/plan")["plan"]


FAILING = """
import asyncio, sys, fastcore as fc
from fastcore.serve import Service, Settings
async def feed():
    raise RuntimeError("the venue is gone")
    yield
settings = Settings(port=int(sys.argv[1]))
Service({"ema": fc.EMA(3)}, feed(), settings=settings).run_blocking()
"""


def test_an_alert_is_shown(browser: Browser, pictures: Path) -> None:
    with Served(program=FAILING) as service:
        service.must_be_calm = False
        with opened(browser, service) as page:
            expect(page.locator("#alarm")).to_have_text("feed async_generator")
            expect(page.locator("#list-note")).to_contain_text("No ticks have come yet")
            page.keyboard.press("5")
            expect(page.locator("#panel")).to_contain_text(
                "the feed async_generator ended: RuntimeError: the venue is gone"
            )
            expect(page.locator("#tab-4")).to_have_text("Alerts (1)")
            page.screenshot(path=pictures / "alert.png")


def test_the_tuner_is_steered_and_a_report_taken(browser: Browser, served: Served, pictures: Path) -> None:
    """A knob is set and seen in the history; frozen, nothing can be started; a report is a file."""
    with opened(browser, served, accept_downloads=True) as page:
        live(page)
        page.keyboard.press("6")
        knob = page.get_by_label("profiler hz")
        expect(knob).to_have_value("19")
        knob.select_option("47")
        expect(page.locator("#panel")).to_contain_text("19 → 47")
        expect(page.get_by_label("profiler hz")).to_have_value("47")
        page.get_by_role("button", name="Freeze").hover()
        page.mouse.down()
        until(page, "fastcore.panels.heldBack")  # it would have been drawn anew under the pointer
        page.mouse.up()
        expect(page.locator("#panel")).to_contain_text("It is frozen")
        expect(page.get_by_role("button", name="Start")).to_be_disabled()
        page.screenshot(path=pictures / "tuner.png")
        page.get_by_role("button", name="Thaw").click()
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
        page.get_by_role("button", name="Make a report of now").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").first.click()
        assert download.value.path().read_text().startswith("<!doctype html>")


def test_the_flame_graph_shows_a_part(browser: Browser, served: Served, pictures: Path) -> None:
    wait_until(lambda: profiled(served), "the profiler has seen nothing")
    with opened(browser, served) as page:
        live(page)
        page.keyboard.press("4")
        cells = page.locator("#flame div")
        expect(cells.first).to_have_text("all")
        page.screenshot(path=pictures / "profile.png")
        part = cells.nth(1).inner_text()
        page.locator("#flame").get_by_text(part, exact=True).first.click()
        expect(cells.first).to_have_text(part)
        page.get_by_role("button", name="1 min").click()
        expect(page.get_by_role("button", name="1 min")).to_have_attribute("aria-pressed", "true")


def test_it_comes_back_when_the_service_does(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    arguments = (*ARGUMENTS, "--data", str(tmp_path))
    with Served(*arguments) as service:
        service.send(market("AAA"))
        with opened(browser, service, quiet=False) as page:
            live(page)
            expect(page.locator("#price")).not_to_be_empty()
            service.stop()
            expect(page.locator("#link")).to_have_attribute("data-state", "off", timeout=30_000)
            page.screenshot(path=pictures / "away.png")
            with Served(*arguments, port=service.port) as again:
                live(page)
                again.send([{"symbol": "AAA", "ts": NOW + MINUTE, "price": 77.25}])
                expect(page.locator("#price")).to_have_text("77.25")
                until(page, "fastcore.chart.data.close.at(-1) === 77.25")


def test_a_key_is_asked_for(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys.toml", "read", "ingest")
    with Served(*ARGUMENTS, "--keys", str(tmp_path / "keys.toml"), key=key) as service:
        service.send(market("AAA", 3))
        with opened(browser, service, quiet=False) as page:
            expect(page.locator("#ask")).to_be_visible()
            page.screenshot(path=pictures / "key.png")
            page.fill("#key", "fc_wrong")
            page.keyboard.press("Enter")
            expect(page.locator("#ask-error")).to_contain_text("none of this service")
            page.fill("#key", key)
            page.keyboard.press("Enter")
            live(page)
            expect(page.locator("#name")).to_have_text("AAA")
            assert key not in page.url and page.evaluate("localStorage.length") == 0


def test_the_keyboard_is_enough(browser: Browser, served: Served) -> None:
    with opened(browser, served) as page:
        live(page)
        expect(page.locator("#name")).to_have_text("AAA")
        page.keyboard.press("j")
        expect(page.locator("#name")).to_have_text("BBB/USD")
        page.keyboard.press("k")
        expect(page.locator("#name")).to_have_text("AAA")
        page.keyboard.press("/")
        page.keyboard.type("cc")
        expect(page.locator("#list li:visible")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator("#name")).to_have_text("CCC")
        for number, name in enumerate(("Values", "Ledger", "Latency", "Profile", "Alerts", "Tuner"), 1):
            page.keyboard.press(str(number))
            expect(page.locator("[role=tab][aria-selected=true]")).to_have_text(name)
            expect(page.locator("#panel")).not_to_be_empty()
        page.keyboard.press("a")
        expect(page.locator("#form")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#form")).not_to_be_visible()
        until(page, "fastcore.chart.data && fastcore.chart.data.symbol === 'CCC'")
        before = page.evaluate("fastcore.chart.shown")
        page.keyboard.press("+")
        until(page, f"fastcore.chart.shown < {before}")
        page.keyboard.press("t")
        until(page, "document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("phone", 390, "dark"), ("tablet", 768, "light"), ("wide", 1920, "dark")]
)
def test_it_fits_every_screen(
    browser: Browser, served: Served, pictures: Path, name: str, width: int, scheme: Any
) -> None:
    with opened(browser, served, viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        live(page)
        until(page, f"({COLOURS})() > 20")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        until(page, "fastcore.chart.panes[0].head > fastcore.chart.legends[0].box.offsetHeight")
        page.screenshot(path=pictures / f"{name}.png", full_page=True)
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(14, 18, 24)") == (scheme == "dark")


def test_a_hundred_symbols_leave_the_page_idle(browser: Browser) -> None:
    """Ten updates a second of a hundred symbols: every frame is drawn, and nearly all the time is spare."""
    with (
        Served("--demo", "100", "--demo-speed", "200", *ARGUMENTS) as service,
        opened(browser, service) as page,
    ):
        live(page)
        expect(page.locator("#list li")).to_have_count(100)
        until(page, "fastcore.chart.frames > 20")
        client = page.context.new_cdp_session(page)
        client.send("Performance.enable")

        def spent() -> dict[str, float]:
            return {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}

        before, frames = spent(), page.evaluate("fastcore.chart.frames")
        until(page, f"fastcore.chart.frames > {frames + 30}")
        after = spent()
        busy = (after["TaskDuration"] - before["TaskDuration"]) / (after["Timestamp"] - before["Timestamp"])
        print(json.dumps({"busy": busy}))
        assert after["TaskDuration"] > before["TaskDuration"]


def test_nothing_may_be_loaded_from_elsewhere(served: Served) -> None:
    page = served.client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    names = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text)
    assert len(names) >= 3
    for name in names:
        answer = served.client.get(name)
        assert answer.status_code == 200
        again = served.client.get(name, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    assert served.client.get("/assets/..%2Fservice.py").status_code == 404
    assert served.client.get("/assets/none.js").status_code == 404
