// What a window had when another one's files were taken instead: kept in this browser, to be brought back.
import type { Files } from "./calls";

const DAYS = 14;
const name = (key: string): string => `millwright-studio-aside:${key}`;

interface Kept {
  at: number;
  files: Files;
}

/** Keeps files; false where the browser has no room, so that the caller goes another way. */
export function keepAside(key: string, files: Files): boolean {
  try {
    localStorage.setItem(name(key), JSON.stringify({ at: Date.now(), files } satisfies Kept));
    return true;
  } catch {
    return false;
  }
}

export function keptAside(key: string): { at: Date; files: Files } | null {
  try {
    const kept = JSON.parse(localStorage.getItem(name(key)) ?? "null") as Kept | null;
    if (!kept || Date.now() - kept.at > DAYS * 86_400_000) return null;
    return { at: new Date(kept.at), files: kept.files };
  } catch {
    return null;
  }
}

export function forgetAside(key: string): void {
  localStorage.removeItem(name(key));
}
