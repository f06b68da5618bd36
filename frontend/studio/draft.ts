// The draft: which files there are, which of them have changed, and saving them one second after the last change.
import { CallError, type Calls, type DraftAnswer, type Files } from "./calls";

const QUIET = 1000; // milliseconds after the last change
const AGAIN = 5000; // milliseconds after a failure of the network

export type State =
  | { name: "saved"; at: Date | null }
  | { name: "changed" }
  | { name: "saving" }
  | { name: "failed"; why: string }
  | { name: "conflict"; why: string };

type Content = () => Promise<string>;

export class Draft {
  files: Files;
  revision: number;
  base: DraftAnswer["base"];
  newer: DraftAnswer["newer"];
  state: State;

  /** Called whenever `state` has changed. */
  onState: (state: State) => void = () => undefined;
  /** Called after each save. */
  onSaved: () => void = () => undefined;

  private readonly changed = new Map<string, Content>();
  private timer = 0;
  private running: Promise<boolean> | null = null;
  private changes = 0;

  constructor(private readonly calls: Calls, answer: DraftAnswer) {
    this.files = { ...answer.files };
    this.revision = answer.revision;
    this.base = answer.base;
    this.newer = answer.newer;
    this.state = { name: "saved", at: answer.savedAt ? new Date(answer.savedAt) : null };
  }

  get isStored(): boolean {
    return this.revision > 0;
  }

  /** Whether there is anything that the server does not have. */
  get isSaved(): boolean {
    return this.state.name === "saved";
  }

  /** A file has changed in its editor, which tells its content when it is to be saved. */
  touch(file: string, content: Content): void {
    this.changed.set(file, content);
    this.schedule();
  }

  put(file: string, text: string): void {
    this.changed.delete(file);
    this.files[file] = text;
    this.schedule();
  }

  remove(file: string): void {
    this.changed.delete(file);
    delete this.files[file];
    this.schedule();
  }

  rename(file: string, name: string): void {
    const entries = Object.entries(this.files).map(([each, text]) => [each === file ? name : each, text]);
    this.files = Object.fromEntries(entries) as Files;
    const content = this.changed.get(file);
    this.changed.delete(file);
    if (content) this.changed.set(name, content);
    this.schedule();
  }

  /** Takes what the editors have. Throws where one cannot say. */
  async collect(): Promise<Files> {
    for (const [file, content] of [...this.changed]) {
      const text = await content();
      if (file in this.files) this.files[file] = text;
      if (this.changed.get(file) === content) this.changed.delete(file);
    }
    return this.files;
  }

  /** Saves now what is not saved yet; true where nothing is left to save. */
  async flush(): Promise<boolean> {
    while (!this.isSaved) {
      if (!(await this.save())) return false;
    }
    return true;
  }

  /** Saves a draft that has not been saved ever, so that the server has something to look at. */
  async store(): Promise<boolean> {
    if (!this.isStored && this.isSaved) this.schedule();
    return this.flush();
  }

  /** Saves over what another window has saved. */
  async overwrite(): Promise<boolean> {
    const other = await this.calls.draft();
    this.revision = other.revision;
    this.to({ name: "changed" });
    return this.flush();
  }

  /** Goes on with the own files although there is a newer version: it has been looked at. */
  async keep(version: number): Promise<boolean> {
    this.to({ name: "changed" });
    return this.save(version);
  }

  private schedule(): void {
    this.changes += 1;
    clearTimeout(this.timer);
    if (this.state.name === "conflict") return; // somebody decides first
    this.to({ name: "changed" });
    this.timer = window.setTimeout(() => void this.save(), QUIET);
  }

  private async save(baseVersion?: number): Promise<boolean> {
    if (this.running) {
      await this.running;
      if (this.isSaved) return true;
    }
    if (this.state.name === "conflict") return false;
    clearTimeout(this.timer);
    this.running = this.send(baseVersion);
    try {
      return await this.running;
    } finally {
      this.running = null;
    }
  }

  private async send(baseVersion?: number): Promise<boolean> {
    const before = this.changes;
    this.to({ name: "saving" });
    try {
      const files = { ...(await this.collect()) };
      const answer = await this.calls.save(this.revision, files, baseVersion ?? this.base?.version);
      this.revision = answer.revision;
      this.base = answer.base;
      this.newer = answer.newer;
      const again = this.changes !== before;
      this.to(again ? { name: "changed" } : { name: "saved", at: new Date(answer.savedAt ?? Date.now()) });
      if (again) this.timer = window.setTimeout(() => void this.save(), QUIET);
      this.onSaved();
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof CallError && error.isConflict) {
        this.to({ name: "conflict", why });
      } else {
        this.to({ name: "failed", why });
        if (error instanceof CallError && (error.status === 0 || error.status >= 500)) {
          this.timer = window.setTimeout(() => void this.save(), AGAIN);
        }
      }
      return false;
    }
  }

  private to(state: State): void {
    this.state = state;
    this.onState(state);
  }
}
