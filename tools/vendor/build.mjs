// Bundles each library into one file of analysis/report/vendor/, with the licences of all that is in it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "../../analysis/report/vendor");
const packageOf = file => file.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
const read = folder => JSON.parse(readFileSync(join(folder, "package.json")));

const bundles = {
  "vega.js": ["vega.mjs", ["vega", "vega-lite", "vega-interpreter"]],
  "datatables.js": ["datatables.mjs", ["datatables.net"]],
};
const packages = new Set();
for (const [name, [entry, main]] of Object.entries(bundles)) {
  const versions = main.map(each => `${each} ${read(join("node_modules", each)).version}`).join(", ");
  const result = await build({
    absWorkingDir: here,
    alias: { vega: "./vega_parts.mjs" },
    banner: { js: `/* ${versions}; built by tools/vendor, licences in LICENSES.txt */` },
    bundle: true,
    charset: "ascii",
    entryPoints: [entry],
    format: "iife",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: "es2022",
    write: false,
  });
  const text = result.outputFiles[0].text;
  if (/<\/script|<!--/i.test(text)) throw new Error(`${name} could not stand in a page`);
  writeFileSync(join(vendor, name), text);
  const inputs = Object.values(result.metafile.outputs)[0].inputs;
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    if (bytesInOutput && packageOf(file)) packages.add(packageOf(file));
  }
  for (const each of main) packages.add(join("node_modules", each));
  console.log(`${name}: ${(text.length / 1000).toFixed(0)} kB`);
}

const byText = new Map();
for (const folder of [...packages].sort()) {
  const file = readdirSync(join(here, folder)).find(name => /^licen[cs]e/i.test(name));
  if (!file) throw new Error(`${folder} has no licence file`);
  const { name, version, license } = read(join(here, folder));
  const text = readFileSync(join(here, folder, file), "utf8").replaceAll("\r", "").trim();
  byText.set(text, [...(byText.get(text) ?? []), `${name} ${version} (${license})`]);
}
const parts = [...byText].map(([text, names]) => `${[...new Set(names)].join("\n")}\n\n${text}\n`);
writeFileSync(join(vendor, "LICENSES.txt"), parts.join(`\n${"-".repeat(80)}\n\n`));
