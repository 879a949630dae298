// The table of all results: sorted, filtered and drawn a page at a time by DataTables.
"use strict";

const {rows} = JSON.parse(document.getElementById("data").textContent);
const NUMBERS = [4, 5, 6, 7, 8, 9];

// A cell is [HTML, sort key]; the HTML was escaped when the page was made.
const columns = rows.length ? rows[0].map((_, place) => ({
  data: place,
  className: NUMBERS.includes(place) ? "number" : "",
  type: NUMBERS.includes(place) ? "num" : "string",
  render: (cell, kind) => (kind === "display" ? cell[0] : cell[1]),
})) : [];

if (rows.length) {
  new DataTable("#all-results", {
    data: rows,
    columns,
    order: [[0, "asc"], [1, "asc"], [4, "asc"]],
    pageLength: 50,
    lengthMenu: [25, 50, 200, 1000],
    autoWidth: false,
    deferRender: true,
    language: {search: "Filter", emptyTable: "No verified results yet."},
  });
}
