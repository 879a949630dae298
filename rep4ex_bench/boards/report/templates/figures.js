// The figures of a report, and the choice of a seed.
"use strict";

const labelOf = (method) => report.methods[method].label;

function beyondText(names) {
  return names.length ? `Leaves the range shown: ${names.join("; ")}. ` : "";
}

function leftOutText(seeds) {
  return seeds ? `${seeds} more seeds are not in this page. ` : "";
}

function edgeText(names, leftOut) {
  const edge = names.length ? `On the upper edge: ${names.join("; ")}. ` : "";
  return `${edge}${leftOutText(leftOut)}`;
}

function drawDistance(box, scenario) {
  const {range, curves, beyond} = scenario.distance;
  if (!curves.length) return empty(box, "No errors by distance were recorded."), "";
  const rowsOf = (curve) => curve.at.map((at, i) => ({
    at, median: curve.median[i], low: curve.low[i], high: curve.high[i],
    title: `${labelOf(curve.method)}\ndistance ${shortNumber(at)}\nmedian nMSE ${shortNumber(curve.median[i])}\n`
      + `seeds ${shortNumber(curve.low[i])} to ${shortNumber(curve.high[i])} (${curve.seeds[i]})`,
  }));
  const drawn = visible(curves).map((curve) => ({method: curve.method, rows: rowsOf(curve)}));
  const last = d3.max(curves, (curve) => d3.max(curve.at));
  // a logarithmic axis has no zero: an exact prediction lies on the lower edge
  const onAxis = (name) => (row) => (row[name] === null ? NaN : Math.max(row[name], range[0]));
  draw(box, {
    x: {domain: [0, Math.max(last, 1)], label: "distance (1 = edge of the support)", labelAnchor: "center", labelArrow: "none"},
    y: logAxis(range, "nMSE"),
    marks: [
      support(0, 1),
      Plot.ruleY([1], {stroke: "var(--muted)", strokeDasharray: "4 3"}),
      drawn.map(({method, rows}) => Plot.areaY(rows, {
        x: "at", y1: onAxis("low"), y2: onAxis("high"), fill: colourOf(method), fillOpacity: 0.13, clip: true,
      })),
      drawn.map(({method, rows}) => lineOf(rows, "at", onAxis("median"), method)),
      drawn.map(({method, rows}) => dotsOf(rows, "at", onAxis("median"), method)),
      tips(drawn.flatMap(({rows}) => rows).filter((row) => row.median <= range[1]), "at", onAxis("median")),
    ],
  }, `Error against distance from the support in ${scenario.label}: ${drawn.length} curves`);
  return beyondText(beyond);
}

function drawPath(box, scenario) {
  const seed = document.getElementById("seed").value;
  const path = scenario.path.find((entry) => String(entry.seed) === seed);
  if (!path) return empty(box, "No predictions along a path for this seed."), "";
  const points = (values, name) => path.at.map((at, i) => ({
    at, value: values[i], title: `${name}\nt = ${shortNumber(at)}\n${shortNumber(values[i])}`,
  }));
  const truth = points(path.truth, "truth");
  const drawn = visible(path.lines).map(({method, value}) => ({method, rows: points(value, labelOf(method))}));
  const value = (row) => row.value ?? NaN;
  // symbols are set apart from line to line, so that lines on top of each other can be told apart
  const every = Math.max(1, Math.round(path.at.length / 7));
  const marked = (rows, method) => rows.filter((_, i) => (i + 2 * method) % every === 0);
  const inRange = (row) => row.value >= path.range[0] && row.value <= path.range[1];
  draw(box, {
    x: {domain: d3.extent(path.at), label: "position t on the path", labelAnchor: "center", labelArrow: "none"},
    y: {domain: path.range, grid: true, ticks: 6, label: "E[Y | do(A = a)]", labelArrow: "none"},
    marks: [
      support(-1, 1),
      Plot.lineY(truth, {x: "at", y: value, stroke: "var(--ink)", strokeWidth: 4.5, strokeOpacity: 0.9, clip: true}),
      drawn.map(({method, rows}) => lineOf(rows, "at", value, method)),
      drawn.map(({method, rows}) => dotsOf(marked(rows, method), "at", value, method)),
      tips([...truth, ...drawn.flatMap(({rows}) => rows)].filter(inRange), "at", value),
    ],
  }, `Truth and ${drawn.length} predictions along the path of actions in ${scenario.label}, seed ${seed}`);
  return `${beyondText(path.beyond)}${leftOutText(path.left_out)}`;
}

