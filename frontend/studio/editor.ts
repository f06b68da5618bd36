// What all editors can do, and which one opens which file.
import type { Context } from "./context";

export interface Editor {
  /** Shows a file. Throws an Error that says why it cannot be opened. */
  load(text: string): Promise<void>;
  /** The file as it is now. */
  content(): Promise<string>;
  undo(): void;
  redo(): void;
  canUndo(): boolean;
  canRedo(): boolean;
  /** Leads to an element, or to a line of a text, both as a check names them. */
  select(element: string | null, line: number | null): void;
  /** The editor has become visible, perhaps for the first time. */
  shown(): void;
  /** The editor is not on the page for a while. */
  putAway?(): void;
  destroy(): void;
}

export type Kind = "diagram" | "decision" | "form" | "text";

export function kindOf(file: string): Kind {
  if (file.endsWith(".bpmn")) return "diagram";
  if (file.endsWith(".dmn")) return "decision";
  if (file.endsWith(".form")) return "form";
  return "text";
}

/** The name of a file without its ending, which is how diagrams call their forms. */
export function stemOf(file: string): string {
  return file.replace(/\.[^.]*$/, "");
}

/** An editor for a file in a container; `changed` is called after each change by hand. */
export async function editorFor(
  kind: Kind, container: HTMLElement, context: Context, changed: () => void,
): Promise<Editor> {
  switch (kind) {
    case "diagram":
      return new (await import("./diagram")).DiagramEditor(container, context, changed);
    case "decision":
      return new (await import("./decision")).DecisionEditor(container, context, changed);
    case "form":
      return new (await import("./form")).FormEditor(container, context, changed);
    default:
      return new (await import("./text")).TextEditor(container, changed, !context.editable);
  }
}
