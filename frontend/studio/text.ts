// Files that people write as they are: scenarios, and whatever another editor cannot open.
import { el } from "./dom";
import type { Editor } from "./editor";

export class TextEditor implements Editor {
  private readonly area: HTMLTextAreaElement;
  private readonly numbers: HTMLElement;

  constructor(container: HTMLElement, changed: () => void, readOnly: boolean) {
    this.area = el("textarea", {
      class: "studio-text__area", spellcheck: "false", wrap: "off", "aria-label": "Text of the file",
      autocomplete: "off", autocapitalize: "off", readonly: readOnly,
    });
    this.numbers = el("pre", { class: "studio-text__numbers", "aria-hidden": "true" });
    this.area.addEventListener("input", () => {
      this.number();
      changed();
    });
    this.area.addEventListener("scroll", () => {
      this.numbers.scrollTop = this.area.scrollTop;
    });
    this.area.addEventListener("keydown", (event) => this.indent(event));
    container.append(el("div", { class: "studio-text" }, this.numbers, this.area));
  }

  load(text: string): Promise<void> {
    this.area.value = text;
    this.number();
    return Promise.resolve();
  }

  content(): Promise<string> {
    return Promise.resolve(this.area.value);
  }

  undo(): void {
    this.area.focus();
    document.execCommand("undo");
  }

  redo(): void {
    this.area.focus();
    document.execCommand("redo");
  }

  canUndo(): boolean {
    return true; // the browser keeps the history of a text, and does not tell
  }

  canRedo(): boolean {
    return true;
  }

  select(element: string | null, line: number | null): void {
    const text = this.area.value;
    let start = element ? text.indexOf(element) : 0;
    if (line) start = text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    if (start < 0) start = 0;
    const end = text.indexOf("\n", start);
    this.area.focus();
    this.area.setSelectionRange(start, end < 0 ? text.length : end);
    const above = text.slice(0, start).split("\n").length - 1;
    const height = parseFloat(getComputedStyle(this.area).lineHeight) || 20;
    this.area.scrollTop = Math.max(0, above * height - this.area.clientHeight / 3);
  }

  shown(): void {
    this.numbers.scrollTop = this.area.scrollTop;
  }

  destroy(): void {
    this.area.remove();
  }

  private number(): void {
    const lines = this.area.value.split("\n").length;
    this.numbers.textContent = Array.from({ length: lines }, (_, index) => String(index + 1)).join("\n");
  }

  /** YAML is indented: Tab does that within text, and Escape before it leaves the field as usual. */
  private indent(event: KeyboardEvent): void {
    if (event.key === "Escape") this.area.dataset.leaving = "1";
    else if (event.key !== "Tab") delete this.area.dataset.leaving;
    if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || this.area.readOnly) return;
    if (this.area.dataset.leaving) return;
    event.preventDefault();
    document.execCommand("insertText", false, "  ");
  }
}
