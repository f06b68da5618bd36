// Task forms: rows added and removed in place, fields that appear as they are needed, drafts, photo previews.
// Without it every form still works: the server does all of this, and checks everything again.
import { evaluate } from "@bpmn-io/feelin";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Values = { [name: string]: Json };
type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const MAXIMUM_ROUNDS = 8; // as on the server
const MAXIMUM_FILES = 10;
const DAY = 86_400_000; // milliseconds

function parsed(text: string | undefined): Json {
  return text === undefined ? null : (JSON.parse(text) as Json);
}

// -- values --------------------------------------------------------------------------------------

function put(values: Values, path: string, value: Json): void {
  const names = path.split(".");
  const last = names.pop() as string;
  let holder = values;
  for (const name of names) {
    const inner = holder[name];
    holder = (inner && typeof inner === "object" && !Array.isArray(inner) ? inner : (holder[name] = {})) as Values;
  }
  holder[last] = value;
}

function number(text: string): number | null {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() === "" || Number.isNaN(value) ? null : value;
}

function choice(element: HTMLElement, value: string): Json {
  return element.dataset.json === undefined ? value : parsed(element.dataset.json);
}

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
function ahead(moment: number, zone: string): number {
  const clock = new Date(moment).toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T");
  return Date.parse(`${clock}Z`) - moment;
}

/** A time of the site as a moment in UTC, the first of two on a night when clocks are put back. */
function inUtc(text: string, zone: string): string {
  const wall = Date.parse(`${text}Z`);
  if (Number.isNaN(wall)) return text;
  const earliest = wall - ahead(wall - DAY, zone);
  const moment = wall - ahead(earliest, zone);
  return new Date(moment).toISOString().replace(/\.\d+/, "");
}

/** What a field holds, as the server would read it. */
function answer(field: HTMLElement, zone: string): Json {
  if (field.dataset.value !== undefined) return parsed(field.dataset.value);
  const type = field.dataset.type;
  if (type === "filepicker") return [];
  const select = field.querySelector("select");
  if (select) {
    const chosen = select.selectedOptions[0];
    return chosen?.value ? choice(chosen, chosen.value) : null;
  }
  if (type === "radio" || type === "checklist" || type === "taglist") {
    const checked = [...field.querySelectorAll<HTMLInputElement>("input:checked")].map((i) => choice(i, i.value));
    return type === "radio" ? (checked[0] ?? null) : checked;
  }
  const input = field.querySelector<HTMLInputElement | HTMLTextAreaElement>("input, textarea");
  if (!input) return null;
  if (type === "checkbox") return (input as HTMLInputElement).checked;
  if (type === "number") return number(input.value);
  if (type === "datetime" && input.value === "") return null;
  return input.type === "datetime-local" ? inUtc(input.value, zone) : input.value;
}

// -- fields that appear as they are needed -------------------------------------------------------

class Scope {
  readonly values: Values = {};
  readonly environment: Values;

  /** The form's fields, or those of one row, with what their conditions see. */
  constructor(
    private readonly form: TaskForm,
    readonly row: HTMLElement | null,
    around: Values,
    position: number,
  ) {
    const prefix = row ? `${row.dataset.row}.` : "";
    const rows = form.rowLists(row);
    for (const list of rows) put(this.values, (list.dataset.rows as string).slice(prefix.length), []);
    for (const field of form.fields(row)) {
      const hidden = field.closest("[hidden]") !== null;
      put(this.values, (field.dataset.field as string).slice(prefix.length), hidden ? null : answer(field, form.zone));
    }
    if (row) {
      const own = { ...(parsed(row.dataset.known) as Values), ...this.values };
      this.environment = { ...around, ...own, this: own, parent: around, i: position };
    } else {
      this.environment = { ...around, ...this.values };
    }
    // The form's own conditions see the rows, and each row sees the form: rows are filled in last.
    for (const list of rows) {
      const inner = form.rows(list).map((each, index) => new Scope(this.form, each, this.environment, index + 1));
      put(this.values, (list.dataset.rows as string).slice(prefix.length), inner.map((scope) => scope.values));
      this.inner.push(...inner);
    }
    Object.assign(this.environment, this.values);
  }

  readonly inner: Scope[] = [];

  *all(): Generator<Scope> {
    yield this;
    for (const scope of this.inner) yield* scope.all();
  }
}

class TaskForm {
  private readonly container: HTMLElement;

  constructor(readonly form: HTMLFormElement) {
    this.container = form.querySelector<HTMLElement>("[data-context]") as HTMLElement;
    form.addEventListener("submit", (event) => this.submitted(event));
    form.addEventListener("input", () => this.update());
    form.addEventListener("change", (event) => {
      if (event.target instanceof HTMLInputElement && event.target.type === "file") this.filesPicked(event.target);
      this.update();
    });
    this.update();
  }

