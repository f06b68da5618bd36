// The desk: a tab for each file, the editor of the one that is open, and what can be done with files.
import { CallError } from "./calls";
import type { Context } from "./context";
import { ask, show } from "./dialogs";
import { type DiagramEditor } from "./diagram";
import { download, el, icon, part } from "./dom";
import type { Draft } from "./draft";
import { type Editor, type Kind, editorFor, kindOf, stemOf } from "./editor";
import { check, decisionsOf, emptyDecision, emptyForm, firstScenario } from "./new-files";

const SIGNS: Record<Kind, string> = { diagram: "flow", decision: "menu", form: "clipboard", text: "file" };
const ORDER: Kind[] = ["diagram", "decision", "form", "text"];
const ATTRIBUTES: Record<string, string> = { ".form": "form", ".dmn": "decision" }; // by which the diagram names files
const MAXIMUM = 2 * 1024 * 1024; // bytes, as the server has it

interface Sheet {
  editor: Editor | null;
  container: HTMLElement;
  opening: Promise<void> | null;
}

export class Desk {
  /** Called when another file is open, or the open one has changed. */
  onChange: () => void = () => undefined;
  /** Called with a diagram that has been opened, so that it can be marked. */
  onDiagram: (file: string, editor: DiagramEditor) => void = () => undefined;

  private readonly sheets = new Map<string, Sheet>();
  private readonly stage = part("[data-stage]");
  private readonly tabs = part("[data-tabs]");
  private open = "";

  constructor(private readonly context: Context, private readonly draft: Draft) {
    this.actions();
  }

  get file(): string {
    return this.open;
  }

  get editor(): Editor | null {
    return this.sheets.get(this.open)?.editor ?? null;
  }

  /** The diagram, if it has been opened. */
  get diagram(): { file: string; editor: DiagramEditor } | null {
    for (const [file, { editor }] of this.sheets) {
      if (kindOf(file) === "diagram" && editor && "mark" in editor) return { file, editor: editor as DiagramEditor };
    }
    return null;
  }

  names(): string[] {
    const place = (name: string): number => ORDER.indexOf(kindOf(name));
    return Object.keys(this.draft.files).sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  }

  /** Opens a file, the first one where there is none of that name. */
  async show(file = this.open): Promise<void> {
    const names = this.names();
    this.open = names.includes(file) ? file : (names[0] ?? "");
    this.list();
    for (const [name, sheet] of this.sheets) if (name !== this.open) this.putAway(sheet);
    part("[data-empty]").hidden = this.open !== "";
    if (this.open) {
      const name = this.open;
      await this.draft.collect().catch(() => undefined); // other editors look at what this one says
      const sheet = this.sheet(name);
      sheet.container.hidden = false;
      if (!sheet.container.isConnected) this.stage.append(sheet.container);
      await sheet.opening;
      if (name === this.open) this.editor?.shown();
    }
    this.onChange();
  }

  /** Opens a file and leads to an element or a line in it. */
  async lead(file: string, element: string | null, line: number | null): Promise<void> {
    if (!(file in this.draft.files)) return;
    await this.show(file);
    this.editor?.select(element, line);
  }

  /** Gives a file another content, and opens it. */
  async write(file: string, text: string): Promise<void> {
    this.forget(file);
    this.draft.put(file, text);
    await this.show(file);
  }

  /** Takes a sheet off the page: the editors' fields have the same ids in all of them, and labels find one. */
  private putAway(sheet: Sheet): void {
    sheet.container.hidden = true; // while its editor is being opened, it needs a place
    if (!sheet.editor || !sheet.container.isConnected) return;
    sheet.editor.putAway?.();
    sheet.container.remove();
  }

  private sheet(file: string): Sheet {
    const known = this.sheets.get(file);
    if (known) return known;
    const container = el("div", { class: "studio-sheet", role: "tabpanel", "aria-label": file, hidden: file !== this.open });
    this.stage.append(container);
    const sheet: Sheet = { editor: null, container, opening: null };
    this.sheets.set(file, sheet);
    sheet.opening = this.fill(file, sheet);
    return sheet;
  }

