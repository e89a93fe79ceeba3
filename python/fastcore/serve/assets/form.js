// The form that adds an indicator, built from the catalogue: its parameters with their ranges and defaults.

import { ask } from "/assets/api.js";

const $ = (id) => document.getElementById(id);
let catalogue = null, plan = null, done = null, named = false, picked = null;

const found = () => catalogue?.find((row) => row.name.toLowerCase() === $("which").value.trim().toLowerCase());

export async function openForm(current, then) {
  plan = current;
  done = then;
  named = false;
  picked = undefined;
  $("add-form").reset();
  $("params").replaceChildren();
  $("about").textContent = "";
  problem("");
  $("form").showModal();
  $("which").focus();
  if (!catalogue) {
    try {
      catalogue = (await ask("/v1/indicators")).indicators;
    } catch (error) {
      return problem(`The catalogue cannot be loaded: ${error.message}`);
    }
    pick(); // of what was typed meanwhile
    $("catalogue").replaceChildren(...catalogue.map((row) => new Option(row.doc.split(". ")[0], row.name)));
  }
  const clocks = new Set([...plan.columns.map((one) => one.clock).filter(Boolean), "1m", "5m", "1h"]);
  $("clocks").replaceChildren(...[...clocks].map((clock) => new Option(clock, clock)));
}

function problem(text) {
  $("form-error").hidden = !text;
  $("form-error").textContent = text;
}

function field(param) {
  const label = document.createElement("label");
  label.className = "field";
  label.append(param.name);
  const input = document.createElement(param.choices ? "select" : "input");
  if (param.choices) {
    input.append(...param.choices.map((name, i) => new Option(name, String(i))));
  } else {
    input.type = "number";
    input.min = param.min;
    input.max = param.max;
    input.step = param.type === "int" ? 1 : "any";
    input.required = true;
  }
  input.value = String(param.default);
  input.name = param.name;
  const about = document.createElement("small");
  about.textContent = param.doc;
  label.append(input, about);
  return label;
}

function pick() {
  const row = found();
  $("which").classList.toggle("bad", !row && $("which").value !== "" && document.activeElement !== $("which"));
  if (row === picked) return; // what was typed below stays
  picked = row;
  $("about").textContent = row ? row.doc : "";
  $("params").replaceChildren(...(row ? row.params.map(field) : []));
  if (row && !named) {
    let name = row.name.toLowerCase();
    for (let i = 2; name in plan.plan; i += 1) name = `${row.name.toLowerCase()}${i}`;
    $("called").value = name;
  }
}

$("which").addEventListener("input", pick);
$("which").addEventListener("change", pick);
$("called").addEventListener("input", () => { named = true; });
$("cancel").addEventListener("click", () => $("form").close());
$("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const row = found();
  if (!row) return problem(`There is no indicator ${$("which").value || "yet: choose one"}`);
  const params = {};
  for (const input of $("params").querySelectorAll("input, select")) params[input.name] = Number(input.value);
  $("create").disabled = true;
  try {
    const on = $("on").value.trim();
    await ask("/v1/plan", { method: "POST", body: { name: $("called").value, indicator: row.name, params, on: on === "ticks" ? "" : on } });
    $("form").close();
    done();
  } catch (error) {
    problem(error.message);
    const wrong = (error.fields || []).map((one) => one.field.replace("params.", ""))[0];
    ($("params").querySelector(`[name="${CSS.escape(wrong || "")}"]`) || { name: $("called"), on: $("on"), indicator: $("which") }[wrong])?.focus();
  } finally {
    $("create").disabled = false;
  }
});
