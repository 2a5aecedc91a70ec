import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CinegraphError } from '../../errors.ts';

/** Relay's and GraphQL Code Generator's manifest: id to document. */
const plain = z.record(z.string(), z.string());
/** Apollo's. */
const apollo = z.object({ format: z.literal('apollo-persisted-query-manifest'), version: z.literal(1), operations: z.array(z.object({ id: z.string(), body: z.string() })) });
const manifest = z.union([apollo.transform(({ operations }) => Object.fromEntries(operations.map(({ id, body }) => [id, body]))), plain]);

/** How a request may name its document: by text, by `documentId` (the GraphQL-over-HTTP draft), or as Apollo's clients do. */
const named = z.object({ query: z.string().nullish(), documentId: z.string().nullish(), extensions: z.object({ persistedQuery: z.object({ sha256Hash: z.string() }).optional() }).nullish() });

export interface TrustedDocuments {
  /** The text to run. Throws DOCUMENT_NOT_TRUSTED. */
  resolve(request: unknown): string;
}

/** Throws CONFIG_INVALID when the file is not a manifest. */
export async function loadTrustedDocuments(file: string): Promise<TrustedDocuments> {
  const documents = new Map(Object.entries(await readManifest(file)).map(([id, text]) => [bare(id), text]));
  const texts = new Map([...documents.values()].map((text) => [digest(text), text]));
  return {
    resolve(request) {
      const { query, documentId, extensions } = named.safeParse(request).data ?? {};
      const id = documentId ?? extensions?.persistedQuery?.sha256Hash;
      const found = id == null ? (query == null ? undefined : texts.get(digest(query))) : (documents.get(bare(id)) ?? texts.get(bare(id)));
      if (found === undefined) throw new CinegraphError('DOCUMENT_NOT_TRUSTED');
      return found;
    },
  };
}

async function readManifest(file: string): Promise<Readonly<Record<string, string>>> {
  try {
    return manifest.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new CinegraphError('CONFIG_INVALID', `TRUSTED_DOCUMENTS is ${JSON.stringify(file)}, which cannot be read as a manifest: a JSON object of ids and documents, or the manifest of Apollo's tools.`, { cause: error });
  }
}

const bare = (id: string): string => id.replace(/^sha256:/, '');
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