  private async fill(file: string, sheet: Sheet): Promise<void> {
    const text = this.draft.files[file] ?? "";
    const kind = kindOf(file);
    const changed = (): void => {
      const editor = sheet.editor;
      const name = [...this.sheets].find(([, each]) => each === sheet)?.[0];
      if (editor && name) this.draft.touch(name, () => editor.content());
      this.onChange();
    };
    sheet.container.setAttribute("aria-busy", "true");
    try {
      const editor = await editorFor(kind, sheet.container, this.context, changed);
      await editor.load(text);
      sheet.editor = editor;
      if (kind === "diagram") this.onDiagram(file, editor as DiagramEditor);
    } catch (error) {
      await this.asText(file, sheet, text, error, changed);
    } finally {
      sheet.container.removeAttribute("aria-busy");
      if (file !== this.open) this.putAway(sheet);
    }
  }

  /** A file that its editor cannot open is shown as it is, so that it can be mended. */
  private async asText(file: string, sheet: Sheet, text: string, error: unknown, changed: () => void): Promise<void> {
    const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    sheet.container.replaceChildren(el(
      "div", { class: "studio-bar studio-bar--bad", role: "alert" },
      el("span", {}, `${file} cannot be opened in its editor: ${why.slice(0, 300)}. Here is its text.`),
      el("button", { type: "button", class: "button button--small", click: () => void this.reopen(file) }, "Try the editor again"),
    ));
    sheet.editor = await editorFor("text", sheet.container, this.context, changed);
    await sheet.editor.load(text);
  }

  private async reopen(file: string): Promise<void> {
    await this.draft.collect();
    this.forget(file);
    await this.show(file);
  }

  private forget(file: string): void {
    const sheet = this.sheets.get(file);
    this.sheets.delete(file);
    try {
      sheet?.editor?.destroy();
    } finally {
      sheet?.container.remove();
    }
  }

