// What the panels are built of: elements, tables, cards, meters, and numbers as people read them.

export const $ = (id) => document.getElementById(id);
export const ns = (value) => (value == null ? "–" : value < 1e3 ? `${Math.round(value)} ns` : value < 1e6 ? `${(value / 1e3).toPrecision(3)} µs`
  : value < 1e9 ? `${(value / 1e6).toPrecision(3)} ms` : `${(value / 1e9).toPrecision(3)} s`);
export const whole = (value) => Number(value).toLocaleString("en-GB");

export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const table = (heads, rows) => make("div", { class: "scroll" }, make("table", {},
  make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { class: head.startsWith("#") ? "n" : "", scope: "col" }, head.replace("#", ""))))),
  make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, i) => make("td", { class: heads[i].startsWith("#") ? "n" : "" }, cell)))))));

export const card = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);
export const empty = (text) => make("p", { class: "note" }, text);

export function meter(share, bad = false) {
  const inner = make("b"), outer = make("meter-bar", bad ? { class: "bad" } : {}, inner);
  inner.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return outer;
}
export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
