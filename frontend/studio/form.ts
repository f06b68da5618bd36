// Forms: the form-js editor, or on small screens the form as staff see it.
import type { Context } from "./context";
import { el } from "./dom";
import type { Editor } from "./editor";

const SPACES = 2;

export class FormEditor implements Editor {
  private editor: any;
  private original = "";
  private dirty = false;
  private away = false;
  // The class gives the colours of the libraries' theme, which the editor's own version does not know of.
  private readonly stage = el("div", { class: "studio-form bio-theme-parent" });

  constructor(container: HTMLElement, private readonly context: Context, private readonly changed: () => void) {
    container.append(this.stage);
  }

  async load(text: string): Promise<void> {
    const schema = JSON.parse(text) as object;
    this.original = text;
    if (!this.context.editable) {
      const { Form } = await import("@bpmn-io/form-js-viewer");
      this.editor = new Form({ container: this.stage });
      this.editor.setProperty("readOnly", true);
      await this.editor.importSchema(schema);
      return;
    }
    const { FormEditor: Library } = await import("@bpmn-io/form-js-editor");
    this.editor = new Library({ container: this.stage });
    await this.editor.importSchema(schema);
    this.editor.on("commandStack.changed", ({ trigger }: { trigger?: string }) => {
      if (trigger === "clear") return;
      this.dirty = true;
      this.changed();
    });
  }

  content(): Promise<string> {
    if (!this.dirty) return Promise.resolve(this.original);
    return Promise.resolve(`${JSON.stringify(this.editor.saveSchema(), null, SPACES)}\n`);
  }

  undo(): void {
    if (this.canUndo()) this.commands().undo();
  }

  redo(): void {
    if (this.canRedo()) this.commands().redo();
  }

  canUndo(): boolean {
    return Boolean(this.commands()?.canUndo());
  }

  canRedo(): boolean {
    return Boolean(this.commands()?.canRedo());
  }

  select(id: string | null): void {
    const field = id && this.editor.get("formFieldRegistry").get(id);
    if (!field) return;
    this.editor.get("selection", false)?.set(field);
    this.stage.querySelector(`[data-id="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "center" });
  }

  shown(): void {
    if (this.away) this.editor.attachTo(this.stage);
    this.away = false;
  }

  /** While it is away it must not take part: each of these editors listens to whatever is dragged in any of them. */
  putAway(): void {
    if (!this.context.editable || !this.editor) return;
    this.editor.detach();
    this.away = true;
  }

  destroy(): void {
    this.editor?.destroy();
    this.stage.remove();
  }

  private commands(): any {
    return this.context.editable ? this.editor?.get("commandStack", false) : undefined;
  }
}
