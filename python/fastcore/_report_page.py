"""The page around the report: its skeleton and its style."""

from __future__ import annotations

__all__ = ["PAGE", "STYLE"]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><p class="over">fastcore run report</p><h1>{source}</h1><p class="lead">{lead}</p></header>
<div class="tiles">{tiles}</div>
{sections}
<footer>Written by fastcore on {when}. This file is complete: it loads nothing.</footer>
</main>
</body>
</html>
"""

STYLE = """
:root {
  --paper: #fbfaf7; --ink: #22262b; --muted: #626a73; --rule: #dcdad3; --card: #f2f0ea;
  --blue: #1f5fae; --orange: #b3540b; --band: #dce7f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e6e4de; --muted: #9aa2ab; --rule: #31363d; --card: #1d2126;
    --blue: #7fb0ee; --orange: #eb9f5e; --band: #223349;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 980px; margin: 0 auto; padding: 56px 24px 72px; }
h1, h2, p, figure, dl, dd { margin: 0; }
.over { color: var(--muted); font-size: 14px; }
h1 { font-size: 32px; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; margin: 4px 0 16px; }
h1::first-letter { text-transform: uppercase; }
.lead { font-size: 18px; max-width: 44em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 1px;
  margin: 36px 0 0; background: var(--rule); border: 1px solid var(--rule); border-radius: 8px;
  overflow: hidden; }
.tiles div { background: var(--card); padding: 18px 20px; }
.tiles b { display: block; font-size: 26px; line-height: 1.2; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tiles span { color: var(--muted); font-size: 14px; }
section { margin-top: 56px; }
h2 { font-size: 20px; font-weight: 650; margin-bottom: 6px; }
section > p { color: var(--muted); max-width: 46em; margin-bottom: 18px; }
.plot { overflow-x: auto; }
.plot svg { display: block; max-width: 100%; min-width: 640px; height: auto; }
.plot svg text { font-family: inherit; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; width: 100%; }
th { font-weight: 500; color: var(--muted); text-align: left; vertical-align: bottom; }
th, td { padding: 6px 0 6px 20px; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
.numbers td, .numbers th { text-align: right; }
.numbers td:first-child, .numbers th:first-child { text-align: left; }
.wide { font-size: 13px; }
.wide td + td, .wide th + th { padding-left: 8px; }
.wide th { white-space: normal; color: var(--ink); }
.wide td:first-child, .wide th:first-child { position: sticky; left: 0;
  background: var(--paper); color: var(--muted); }
.ledger :is(td, th):is(:nth-child(2), :nth-child(3)) { text-align: right; }
.ledger td:nth-child(4) { width: 160px; }
.ledger td:last-child { color: var(--muted); white-space: normal; }
.ledger td span { color: var(--muted); }
.bar { display: block; height: 8px; min-width: 2px; border-radius: 1px; background: var(--blue); }
.spark { display: block; margin-left: auto; }
.spark polyline { fill: none; stroke: var(--muted); stroke-width: 1.2; stroke-linejoin: round; }
.spark circle { fill: var(--blue); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 24px; font-size: 14px; }
dt { color: var(--muted); }
footer { margin-top: 64px; padding-top: 16px; border-top: 1px solid var(--rule);
  color: var(--muted); font-size: 14px; }
@media (max-width: 560px) {
  .ledger :is(td, th):nth-child(4) { display: none; }
  main { padding: 32px 16px 48px; }
  h1 { font-size: 26px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print {
  main { max-width: none; padding: 0; }
  section { break-inside: avoid; margin-top: 32px; }
}
"""
