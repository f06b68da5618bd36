// What the parts of the Studio share.
import type { Calls, Files } from "./calls";
import type { Vocabulary } from "./vocabulary";

export interface Context {
  key: string;
  calls: Calls;
  vocabulary: Vocabulary;
  /** False on screens too small to edit on: files are shown only. */
  editable: boolean;
  /** The files of the draft as they were last taken from their editors. */
  files(): Files;
}
