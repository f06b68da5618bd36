// Reading and changing what a diagram says, each change as one step that can be undone.
import { getBusinessObject, is } from "bpmn-js/lib/util/ModelUtil";

export { is };

export type Moddle = any;
export type Shape = any;
type Command = { cmd: string; context: object };

const MANY = "properties-panel.multi-command-executor";
const UPDATE = "element.updateModdleProperties";

export function subject(element: Shape): Moddle {
  return getBusinessObject(element);
}

/** The process that an element of the diagram stands for: a pool's, or its own. */
export function processOf(element: Shape): Moddle | null {
  const business = subject(element);
  if (is(business, "bpmn:Participant")) return business.get("processRef") ?? null;
  return is(business, "bpmn:Process") ? business : null;
}

/** The event definition of this type, if an event has one. */
export function definitionOf(element: Shape, type: string): Moddle | undefined {
  const definitions: Moddle[] = subject(element).eventDefinitions ?? [];
  return definitions.find((each) => is(each, type));
}

function extension(business: Moddle, type: string): Moddle | undefined {
  const values: Moddle[] = business.get("extensionElements")?.get("values") ?? [];
  return values.find((each) => is(each, type));
}

/** The values of one of Millwright's lists: outcomes, inputs or outputs. */
export function listed(element: Shape, type: string): Moddle[] {
  return extension(subject(element), type)?.get("values") ?? [];
}

export class Changes {
  constructor(private readonly commandStack: any, private readonly bpmnFactory: any) {}

  /** Sets attributes of an element or of something in it; empty texts take them away. */
  set(element: Shape, moddle: Moddle, properties: Record<string, unknown>): void {
    this.commandStack.execute(UPDATE, { element, moddleElement: moddle, properties: withoutEmpty(properties) });
  }

  create(type: string, parent: Moddle, properties: object = {}): Moddle {
    const made = this.bpmnFactory.create(type, properties);
    made.$parent = parent;
    return made;
  }

  /** Adds a value to one of Millwright's lists, which is made where there is none. */
  add(element: Shape, listType: string, itemType: string, properties: object): void {
    const business = subject(element);
    const commands: Command[] = [];
    let extensions = business.get("extensionElements");
    if (!extensions) {
      extensions = this.create("bpmn:ExtensionElements", business, { values: [] });
      commands.push(this.update(element, business, { extensionElements: extensions }));
    }
    let list = extension(business, listType);
    if (!list) {
      list = this.create(listType, extensions, { values: [] });
      commands.push(this.update(element, extensions, { values: [...extensions.get("values"), list] }));
    }
    const item = this.create(itemType, list, properties);
    commands.push(this.update(element, list, { values: [...list.get("values"), item] }));
    this.commandStack.execute(MANY, commands);
  }

  /** Takes a value from its list, and the list away where it was the last one. */
  remove(element: Shape, listType: string, item: Moddle): void {
    const business = subject(element);
    const list = extension(business, listType);
    if (!list) return;
    const values = list.get("values").filter((each: Moddle) => each !== item);
    if (values.length) {
      this.commandStack.execute(UPDATE, { element, moddleElement: list, properties: { values } });
      return;
    }
    const extensions = business.get("extensionElements");
    const others = extensions.get("values").filter((each: Moddle) => each !== list);
    const command = others.length
      ? this.update(element, extensions, { values: others })
      : this.update(element, business, { extensionElements: undefined });
    this.commandStack.execute(MANY, [command]);
  }

  private update(element: Shape, moddleElement: Moddle, properties: object): Command {
    return { cmd: UPDATE, context: { element, moddleElement, properties } };
  }
}

function withoutEmpty(properties: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(properties);
  return Object.fromEntries(entries.map(([name, value]) => [name, value === "" ? undefined : value]));
}
