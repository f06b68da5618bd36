// What the selects of the panel offer.
import { type Entry, type Option, select, text } from "./entries";
import type { Shape } from "./model";
import { stemOf } from "../editor";
import { type Tools, attribute } from "./provider";

export function roleOptions(tools: Tools, none: string): Option[] {
  const roles = tools.context.vocabulary.roles.map(({ code, name }) => ({ value: code, label: name }));
  return [{ value: "", label: none }, ...roles];
}

export function formOptions(tools: Tools): Option[] {
  const names = Object.keys(tools.context.files()).filter((file) => file.endsWith(".form")).map(stemOf).sort();
  return [{ value: "", label: "None" }, ...names.map((name) => ({ value: name, label: name }))];
}

export function decisionOptions(tools: Tools): Option[] {
  const found: Option[] = [{ value: "", label: "Choose a decision" }];
  for (const [file, content] of Object.entries(tools.context.files())) {
    if (!file.endsWith(".dmn")) continue;
    const root = new DOMParser().parseFromString(content, "application/xml").documentElement;
    for (const decision of root.getElementsByTagNameNS("*", "decision")) {
      const id = decision.getAttribute("id");
      if (id) found.push({ value: id, label: `${decision.getAttribute("name") ?? id} (${file})` });
    }
  }
  return found;
}

export function statusEntry(element: Shape, tools: Tools): Entry {
  const { statuses, freeStatuses } = tools.context.vocabulary;
  const field = {
    id: "millwright-status", label: "Status of the record", ...attribute(element, tools, "status"),
    description: "What the record's status becomes as soon as this element is reached; of a service task, once it is done.",
  };
  if (freeStatuses) return text(field);
  const options = statuses.map((status) => ({ value: status, label: status }));
  return select({ ...field, options: [{ value: "", label: "Unchanged" }, ...options] });
}

const PRIORITIES: Option[] = [
  { value: "", label: "None in particular (medium)" }, { value: "LOW", label: "Low" }, { value: "MEDIUM", label: "Medium" },
  { value: "HIGH", label: "High" }, { value: "CRITICAL", label: "Critical" },
];

/** A priority from the list, or what an expression says, which then has a field of its own. */
export function priorityEntries(
  element: Shape, tools: Tools, formula: (name: string, label: string, description: string) => Entry,
): Entry[] {
  const { get, set } = attribute(element, tools, "priority");
  const isFormula = (): boolean => (get() ?? "").startsWith("=");
  const chosen = select({
    id: "millwright-priority-kind", label: "Priority", description: "Moves the task up in inboxes.",
    options: [...PRIORITIES, { value: "=", label: "As an expression says" }],
    get: () => (isFormula() ? "=" : get()),
    set: (value) => set(value === "=" ? `="${get() || "MEDIUM"}"` : value),
  });
  const which = "An expression that gives LOW, MEDIUM, HIGH or CRITICAL.";
  return isFormula() ? [chosen, formula("priority", "Priority as an expression", which)] : [chosen];
}
