/** What was found out about a machine, kept on disk for the next start: one file for each kind of finding. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** `holdsFor`: all that the finding depends on. With anything else in its place the finding is made anew. */
export interface KeptFile {
  readonly file: string;
  readonly holdsFor: string;
}

/** Undefined when there is none, it holds for something else, or the file is damaged. */
export async function readKept<Found>({ file, holdsFor }: KeptFile, schema: z.ZodType<Found>): Promise<Found | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const content = text === undefined ? undefined : parseJson(text);
  const head = z.object({ holdsFor: z.literal(holdsFor) }).safeParse(content);
  return head.success ? schema.safeParse(content).data : undefined;
}

/** Written beside and moved: two processes that start at once leave one whole file. False when the folder cannot be written to. */
export async function keep({ file, holdsFor }: KeptFile, found: object): Promise<boolean> {
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(draft, `${JSON.stringify({ holdsFor, ...found }, undefined, 2)}\n`);
    await rename(draft, file);
    return true;
  } catch {
    return false;
  }
}

/** The files of a folder, and what each of them says; `found` is undefined where one is damaged. */
export async function listKept(folder: string): Promise<readonly { readonly name: string; readonly found: object | undefined }[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).toSorted();
  return await Promise.all(names.map(async (name) => {
    const { holdsFor, ...found } = z.looseObject({ holdsFor: z.string() }).safeParse(parseJson(await readFile(join(folder, name), 'utf8').catch(() => ''))).data ?? {};
    return { name, found: holdsFor === undefined ? undefined : found };
  }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
