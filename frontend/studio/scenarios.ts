// Running the scenarios of the draft, and what of the diagram they come to.
import type { Coverage, ScenarioResult, ScenariosAnswer } from "./calls";
import { counted, el, icon, part } from "./dom";
import { type Drawer, remark } from "./panel";

export class Scenarios {
  /** Called with what the scenarios came to, or null where it is not to be shown. */
  onCoverage: (coverage: Coverage | null) => void = () => undefined;
  /** Called with the line of a mistake in the scenario file. */
  onLine: (name: string, line: number | null) => void = () => undefined;

  private coverage: Coverage | null = null;
  private painted = true;

  constructor(private readonly drawer: Drawer, run: () => Promise<ScenariosAnswer | null>) {
    const button = part<HTMLButtonElement>("[data-run-scenarios]");
    button.addEventListener("click", () => void this.run(button, run));
    const paint = part<HTMLInputElement>("[data-paint-coverage]");
    paint.addEventListener("change", () => {
      this.painted = paint.checked;
      this.paint();
    });
  }

  show(answer: ScenariosAnswer): void {
    this.coverage = answer.coverage;
    this.paint();
    const content = this.drawer.content("scenarios");
    if (answer.problem) {
      content.replaceChildren(
        remark(answer.problem, "bad"),
        el("button", { type: "button", class: "button", click: () => this.onLine("", answer.line) }, "Open the scenarios"),
      );
      return;
    }
    if (!answer.scenarios.length) {
      content.replaceChildren(remark("This process has no scenarios yet. Add them under “Files”, or make one of a real run."));
      return;
    }
    const failed = answer.scenarios.filter(({ passed }) => !passed).length;
    const sum = counted(answer.scenarios.length, "scenario");
    const seconds = answer.seconds.toFixed(1);
    const failedFirst = [...answer.scenarios].sort((a, b) => Number(a.passed) - Number(b.passed));
    content.replaceChildren(
      failed
        ? remark(`${failed} of ${sum} failed (${seconds} s). A draft is deployed when all pass.`, "bad")
        : remark(`${sum} passed (${seconds} s). ${this.reach()}`, "good"),
      el("ul", { class: "studio-scenarios" }, ...failedFirst.map((each) => this.entry(each))),
    );
  }

  /** The draft has changed: what was painted is not true any more. */
  outdated(): void {
    if (!this.coverage) return;
    this.coverage = null;
    this.paint();
    this.drawer.content("scenarios").prepend(remark("The draft has changed since these were run."));
  }

  private async run(button: HTMLButtonElement, run: () => Promise<ScenariosAnswer | null>): Promise<void> {
    button.disabled = true;
    button.setAttribute("data-busy", "");
    const content = this.drawer.content("scenarios");
    content.replaceChildren(remark("The scenarios are running…"));
    try {
      const answer = await run();
      if (answer) this.show(answer);
      else content.replaceChildren(remark("The draft could not be saved, so nothing was run.", "bad"));
    } catch (error) {
      content.replaceChildren(remark(`The scenarios could not be run: ${(error as Error).message}`, "bad"));
    } finally {
      button.disabled = false;
      button.removeAttribute("data-busy");
    }
  }

  private reach(): string {
    if (!this.coverage) return "";
    const missed = this.coverage.missedElements.length;
    return missed ? `They do not come to ${counted(missed, "step")} of the diagram.` : "They come to every step.";
  }

  private paint(): void {
    this.onCoverage(this.painted ? this.coverage : null);
  }

  private entry(result: ScenarioResult): HTMLElement {
    return el(
      "li", { class: `studio-scenario studio-scenario--${result.passed ? "passed" : "failed"}` },
      icon(result.passed ? "check" : "x"),
      el(
        "div", {},
        el("button", { type: "button", class: "studio-link", click: () => this.onLine(result.name, null) }, result.name),
        el("span", { class: "visually-hidden" }, result.passed ? " passed" : " failed"),
        ...result.failures.map((failure) => el("p", { class: "studio-scenario__failure" }, failure)),
      ),
    );
  }
}
