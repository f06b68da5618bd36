// An esbuild plugin that opens feelin where the server needs a hand on it: its built-in functions, and a
// limit on the text that "+" makes. A version of feelin that no longer fits stops the build.
import { readFile } from "node:fs/promises";

const CHANGES = [
  ["return a + b;\n                }, 'add'", "return limited(a + b);\n                }, 'add'"],
  ["export { SyntaxError,", 'import { limited } from "millwright-limits";\nexport { builtins, Range, SyntaxError,'],
];

export function openFeelin(limits) {
  return {
    name: "open-feelin",
    setup(build) {
      build.onResolve({ filter: /^millwright-limits$/ }, () => ({ path: limits }));
      build.onLoad({ filter: /@bpmn-io[\\/]feelin[\\/]dist[\\/]index\.js$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [from, to] of CHANGES) {
          if (contents.split(from).length !== 2) throw new Error(`feelin has changed: ${from}`);
          contents = contents.replace(from, () => to);
        }
        return { contents, loader: "js" };
      });
    },
  };
}
