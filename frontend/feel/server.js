// FEEL on the server: runs inside an isolated V8 that has no files, no network and no timers.
import { evaluate, unaryTest } from "@bpmn-io/feelin";
import { Settings } from "luxon";
import { isBuiltin } from "./builtins.js";
import { TooLarge } from "./limits.js";
import { namesOf } from "./names.js";
import { reuseTrees, syntaxMessage, treeOf, Unsupported } from "./parsing.js";
import { plain, read } from "./values.js";

const WARNINGS_KEPT = 20;
const OUT_OF_SPACE = /^(Maximum call stack|Invalid (string|array) length)/;

function failure(error, text) {
  if (error && error.input !== undefined && error.position) {
    const position = error.position.from;
    return { error: syntaxMessage(text, position), kind: "syntax", position };
  }
  if (error instanceof Unsupported) return { error: error.message, kind: "syntax", position: error.from };
  const message = String((error && error.message) || error).split("\n")[0].slice(0, 300);
  const large = error instanceof TooLarge || OUT_OF_SPACE.test(message);
  return { error: message, kind: large ? "memory" : "value", position: null };
}

/** Evaluates for one request: collects the warnings, and says where an expression failed. */
class Run {
  warnings = [];

  value(kind, text, context, where = null) {
    try {
      const result = kind === "unaryTests" ? unaryTest(text, context) : evaluate(text, context);
      for (const { type, message, details, position } of result.warnings) {
        if (this.warnings.length >= WARNINGS_KEPT) break;
        const safe = type.startsWith("NO_VARIABLE") ? message : details.template;
        this.warnings.push({ type, message: safe, text, from: position.from });
      }
      return result.value;
    } catch (error) {
      throw Object.assign(failure(error, text), { where, text });
    }
  }
}

function settle(run, work) {
  try {
    return { ...work(), warnings: run.warnings };
  } catch (error) {
    return "where" in error ? error : failure(error, "");
  }
}

function one({ kind, text, context }, tag) {
  const run = new Run();
  return settle(run, () => ({ value: plain(run.value(kind, text, context), tag) }));
}

// A decision table: the input expressions, the cells, and the outputs of the rules that match.
function table({ inputs, rules, context }, tag) {
  const run = new Run();
  return settle(run, () => {
    const values = inputs.map((text, column) => run.value("expression", text, context, ["input", column]));
    const contexts = values.map((value) => ({ ...context, "?": value ?? null }));
    const matched = [];
    rules.forEach(({ tests, outputs }, row) => {
      const fits = tests.every(
        (text, column) => text === "" || run.value("unaryTests", text, contexts[column], ["test", row, column]) === true,
      );
      if (!fits) return;
      const given = outputs.map((text, column) =>
        text === "" ? null : plain(run.value("expression", text, context, ["output", row, column]), tag),
      );
      matched.push({ row, outputs: given });
    });
    return { inputs: values.map((value) => plain(value, tag)), matched };
  });
}

function inspect({ kind, text }) {
  try {
    const tree = treeOf(kind, text);
    let broken = null;
    tree.iterate({
      enter(node) {
        if (node.type.isError && broken === null) broken = node.from;
      },
    });
    if (broken !== null) return { error: syntaxMessage(text, broken), kind: "syntax", position: broken };
    const { functions, ...names } = namesOf(tree, text);
    return { ...names, unknownFunctions: functions.filter(({ name }) => !isBuiltin(name)) };
  } catch (error) {
    return failure(error, text);
  }
}

const OPERATIONS = { one, table, inspect };

/** Answer a request: JSON in, JSON out. `now` is in milliseconds; `tag` marks temporal values in the input. */
globalThis.millwrightFeel = (tag, text) => {
  const { request, plainNames } = read(text, tag);
  reuseTrees(plainNames);
  Settings.now = () => request.now;
  const keepTag = request.tagged ? tag : null;
  return JSON.stringify(request.items.map(({ op, ...item }) => OPERATIONS[op](item, keepTag)));
};
