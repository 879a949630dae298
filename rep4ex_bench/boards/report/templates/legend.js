// Legends that hide a method in every figure, and figures drawn anew when their width changes.
"use strict";

const boxes = [...document.querySelectorAll(".plot")];

function redraw(box) {
  const {draw: drawPanel, panels} = drawings[box.dataset.figure];
  box.nextElementSibling.textContent = drawPanel(box, panels[box.dataset.panel]).trim();
}

function toggle(method) {
  if (!hidden.delete(method)) hidden.add(method);
  for (const button of document.querySelectorAll(`.legend button[data-method="${method}"]`)) {
    button.setAttribute("aria-pressed", String(!hidden.has(method)));
  }
  boxes.forEach(redraw);
}

// A legend names the methods that its section draws, though hiding one hides it everywhere.
function methodsIn({panels, entries}) {
  const found = panels.flatMap(entries).map(({method}) => method);
  return [...new Set(found)].sort((a, b) => a - b);
}

function fillLegend(legend) {
  legend.append(...methodsIn(drawings[legend.closest("section").id]).map((method) => {
    const {label, role} = report.methods[method];
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.method = method;
    button.setAttribute("aria-pressed", "true");
    button.append(swatch(method), role === "method" ? label : `${label} (${role})`);
    button.addEventListener("click", () => toggle(method));
    return button;
  }));
}

document.querySelectorAll(".legend").forEach(fillLegend);
// Drawn anew at another width only: a drawing that changes its own height must not loop.
const widths = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const {target} of entries) {
    if (widths.get(target) === target.clientWidth) continue;
    widths.set(target, target.clientWidth);
    redraw(target);
  }
});
boxes.forEach((box) => observer.observe(box));
