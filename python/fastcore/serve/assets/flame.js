// A flame graph of folded stacks: wider is more time; a click shows one part alone.

import { empty, make, whole } from "/assets/parts.js";

const SPARE = 0.0015; // of the width, below which a frame is not drawn

export function flame(told, at, chosen) {
  const root = { name: "all", count: 0, path: "", children: new Map() };
  const places = new Map([["", root]]);
  for (const [stack, count] of Object.entries(told.folded)) {
    root.count += count;
    let here = root;
    for (const name of stack.split(";")) {
      if (!here.children.has(name)) {
        const made = { name, count: 0, path: `${here.path};${name}`, children: new Map() };
        here.children.set(name, made);
        places.set(made.path, made);
      }
      here = here.children.get(name);
      here.count += count;
    }
  }
  if (!root.count) return [empty("The profiler has seen nothing but waiting in this time.")];
  let focus = places.get(at ?? "") ?? root;
  const box = make("div", { id: "flame", role: "group", "aria-label": "Flame graph: wider is more time" });
  const about = make("p", { class: "quiet" });
  const look = (node) => {
    focus = focus === node ? root : node;
    chosen(focus.path);
    draw();
  };
  const put = (node, left, width, depth) => {
    if (width < SPARE) return depth;
    const share = ((node.count / root.count) * 100).toFixed(1);
    const cell = make("div", { title: `${node.name}: ${share} % (${whole(node.count)} ms)`, onclick: () => look(node) }, node.name);
    let hue = 0;
    for (const letter of node.name) hue = (hue * 31 + letter.charCodeAt(0)) % 40;
    const native = node.name.includes("(C++)");
    Object.assign(cell.style, { left: `${left * 100}%`, width: `${width * 100}%`, top: `${depth * 20}px`, background: native ? `hsl(${190 + hue} 60% 70%)` : `hsl(${18 + hue} 85% ${66 + (hue % 12)}%)` });
    box.append(cell);
    let from = left, deepest = depth;
    for (const child of [...node.children.values()].sort((a, b) => b.count - a.count)) {
      deepest = Math.max(deepest, put(child, from, (width * child.count) / node.count, depth + 1));
      from += (width * child.count) / node.count;
    }
    return deepest;
  };
  const draw = () => {
    box.replaceChildren();
    box.style.height = `${(put(focus, 0, 1, 0) + 1) * 20}px`;
    about.textContent = `${(root.count / 1000).toFixed(1)} s of threads that did something, ${whole(told.samples)} samples in all. Wider is more time; a click shows one part alone${focus === root ? "" : ", another click all of it"}.`;
  };
  draw();
  return [about, box];
}