function drawCode(box, scenario) {
  const {range, points, beyond, left_out} = scenario.code;
  if (!points.length) return empty(box, "No finished cell of this scenario has a code to judge."), "";
  const least = Math.max(-1, Math.min(d3.min(points, (point) => point.r2) - 0.02, 0.9));
  const drawn = visible(points).map((point) => ({
    ...point,
    across: Math.max(point.r2, least),
    shown: Math.min(Math.max(point.nmse, range[0]), range[1]),
    title: `${labelOf(point.method)}, seed ${point.seed}\naffine R² ${shortNumber(point.r2)}\nnMSE outside ${shortNumber(point.nmse)}`,
  }));
  const methods = [...new Set(drawn.map((point) => point.method))];
  draw(box, {
    x: {domain: [least, 1.01], ticks: 6, grid: true, label: "affine R² (1 = latents recovered)", labelAnchor: "center", labelArrow: "none"},
    y: logAxis(range, "nMSE outside"),
    marks: [
      Plot.ruleY([1], {stroke: "var(--muted)", strokeDasharray: "4 3"}),
      methods.map((method) => dotsOf(drawn.filter((point) => point.method === method), "across", "shown", method, {
        r: 5, fillOpacity: 0.8, stroke: "var(--card)", strokeWidth: 0.8, clip: false,
      })),
      tips(drawn, "across", "shown"),
    ],
  }, `Affine R squared against nMSE outside in ${scenario.label}: ${drawn.length} cells`);
  return edgeText(beyond, left_out);
}

function drawCost(box, scenario) {
  const {range, seconds, points, beyond, left_out} = scenario.cost;
  if (!points.length) return empty(box, "No CPU seconds were recorded."), "";
  const drawn = visible(points).map((point) => ({
    ...point,
    shown: Math.min(Math.max(point.nmse, range[0]), range[1]),
    title: `${labelOf(point.method)}, seed ${point.seed}\n${shortNumber(point.seconds)} s of CPU time\nnMSE outside ${shortNumber(point.nmse)}`,
  }));
  const methods = [...new Set(drawn.map((point) => point.method))];
  draw(box, {
    x: {type: "log", domain: seconds, grid: true, ticks: 5, tickFormat: shortNumber, label: "CPU seconds of fit and prediction", labelAnchor: "center", labelArrow: "none"},
    y: logAxis(range, "nMSE outside"),
    marks: [
      methods.map((method) => dotsOf(drawn.filter((point) => point.method === method), "seconds", "shown", method, {
        r: 5, fillOpacity: 0.8, stroke: "var(--card)", strokeWidth: 0.8, clip: false,
      })),
      tips(drawn, "seconds", "shown"),
    ],
  }, `nMSE outside against CPU seconds in ${scenario.label}: ${drawn.length} cells`);
  return edgeText(beyond, left_out);
}

// A parameter that spans more than a decade is drawn on a logarithmic axis.
function drawSweep(box, sweep) {
  const rowsOf = (curve) => curve.at.map((at, i) => ({
    at, median: curve.median[i], low: curve.low[i], high: curve.high[i],
    title: `${labelOf(curve.method)}\n${sweep.parameter} ${shortNumber(at)}\nmedian affine R² ${shortNumber(curve.median[i])}\n`
      + `seeds ${shortNumber(curve.low[i])} to ${shortNumber(curve.high[i])} (${curve.seeds[i]})`,
  }));
  const drawn = visible(sweep.curves).map((curve) => ({method: curve.method, rows: rowsOf(curve)}));
  const values = [...new Set(sweep.curves.flatMap((curve) => curve.at))].sort(d3.ascending);
  const wide = values[0] > 0 && values.at(-1) / values[0] > 10;
  const least = Math.max(-1, d3.min(sweep.curves, (curve) => d3.min(curve.low)));
  draw(box, {
    x: {type: wide ? "log" : "linear", ticks: values, tickFormat: shortNumber, label: sweep.parameter, labelAnchor: "center", labelArrow: "none"},
    y: {domain: [least, 1.01], grid: true, ticks: 6, label: "affine R² (1 = latents recovered)", labelArrow: "none"},
    marks: [
      drawn.map(({method, rows}) => Plot.areaY(rows, {
        x: "at", y1: "low", y2: "high", fill: colourOf(method), fillOpacity: 0.13, clip: true,
      })),
      drawn.map(({method, rows}) => lineOf(rows, "at", "median", method)),
      drawn.map(({method, rows}) => dotsOf(rows, "at", "median", method)),
      tips(drawn.flatMap(({rows}) => rows), "at", "median"),
    ],
  }, `Affine R squared against ${sweep.parameter} in ${sweep.label}: ${drawn.length} curves`);
  return "";
}

// Per figure: how a panel is drawn, the panels, and what in a panel belongs to a method.
const drawings = {
  distance: {draw: drawDistance, panels: report.scenarios, entries: ({distance}) => distance.curves},
  path: {draw: drawPath, panels: report.scenarios, entries: ({path}) => path.flatMap(({lines}) => lines)},
  code: {draw: drawCode, panels: report.scenarios, entries: ({code}) => code.points},
  "cost-figure": {draw: drawCost, panels: report.scenarios, entries: ({cost}) => cost.points},
  sweep: {draw: drawSweep, panels: report.sweeps, entries: ({curves}) => curves},
};

function fillSeeds(select) {
  const seeds = new Set(report.scenarios.flatMap(({path}) => path.map(({seed}) => seed)));
  select.append(...[...seeds].sort((a, b) => a - b).map((seed) => new Option(seed, seed)));
  select.disabled = seeds.size < 2;
  select.addEventListener("change", () => {
    boxes.filter((box) => box.dataset.figure === "path").forEach(redraw);
  });
}

document.querySelectorAll("#seed").forEach(fillSeeds);
