// What a process may speak of: roles, service tasks, facts, statuses; and the variables of the draft itself.

/** The fields of a fact: a type's name, a mapping of fields, a list with the shape of its items, or unknown. */
export type Shape = string | null | { [field: string]: Shape } | [Shape];

export interface Parameter {
  name: string;
  type: string;
  description: string;
  required: boolean;
}

export interface Service {
  name: string;
  title: string;
  description: string;
  inputs: Parameter[];
  outputs: { name: string; type: string; description: string }[];
  errors: { code: string; description: string }[];
}

export interface Vocabulary {
  roles: { code: string; name: string }[];
  services: Service[];
  facts: { name: string; description: string; fields: Shape }[];
  subjectType: string;
  statuses: string[];
  freeStatuses: boolean;
  options: string[];
  messages: string[];
}

/** A name that the FEEL fields complete, as the library wants it. */
export interface Variable {
  name: string;
  detail?: string;
  info?: string;
  isList?: boolean;
  entries?: Variable[];
}

/** A name and what it holds, as the completion of FEEL fields shows it. */
export function variable(name: string, shape: Shape | undefined, info = ""): Variable {
  const about = info ? { info } : {};
  if (Array.isArray(shape)) return { ...variable(name, shape[0], info), isList: true, detail: "list" };
  if (typeof shape === "string") return { name, detail: shape, ...about };
  if (shape && typeof shape === "object") {
    const entries = Object.entries(shape).map(([field, inner]) => variable(field, inner));
    return { name, detail: "context", entries, ...about };
  }
  return { name, ...about };
}

/** What every expression knows besides facts and variables. */
export const ALWAYS: Variable[] = [
  variable("outcome", "string", "The button that was pressed last"),
  variable("completedBy", "number", "Who completed the last user task"),
  variable("actor", { id: "number", name: "string", role: "string" }, "Who acts"),
];

interface Component {
  key?: string;
  path?: string;
  type?: string;
  components?: Component[];
}

/** The names of a form's answers; an empty list for a form that cannot be read. */
export function answersOf(text: string | undefined): Variable[] {
  let schema: Component;
  try {
    schema = JSON.parse(text ?? "{}") as Component;
  } catch {
    return [];
  }
  const found: Variable[] = [];
  const collect = (components: Component[], into: Variable[]): void => {
    for (const each of components) {
      if (each.type === "dynamiclist" && each.path) {
        const entries: Variable[] = [];
        collect(each.components ?? [], entries);
        into.push({ name: each.path, isList: true, detail: "list", entries });
      } else if (each.key) into.push({ name: each.key.split(".")[0] ?? each.key, info: "An answer of the form" });
      else collect(each.components ?? [], into);
    }
  };
  collect(schema.components ?? [], found);
  return unique(found);
}

/** The same names once only: the first of each. */
export function unique(variables: Variable[]): Variable[] {
  return [...new Map([...variables].reverse().map((each) => [each.name, each])).values()].reverse();
}
