// Builds FEEL for the server, lays out the fonts of its PDF files, and builds every asset of the pages
// (frontend/*.ts, frontend/css/main.css) with hashed names and a manifest that leads to them. "--debug"
// leaves the output readable.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { openFeelin } from "./feel/plugin.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, "app/static/build");
const minify = !process.argv.includes("--debug");

await build({
  entryPoints: [join(root, "frontend/feel/server.js")],
  bundle: true,
  minify,
  format: "iife",
  target: "es2022",
  plugins: [openFeelin(join(root, "frontend/feel/limits.js"))],
  outfile: join(root, "app/engine/feel/bundle/feel.js"),
  logLevel: "warning",
});

const fonts = join(root, "app/exports/fonts");
mkdirSync(fonts, { recursive: true });
for (const name of ["ttf/DejaVuSansCondensed.ttf", "ttf/DejaVuSansCondensed-Bold.ttf", "LICENSE"]) {
  copyFileSync(join(root, "node_modules/dejavu-fonts-ttf", name), join(fonts, basename(name)));
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

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
  outdir: out,
  metafile: true,
  logLevel: "warning",
});

// Only what pages ask for has a name there; parts that scripts load by themselves are none of it.
const manifest = {};
const asked = new Set([...scripts, join(root, "frontend/css/main.css")]);
for (const [path, { entryPoint }] of Object.entries(result.metafile.outputs)) {
  if (!entryPoint || !asked.has(join(process.cwd(), entryPoint))) continue;
  const built = relative(out, join(process.cwd(), path));
  manifest[basename(entryPoint).replace(/\.ts$/, ".js")] = built;
  // A script that imports styles has a stylesheet beside it, under the script's own name.
  const { cssBundle } = result.metafile.outputs[path];
  if (cssBundle) {
    manifest[basename(entryPoint).replace(/\.ts$/, ".css")] = relative(out, join(process.cwd(), cssBundle));
  }
}
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 1));
