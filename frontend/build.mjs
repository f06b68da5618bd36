// Builds FEEL for the server, lays out the fonts of its PDF files, and builds every asset of the pages
// (frontend/*.ts, frontend/css/main.css) with hashed names and a manifest that leads to them. "--debug"
// leaves the output readable.
//
// A site may run from the folder meanwhile. So everything is built beside it and moved in file by file,
// the manifest last; what the build before had stays, for pages that are open and load the rest of it.
import { build } from "esbuild";
import {
  copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { openFeelin } from "./feel/plugin.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "app/static/build");
mkdirSync(out, { recursive: true });
const stage = mkdtempSync(join(root, "app/static/building-"));
process.on("exit", () => rmSync(stage, { recursive: true, force: true }));
const RECENT = 10 * 60_000; // milliseconds within which a file may belong to a build that goes on beside this one

const minify = !process.argv.includes("--debug");

await build({
  entryPoints: [join(root, "frontend/feel/server.js")],
  bundle: true,
  minify,
  format: "iife",
  target: "es2022",
  plugins: [openFeelin(join(root, "frontend/feel/limits.js"))],
  outfile: join(stage, "server/feel.js"),
  logLevel: "warning",
});
mkdirSync(join(root, "app/engine/feel/bundle"), { recursive: true });
renameSync(join(stage, "server/feel.js"), join(root, "app/engine/feel/bundle/feel.js"));

const fonts = join(root, "app/exports/fonts");
mkdirSync(fonts, { recursive: true });
for (const name of ["ttf/DejaVuSansCondensed.ttf", "ttf/DejaVuSansCondensed-Bold.ttf", "LICENSE"]) {
  copyFileSync(join(root, "node_modules/dejavu-fonts-ttf", name), join(stage, basename(name)));
  renameSync(join(stage, basename(name)), join(fonts, basename(name)));
}

const scripts = readdirSync(join(root, "frontend"))
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
  .map((name) => join(root, "frontend", name));

const result = await build({
  entryPoints: [...scripts, join(root, "frontend/css/main.css")],
  bundle: true,
  minify,
  format: "esm",
  splitting: true,
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff": "file", ".woff2": "file", ".ttf": "file", ".eot": "file", ".svg": "file" },
  outdir: join(stage, "pages"),
  metafile: true,
  logLevel: "warning",
});

// Only what pages ask for has a name there; parts that scripts load by themselves are none of it.
const manifest = {};
const built = (path) => relative(join(stage, "pages"), join(process.cwd(), path));
const asked = new Set([...scripts, join(root, "frontend/css/main.css")]);
for (const [path, { entryPoint, cssBundle }] of Object.entries(result.metafile.outputs)) {
  if (!entryPoint || !asked.has(join(process.cwd(), entryPoint))) continue;
  manifest[basename(entryPoint).replace(/\.ts$/, ".js")] = built(path);
  // A script that imports styles has a stylesheet beside it, under the script's own name.
  if (cssBundle) manifest[basename(entryPoint).replace(/\.ts$/, ".css")] = built(cssBundle);
}

const files = Object.keys(result.metafile.outputs).map(built);
const list = join(out, "files.json");
const before = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : readdirSync(out);
// A name has a digest of its content in it: what is there already is the same.
for (const name of files.filter((each) => !existsSync(join(out, each)))) renameSync(join(stage, "pages", name), join(out, name));
publish("manifest.json", manifest);
publish("files.json", files);

const kept = new Set([...files, ...before, "manifest.json", "files.json"]);
for (const name of readdirSync(out).filter((each) => !kept.has(each))) {
  const path = join(out, name);
  if (Date.now() - statSync(path).mtimeMs > RECENT) rmSync(path, { recursive: true, force: true });
}

/** Writes a file of the build in one step: whoever reads it sees the old one or the new one. */
function publish(name, content) {
  writeFileSync(join(stage, name), JSON.stringify(content, null, 1));
  renameSync(join(stage, name), join(out, name));
}
