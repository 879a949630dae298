// The table of all results: sorted, filtered and drawn a page at a time by DataTables.
"use strict";

const results = JSON.parse(document.getElementById("data").textContent);
const FAILED = 1e300;

function escaped(text) {
  const box = document.createElement("span");
  box.textContent = text;
  return box.innerHTML;
}

// Addresses are made of small letters, digits, "-" and "/" only.
const anchor = ([text, href]) => `<a href="${href}">${escaped(text)}</a>`;
const badge = (role) => (role === "method" ? role : `<span class="badge ${role}">${role}</span>`);

function shownNumber(value) {
  if (value === null) return "–";
  if (value === FAILED) return "failed";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e4)) return value.toExponential(2).replace("e+", "e");
  return value.toPrecision(3).replace("-", "−");
}

function shownInterval(row) {
  if (row[5] !== null) return `${shownNumber(row[5])} to ${shownNumber(row[6])}`;
  return row[9] ? `needs ${results.fewest} seeds` : "–";
}

// What a column holds: how it is shown, and what it is sorted and filtered by.
const text = (of) => ({type: "string", data: (row, kind) => of(row, kind === "display")});
const number = (of, show) => ({
  type: "num", className: "number",
  data: (row, kind) => (kind === "display" ? show(row) : of(row) ?? FAILED),
});
const value = (place) => number((row) => row[place], (row) => shownNumber(row[place]));

const columns = [
  text((row, display) => (display ? escaped : String)(results.suites[row[0]])),
  text((row, display) => (display ? anchor(results.scenarios[row[1]]) : results.scenarios[row[1]][0])),
  text((row, display) => (display ? anchor(results.entries[row[2]]) : results.entries[row[2]][0])),
  text((row, display) => (display ? badge(row[3]) : row[3])),
  number((row) => row[4], (row) => `<b>${shownNumber(row[4])}</b>`),
  number((row) => row[5], shownInterval),
  ...results.metrics.map((_, place) => value(11 + place)),
  value(7),
  // an empty field says why it is empty
  number((row) => (row[9] ? row[8] / row[9] : null),
    (row) => (row[9] ? `${row[8]}/${row[9]}` : `<span class="why">${escaped(row[10])}</span>`)),
];

if (results.rows.length) {
  new DataTable("#all-results", {
    data: results.rows,
    columns,
    order: [[0, "asc"], [1, "asc"], [4, "asc"]],
    pageLength: 50,
    lengthMenu: [25, 50, 200, 1000],
    autoWidth: false,
    deferRender: true,
    language: {search: "Filter"},
  });
}