  /** The time zone that times are given in. */
  get zone(): string {
    return this.container.dataset.zone ?? "UTC";
  }

  fields(row: HTMLElement | null): HTMLElement[] {
    return this.within(row, "[data-field]");
  }

  rowLists(row: HTMLElement | null): HTMLElement[] {
    return this.within(row, "[data-rows]");
  }

  rows(list: HTMLElement): HTMLElement[] {
    return [...list.querySelectorAll<HTMLElement>(":scope > [data-row-list] > [data-row]")];
  }

  /** The elements of the form, or of a row, but not those of rows inside it. */
  private within(row: HTMLElement | null, selector: string): HTMLElement[] {
    const found = (row ?? this.container).querySelectorAll<HTMLElement>(selector);
    return [...found].filter((element) => (element.parentElement?.closest("[data-row]") ?? null) === row);
  }

  /** Show, hide and compute until nothing changes any more. */
  update(): void {
    const context = parsed(this.container.dataset.context) as Values;
    for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
      const form = new Scope(this, null, context, 1);
      const changed = [...form.all()].map((scope) => this.apply(scope));
      if (!changed.includes(true)) return;
    }
  }

  private apply(scope: Scope): boolean {
    let changed = false;
    for (const element of this.within(scope.row, "[data-compute]")) {
      const value = JSON.stringify(evaluated(element.dataset.compute as string, scope.environment) ?? null);
      changed ||= value !== element.dataset.value;
      element.dataset.value = value;
    }
    for (const element of this.within(scope.row, "[data-hide]")) {
      const hidden = evaluated(element.dataset.hide as string, scope.environment) === true;
      changed ||= hidden !== element.hidden;
      element.hidden = hidden;
    }
    return changed;
  }

  // -- rows ----------------------------------------------------------------------------------------

  private submitted(event: SubmitEvent): void {
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement) || (button.name !== "_add" && button.name !== "_remove")) return;
    event.preventDefault();
    const list = button.closest<HTMLElement>("[data-rows]");
    if (!list) return; // Enter in a field
    if (button.name === "_add") {
      this.addRow(list)?.querySelector<HTMLElement>("input:not([type=hidden]), select, textarea")?.focus();
    } else {
      this.removeRow(list, button.closest<HTMLElement>("[data-row]"));
    }
    this.form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  addRow(list: HTMLElement, index = Number(list.dataset.rowsNext)): HTMLElement | undefined {
    const template = list.querySelector<HTMLTemplateElement>(":scope > [data-row-template]");
    const holder = list.querySelector<HTMLElement>(":scope > [data-row-list]");
    if (!template || !holder || this.rows(list).length >= Number(list.dataset.rowsMaximum)) return undefined;
    const placeholder = template.dataset.rowTemplate as string;
    holder.insertAdjacentHTML("beforeend", template.innerHTML.replaceAll(placeholder, String(index)));
    list.dataset.rowsNext = String(Math.max(Number(list.dataset.rowsNext), index + 1));
    this.numberRows(list);
    return this.rows(list).at(-1);
  }

  removeRow(list: HTMLElement, row: HTMLElement | null): void {
    const next = (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector<HTMLElement>("[name=_remove]");
    row?.remove();
    this.numberRows(list);
    (next ?? list.querySelector<HTMLElement>(":scope > div > [name=_add]"))?.focus();
  }

  private numberRows(list: HTMLElement): void {
    const rows = this.rows(list);
    rows.forEach((row, position) => {
      const label = (row.getAttribute("aria-label") ?? "").replace(/\d+$/, String(position + 1));
      row.setAttribute("aria-label", label);
      const removal = row.querySelector(":scope > [name=_remove] > .visually-hidden");
      if (removal) removal.textContent = ` ${label}`;
    });
    const add = list.querySelector<HTMLElement>(":scope > div > [name=_add]");
    if (add) add.hidden = rows.length >= Number(list.dataset.rowsMaximum);
  }

  // -- photos and files ----------------------------------------------------------------------------

  private readonly picked = new WeakMap<HTMLInputElement, File[]>();

  /** A phone's camera gives one photo at a time: they add up. */
  private filesPicked(input: HTMLInputElement): void {
    const fresh = [...(input.files ?? [])];
    const before = input.multiple ? (this.picked.get(input) ?? []) : [];
    const same = (a: File, b: File) => a.name === b.name && a.size === b.size && a.lastModified === b.lastModified;
    this.keepFiles(input, [...before.filter((old) => !fresh.some((file) => same(old, file))), ...fresh]);
  }

  private keepFiles(input: HTMLInputElement, files: File[]): void {
    const kept = files.slice(0, MAXIMUM_FILES);
    const transfer = new DataTransfer();
    for (const file of kept) transfer.items.add(file);
    input.files = transfer.files;
    this.picked.set(input, kept);
    const previews = input.parentElement?.querySelector<HTMLElement>("[data-previews]");
    previews?.replaceChildren(...kept.map((file) => this.preview(input, file)));
  }

  private preview(input: HTMLInputElement, file: File): HTMLElement {
    const figure = document.createElement("figure");
    if (file.type.startsWith("image/")) {
      const image = document.createElement("img");
      const address = URL.createObjectURL(file);
      image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
      image.src = address;
      image.alt = file.name;
      figure.append(image);
    } else {
      const caption = document.createElement("figcaption");
      caption.textContent = file.name;
      figure.append(caption);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button button--quiet";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.addEventListener("click", () => {
      this.keepFiles(input, (this.picked.get(input) ?? []).filter((other) => other !== file));
      input.focus();
    });
    figure.append(remove);
    return figure;
  }
}

