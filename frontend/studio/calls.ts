// The calls that the Studio makes to the API, with the session of the page.
import { part } from "./dom";

export type Files = Record<string, string>;

export interface VersionSummary {
  version: number;
  deployedAt: string;
  deployedBy: string;
  note: string;
}

export interface DraftAnswer {
  key: string;
  revision: number;
  savedAt: string | null;
  files: Files;
  base: VersionSummary | null;
  newer: VersionSummary | null;
}

export interface Problem {
  file: string;
  element: string | null;
  elementName: string;
  severity: "error" | "warning";
  code: string;
  message: string;
  hint: string;
  line: number | null;
}

export interface CheckAnswer {
  errors: number;
  warnings: number;
  problems: Problem[];
}

export interface ScenarioResult {
  name: string;
  passed: boolean;
  failures: string[];
  seconds: number;
}

export interface Coverage {
  elements: string[];
  flows: string[];
  missedElements: string[];
  missedFlows: string[];
}

export interface ScenariosAnswer {
  passed: boolean;
  scenarios: ScenarioResult[];
  coverage: Coverage | null;
  problem: string;
  line: number | null;
  seconds: number;
}

export interface ImpactCase {
  instanceId: number;
  businessKey: string;
  at: string;
  inputs: Record<string, unknown>;
  then: unknown;
  now: unknown;
  problem: string;
}

export interface ImpactStep {
  kind: "decision" | "gateway";
  element: string;
  name: string;
  replayed: number;
  same: number;
  different: number;
  cases: ImpactCase[];
  notReplayed: { reason: string; count: number }[];
}

export interface ImpactAnswer {
  since: string;
  decisions: number;
  different: number;
  complete: boolean;
  steps: ImpactStep[];
}

/** A call that was refused or did not arrive: what to tell, and the parts of it by field. */
export class CallError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code = "",
    readonly errors: Record<string, string[]> = {},
  ) {
    super(message);
  }

  get isConflict(): boolean {
    return this.status === 409;
  }
}

export class Calls {
  private readonly root: string;
  private readonly csrf: string;

  constructor(readonly key: string) {
    const page = part(".studio").dataset;
    this.root = page.api ?? "/api/v1";
    this.csrf = page.csrf ?? "";
  }

  draft(): Promise<DraftAnswer> {
    return this.ask("GET", "draft");
  }

  save(revision: number, files: Files, baseVersion?: number): Promise<DraftAnswer> {
    const base = baseVersion === undefined ? {} : { baseVersion };
    return this.ask("PUT", "draft", { revision, files, ...base });
  }

  discard(): Promise<void> {
    return this.ask("DELETE", "draft");
  }

  check(): Promise<CheckAnswer> {
    return this.ask("POST", "draft/check");
  }

  scenarios(): Promise<ScenariosAnswer> {
    return this.ask("POST", "draft/scenarios");
  }

  impact(days: number): Promise<ImpactAnswer> {
    return this.ask("POST", "draft/impact", { days });
  }

  deploy(note: string, overrideScenarios: boolean): Promise<{ version: number }> {
    return this.ask("POST", "draft/deploy", { note, overrideScenarios });
  }

  /** Makes a scenario of a run of this process. */
  async record(businessKey: string): Promise<{ yaml: string; warnings: string[]; passed: boolean }> {
    const query = new URLSearchParams({ process: this.key, businessKey, pageSize: "1" });
    const { items } = await this.call<{ items: { id: number }[] }>("GET", `instances?${query.toString()}`);
    if (!items[0]) throw new CallError(404, `There is no run of this process with the key ${businessKey}.`);
    return this.call("GET", `instances/${items[0].id}/scenario`);
  }

  vocabulary<Vocabulary>(): Promise<Vocabulary> {
    return this.ask("GET", "vocabulary");
  }

  private ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.call(method, `processes/${encodeURIComponent(this.key)}/${path}`, body);
  }

  private async call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    let answer: Response;
    try {
      answer = await fetch(`${this.root}/${path}`, {
        method,
        headers: {
          "X-CSRFToken": this.csrf,
          Accept: "application/json",
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new CallError(0, "there is no connection to Millwright");
    }
    if (answer.status === 204) return undefined as Answer;
    const content = await answer.json().catch(() => null);
    if (answer.ok) return content as Answer;
    if (answer.status === 401) throw new CallError(401, "you are signed out; sign in again in another window");
    const detail = content?.detail ?? `the server answers ${answer.status}`;
    throw new CallError(answer.status, detail, content?.code ?? "", content?.errors ?? {});
  }
}
