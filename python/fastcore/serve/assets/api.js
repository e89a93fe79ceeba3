// The API as the page uses it: requests with the key, problems as errors, a stream that comes back by itself.

let key = sessionStorage.getItem("fastcore.key") || "";

export function useKey(text) {
  key = text;
  sessionStorage.setItem("fastcore.key", text);
}

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `the service answered ${status}`);
    this.status = status;
    this.fields = body.errors || [];
  }
}

export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = { accept: "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, told);
  return told;
}

// A file of the service, to keep: a link could not carry the key.
export async function load(where, name) {
  const answer = await fetch(where, { headers: key ? { authorization: `Bearer ${key}` } : {} });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export const path = (...parts) => "/" + parts.map(encodeURIComponent).join("/");

// Follows the stream: calls `frame` with each snapshot and delta, `state` with "live", "wait" or "off".
export class Stream {
  constructor(frame, state) {
    this.frame = frame;
    this.state = state;
    this.since = "";
    this.delay = 250;
    this.heard = 0;
    setInterval(() => this.watch(), 5000);
    addEventListener("online", () => this.open());
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    const protocols = key ? ["fastcore", `key.${key}`] : ["fastcore"];
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`, protocols);
    this.socket = socket;
    socket.onopen = () => {
      this.heard = Date.now();
      socket.send(JSON.stringify({ op: "subscribe", kinds: ["rows", "bars", "signals", "alerts"], interval_ms: 100, since: this.since }));
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      if (this.socket === socket) this.again();
    };
  }

  hear(frame) {
    this.heard = Date.now();
    if (frame.type === "problem") return void this.state("off", frame.detail);
    if (frame.type === "snapshot") this.epoch = frame.epoch;
    this.since = `${this.epoch}:${frame.number}`;
    this.delay = 250;
    this.state("live");
    this.frame(frame);
  }

  again() {
    this.state(this.delay > 1000 ? "off" : "wait");
    this.timer = setTimeout(() => this.open(), this.delay * (0.7 + 0.6 * Math.random()));
    this.delay = Math.min(this.delay * 1.7, 5000);
  }

  // A connection can be gone without a word: the service says something every 15 seconds.
  watch() {
    if (this.socket.readyState === WebSocket.OPEN && Date.now() - this.heard > 40000) this.socket.close();
  }
}
