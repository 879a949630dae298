// Sorting of the leaderboards. Oracles and controls stay in their own group at the foot.
"use strict";
document.documentElement.classList.add("js");

function sortTable(header) {
  const table = header.closest("table");
  const column = [...header.parentNode.children].indexOf(header);
  const descending = header.getAttribute("aria-sort") === "ascending";
  const numeric = header.dataset.kind === "number";
  for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].map((row) => ({row, key: row.cells[column]?.dataset.sort ?? ""}));
    rows.sort((a, b) => compareKeys(a.key, b.key, numeric, descending ? -1 : 1));
    body.append(...rows.map(({row}) => row));
  }
}

// What has no value comes last in either direction; Python writes infinity as "inf".
function compareKeys(a, b, numeric, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (!numeric) return sign * a.localeCompare(b);
  const [x, y] = [a, b].map((key) => (key === "inf" ? Infinity : Number(key)));
  return x === y ? 0 : sign * (x < y ? -1 : 1);
}

for (const header of document.querySelectorAll(".board th[data-kind]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...header.childNodes);
  button.addEventListener("click", () => sortTable(header));
  header.append(button);
}
