// Copies the pinned bundles out of node_modules, with the licence of everything inside them.
// Run by `npm run vendor` in this folder, after `npm install --no-package-lock --ignore-scripts`.

import {copyFileSync, existsSync, readFileSync, readdirSync, writeFileSync} from "node:fs";

const read = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));

// A bundle holds the code of its dependencies, so their notices have to travel with it.
function inside(name, without, found = new Set()) {
  if (found.has(name) || without.has(name)) return found;
  found.add(name);
  for (const dependency of Object.keys(read(name).dependencies ?? {})) {
    inside(dependency, without, found);
  }
  return found;
}

function notice(name) {
  const {version, license} = read(name);
  const folder = `node_modules/${name}`;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `Licence: ${license}`;
  return {title: `${name} ${version}`, text};
}

function vendor(name, bundle, packages) {
  const target = bundle.split("/").at(-1);
  const source = `node_modules/${name}/${bundle}`;
  if (!existsSync(source)) throw new Error(`${source} is missing: run npm install first`);
  copyFileSync(source, target);
  const byText = new Map(); // many of the parts share one licence text
  for (const part of packages) {
    const {title, text} = notice(part);
    byText.set(text, [...(byText.get(text) ?? []), title]);
  }
  const parts = [...byText].map(([text, titles]) => `${titles.join(", ")}\n\n${text}\n`);
  writeFileSync(`${target}.LICENSE`, parts.join(`\n${"-".repeat(72)}\n\n`));
}

const d3 = inside("d3", new Set(["commander", "iconv-lite", "rw"])); // command line of d3-dsv only
vendor("d3", "dist/d3.min.js", d3);
vendor("@observablehq/plot", "dist/plot.umd.min.js", inside("@observablehq/plot", d3));
vendor("jquery", "dist/jquery.slim.min.js", inside("jquery", new Set()));
vendor("datatables.net", "js/dataTables.min.js", inside("datatables.net", new Set(["jquery"])));
