// The figures of the speed board: time and memory against n, error against time.
"use strict";

const labelOf = (method) => report.methods[method].label;

const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const BYTES = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];

function withUnit(value, units) {
  const [size, unit] = units.find(([least]) => value >= 0.9995 * least) ?? units.at(-1);
  return `${shortNumber(value / size)} ${unit}`;
}

// Ticks at sizes that were measured, no closer than their labels are wide.
function sizeAxis(sizes, width) {
  const domain = d3.extent(sizes);
  const room = (Math.log(domain[1] / domain[0]) * 56) / Math.max(width - 64, 120);
  const ticks = [];
  for (const n of sizes) {
    if (!ticks.length || Math.log(n / ticks.at(-1)) >= room) ticks.push(n);
  }
  return {
    type: "log", domain, ticks, tickFormat: (n) => n.toLocaleString("en"), label: "n", labelAnchor: "center",
    labelArrow: "none",
  };
}

const onEdge = ([low]) => (row) => (row.value === null ? NaN : Math.max(row.value, low));

function drawGrowth(box, panel, units, what) {
  if (!panel.curves.length) return empty(box, `No ${what} was recorded.`), "";
  const drawn = visible(panel.curves).map(({method, n, value, low, high}) => ({
    method,
    rows: n.map((size, i) => ({
      n: size, value: value[i], low: low?.[i], high: high?.[i],
      title: `${labelOf(method)}\nn = ${size.toLocaleString("en")}\n${withUnit(value[i], units)}`,
    })),
  }));
  const floor = panel.floor ? panel.floor.n.map((n, i) => ({n, value: panel.floor.value[i]})) : [];
  const sizes = [...new Set(panel.curves.flatMap(({n}) => n))].sort((a, b) => a - b);
  const place = onEdge(panel.range);
  const axis = {...logAxis(panel.range, what), tickFormat: (value) => withUnit(value, units)};
  draw(box, {
    marginLeft: 62, marginRight: 24,
    x: sizeAxis(sizes, box.clientWidth),
    y: axis,
    marks: [
      Plot.lineY(floor, {x: "n", y: "value", stroke: "var(--muted)", strokeWidth: 5, strokeOpacity: 0.5}),
      drawn.filter(({rows}) => rows[0].low !== undefined).map(({method, rows}) => Plot.ruleX(rows, {
        x: "n", y1: "low", y2: "high", stroke: colourOf(method), clip: true,
      })),
      drawn.map(({method, rows}) => lineOf(rows, "n", place, method)),
      drawn.map(({method, rows}) => dotsOf(rows, "n", place, method, {clip: false})),
      tips(drawn.flatMap(({rows}) => rows), "n", place),
    ],
  }, `${what} against n for ${panel.label}: ${drawn.length} curves`);
  return "";
}

function drawError(box, panel) {
  if (!panel.points.length) return empty(box, "Errors or floors were not recorded."), "";
  const drawn = visible(panel.points).map((point) => ({
    ...point,
    shown: Math.max(point.error, panel.range[0]),
    title: `${labelOf(point.method)}\n${point.workload}\n${shortNumber(point.time)} times the floor\n`
      + `error ${shortNumber(point.error)}`,
  }));
  const methods = [...new Set(drawn.map(({method}) => method))];
  draw(box, {
    x: {...logAxis(panel.across, "time over floor"), labelAnchor: "center"},
    y: logAxis(panel.range, "relative error of the value"),
    marks: [
      Plot.ruleX(panel.across[0] <= 1 ? [1] : [], {stroke: "var(--muted)", strokeDasharray: "4 3"}),
      methods.map((method) => dotsOf(drawn.filter((point) => point.method === method), "time", "shown", method, {
        r: 4.5, fillOpacity: 0.85, stroke: "var(--card)", strokeWidth: 0.8, clip: false,
      })),
      tips(drawn, "time", "shown"),
    ],
  }, `Error against time for ${panel.label}: ${drawn.length} points`);
  return "";
}

// Per figure: how a panel is drawn, the panels, and what in a panel belongs to a contender.
const drawings = {
  scaling: {
    draw: (box, panel) => drawGrowth(box, panel, SECONDS, "time"), panels: report.scaling, entries: ({curves}) => curves,
  },
  memory: {
    draw: (box, panel) => drawGrowth(box, panel, BYTES, "extra memory"), panels: report.memory, entries: ({curves}) => curves,
  },
  error: {draw: drawError, panels: report.error, entries: ({points}) => points},
};
