// The tabs below the chart: values, ledger, latency, profile, objectives and alerts, tuner.

import { ask } from "/assets/api.js";
import { number } from "/assets/chart.js";
import { flame } from "/assets/flame.js";
import { $, card, clock, empty, make, meter, ns, table, whole } from "/assets/parts.js";
import { Tuning } from "/assets/tuning.js";

const percent = (share) => `${(share * 100).toFixed(1)} %`;

const TABS = ["Values", "Ledger", "Latency", "Profile", "Alerts", "Tuner"];

export class Panels {
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.at = 0;
    this.alerts = new Map();
    this.said = [];
    this.cells = new Map();
    TABS.forEach((name, place) => {
      const tab = make("button", { type: "button", role: "tab", id: `tab-${place}`, "aria-controls": "panel", onclick: () => this.choose(place),
        onkeydown: (event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (by) { event.stopPropagation(); this.choose((this.at + by + TABS.length) % TABS.length); $(`tab-${this.at}`).focus(); }
        } }, name);
      $("tabs").append(tab);
    });
    this.mark();
    this.turn = this.drawnTurn = 0;
    $("panel").addEventListener("pointerdown", (event) => { this.pressed = event.button === 0; });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => this.release()));
    setInterval(() => document.hidden || this.show(), 2000);
  }

  // The click comes after the pointer has gone up: what was held back until then is shown after it.
  release() {
    this.pressed = false;
    if (this.heldBack) this.show();
    this.heldBack = false;
  }

  mark() {
    TABS.forEach((_, place) => {
      $(`tab-${place}`).setAttribute("aria-selected", String(place === this.at));
      $(`tab-${place}`).tabIndex = place === this.at ? 0 : -1;
    });
    $("panel").setAttribute("aria-labelledby", `tab-${this.at}`);
  }

  choose(place) {
    this.at = place;
    this.drawn = "";
    this.cells.clear();
    this.mark();
    $("panel").replaceChildren();
    this.show();
  }

  async show() {
    const at = this.at, turn = (this.turn += 1);
    try {
      const stats = await ask("/v1/stats");
      const { received, accepted } = stats.engine;
      $("counts").textContent = `${whole(stats.symbols)} symbols · ${whole(stats.columns)} columns · ${whole(accepted)} of ${whole(received)} ticks accepted`;
      this.board((await ask("/v1/alerts")).alerts);
      const draw = [this.values, this.ledger, this.latency, this.profile, this.alarms, this.tuner][at];
      const content = await draw.call(this, stats);
      if (!content || at !== this.at || turn < this.drawnTurn) return; // a newer answer was quicker
      this.drawnTurn = turn;
      this.put([content].flat());
    } catch (error) {
      if (error.status !== 401 && at === this.at && !this.cells.size) $("panel").replaceChildren(empty(error.status ? error.message : "The service cannot be reached; what is shown is the last that came."));
    }
  }

  // What is pressed stays until it has been clicked, what is chosen from as long as it has the focus, and a
  // button keeps it.
  put(content) {
    if (this.pressed) { this.heldBack = true; return; }
    const held = $("panel").contains(document.activeElement) ? document.activeElement : null;
    if (held?.tagName === "SELECT") return;
    $("panel").replaceChildren(...content);
    if (held?.tagName === "BUTTON") [...$("panel").querySelectorAll("button")].find((one) => one.textContent === held.textContent)?.focus();
  }

  // ---- values of the symbol, live ----

  values() {
    const { plan, symbol } = this.state;
    if (!plan || !symbol) return empty("There is no symbol yet");
    const shape = JSON.stringify(plan.plan) + symbol;
    if (this.drawn === shape && this.cells.size) return this.row();
    this.drawn = shape;
    this.cells.clear();
    const rows = Object.entries(plan.plan).map(([name, text]) => {
      const values = make("td", { class: "n" });
      for (const column of plan.columns.filter((one) => one.node === name)) {
        const cell = make("span", {}, "–");
        this.cells.set(column.name, cell);
        values.append(column.name === name ? cell : make("span", {}, `${column.name.slice(name.length + 1)} `, cell));
      }
      const gone = make("button", { type: "button", class: "small", "aria-label": `Remove ${name}`, onclick: async (event) => {
        event.target.disabled = true;
        try { await this.actions.remove(name); } catch (error) { event.target.disabled = false; event.target.title = error.message; event.target.textContent = "cannot be removed"; }
      } }, "Remove");
      return make("tr", {}, make("td", {}, make("b", {}, name)), make("td", { class: "quiet text" }, text), values, make("td", { class: "n" }, gone));
    });
    const heads = make("tr", {}, ...["Name", "Indicator", "Now", ""].map((head, i) => make("th", { class: ["", "text", "n", "n"][i], scope: "col" }, head)));
    $("panel").replaceChildren(make("div", { class: "scroll" }, make("table", {}, make("thead", {}, heads), make("tbody", {}, ...rows))));
    this.row();
    return null;
  }

  row() {
    const row = this.state.rows.get(this.state.symbol);
    if (this.at !== 0 || !row) return;
    this.state.columns.forEach((name, place) => {
      const cell = this.cells.get(name);
      if (cell) cell.textContent = row[3][place] === null ? "warming up" : number(row[3][place]);
    });
  }

  // ---- ledger ----

  async ledger(stats) {
    const { received, ...buckets } = stats.engine;
    const own = this.state.symbol ? (await ask(`/v1/symbols/${encodeURIComponent(this.state.symbol)}`)).ledger : {};
    const names = Object.keys(buckets);
    const rows = names.map((name) => [name.replace("_", " "), whole(buckets[name]), whole(own[name] ?? 0), meter(received ? buckets[name] / received : 0, name !== "accepted" && buckets[name] > 0)]);
    rows.push([make("b", {}, "received"), whole(received), whole(own.received ?? 0), ""]);
    const feeds = Object.entries(stats.feeds).map(([name, feed]) => [name, whole(feed.received), whole(feed.dropped), whole(feed.conflated), whole(feed.pending)]);
    return make("div", { class: "cards" },
      card("Every tick ends in one bucket", table(["Bucket", "#All symbols", `#${this.state.symbol || "Symbol"}`, ""], rows)),
      card("Feeds", table(["Feed", "#Received", "#Dropped", "#Conflated", "#Waiting"], feeds)));
  }

  // ---- latency ----

  latency(stats) {
    const found = [...Object.entries(stats.latency_ns), ...Object.entries(stats.stages || {})].filter(([, one]) => one.count);
    if (!found.length) return empty("Nothing has been timed yet: no tick has come.");
    const most = Math.log10(Math.max(...found.map(([, one]) => one["p99.9"] || one.max), 10));
    const rows = found.map(([name, one]) => [name.replace("_", " "), whole(one.count), ns(one.p50), ns(one.p95), ns(one.p99), ns(one["p99.9"]), ns(one.max), meter(Math.log10(Math.max(1, one.p99)) / most)]);
    return [card("How long it takes", table(["Stage", "#Count", "#p50", "#p95", "#p99", "#p99.9", "#Longest", "p99, logarithmic"], rows)),
      make("p", { class: "quiet" }, `The event loop stood still ${whole(stats.stalls.count)} times, ${stats.stalls.seconds.toFixed(2)} s in all.`)];
  }

  // ---- profile: a flame graph, and what moved in it ----

  async profile() {
    this.seconds ??= 3600;
    const told = await ask(`/v1/profile?seconds=${this.seconds}`);
    if (!told.running) return empty(told.reason);
    const choose = make("div", { class: "choice", role: "group", "aria-label": "Window" }, ...[[60, "1 min"], [600, "10 min"], [3600, "1 hour"]].map(([seconds, name]) =>
      make("button", { type: "button", "aria-pressed": String(seconds === this.seconds), onclick: () => { this.seconds = seconds; this.show(); } }, name)));
    const { changes } = await ask(`/v1/profile/changes?seconds=${Math.min(this.seconds, 600)}`);
    const moved = changes.filter((one) => Math.abs(one.after - one.before) >= 0.01).slice(0, 8);
    const rows = moved.map((one) => [one.line, percent(one.before), percent(one.after), make("span", { class: one.after > one.before ? "down" : "up" }, `${one.after > one.before ? "+" : "−"}${percent(Math.abs(one.after - one.before))}`)]);
    return [choose, ...flame(told, this.flameAt, (at) => { this.flameAt = at; }),
      rows.length && this.seconds < 3600 ? card("What moved, beside the time before", table(["Line", "#Before", "#Now", "#Change"], rows)) : ""];
  }

  // ---- objectives and alerts ----

  alert(one) {
    this.alerts.set(one.name, one);
    this.pill();
    if (this.at === 4) this.show();
  }

  signals(found) { this.said = [...found.reverse(), ...this.said].slice(0, 50); }

  board(found) {
    this.alerts = new Map(found.map((one) => [one.name, one]));
    this.pill();
  }

  pill() {
    const firing = [...this.alerts.values()].filter((one) => one.state === "firing");
    $("alarm").hidden = !firing.length;
    $("alarm").dataset.state = "firing";
    $("alarm").textContent = firing.length === 1 ? firing[0].name : `${firing.length} alerts`;
    $("alarm").title = firing.map((one) => one.text).join("\n");
    $("tab-4").textContent = firing.length ? `Alerts (${firing.length})` : "Alerts";
  }

  async alarms() {
    const { objectives } = await ask("/v1/objectives");
    const { findings } = await ask("/v1/findings");
    const wrong = findings.map((one) => make("li", {}, make("b", {}, `${one.kind}: ${one.what}`), ` – ${one.much}`,
      one.line ? make("code", {}, one.line) : null, make("small", {}, `since ${clock(one.since)} · try: ${one.advice}`)));
    const rows = [...this.alerts.values()].map((one) => [
      make("span", { class: one.state === "firing" ? "down" : "up" }, one.state === "firing" ? "● firing" : "● resolved"),
      make("b", {}, one.name), one.text, clock(one.since)]);
    const targets = objectives.map((one) => [one.name, one.text, one.value === null ? "–" : one.shown,
      make("span", { class: one.met === false ? "down" : one.met ? "up" : "quiet" }, one.met === null ? "no data" : one.met ? "met" : "missed")]);
    const said = this.said.map((one) => [new Date(one.ts / 1e6).toLocaleTimeString("en-GB"), one.symbol, one.strategy, JSON.stringify(one.value)]);
    return make("div", { class: "cards" },
      card("Alerts", rows.length ? table(["State", "Alert", "What", "Since"], rows) : make("p", { class: "quiet" }, "All is well: nothing has been out of order since the service started.")),
      card("Objectives", targets.length ? table(["Objective", "Target", "#Now", ""], targets) : make("p", { class: "quiet" }, "No objectives are set.")),
      card("Bottlenecks and leaks", wrong.length ? make("ul", { class: "findings" }, ...wrong) : make("p", { class: "quiet" }, "None: no stage, queue, pool or cache costs more than it should, and memory does not grow.")),
      said.length ? card("Signals", table(["Time", "Symbol", "Strategy", "Value"], said)) : null);
  }

  // ---- tuner and reports ----

  tuner() {
    this.tuning ??= new Tuning(() => this.show());
    return this.tuning.draw();
  }
}
