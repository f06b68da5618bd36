// Decision tables: dmn-js, with a tab for each decision of the file and one for how they hang together.
import type { Context } from "./context";
import { el } from "./dom";
import type { Editor } from "./editor";

interface View {
  id: string;
  name: string;
  type: string;
  element: { id: string; name?: string };
}

export class DecisionEditor implements Editor {
  private modeler: any;
  private readonly tabs = el("div", { class: "studio-decision__views", role: "group", "aria-label": "Decisions" });
  private readonly stage = el("div", { class: "studio-decision__stage" });

  constructor(container: HTMLElement, private readonly context: Context, private readonly changed: () => void) {
    container.append(el("div", { class: "studio-decision" }, this.tabs, this.stage));
  }

  async load(text: string): Promise<void> {
    const { default: Modeler } = this.context.editable
      ? await import("dmn-js/lib/Modeler")
      : await import("dmn-js/lib/NavigatedViewer");
    this.modeler = new Modeler({ container: this.stage, common: { keyboard: { bind: true } } });
    this.modeler.on("viewer.created", ({ viewer }: { viewer: any }) => {
      viewer.on("commandStack.changed", () => this.changed());
    });
    this.modeler.on("views.changed", () => this.list());
    await this.modeler.importXML(text);
    const first = this.views().find(({ type }) => type !== "drd");
    if (first) await this.modeler.open(first);
  }

  async content(): Promise<string> {
    const { xml } = await this.modeler.saveXML({ format: true });
    return xml as string;
  }

  undo(): void {
    if (this.canUndo()) this.commands()?.undo();
  }

  redo(): void {
    if (this.canRedo()) this.commands()?.redo();
  }

  canUndo(): boolean {
    return Boolean(this.commands()?.canUndo());
  }

  canRedo(): boolean {
    return Boolean(this.commands()?.canRedo());
  }

  /** Leads to a decision, or to a rule, an input or an output of one. */
  select(id: string | null): void {
    if (id) void this.lead(id);
  }

  shown(): void {
    this.modeler?.getActiveViewer()?.get("canvas", false)?.resized?.();
  }

  destroy(): void {
    this.modeler?.destroy();
    this.stage.parentElement?.remove();
  }

  private async lead(id: string): Promise<void> {
    const view = this.views().find(({ element }) => contains(element, id));
    if (!view) return;
    if (this.modeler.getActiveView()?.id !== view.id) await this.modeler.open(view);
    const selector = `[data-row-id="${CSS.escape(id)}"], [data-element-id="${CSS.escape(id)}"], [data-col-id="${CSS.escape(id)}"]`;
    const cells = [...this.stage.querySelectorAll<HTMLElement>(selector)];
    for (const marked of this.stage.querySelectorAll(".studio-found")) marked.classList.remove("studio-found");
    for (const cell of cells) cell.classList.add("studio-found");
    cells[0]?.scrollIntoView({ block: "center", inline: "nearest" });
  }

  private commands(): any {
    return this.modeler?.getActiveViewer()?.get("commandStack", false);
  }

  private views(): View[] {
    return (this.modeler?.getViews() as View[] | undefined) ?? [];
  }

  private list(): void {
    const active = this.modeler.getActiveView()?.id as string | undefined;
    this.tabs.replaceChildren(...this.views().map((view) => el(
      "button",
      {
        type: "button", class: "studio-decision__view", "aria-pressed": String(view.id === active),
        click: () => void this.modeler.open(view),
      },
      view.type === "drd" ? "How they hang together" : view.name || view.element.id,
    )));
  }
}

/** Whether an element of the model, or anything in it, has this id. */
function contains(element: any, id: string): boolean {
  if (!element || typeof element !== "object") return false;
  if (element.id === id) return true;
  if (element.$type === "dmn:Definitions") return false; // its decisions have views of their own
  const logic = element.decisionLogic ?? element;
  const parts = [logic, ...(logic.input ?? []), ...(logic.output ?? []), ...(logic.rule ?? []), element.variable];
  const cells = (logic.rule ?? []).flatMap((rule: any) => [...(rule.inputEntry ?? []), ...(rule.outputEntry ?? [])]);
  return [...parts, ...cells].some((part) => part?.id === id);
}
