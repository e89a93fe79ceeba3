// The page: which symbol and which bars are shown, the list of symbols, the chart's data, the keyboard.

import { ask, path, Problem, Stream, useKey } from "/assets/api.js";
import { Chart, number } from "/assets/chart.js";
import { openForm } from "/assets/form.js";
import { Panels } from "/assets/panels.js";

const $ = (id) => document.getElementById(id);
const LAST = 600;
const MOST_LISTED = 500;

const state = { symbol: "", span: "", plan: null, columns: [], rows: new Map(), items: new Map(), alerts: [], epoch: "" };
const chart = new Chart($("chart"));
const panels = new Panels(state, { load: loadPlan, remove });
window.fastcore = { state, chart, panels }; // for whoever looks under the hood

// ---- symbols ----

let made = 0;

function addSymbol(name) {
  if (state.items.has(name)) return;
  const item = document.createElement("li");
  item.role = "option";
  item.id = `s-${(made += 1)}`;
  item.append(document.createElement("span"), document.createElement("span"));
  item.firstChild.textContent = name;
  item.title = name;
  item.addEventListener("click", () => choose(name));
  state.items.set(name, item);
  const names = [...state.items.keys()].sort();
  const after = names[names.indexOf(name) + 1];
  $("list").insertBefore(item, after ? state.items.get(after) : null);
  filter();
}

function dropSymbol(name) {
  state.rows.delete(name);
  changed.delete(name);
  state.items.get(name)?.remove();
  state.items.delete(name);
  if (name === state.symbol) {
    loading?.abort();
    state.symbol = "";
    $("name").textContent = "";
    chart.clear();
    showPrice();
    note("There is nothing to draw yet.");
  }
  filter();
}

function filter() {
  const wanted = $("find").value.trim().toLowerCase();
  let shown = 0;
  for (const [name, item] of state.items) {
    const fits = name.toLowerCase().includes(wanted) && shown < MOST_LISTED;
    item.hidden = !fits;
    shown += fits;
  }
  const note = $("list-note");
  note.hidden = shown > 0;
  if (!state.symbol) $("chart-note").textContent = "There is nothing to draw yet.";
  note.textContent = state.items.size ? "No symbol has this in its name." : "No ticks have come yet. Send some to POST /v1/ticks, or start with --demo 10.";
}

const listed = () => [...$("list").children].filter((item) => !item.hidden).map((item) => item.title);

// What Enter takes: a symbol of exactly that name goes before the first that has it in its name.
function bestFound() {
  const wanted = $("find").value.trim().toLowerCase();
  for (const name of [...state.items.keys()].sort()) if (name.toLowerCase() === wanted) return name;
  return listed()[0];
}

function choose(name) {
  if (!name || name === state.symbol) return;
  state.items.get(state.symbol)?.setAttribute("aria-selected", "false");
  state.symbol = name;
  const item = state.items.get(name);
  item.setAttribute("aria-selected", "true");
  item.scrollIntoView({ block: "nearest" });
  $("list").setAttribute("aria-activedescendant", item.id);
  $("name").textContent = name;
  showPrice();
  if (chart.data && chart.data.symbol !== name) {
    chart.clear();
    note("Loading");
  }
  loadChart();
  panels.show();
}

function showPrice() {
  const row = state.rows.get(state.symbol);
  $("price").textContent = row ? number(row[1], 9) : "";
  $("price").className = `number ${row?.turn || ""}`;
  document.title = row ? `${number(row[1], 9)} ${state.symbol}` : "fastcore";
}

// ---- what comes by the stream ----

let changed = new Set(), painting = 0;

function hear(frame) {
  if (frame.type === "snapshot") {
    state.columns = frame.columns;
    if (state.epoch !== frame.epoch) {
      state.epoch = frame.epoch;
      loadPlan();
    }
  }
  const gone = frame.type === "snapshot" ? [...state.items.keys()].filter((name) => !(name in frame.rows)) : frame.dropped || [];
  for (const name of gone) dropSymbol(name);
  for (const [name, row] of Object.entries(frame.rows || {})) {
    const before = state.rows.get(name);
    row.turn = !before || before[1] === row[1] ? before?.turn || "" : row[1] > before[1] ? "up" : "down";
    state.rows.set(name, row);
    changed.add(name);
  }
  for (const bar of frame.bars || []) if (bar.symbol === state.symbol && bar.span === state.span) later(loadChart, 50);
  for (const alert of frame.alerts || []) panels.alert(alert);
  if (frame.signals) panels.signals(frame.signals);
  if (!painting) painting = requestAnimationFrame(paint);
}