  private list(): void {
    const tabs = this.names().map((name) => el(
      "button",
      {
        type: "button", role: "tab", class: "studio-tab", "aria-selected": String(name === this.open),
        title: name, click: () => void this.show(name),
      },
      icon(SIGNS[kindOf(name)]), kindOf(name) === "text" ? "Scenarios" : stemOf(name),
    ));
    this.tabs.replaceChildren(...tabs);
    this.tabs.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // -- what can be done with files ----------------------------------------------------------------

  private actions(): void {
    const on = (name: string, act: () => void | Promise<void>): void => {
      for (const button of document.querySelectorAll(`[data-file-action="${name}"]`)) {
        button.addEventListener("click", () => {
          button.closest("details")?.removeAttribute("open");
          void act();
        });
      }
    };
    const field = part<HTMLInputElement>("[data-upload]");
    on("upload", () => field.click());
    field.addEventListener("change", () => {
      const files = [...(field.files ?? [])];
      field.value = "";
      void this.upload(files);
    });
    on("new-decision", () => this.add("decision table", ".dmn", emptyDecision));
    on("new-form", () => this.add("form", ".form", emptyForm));
    on("new-scenarios", () => this.addScenarios());
    on("rename", () => this.rename());
    on("remove", () => this.remove());
    on("download", () => this.take());
    for (const type of ["dragover", "drop"]) {
      this.stage.addEventListener(type, (event) => this.dropped(event as DragEvent), true);
    }
  }

  private dropped(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files") || !this.context.editable) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "drop") void this.upload([...event.dataTransfer.files]);
  }

  private async add(what: string, ending: string, make: (name: string) => string): Promise<void> {
    const stem = await ask({
      title: `New ${what}`, field: "Name", action: "Add", value: `new_${what.split(" ")[0]}`,
      refuse: (answer) => this.refuseName(answer + ending),
    });
    if (stem === null) return;
    this.draft.put(stem + ending, make(stem));
    await this.show(stem + ending);
  }

  private async addScenarios(): Promise<void> {
    if (!("scenarios.yaml" in this.draft.files)) {
      this.draft.put("scenarios.yaml", firstScenario(this.context.key));
    }
    await this.show("scenarios.yaml");
  }

  private async rename(): Promise<void> {
    const before = this.open;
    const ending = before.slice(stemOf(before).length);
    if (!before || kindOf(before) === "text") return;
    const diagram = await this.user(before);
    const uses = diagram?.uses(ATTRIBUTES[ending] ?? "", stemOf(before)) ?? [];
    const names = uses.map(({ name }) => `“${name}”`).join(", ");
    let follow = uses.length > 0;
    const stem = await ask({
      title: `Rename ${before}`, field: "Name", action: "Rename", value: stemOf(before),
      refuse: (answer) => (answer === stemOf(before) ? "" : this.refuseName(answer + ending)),
      ...(uses.length ? { also: { label: `Rename it in the diagram too: ${names}`, taken: (on: boolean) => { follow = on; } } } : {}),
    });
    if (stem === null || stem + ending === before) return;
    await this.draft.collect();
    this.draft.rename(before, stem + ending);
    if (follow) diagram?.rename(ATTRIBUTES[ending] ?? "", stemOf(before), stem);
    this.forget(before);
    await this.show(stem + ending);
  }

  /** The diagram, which may name a form or a table by its file; none for a file that it cannot name. */
  private async user(file: string): Promise<DiagramEditor | null> {
    const name = this.names().find((each) => kindOf(each) === "diagram");
    if (!name || !["decision", "form"].includes(kindOf(file))) return null;
    // A decision that bears the file's name keeps it: the diagram means that, and not the file.
    if (kindOf(file) === "decision" && decisionsOf(this.draft.files[file] ?? "").includes(stemOf(file))) return null;
    const sheet = this.sheet(name);
    await sheet.opening;
    return this.diagram?.editor ?? null;
  }

  private async remove(): Promise<void> {
    const file = this.open;
    if (!file) return;
    const sure = await ask({
      title: `Remove ${file}?`, text: "It stays in the versions that have been deployed.", action: "Remove", danger: true,
    });
    if (sure === null) return;
    this.draft.remove(file);
    this.forget(file);
    await this.show("");
  }

  private async take(): Promise<void> {
    await this.draft.collect();
    if (this.open) download(this.open, new Blob([this.draft.files[this.open] ?? ""], { type: "application/octet-stream" }));
  }

  /** Takes files in, each that is fit for it; the others are told with the reason. */
  private async upload(files: File[]): Promise<void> {
    const refused: string[] = [];
    let last = "";
    await this.draft.collect();
    const diagrams = (): string[] => this.names().filter((name) => kindOf(name) === "diagram");
    for (const file of files) {
      let reason = file.size > MAXIMUM ? "it is larger than 2 MB." : "";
      const text = reason ? "" : await file.text();
      reason ||= check(file.name, text);
      if (reason) {
        refused.push(`${file.name}: ${reason}`);
        continue;
      }
      if (kindOf(file.name) === "diagram") {
        // A process has one diagram: the new one takes the place of the old one.
        for (const old of diagrams().filter((name) => name !== file.name)) {
          this.draft.remove(old);
          this.forget(old);
        }
      }
      this.forget(file.name);
      this.draft.put(file.name, text);
      last = file.name;
    }
    if (last) await this.show(last);
    if (refused.length) {
      show("Not all files were taken", el("ul", {}, ...refused.map((each) => el("li", {}, each))));
    }
  }

  private refuseName(name: string): string {
    if (name.toLowerCase() in Object.fromEntries(this.names().map((each) => [each.toLowerCase(), true]))) {
      return `There is a file ${name} already.`;
    }
    const fits = /^[\p{L}\p{N}_][\p{L}\p{N}_ .()-]{0,119}\.(bpmn|dmn|form)$/u.test(name);
    return fits ? "" : "Use letters, digits, spaces, “-” and “_”, and begin with a letter or digit.";
  }
}

/** What to tell of something that went wrong. */
export function told(error: unknown): string {
  return error instanceof CallError || error instanceof Error ? error.message : String(error);
}
