// What the figures share: the data, which methods are hidden, axes, marks in a method's own looks.
"use strict";

const report = JSON.parse(document.getElementById("data").textContent);
const hidden = new Set();

const colourOf = (method) => `var(--m${report.methods[method].colour})`;
const visible = (entries) => entries.filter((entry) => !hidden.has(entry.method));

function shortNumber(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e4) ? value.toExponential(1) : String(+value.toPrecision(3));
  return text.replace("e+", "e").replaceAll("-", "−");
}

function decadeLabel(value) {
  const exponent = Math.round(Math.log10(value));
  if (exponent >= -3 && exponent <= 3) return String(+value.toPrecision(1));
  const digits = String(exponent).replace("-", "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `10${digits}`;
}

// Decades only: a logarithmic axis with every minor label is unreadable on a phone.
function logAxis([low, high], label) {
  const first = Math.round(Math.log10(low));
  const count = Math.round(Math.log10(high)) - first;
  const step = Math.ceil(count / 8) || 1;
  const ticks = d3.range(first, first + count + 1, step).map((exponent) => 10 ** exponent);
  return {type: "log", domain: [low, high], ticks, tickFormat: decadeLabel, grid: true, label, labelArrow: "none"};
}

function lineOf(rows, x, y, method, extra = {}) {
  const {dash} = report.methods[method];
  return Plot.lineY(rows, {
    x, y, stroke: colourOf(method), strokeWidth: 2, strokeDasharray: dash || null, clip: true,
    strokeLinejoin: "round", ...extra,
  });
}

function dotsOf(rows, x, y, method, extra = {}) {
  return Plot.dot(rows, {
    x, y, symbol: report.methods[method].symbol, fill: colourOf(method), r: 3.2, clip: true, ...extra,
  });
}

function support(low, high) {
  return [
    Plot.rect([0], {x1: () => low, x2: () => high, fill: "var(--support)"}),
    Plot.text(["support"], {
      x: (low + high) / 2, frameAnchor: "top", dy: 5, lineAnchor: "top", fill: "var(--muted)", fontSize: 11,
    }),
  ];
}

const tips = (rows, x, y) => Plot.tip(rows, Plot.pointer({
  x, y, title: "title", maxRadius: 30, stroke: "var(--line)", fontSize: 12, lineWidth: 22,
}));

function draw(box, options, label) {
  const width = Math.max(260, Math.floor(box.clientWidth));
  const svg = Plot.plot({
    width,
    height: Math.round(Math.min(360, Math.max(260, width * 0.66))),
    marginLeft: 50, marginRight: 14, marginTop: 30, marginBottom: 42,
    style: {background: "none", color: "var(--muted)", fontFamily: "inherit", fontSize: "12px"},
    ...options,
  });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  box.replaceChildren(withRoles(svg));
}

// Plot labels its groups; only what has a role may have a label.
function withRoles(svg) {
  for (const group of svg.querySelectorAll("g[aria-label]")) group.setAttribute("role", "group");
  return svg;
}

function empty(box, text) {
  const message = document.createElement("p");
  message.className = "empty";
  message.textContent = text;
  box.replaceChildren(message);
}

function swatch(method) {
  const row = [{x: 0, y: 0}, {x: 0.5, y: 0}, {x: 1, y: 0}];
  return withRoles(Plot.plot({
    width: 34, height: 14, margin: 1, axis: null, x: {domain: [0, 1]}, y: {domain: [-1, 1]},
    style: {background: "none"},
    marks: [
      lineOf(row, "x", "y", method, {clip: false}),
      dotsOf(row.slice(1, 2), "x", "y", method, {clip: false, r: 3.6}),
    ],
  }));
}