function paint() {
  painting = 0;
  for (const name of changed) {
    addSymbol(name);
    const row = state.rows.get(name), cell = state.items.get(name).lastChild;
    cell.textContent = number(row[1], 8);
    cell.className = row.turn;
  }
  if (!state.symbol && state.items.size) choose(listed()[0]);
  if (changed.has(state.symbol)) {
    showPrice();
    extend(state.rows.get(state.symbol));
    panels.row();
  }
  changed = new Set();
}

// ---- the chart ----

let loading = null;

const spanOf = (clock) => {
  const found = /^(\d+)(ms|s|m|h|d)$/.exec(clock);
  return found ? Number(found[1]) * { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 }[found[2]] : 0;
};

// Values of a column at each slot: the newest that was known at its time.
function placed(series, ts, step) {
  const known = series.ts.map((one) => one + spanOf(series.clock)), values = [];
  let at = -1;
  for (const one of ts) {
    while (at + 1 < known.length && known[at + 1] <= one + step) at += 1;
    values.push(at < 0 || series.values[at] === null ? NaN : series.values[at]);
  }
  return values;
}

async function loadChart() {
  if (!state.symbol || !state.plan) return;
  loading?.abort();
  const turn = (loading = new AbortController());
  const { symbol, span } = state, before = state.rows.get(symbol);
  try {
    const base = `/v1/symbols/${encodeURIComponent(symbol)}`, options = { signal: turn.signal };
    const columns = state.plan.columns.map((one) => `column=${encodeURIComponent(one.name)}`).join("&");
    const bars = ask(span ? `${base}/bars?span=${encodeURIComponent(span)}&last=${LAST}` : `${base}/ticks?last=${LAST}`, options);
    const history = ask(`${base}/history?${columns}&last=${span ? 5000 : LAST}`, options);
    const [shown, { series }] = await Promise.all([bars, history]);
    if (turn !== loading) return;
    const data = { step: spanOf(span), symbol, span, ts: shown.ts, close: shown.close || shown.price };
    if (span) {
      Object.assign(data, { open: shown.open, high: shown.high, low: shown.low });
      if (shown.forming) for (const name of ["ts", "open", "high", "low", "close"]) data[name].push(shown.forming[name]);
    }
    const role = new Map(state.plan.columns.map((one) => [one.name, one]));
    data.series = series.map((one) => ({
      name: one.column, node: role.get(one.column).node, role: role.get(one.column).role, clock: one.clock,
      values: placed(one, data.ts, span ? data.step : 0),
    }));
    note(data.ts.length ? "" : span ? `No bar of ${span} has begun yet` : "No tick has come since the service started");
    chart.show(data, chart.data?.symbol === symbol && chart.data?.span === span);
    // What was asked for may be older than a row that came meanwhile.
    const row = state.rows.get(symbol);
    if (row && row !== before) extend(row);
  } catch (error) {
    if (error.name !== "AbortError") failed(error, "The chart cannot be loaded");
  }
}

// The newest row at the chart's end, without asking for all of it again.
function extend(row) {
  const data = chart.data;
  if (!data || data.symbol !== state.symbol || data.ts.length === 0) return;
  const [ts, price, , values] = row, end = data.ts.length - 1;
  if (state.span && ts < data.ts[end]) return;
  if (state.span && data.step && ts >= data.ts[end] + data.step) {
    later(loadChart, 300);
    return;
  }
  if (state.span) {
    data.close[end] = price;
    data.high[end] = Math.max(data.high[end], price);
    data.low[end] = Math.min(data.low[end], price);
  } else if (ts > data.ts[end]) {
    data.ts.push(ts);
    data.close.push(price);
    for (const one of data.series) one.values.push(NaN);
    if (chart.back > 0) chart.back += 1;
    if (data.ts.length > 4 * LAST) later(loadChart, 0);
  }
  for (const one of data.series) {
    const value = values[state.columns.indexOf(one.name)];
    if (one.clock === "" || !state.span) one.values[data.ts.length - 1] = value ?? NaN;
  }
  chart.draw();
}

