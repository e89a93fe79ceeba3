// The tuner and reports: knobs as they stand, what was tried and why it stayed or went, and a file to keep.

import { ask, load, path } from "/assets/api.js";
import { card, clock, make, table } from "/assets/parts.js";

const STATES = {
  idle: "The tuner changes nothing until it is started. It then tries one knob at a time, and keeps what clearly makes the response faster.",
  climbing: "It is trying: each trial measures both settings in turns, and takes about a minute.",
  frozen: "It is frozen: nothing is changed until it is thawed.",
};
const plain = (value) => Number(value).toLocaleString("en-GB", { maximumSignificantDigits: 6 });

export class Tuning {
  constructor(again) {
    this.again = again;
    this.said = "";
  }

  async draw() {
    const told = await ask("/v1/tuner"), { reports } = await ask("/v1/reports");
    const act = (name, text, enabled, primary) => make("button", { type: "button", ...(primary ? { class: "primary" } : {}), ...(enabled ? {} : { disabled: "" }), onclick: () => this.post(`/v1/tuner/${name}`) }, text);
    const frozen = told.state === "frozen";
    const steer = make("p", { class: "steer" }, act("start", "Start", told.state === "idle", true), frozen ? act("thaw", "Thaw", true) : act("freeze", "Freeze", true));
    const knobs = told.knobs.map((one) => [make("span", { title: `larger costs ${one.cost}` }, one.name), this.choice(one, told.state)]);
    const trials = told.trials.map((one) => [clock(one.at), one.knob, `${plain(one.before)} → ${plain(one.after)}`, gain(one), make("span", { class: one.verdict === "kept" ? "up" : one.verdict === "breach" ? "down" : "quiet", title: one.why }, one.verdict)]);
    const kept = reports.map((one) => [clock(one.at), one.findings ? `${one.findings} finding${one.findings > 1 ? "s" : ""}` : "nothing found", this.file(one.name)]);
    return make("div", { class: "cards" },
      card("Tuner", make("p", { class: "quiet" }, STATES[told.state]), steer, this.said || told.trouble ? make("p", { class: "error", role: "alert" }, this.said || told.trouble) : null, table(["Knob", "#Setting"], knobs)),
      card("What was tried", trials.length ? table(["Time", "Knob", "Change", "#Response", "Verdict"], trials) : make("p", { class: "quiet" }, "Nothing has been tried yet.")),
      card("Reports", make("p", { class: "steer" }, make("button", { type: "button", onclick: () => this.post("/v1/reports") }, "Make a report of now")),
        kept.length ? table(["Time", "Found", "#"], kept) : make("p", { class: "quiet" }, "A report is one file: objectives, latencies, flame graph, bottlenecks, memory, trials.")));
  }

  choice(knob, state) {
    const values = [...new Set([...knob.values, knob.value])].sort((a, b) => a - b);
    const select = make("select", { "aria-label": knob.name, onchange: () => { select.blur(); this.post(path("v1", "tuner", "knobs", knob.name), "PUT", { value: Number(select.value) }); } },
      ...values.map((value) => make("option", { value: String(value), ...(value === knob.value ? { selected: "" } : {}), ...(value < knob.values[0] || value > knob.values.at(-1) ? { disabled: "" } : {}) }, plain(value))));
    select.disabled = state === "climbing";
    return select;
  }

  file(name) {
    return make("button", { type: "button", class: "small", onclick: () => load(`${path("v1", "reports", name)}?form=html`, `fastcore-${name}.html`).catch((error) => { this.said = error.message; this.again(); }) }, "Download");
  }

  async post(where, method = "POST", body) {
    try {
      await ask(where, { method, body });
      this.said = "";
    } catch (error) {
      this.said = error.message;
    }
    this.again();
  }
}

const gain = (one) => (one.ratio === null ? "–" : one.ratio < 1 ? `${((1 - one.ratio) * 100).toFixed(1)} % less` : `${((one.ratio - 1) * 100).toFixed(1)} % more`);
