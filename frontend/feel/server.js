// FEEL on the server: runs inside an isolated V8 that has no files, no network and no timers.
// Speaks JSON strings only; temporal values travel as {"@feel": "<ISO text>"}.
import { date, duration, evaluate, parseExpression, parseUnaryTests, unaryTest } from "@bpmn-io/feelin";
import { DateTime, Duration, Settings } from "luxon";

Settings.defaultZone = "UTC";
const TAG = "@feel";

function revive(_key, value) {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, TAG)) return value;
  const text = value[TAG];
  return /^-?P/.test(text) ? duration(text) : date(text);
}

function plain(value, depth = 0) {
  if (depth > 60) throw new Error("The result is nested too deeply.");
  if (value === null || value === undefined) return null;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return null;
    return value;
  }
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (DateTime.isDateTime(value) || Duration.isDuration(value)) {
    return evaluate("string(value)", { value }).value;
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const found = Object.create(null);
    for (const [key, item] of Object.entries(value)) found[key] = plain(item, depth + 1);
    return found;
  }
  throw new Error("The result is a function or a range, not a value.");
}

function warningsOf(result) {
  return result.warnings.map(({ type, message, position }) => ({ type, message, from: position.from }));
}

function failure(error) {
  const position = error && error.position ? error.position.from : null;
  const syntax = error && error.input !== undefined;
  const message = String((error && error.message) || error).split("\n")[0].slice(0, 300);
  return { error: message, syntax, position };
}

function one({ kind, text, context }) {
  try {
    const result = kind === "test" ? unaryTest(text, context) : evaluate(text, context);
    return { value: plain(result.value), warnings: warningsOf(result) };
  } catch (error) {
    return failure(error);
  }
}

// A decision table: all input expressions, all cells and the outputs of the rules that match.
function table({ inputs, rules, context }) {
  const warnings = [];
  const values = [];
  const at = (where, run) => {
    try {
      const result = run();
      for (const warning of warningsOf(result)) warnings.push({ ...warning, where });
      return result.value;
    } catch (error) {
      throw Object.assign(failure(error), { where });
    }
  };
  try {
    inputs.forEach((text, index) => values.push(at(["input", index], () => evaluate(text, context))));
    const matched = [];
    rules.forEach((rule, row) => {
      const fits = rule.tests.every((text, column) => {
        if (text === "" || text === "-") return true;
        const own = { ...context, "?": values[column] ?? null };
        return at(["rule", row, column], () => unaryTest(text, own)) === true;
      });
      if (!fits) return;
      const outputs = rule.outputs.map((text, column) =>
        text === "" ? null : plain(at(["output", row, column], () => evaluate(text, context))),
      );
      matched.push({ row, outputs });
    });
    return { inputs: values.map((value) => plain(value)), matched, warnings };
  } catch (error) {
    return "where" in error ? error : failure(error);
  }
}

// The names an expression refers to, each with the path behind it. Names inside a filter may be
// entries of the filtered items: those are uncertain.
function namesOf(tree, text) {
  const found = { paths: [], uncertain: [], functions: [] };
  const nameOf = (node) => text.slice(node.from, node.to).replace(/\s+/g, " ");
  const childrenOf = (node) => {
    const children = [];
    for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
    return children;
  };

  function path(node) {
    const [head, ...rest] = childrenOf(node);
    const tail = rest.filter((child) => child.name === "VariableName").map(nameOf);
    if (head.name === "PathExpression") {
      const inner = path(head);
      return inner && [...inner, ...tail];
    }
    return head.name === "VariableName" ? [nameOf(head), ...tail] : null;
  }

  function visit(node, bound, uncertain) {
    const children = childrenOf(node);
    const record = (names) => {
      if (!bound.has(names[0])) (uncertain ? found.uncertain : found.paths).push(names);
    };
    switch (node.name) {
      case "VariableName":
        record([nameOf(node)]);
        return;
      case "PathExpression": {
        const names = path(node);
        if (names) record(names);
        else visit(children[0], bound, uncertain);
        return;
      }
      case "FilterExpression":
        visit(children[0], bound, uncertain);
        for (const child of children.slice(1)) visit(child, new Set([...bound, "item"]), true);
        return;
      case "FunctionInvocation":
        if (children[0].name === "VariableName") found.functions.push(nameOf(children[0]));
        for (const child of children.slice(1)) visit(child, bound, uncertain);
        return;
      case "ForExpression":
      case "QuantifiedExpression": {
        const inner = new Set([...bound, "partial"]);
        for (const child of children) {
          if (child.name !== "InExpressions") {
            visit(child, inner, uncertain);
            continue;
          }
          for (const each of childrenOf(child)) {
            for (const part of childrenOf(each)) {
              if (part.name === "Name") continue;
              visit(part, inner, uncertain);
            }
            for (const part of childrenOf(each)) if (part.name === "Name") inner.add(nameOf(part));
          }
        }
        return;
      }
      case "FunctionDefinition": {
        const inner = new Set(bound);
        for (const child of children) {
          if (child.name === "FormalParameters") {
            for (const parameter of childrenOf(child)) inner.add(nameOf(parameter.firstChild));
          }
        }
        for (const child of children) if (child.name === "FunctionBody") visit(child, inner, uncertain);
        return;
      }
      case "Context": {
        const inner = new Set(bound);
        for (const child of children) {
          if (child.name !== "ContextEntry") continue;
          const [key, value] = childrenOf(child);
          if (value) visit(value, inner, uncertain);
          inner.add(nameOf(key).replace(/^"|"$/g, ""));
        }
        return;
      }
      case "NamedParameter":
        for (const child of children.slice(1)) visit(child, bound, uncertain);
        return;
      default:
        for (const child of children) visit(child, bound, uncertain);
    }
  }

  visit(tree.topNode, new Set(), false);
  return found;
}

function inspect({ kind, text }) {
  try {
    const tree = kind === "test" ? parseUnaryTests(text, {}) : parseExpression(text, {});
    let broken = null;
    tree.iterate({
      enter(node) {
        if (node.type.isError && broken === null) broken = node.from;
      },
    });
    if (broken !== null) {
      const here = text.slice(broken, broken + 20);
      return { error: here ? `Unexpected «${here}»` : "The expression is incomplete", syntax: true, position: broken };
    }
    const names = namesOf(tree, text);
    names.unknownFunctions = names.functions.filter((name) => evaluate(name, {}).value === null);
    return names;
  } catch (error) {
    return failure(error);
  }
}

const OPERATIONS = { one, table, inspect };

globalThis.millwrightFeel = function (request) {
  const { now, items } = JSON.parse(request, revive);
  Settings.now = () => now;
  return JSON.stringify(items.map(({ op, ...item }) => OPERATIONS[op](item)));
};
