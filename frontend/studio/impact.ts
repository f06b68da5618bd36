// What the draft would have changed: real decisions of the last days, made again by its rules.
import type { ImpactAnswer, ImpactCase, ImpactStep } from "./calls";
import { counted, dayAndTime, el, part } from "./dom";
import { type Drawer, remark } from "./panel";

const LONG = 200; // characters of a value in a table

export class Impact {
  constructor(private readonly drawer: Drawer, replay: (days: number) => Promise<ImpactAnswer | null>) {
    const form = part<HTMLFormElement>("[data-impact-form]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const days = part<HTMLInputElement>("[name=days]", form).valueAsNumber;
      const button = part<HTMLButtonElement>("button", form);
      if (days >= 1) void this.run(button, () => replay(days));
    });
  }

  show(answer: ImpactAnswer): void {
    const content = this.drawer.content("impact");
    const since = dayAndTime(answer.since);
    if (!answer.decisions) {
      content.replaceChildren(remark(`Nothing has been decided by this process since ${since}.`));
      return;
    }
    const sum = counted(answer.decisions, "decision");
    const more = answer.complete ? "" : " There were more than could be looked at: the oldest are left out.";
    const verdict = answer.different
      ? remark(`Of ${sum} since ${since}, ${answer.different} would have gone another way.${more}`, "warn")
      : remark(`None of ${sum} since ${since} would have gone another way.${more}`, "good");
    const cases = answer.steps.map((step) => this.cases(step)).filter((each) => each !== null);
    content.replaceChildren(verdict, this.table(answer.steps), ...cases);
  }

  private async run(button: HTMLButtonElement, replay: () => Promise<ImpactAnswer | null>): Promise<void> {
    button.disabled = true;
    button.setAttribute("data-busy", "");
    const content = this.drawer.content("impact");
    content.replaceChildren(remark("The decisions are made again…"));
    try {
      const answer = await replay();
      if (answer) this.show(answer);
      else content.replaceChildren(remark("The draft could not be saved, so nothing was compared.", "bad"));
    } catch (error) {
      content.replaceChildren(remark(`The impact could not be told: ${(error as Error).message}`, "bad"));
    } finally {
      button.disabled = false;
      button.removeAttribute("data-busy");
    }
  }

  private table(steps: ImpactStep[]): HTMLElement {
    const rows = steps.map((step) => el(
      "tr", {},
      el("th", { scope: "row" }, step.name || step.element),
      el("td", { class: "cell-number" }, String(step.same)),
      el("td", { class: "cell-number" }, String(step.different)),
      el("td", { class: "cell-number" }, String(step.notReplayed.reduce((sum, { count }) => sum + count, 0))),
      el("td", {}, step.notReplayed.map(({ reason }) => reason).join(" ")),
    ));
    return this.wide(
      ["Decided at", "The same", "Another way", "Unknown", "Why unknown"], rows, "studio-impact__steps",
    );
  }

  private cases(step: ImpactStep): HTMLElement | null {
    if (!step.cases.length) return null;
    const rows = step.cases.map((each) => el(
      "tr", {},
      el("td", {}, el("a", { href: `/instances/${each.instanceId}`, target: "_blank", rel: "noopener" }, each.businessKey)),
      el("td", {}, dayAndTime(each.at)),
      el("td", {}, said(each.then)),
      el("td", {}, each.problem || said(each.now)),
      el("td", { class: "studio-impact__inputs" }, inputs(each)),
    ));
    const more = step.different > step.cases.length ? `, the newest ${step.cases.length}` : "";
    return el(
      "section", {},
      el("h3", {}, `${step.name || step.element}: ${step.different} another way${more}`),
      this.wide(["Instance", "When", "Then", "By the draft", "Decided on"], rows),
    );
  }

  private wide(heads: string[], rows: HTMLElement[], name = ""): HTMLElement {
    for (const row of rows) {
      [...row.children].forEach((cell, column) => cell.setAttribute("data-label", heads[column] ?? ""));
    }
    const isNumber = (column: number): boolean => Boolean(rows[0]?.children[column]?.matches(".cell-number"));
    const head = el("tr", {}, ...heads.map((each, column) =>
      el("th", { scope: "col", class: isNumber(column) ? "cell-number" : undefined }, each)));
    const table = el("table", { class: `table studio-impact ${name}` }, el("thead", {}, head), el("tbody", {}, ...rows));
    return el("div", { class: "studio-wide", tabindex: "0", role: "region", "aria-label": "Table" }, table);
  }
}

function said(value: unknown): string {
  const text = plain(value);
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.map(plain).join(", ") || "nothing";
  if (typeof value === "object") {
    return Object.entries(value).map(([name, inner]) => `${name}: ${plain(inner)}`).join(", ");
  }
  return String(value);
}

function inputs({ inputs: given }: ImpactCase): string {
  return said(given);
}
