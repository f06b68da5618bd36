// Parses each expression once. FEEL lets names hold blanks and operators ("parts-in-stock"), so that a
// syntax tree depends on the names in the context; where all of those are plain, one tree fits every context.
import { parseExpression, parseUnaryTests } from "@bpmn-io/feelin";
import { parser } from "@bpmn-io/lezer-feel";

const CHARACTERS_KEPT = 400_000;
const KEYWORDS = new Set(
  ("and between context date else every external false for function if in instance list not null of or range " +
    "return satisfies some then time true duration days years months").split(" "),
);
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$|^[0-9]*$/;

const configure = parser.configure.bind(parser);
const trees = new Map();
let charactersKept = 0;
let enabled = false;

/** Part of FEEL that the interpreter lacks, and where. */
export class Unsupported extends Error {
  constructor(message, from) {
    super(message);
    this.from = from;
  }
}

/** Whether a key in a context leaves the syntax of every expression as it is. */
export function isPlainName(name) {
  return PLAIN_NAME.test(name) && !KEYWORDS.has(name);
}

/** Say whether the contexts of the next evaluations hold plain names only. */
export function reuseTrees(allPlain) {
  enabled = allPlain;
}

/** Refuse what feelin parses but answers wrongly. */
function supported(tree, text) {
  if (!text.includes("instance")) return tree;
  tree.iterate({
    enter({ name, from }) {
      if (name === "InstanceOfExpression") throw new Unsupported("“instance of” is not supported.", from);
    },
  });
  return tree;
}

parser.configure = (options) => {
  const configured = configure(options);
  return {
    parse(text) {
      if (!enabled) return supported(configured.parse(text), text);
      const key = options.top + text;
      let tree = trees.get(key);
      if (tree === undefined) {
        tree = supported(configured.parse(text), text);
        charactersKept += key.length;
        if (charactersKept > CHARACTERS_KEPT) {
          trees.clear();
          charactersKept = key.length;
        }
        trees.set(key, tree);
      }
      return tree;
    },
  };
};

/** The syntax tree of an expression or of unary tests, for inspection. */
export function treeOf(kind, text) {
  return kind === "unaryTests" ? parseUnaryTests(text, { "?": null }) : parseExpression(text, {});
}

/** What is wrong at a place in an expression, in plain words. */
export function syntaxMessage(text, from) {
  const rest = text.slice(from).trim();
  if (!rest) return "The expression is incomplete.";
  return `Unexpected “${rest.slice(0, 20)}${rest.length > 20 ? "…" : ""}”.`;
}
