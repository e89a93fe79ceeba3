// A chart of bars or ticks with indicators, on one canvas: panes below each other, one time for all of them.
//
// Columns are drawn by their role: a line, a band (filled between the first and the last of its node), bars from
// zero, a signal (dashed). What lies near the price is drawn over it; the rest has a pane for each node.

const COLOURS = ["#3b82f6", "#f59e0b", "#8b5cf6", "#10b981", "#ec4899", "#06b6d4", "#84cc16", "#f97316", "#6366f1", "#14b8a6"];
const RIGHT = 74, BOTTOM = 22, GAP = 8;

export function number(value, digits = 7) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-6 || size >= 1e12)) return value.toExponential(3);
  const whole = size < 1 ? 0 : Math.floor(Math.log10(size)) + 1;
  const places = size < 1 && size > 0 ? Math.min(10, digits - 1 - Math.floor(Math.log10(size))) : Math.max(0, digits - whole);
  return value.toLocaleString("en-GB", { maximumFractionDigits: Math.min(places, 8) });
}

export class Chart {
  constructor(box) {
    this.box = box;
    this.canvas = document.createElement("canvas");
    box.prepend(this.canvas);
    this.pen = this.canvas.getContext("2d");
    this.legends = [];
    this.data = null;
    this.shown = 160; // slots in view
    this.back = 0; // slots between the newest and the right edge
    this.cursor = null;
    this.frames = 0;
    new ResizeObserver(() => this.draw()).observe(box);
    this.listen();
  }

  // {step, ts[], open[]?, high[]?, low[]?, close[], series: [{name, node, role, values[]}]}; values by slot
  show(data, keep = false) {
    this.data = data;
    if (!keep) this.back = 0;
    this.panes = this.arrange(data);
    this.draw();
  }

  clear() {
    this.data = { step: 0, symbol: "", span: "", ts: [], close: [], series: [] };
    this.draw();
  }

