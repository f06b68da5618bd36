// Finds the names that an expression refers to, each with the path behind it ("request.priority"). A name
// inside a filter may be an entry of the filtered items instead: those are kept apart as uncertain.
export function namesOf(tree, text) {
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
      const kept = uncertain ? found.uncertain : found.paths;
      if (!bound.has(names[0])) kept.push({ names, from: node.from });
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
        if (children[0].name !== "VariableName") visit(children[0], bound, uncertain);
        else if (!bound.has(nameOf(children[0]))) {
          found.functions.push({ name: nameOf(children[0]), from: children[0].from });
        }
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