function evaluated(expression: string, environment: Values): unknown {
  try {
    return evaluate(expression, environment).value;
  } catch {
    return null; // the server says what it makes of it
  }
}

// -- drafts --------------------------------------------------------------------------------------

type State = { rows: [string, number[], string][]; values: [string, string[]][] };

type Kept = { base: string; state: State; sent: boolean };

/** Keeps what was typed while the page is reloaded, or left and come back to, in this tab. */
class Draft {
  private readonly key: string;
  private readonly base: string;

  constructor(
    private readonly task: TaskForm,
    private readonly name: string,
  ) {
    this.key = `millwright-draft-${name}`;
    this.base = JSON.stringify(this.state());
    this.restore();
    task.form.addEventListener("input", () => this.save());
    task.form.addEventListener("change", () => this.save());
    task.form.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) this.save(true);
    });
  }

  private inputs(): Input[] {
    const all = [...this.task.form.querySelectorAll<Input>("[data-context] :is(input, select, textarea)[name]")];
    return all.filter((input) => input.type !== "hidden" && input.type !== "file");
  }

  private state(): State {
    const values = new Map<string, string[]>();
    for (const input of this.inputs()) {
      const held = values.get(input.name) ?? [];
      values.set(input.name, held);
      const choosable = input.type === "checkbox" || input.type === "radio";
      if (!choosable || (input as HTMLInputElement).checked) held.push(input.value);
    }
    const rows = this.lists().map((list): [string, number[], string] => [
      list.dataset.rows as string,
      this.task.rows(list).map((row) => Number((row.dataset.row as string).split(".").at(-1))),
      list.querySelector<HTMLInputElement>(":scope > [data-rows-shown]")?.value ?? "",
    ]);
    return { rows, values: [...values] };
  }

  private lists(): HTMLElement[] {
    return [...this.task.form.querySelectorAll<HTMLElement>("[data-rows]")];
  }

  /** Also what was sent: whether it arrived, only the next page tells. */
  private save(sent = false): void {
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ base: this.base, state: this.state(), sent }));
    } catch {
      // storage is full or forbidden: the form works without drafts
    }
  }

  /** Only a draft of the form as it is now: what the process knows may have changed since. */
  private restore(): void {
    const kept = parsed(sessionStorage.getItem(this.key) ?? undefined) as Kept | null;
    if (!kept) return;
    if (kept.base !== this.base || (kept.sent && this.mayHaveArrived())) {
      sessionStorage.removeItem(this.key);
      return;
    }
    for (const [name, indices] of kept.state.rows) this.restoreRows(name, indices);
    const values = new Map(kept.state.values);
    for (const input of this.inputs()) {
      const held = values.get(input.name);
      if (held === undefined) continue;
      if (input.type === "checkbox" || input.type === "radio") {
        (input as HTMLInputElement).checked = held.includes(input.value);
      } else if (held[0] !== undefined) {
        input.value = held[0];
      }
    }
    this.task.update();
  }

  /**
   * A task that is still open has not been done. A form that starts something can be opened again after it
   * was sent: its draft comes back only with the page itself, after a failure.
   */
  private mayHaveArrived(): boolean {
    const [visit] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    return this.name.startsWith("start-") && visit?.type === "navigate";
  }

  private restoreRows(name: string, indices: number[]): void {
    const list = this.lists().find((each) => each.dataset.rows === name);
    if (!list) return;
    const present = new Map(this.task.rows(list).map((row) => [Number(row.dataset.row?.split(".").at(-1)), row]));
    for (const [index, row] of present) {
      if (!indices.includes(index)) row.remove();
    }
    for (const index of indices) {
      if (!present.has(index)) this.task.addRow(list, index);
    }
  }
}

for (const form of document.querySelectorAll<HTMLFormElement>("form:has([data-context])")) {
  const task = new TaskForm(form);
  const name = form.dataset.draftKey ?? form.dataset.taskForm;
  if (name) new Draft(task, name);
}
