// What the checks on the server find, after each save.
import type { CheckAnswer, Problem } from "./calls";
import { counted, el, icon, part } from "./dom";
import type { Drawer } from "./panel";
import { remark } from "./panel";

export class Problems {
  /** Called with a problem that somebody has clicked. */
  onChosen: (problem: Problem) => void = () => undefined;
  found: Problem[] = [];

  private readonly summary = part("[data-problems-summary]");

  constructor(private readonly drawer: Drawer) {}

  busy(): void {
    this.summary.closest("button")?.setAttribute("data-checking", "");
  }

  show(answer: CheckAnswer): void {
    this.found = answer.problems;
    const errors = answer.problems.filter(({ severity }) => severity === "error").length;
    const warnings = answer.problems.length - errors;
    const parts = [errors && counted(errors, "error"), warnings && counted(warnings, "warning")].filter(Boolean);
    this.say(parts.join(", ") || "No problems", errors ? "bad" : warnings ? "warn" : "good");
    const content = this.drawer.content("problems");
    if (!answer.problems.length) {
      content.replaceChildren(remark("No problems were found. The draft can be deployed if its scenarios pass.", "good"));
      return;
    }
    content.replaceChildren(el("ul", { class: "studio-problems" }, ...answer.problems.map((each) => this.entry(each))));
  }

  failed(why: string): void {
    this.say("Not checked", "warn");
    this.drawer.content("problems").replaceChildren(remark(`The draft could not be checked: ${why}`, "bad"));
  }

  /** The worst that was found of each element of a file. */
  marks(file: string): [string, "error" | "warning"][] {
    const worst = new Map<string, "error" | "warning">();
    for (const { element, severity, file: where } of this.found) {
      if (where === file && element && worst.get(element) !== "error") worst.set(element, severity);
    }
    return [...worst];
  }

  private say(text: string, tone: string): void {
    this.summary.textContent = text;
    const button = this.summary.closest("button");
    button?.removeAttribute("data-checking");
    button?.setAttribute("data-tone", tone);
  }

  private entry(problem: Problem): HTMLElement {
    const { severity, message, hint, file, line, elementName } = problem;
    const where = [file, line ? `line ${line}` : "", elementName ? `“${elementName}”` : ""].filter(Boolean).join(", ");
    return el(
      "li", {},
      el(
        "button", { type: "button", class: `studio-problem studio-problem--${severity}`, click: () => this.onChosen(problem) },
        icon(severity === "error" ? "ban" : "alert"),
        el(
          "span", {},
          el("strong", {}, el("span", { class: "visually-hidden" }, severity === "error" ? "Error: " : "Warning: "), message),
          hint && el("span", { class: "studio-problem__hint" }, ` ${hint}`),
          el("small", {}, where),
        ),
      ),
    );
  }
}
