/** What this browser remembers. Private windows and full disks forbid it: then nothing is remembered. */
export function read(name: string): string | null {
  try {
    return localStorage.getItem(`cinegraph.${name}`);
  } catch {
    return null;
  }
}

export function write(name: string, value: string): void {
  try {
    localStorage.setItem(`cinegraph.${name}`, value);
  } catch {
    // See above.
  }
}