const timers = new Map();
function later(call, wait) {
  if (timers.has(call)) return;
  timers.set(call, setTimeout(() => { timers.delete(call); call(); }, wait));
}

function note(text) {
  $("chart-note").hidden = !text;
  $("chart-note").textContent = text;
}

function failed(error, what) {
  if (error instanceof Problem && error.status === 401) return askKey(error);
  if (error instanceof Problem) note(`${what}: ${error.message}`);
  else if (!chart.data?.ts.length) note(`${what}: the service cannot be reached`);
}

// ---- the plan ----

let plans = 0;

async function loadPlan() {
  const turn = (plans += 1);
  try {
    const plan = await ask("/v1/plan");
    if (turn < plans) return; // asked for again meanwhile: this one may be old
    state.plan = plan;
  } catch (error) {
    failed(error, "The plan cannot be loaded");
    return later(loadPlan, 2000);
  }
  const clocks = [...new Set(state.plan.columns.map((one) => one.clock).filter(Boolean))];
  clocks.sort((a, b) => spanOf(a) - spanOf(b));
  if (state.span && !clocks.includes(state.span)) state.span = "";
  if (!state.spanChosen && clocks.length) state.span = clocks[0];
  const box = $("spans");
  box.replaceChildren();
  for (const clock of ["", ...clocks]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = clock || "ticks";
    button.dataset.span = clock;
    button.setAttribute("aria-pressed", String(clock === state.span));
    button.addEventListener("click", () => {
      state.span = clock;
      state.spanChosen = true;
      for (const one of box.children) one.setAttribute("aria-pressed", String(one === button));
      loadChart();
    });
    box.append(button);
  }
  loadChart();
  panels.show();
}

async function remove(name) {
  await ask(path("v1", "plan", name), { method: "DELETE" });
  await loadPlan();
}

// ---- the rest of the page ----

function askKey(error) {
  const box = $("ask");
  if (box.open) return;
  $("ask-error").hidden = !sessionStorage.getItem("fastcore.key");
  $("ask-error").textContent = error.message;
  box.showModal();
}

$("ask-form").addEventListener("submit", () => {
  useKey($("key").value.trim());
  location.reload();
});

function link(kind, detail) {
  const pill = $("link");
  if (pill.dataset.state === kind && !detail) return;
  pill.dataset.state = kind;
  pill.textContent = detail || { live: "live", wait: "connecting", off: "no connection, trying again" }[kind];
  if (kind === "off") ask("/v1/version").catch((error) => failed(error, "No connection"));
  if (kind === "live") panels.show();
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("fastcore.theme", root.dataset.theme);
  chart.draw();
  panels.show();
}

const saved = localStorage.getItem("fastcore.theme");
if (saved) document.documentElement.dataset.theme = saved;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.draw());

async function openAdd() {
  if (!state.plan) await loadPlan();
  if (state.plan && !document.querySelector("dialog[open]")) openForm(state.plan, loadPlan);
}
const step = (by) => {
  const names = listed(), at = names.indexOf(state.symbol);
  choose(names[Math.max(0, Math.min(names.length - 1, at + by))]);
};
const KEYS = {
  "/": () => $("find").focus(), j: () => step(1), k: () => step(-1), a: openAdd, t: theme, "?": () => $("help").showModal(),
  ArrowLeft: () => chart.move(chart.shown / 8), ArrowRight: () => chart.move(-chart.shown / 8),
  "+": () => chart.zoom(1 / 1.25), "=": () => chart.zoom(1 / 1.25), "-": () => chart.zoom(1.25), 0: () => chart.reset(),
};
for (let i = 1; i <= 6; i += 1) KEYS[i] = () => panels.choose(i - 1);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  // A field of a dialog that has just been closed keeps the focus until the next frame: it is not typed into.
  if (event.target.matches("input, select, textarea") && event.target.checkVisibility()) {
    if (event.key === "Escape") event.target.blur();
    if (event.key === "Enter" && event.target.id === "find") { choose(bestFound()); event.target.blur(); }
    return;
  }
  if (event.target.id === "list" && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (KEYS[event.key] && event.target.role !== "tab") {
    event.preventDefault();
    KEYS[event.key]();
  }
});
$("find").addEventListener("input", filter);
$("add").addEventListener("click", openAdd);
$("theme").addEventListener("click", theme);
$("keys-button").addEventListener("click", () => $("help").showModal());

filter();
loadPlan();
new Stream(hear, link);
