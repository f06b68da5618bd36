// The lists of an element: the buttons of a task, what goes into it, and what comes out of it.
import type { Service } from "../vocabulary";
import { type Entry, checkbox, feel, select, text } from "./entries";
import { type Moddle, type Shape, listed, subject } from "./model";
import type { Tools } from "./provider";
import { variablesOf } from "./variables";

interface Kind {
  label: string;
  list: string;
  item: string;
  first: (number: number) => Record<string, unknown>;
  title: (item: Moddle) => string;
  entries: (id: string, element: Shape, item: Moddle, tools: Tools) => Entry[];
}

const KINDS: Record<"outcomes" | "inputs" | "outputs", Kind> = {
  outcomes: {
    label: "Outcomes (buttons)",
    list: "millwright:Outcomes",
    item: "millwright:Outcome",
    first: (number) => ({ value: `outcome${number}`, label: `Outcome ${number}`, kind: number === 1 ? "primary" : "secondary" }),
    title: (item) => item.get("label") || item.get("value") || "Outcome",
    entries: (id, element, item, tools) => [
      text({ id: `${id}-label`, label: "Text of the button", ...property(element, item, tools, "label") }),
      text({
        id: `${id}-value`, label: "Value", description: "What the variable “outcome” becomes.",
        ...property(element, item, tools, "value"),
      }),
      select({
        id: `${id}-kind`, label: "Looks", ...property(element, item, tools, "kind"),
        options: [
          { value: "", label: "As the others" }, { value: "primary", label: "Primary" },
          { value: "secondary", label: "Secondary" }, { value: "danger", label: "Danger" },
        ],
      }),
      checkbox({
        id: `${id}-validates`, label: "The form must be complete",
        get: () => item.get("validates") !== false,
        set: (on) => tools.changes.set(element, item, { validates: on }),
      }),
    ],
  },
  inputs: { ...mapping("Input"), label: "Inputs", list: "millwright:Inputs" },
  outputs: { ...mapping("Output"), label: "Outputs", list: "millwright:Outputs" },
};

/** The lists of inputs and outputs are alike: a name and an expression. */
function mapping(type: "Input" | "Output"): Omit<Kind, "label" | "list"> {
  const about = type === "Input"
    ? "The name under which it is known there." : "The variable that receives the value.";
  return {
    item: `millwright:${type}`,
    first: (number) => ({ name: `${type.toLowerCase()}${number}`, expression: "=null" }),
    title: (item) => item.get("name") || type,
    entries: (id, element, item, tools) => [
      text({ id: `${id}-name`, label: "Name", description: about, ...property(element, item, tools, "name") }),
      feel({
        id: `${id}-expression`, label: "Value", variables: () => variablesOf(tools, element),
        ...property(element, item, tools, "expression"),
      }),
    ],
  };
}

export function listGroup(name: keyof typeof KINDS, element: Shape, tools: Tools): object {
  const kind = KINDS[name];
  const items = listed(element, kind.list);
  return {
    id: `millwright-${name}`,
    label: kind.label,
    add: (event: Event) => {
      event.stopPropagation();
      tools.changes.add(element, kind.list, kind.item, kind.first(items.length + 1));
    },
    items: items.map((item, index) => {
      const id = `${subject(element).id}-${name}-${index}`;
      return {
        id,
        label: kind.title(item),
        entries: kind.entries(id, element, item, tools),
        autoFocusEntry: `${id}-${name === "outcomes" ? "label" : "name"}`,
        remove: (event: Event) => {
          event.stopPropagation();
          tools.changes.remove(element, kind.list, item);
        },
      };
    }),
  };
}

const HOW: Record<string, string> = { string: " A text stands in quotation marks: \"like this\"." };

/** A field for each input that a service documents; what is typed becomes an input of the element. */
export function inputEntries(element: Shape, tools: Tools, service: Service): Entry[] {
  const { list, item } = KINDS.inputs;
  return service.inputs.map(({ name, type, description, required }) => {
    const given = (): Moddle | undefined => listed(element, list).find((each) => each.get("name") === name);
    return feel({
      id: `millwright-input-${name}`,
      label: required ? `${name} *` : name,
      description: `${description.replace(/\.$/, "")}.${required ? "" : " May be left out."}${HOW[type] ?? ""}`,
      variables: () => variablesOf(tools, element),
      get: () => given()?.get("expression"),
      set: (expression) => {
        const known = given();
        if (!expression && known) tools.changes.remove(element, list, known);
        else if (known) tools.changes.set(element, known, { expression });
        else if (expression) tools.changes.add(element, list, item, { name, expression });
      },
    });
  });
}

function property(
  element: Shape, item: Moddle, tools: Tools, name: string,
): { get: () => string | undefined; set: (value: string) => void } {
  return {
    get: () => item.get(name) as string | undefined,
    set: (value) => tools.changes.set(element, item, { [name]: value }),
  };
}
