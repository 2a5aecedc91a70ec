import { z } from 'zod';

/** What is said of a file that was made here. */
const provenance = z.object({
  version: z.string(),
  title: z.string(),
  model: z.object({ name: z.string(), digest: z.string() }),
  task: z.string(),
  seed: z.number().int(),
  jobId: z.string(),
  assetId: z.string(),
  /** What it was made from. */
  parents: z.array(z.object({ assetId: z.string(), sha256: z.string() })),
});

export type Provenance = z.infer<typeof provenance>;

/** What a file says of itself, as its signature holds. */
export const claim = z.object({
  /** VALID: nothing was changed since it was signed. INVALID: something was. Who signed is not vouched for by anybody here. */
  state: z.enum(['VALID', 'INVALID']),
  /** The program that wrote the claim. */
  generator: z.string().nullable(),
  /** Organization of the signer's certificate. */
  issuer: z.string().nullable(),
  signedAt: z.string().nullable(),
  /** It says of itself that a model made it. */
  synthetic: z.boolean(),
});

export type Claim = z.infer<typeof claim>;

const bytes = z.instanceof(Uint8Array);

export const credentialsRequest = z.discriminatedUnion('type', [
  z.object({ id: z.number(), type: z.literal('sign'), bytes, contentType: z.string(), provenance, identity: z.object({ chain: z.array(bytes), privateKey: z.string() }) }),
  z.object({ id: z.number(), type: z.literal('read'), bytes, contentType: z.string() }),
]);

export const credentialsReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('signed'), id: z.number(), bytes }),
  z.object({ type: z.literal('read'), id: z.number(), claim: claim.nullable() }),
  z.object({ type: z.literal('failed'), id: z.number(), message: z.string() }),
]);

export type CredentialsRequest = z.infer<typeof credentialsRequest>;
export type CredentialsReply = z.infer<typeof credentialsReply>;