  arrange(data) {
    const low = Math.min(...(data.low || data.close).filter(Number.isFinite));
    const high = Math.max(...(data.high || data.close).filter(Number.isFinite));
    const nodes = new Map();
    data.series.forEach((one, place) => {
      one.colour = COLOURS[place % COLOURS.length];
      nodes.set(one.node, [...(nodes.get(one.node) || []), one]);
    });
    const panes = [{ price: true, series: [] }];
    for (const series of nodes.values()) {
      const values = series.flatMap((one) => one.values.filter(Number.isFinite)).sort((a, b) => a - b);
      const room = Math.max(high - low, high * 0.02);
      const near = values.length && values[0] > low - 3 * room && values[values.length - 1] < high + 3 * room
        && series.every((one) => one.role !== "bar");
      if (near) panes[0].series.push(...series);
      else if (values.length) panes.push({ price: false, series });
    }
    return panes;
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.frames += 1;
      this.paint();
    });
  }

  paint() {
    const { pen, canvas, box, data } = this;
    const width = box.clientWidth, height = box.clientHeight, ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!data || data.close.length === 0 || width < 60) return this.clearLegends();
    const style = getComputedStyle(document.documentElement);
    this.ink = (name) => style.getPropertyValue(name).trim();
    pen.font = "11.5px system-ui, 'DejaVu Sans', sans-serif";
    const count = data.close.length;
    this.shown = Math.max(10, Math.min(this.shown, Math.max(count, 40)));
    this.back = Math.max(-this.shown * 0.4, Math.min(this.back, count - Math.min(count, 10)));
    const plot = width - RIGHT;
    this.slot = plot / this.shown;
    this.first = count - this.back - this.shown;
    const from = Math.max(0, Math.floor(this.first)), to = Math.min(count, Math.ceil(this.first + this.shown));
    const lower = this.panes.length - 1;
    const room = height - BOTTOM - GAP * lower;
    const share = lower ? Math.min(0.22, 0.5 / lower) : 0;
    this.clearLegends();
    let top = 0;
    this.panes.forEach((pane, place) => {
      const tall = place === 0 ? room * (1 - share * lower) : room * share;
      this.pane(pane, top, tall, from, to, plot);
      top += tall + GAP;
    });
    this.times(from, to, plot, height);
    this.cross(plot, height);
  }

  x(slot) { return (slot - this.first + 0.5) * this.slot; }

  pane(pane, top, tall, from, to, plot) {
    const { data, pen } = this;
    let low = Infinity, high = -Infinity;
    const see = (values) => {
      for (let i = from; i < to; i += 1) {
        const value = values[i];
        if (Number.isFinite(value)) { if (value < low) low = value; if (value > high) high = value; }
      }
    };
    if (pane.price) { see(data.low || data.close); see(data.high || data.close); }
    pane.series.forEach((one) => { see(one.values); if (one.role === "bar") { low = Math.min(low, 0); high = Math.max(high, 0); } });
    if (!(low <= high)) { low = 0; high = 1; }
    if (low === high) { low -= Math.abs(low) * 0.01 || 1; high += Math.abs(high) * 0.01 || 1; }
    const pad = (high - low) * 0.07;
    low -= pad; high += pad;
    const head = Math.min(tall * 0.4, Math.max(pane.price ? 20 : 16, this.legends[this.used]?.tall || 0)); // below its legend
    const y = (value) => top + head + (tall - head) * (1 - (value - low) / (high - low));
    Object.assign(pane, { top, tall, low, high, y, head });
    this.scale(pane, plot);
    pen.save();
    pen.beginPath();
    pen.rect(0, top, plot, tall);
    pen.clip();
    const bands = pane.series.filter((one) => one.role === "band");
    for (const node of new Set(bands.map((one) => one.node))) {
      const own = bands.filter((one) => one.node === node);
      if (own.length > 1) this.fill(own[0], own[own.length - 1], y, from, to);
    }
    if (pane.price) data.open ? this.candles(y, from, to) : this.line(data.close, y, from, to, this.ink("--text"), 1.2);
    for (const one of pane.series) {
      if (one.role === "bar") this.columns(one, y, from, to);
      else this.line(one.values, y, from, to, one.colour, 1.4, one.role === "signal");
    }
    pen.restore();
    if (pane.price) this.last(y, plot);
    this.legend(pane);
  }

  candles(y, from, to) {
    const { pen, data } = this;
    const wide = Math.max(1, Math.min(14, Math.floor(this.slot * 0.7)));
    for (const [rising, colour] of [[true, this.ink("--up")], [false, this.ink("--down")]]) {
      pen.fillStyle = colour;
      for (let i = from; i < to; i += 1) {
        if ((data.close[i] >= data.open[i]) !== rising) continue;
        const x = Math.round(this.x(i)), a = y(Math.max(data.open[i], data.close[i])), b = y(Math.min(data.open[i], data.close[i]));
        pen.fillRect(x, y(data.high[i]), 1, Math.max(1, y(data.low[i]) - y(data.high[i])));
        pen.fillRect(x - Math.floor(wide / 2), a, wide, Math.max(1, b - a));
      }
    }
  }

  line(values, y, from, to, colour, thick, dashed = false) {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.lineJoin = "round";
    pen.setLineDash(dashed ? [5, 3] : []);
    pen.beginPath();
    let open = false;
    for (let i = Math.max(0, from - 1); i < Math.min(values.length, to + 1); i += 1) {
      if (!Number.isFinite(values[i])) { open = false; continue; }
      if (open) pen.lineTo(this.x(i), y(values[i]));
      else pen.moveTo(this.x(i), y(values[i]));
      open = true;
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  fill(upper, lower, y, from, to) {
    const { pen } = this;
    pen.beginPath();
    for (let i = from; i < to; i += 1) if (Number.isFinite(upper.values[i])) pen.lineTo(this.x(i), y(upper.values[i]));
    for (let i = to - 1; i >= from; i -= 1) if (Number.isFinite(lower.values[i])) pen.lineTo(this.x(i), y(lower.values[i]));
    pen.globalAlpha = 0.1;
    pen.fillStyle = upper.colour;
    pen.fill();
    pen.globalAlpha = 1;
  }

  columns(one, y, from, to) {
    const { pen } = this;
    const wide = Math.max(1, Math.min(12, Math.floor(this.slot * 0.6))), zero = y(0);
    pen.globalAlpha = 0.65;
    for (let i = from; i < to; i += 1) {
      const value = one.values[i];
      if (!Number.isFinite(value)) continue;
      pen.fillStyle = value >= 0 ? this.ink("--up") : this.ink("--down");
      pen.fillRect(Math.round(this.x(i)) - Math.floor(wide / 2), Math.min(zero, y(value)), wide, Math.max(1, Math.abs(y(value) - zero)));
    }
    pen.globalAlpha = 1;
  }

  scale(pane, plot) {
    const { pen } = this;
    const steps = Math.max(2, Math.floor(pane.tall / 36));
    const raw = (pane.high - pane.low) / steps, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw) || raw;
    pen.strokeStyle = this.ink("--grid");
    pen.fillStyle = this.ink("--quiet");
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (let value = Math.ceil(pane.low / step) * step; value <= pane.high; value += step) {
      const at = Math.round(pane.y(value)) + 0.5;
      if (at < pane.top + 8 || at > pane.top + pane.tall - 3) continue;
      pen.beginPath();
      pen.moveTo(0, at);
      pen.lineTo(plot, at);
      pen.stroke();
      pen.fillText(number(Math.abs(value) < step / 1e6 ? 0 : value, 7), plot + 7, at);
    }
    pen.strokeStyle = this.ink("--line");
    pen.beginPath();
    pen.moveTo(0, Math.round(pane.top + pane.tall) + 0.5);
    pen.lineTo(plot + RIGHT, Math.round(pane.top + pane.tall) + 0.5);
    pen.moveTo(plot + 0.5, pane.top);
    pen.lineTo(plot + 0.5, pane.top + pane.tall);
    pen.stroke();
  }

  last(y, plot) {
    const { pen, data } = this;
    const value = data.close[data.close.length - 1], at = y(value);
    if (!Number.isFinite(at)) return;
    const rising = data.open ? value >= data.open[data.open.length - 1] : value >= data.close[data.close.length - 2];
    const colour = this.ink(rising ? "--up" : "--down");
    pen.strokeStyle = colour;
    pen.setLineDash([2, 3]);
    pen.beginPath();
    pen.moveTo(0, Math.round(at) + 0.5);
    pen.lineTo(plot, Math.round(at) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
    this.tag(number(value), plot, at, colour, "#fff");
  }

  tag(text, plot, at, back, fore) {
    const { pen } = this;
    pen.fillStyle = back;
    pen.fillRect(plot + 1, at - 9, RIGHT - 1, 18);
    pen.fillStyle = fore;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(text, plot + 7, at + 0.5);
  }

  times(from, to, plot, height) {
    const { pen, data } = this;
    pen.fillStyle = this.ink("--quiet");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const every = Math.max(1, Math.ceil(92 / this.slot));
    let day = "";
    for (let i = Math.ceil(from / every) * every; i < to; i += every) {
      const x = this.x(i);
      if (x < 30 || x > plot - 20) continue;
      const when = new Date(data.ts[i] / 1e6), today = when.toLocaleDateString();
      const short = data.step >= 86400e9 || today !== day
        ? when.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : "";
      const clock = data.step >= 86400e9 ? "" : when.toLocaleTimeString("en-GB", data.step >= 60e9 ? { hour: "2-digit", minute: "2-digit" } : {});
      pen.fillText([day === "" || short === "" || data.step >= 86400e9 ? "" : short, clock || short].filter(Boolean).join(" "), x, height - BOTTOM / 2 + 1);
      day = today;
    }
  }

  cross(plot, height) {
    const { pen, data } = this;
    if (!this.cursor) return;
    const slot = Math.floor(this.cursor.x / this.slot + this.first), x = Math.round(this.x(slot)) + 0.5;
    if (slot < 0 || slot >= data.close.length || this.cursor.x > plot) return;
    pen.strokeStyle = this.ink("--quiet");
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height - BOTTOM);
    pen.moveTo(0, Math.round(this.cursor.y) + 0.5);
    pen.lineTo(plot, Math.round(this.cursor.y) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
    const pane = this.panes.find((one) => this.cursor.y >= one.top && this.cursor.y <= one.top + one.tall);
    if (pane) {
      const value = pane.low + (1 - (this.cursor.y - pane.top - pane.head) / (pane.tall - pane.head)) * (pane.high - pane.low);
      this.tag(number(value), plot, this.cursor.y, this.ink("--text"), this.ink("--card"));
    }
    const text = new Date(data.ts[slot] / 1e6).toLocaleString("en-GB"), wide = pen.measureText(text).width + 14;
    pen.fillStyle = this.ink("--text");
    pen.fillRect(Math.max(0, Math.min(plot - wide, x - wide / 2)), height - BOTTOM + 2, wide, BOTTOM - 3);
    pen.fillStyle = this.ink("--card");
    pen.textAlign = "center";
    pen.fillText(text, Math.max(wide / 2, Math.min(plot - wide / 2, x)), height - BOTTOM / 2 + 1);
  }

  clearLegends() {
    for (const one of this.legends) one.used = false;
    for (const one of this.legends) if (!this.data?.close.length) one.box.hidden = true;
    this.used = 0;
  }

  legend(pane) {
    const slot = this.cursor ? Math.floor(this.cursor.x / this.slot + this.first) : this.data.close.length - 1;
    const at = Math.max(0, Math.min(this.data.close.length - 1, slot));
    const parts = pane.series.map((one) => [one.colour, one.name, one.values[at]]);
    if (pane.price && this.data.open) {
      for (const name of ["close", "low", "high", "open"]) parts.unshift(["", name[0].toUpperCase(), this.data[name][at]]);
    }
    const place = this.used;
    this.used += 1;
    if (!this.legends[place]) {
      const box = document.createElement("div");
      box.className = "legend";
      this.box.append(box);
      this.legends.push({ box });
    }
    const { box } = this.legends[place];
    box.hidden = false;
    box.style.top = `${pane.top + 3}px`;
    while (box.children.length < parts.length) {
      const span = document.createElement("span");
      span.append(document.createElement("i"), document.createTextNode(""));
      box.append(span);
    }
    while (box.children.length > parts.length) box.lastChild.remove();
    parts.forEach(([colour, name, value], i) => {
      const [mark, text] = box.children[i].childNodes;
      mark.hidden = !colour;
      mark.style.background = colour;
      text.data = `${name} ${number(value)}`;
    });
    const tall = box.offsetHeight + 5; // of as many lines as a narrow screen makes of it
    if (tall !== this.legends[place].tall) {
      this.legends[place].tall = tall;
      this.draw();
    }
    for (let i = this.used; i < this.legends.length; i += 1) this.legends[i].box.hidden = true;
  }

  move(slots) { this.back += slots; this.draw(); }

  zoom(factor) { this.shown *= factor; this.draw(); }

  reset() { this.back = 0; this.shown = 160; this.draw(); }

  listen() {
    const { box } = this;
    let held = null;
    box.addEventListener("pointermove", (event) => {
      const edge = box.getBoundingClientRect();
      this.cursor = { x: event.clientX - edge.left, y: event.clientY - edge.top };
      if (held !== null) { this.back += (event.clientX - held) / (this.slot || 6); held = event.clientX; }
      this.draw();
    });
    box.addEventListener("pointerdown", (event) => { held = event.clientX; box.setPointerCapture(event.pointerId); });
    for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => { held = null; });
    box.addEventListener("pointerleave", () => { this.cursor = null; this.draw(); });
    box.addEventListener("dblclick", () => this.reset());
    box.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(-event.deltaX / 8);
      else this.zoom(event.deltaY > 0 ? 1.12 : 1 / 1.12);
    }, { passive: false });
  }
}
