// The fields that the panel is made of. Each is given where to read and how to write.
import {
  CheckboxEntry, FeelEntry, SelectEntry, TextFieldEntry,
  isCheckboxEntryEdited, isFeelEntryEdited, isSelectEntryEdited, isTextFieldEntryEdited,
} from "@bpmn-io/properties-panel";
import { h } from "@bpmn-io/properties-panel/preact";
import { useService } from "bpmn-js-properties-panel";
import type { Variable } from "../vocabulary";

/** What the panel draws: a component, which stays the same from one drawing to the next, and its settings. */
export interface Entry {
  id: string;
  component: (props: any) => any;
  isEdited?: (node: any) => boolean;
  field: object;
}

export interface Option {
  value: string;
  label: string;
}

interface Field {
  id: string;
  label: string;
  description?: string;
  get: () => string | undefined;
  set: (value: string) => void;
}
type Choice = Field & { options: Option[] };
type Expression = Field & { variables: () => Variable[]; optional?: boolean };
type Tick = Omit<Field, "get" | "set"> & { get: () => boolean; set: (on: boolean) => void };

interface Props<Kind> {
  element: any;
  id: string;
  field: Kind;
}

function Text({ element, id, field }: Props<Field>): any {
  const debounce = useService("debounceInput");
  return h(TextFieldEntry, { ...shared(field), element, id, debounce });
}

function Select({ element, id, field }: Props<Choice>): any {
  const now = field.get() ?? "";
  const known = field.options.some(({ value }) => value === now);
  const options = known ? field.options : [...field.options, { value: now, label: `${now} (unknown)` }];
  return h(SelectEntry, { ...shared(field), element, id, getOptions: () => options });
}

function Feel({ element, id, field }: Props<Expression>): any {
  const debounce = useService("debounceInput");
  return h(FeelEntry, {
    ...shared(field), element, id, debounce, feel: field.optional ? "optional" : "required",
    variables: field.variables(), tooltipContainer: ".studio-diagram__panel",
  });
}

function Checkbox({ element, id, field }: Props<Tick>): any {
  return h(CheckboxEntry, { ...shared(field), element, id });
}

function Note({ id, field }: Props<{ paragraphs: string[] }>): any {
  const paragraphs = field.paragraphs.map((words) => h("p", null, words));
  return h("div", { class: "bio-properties-panel-entry studio-note", "data-entry-id": id }, ...paragraphs);
}

export function text(field: Field): Entry {
  return { id: field.id, component: Text, isEdited: isTextFieldEntryEdited, field };
}

/** A choice. What the file says is offered too where the list does not have it, so that nothing is lost. */
export function select(field: Choice): Entry {
  return { id: field.id, component: Select, isEdited: isSelectEntryEdited, field };
}

/** An expression: always one, or, where `optional`, a plain value that may become one. */
export function feel(field: Expression): Entry {
  return { id: field.id, component: Feel, isEdited: isFeelEntryEdited, field };
}

export function checkbox(field: Tick): Entry {
  return { id: field.id, component: Checkbox, isEdited: isCheckboxEntryEdited, field };
}

/** A paragraph or more that explains. */
export function note(id: string, ...paragraphs: string[]): Entry {
  return { id, component: Note, field: { paragraphs: paragraphs.filter(Boolean) } };
}

function shared<Value>(field: {
  label: string; description?: string; get: () => Value | undefined; set: (value: Value) => void;
}): object {
  // The library answers undefined for an empty field.
  const setValue = (value: Value | undefined): void => field.set(value ?? ("" as Value));
  return { label: field.label, description: field.description, getValue: () => field.get() ?? "", setValue };
}
