/** Entry of the process that signs and reads content credentials: one request at a time, until the parent goes away. Files of strangers are parsed in here. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { initSync, WasmBuilder, WasmReader } from '@contentauth/c2pa-wasm';
import { z } from 'zod';
import { signatureSize, signDetached } from './cose.ts';
import { type Claim, type CredentialsReply, type CredentialsRequest, credentialsRequest, type Provenance } from './messages.ts';

const SYNTHETIC = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';
/** Trust is not asked for: who signed is told, not vouched for. No thumbnail is added, nothing is fetched. */
const SETTINGS = JSON.stringify({ verify: { verify_trust: false, verify_after_sign: false, remote_manifest_fetch: false, ocsp_fetch: false }, builder: { thumbnail: { enabled: false } } });

/** A Blob whose bytes can be read at once: the library is made for the workers of a browser, where every Blob's can. */
class MemoryBlob extends Blob {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, type = '') {
    super([], { type });
    this.#bytes = bytes;
  }

  override get size(): number {
    return this.#bytes.byteLength;
  }

  override slice(start = 0, end = this.size, type = this.type): MemoryBlob {
    return new MemoryBlob(this.#bytes.subarray(start, end), type);
  }

  copy(): ArrayBuffer {
    return Uint8Array.from(this.#bytes).buffer;
  }
}

Object.assign(globalThis, {
  FileReaderSync: class {
    readAsArrayBuffer(blob: MemoryBlob): ArrayBuffer {
      return blob.copy();
    }
  },
});

const reply = (message: CredentialsReply): void => void process.send?.(message);

process.on('disconnect', () => process.exit(0));
// The parent decides when we end: a Ctrl-C in the terminal reaches the whole process group.
process.on('SIGINT', () => {});
process.on('message', (message: unknown) => {
  const request = credentialsRequest.parse(message);
  answer(request).then(reply, (error: unknown) => reply({ type: 'failed', id: request.id, message: String(error) }));
});

initSync({ module: readFileSync(fileURLToPath(import.meta.resolve('@contentauth/c2pa-wasm/c2pa.wasm'))) });
reply({ type: 'ready' });

async function answer(request: CredentialsRequest): Promise<CredentialsReply> {
  const { id, contentType } = request;
  const blob = new MemoryBlob(request.bytes, contentType);
  switch (request.type) {
    case 'sign': {
      const identity = { ...request.identity, chain: request.identity.chain.map(each => Buffer.from(each)) };
      const reserveSize = signatureSize(identity);
      const builder = WasmBuilder.fromJson(JSON.stringify(manifestOf(request.provenance, contentType)), SETTINGS);
      const signer = { alg: 'es256', reserveSize, sign: (toSign: Uint8Array) => Promise.resolve(Uint8Array.from(signDetached(toSign, identity, reserveSize))) };
      try {
        return { type: 'signed', id, bytes: Uint8Array.from(await builder.sign(signer, [], contentType, blob)) };
      } finally {
        builder.free();
      }
    }
    case 'read':
      return { type: 'read', id, claim: await read(blob, contentType) };
  }
}

function manifestOf({ version, title, model, task, seed, jobId, assetId, parents }: Provenance, format: string) {
  const ingredients = parents.map(parent => ({ title: parent.assetId, format: 'application/octet-stream', relationship: 'inputTo', instance_id: `xmp.iid:${parent.assetId}`, hash: parent.sha256 }));
  const created = { action: 'c2pa.created', digitalSourceType: SYNTHETIC, softwareAgent: { name: model.name, version: model.digest.slice(0, 12) } };
  return {
    claim_generator_info: [{ name: 'Cinegraph', version }],
    title, format, ingredients,
    assertions: [
      { label: 'c2pa.actions', data: { actions: [created] } },
      { label: 'io.cinegraph.generation', data: { model, task, seed, jobId, assetId, parents } },
    ],
  };
}

/** The parts of a report that are told on; the rest varies with the library. */
const report = z.object({
  active_manifest: z.string(),
  validation_state: z.string(),
  manifests: z.record(z.string(), z.object({
    claim_generator: z.string().optional(),
    claim_generator_info: z.array(z.object({ name: z.string(), version: z.string().optional() })).optional(),
    signature_info: z.object({ issuer: z.string().nullish(), time: z.string().nullish() }).nullish(),
    assertions: z.array(z.object({ label: z.string(), data: z.unknown() })).optional(),
  })),
});

/** Null: the file claims nothing. */
async function read(blob: MemoryBlob, contentType: string): Promise<Claim | null> {
  let json: string;
  try {
    const reader = await WasmReader.fromBlob(contentType, blob, SETTINGS);
    try {
      json = reader.json();
    } finally {
      reader.free();
    }
  } catch (error) {
    if (/JumbfNotFound|no JUMBF|ManifestNotFound|UnsupportedType|not supported/i.test(String(error))) return null;
    // A claim that cannot even be read.
    return { state: 'INVALID', generator: null, issuer: null, signedAt: null, synthetic: false };
  }
  const { active_manifest: active, validation_state: state, manifests } = report.parse(JSON.parse(json));
  const manifest = manifests[active];
  const [info] = manifest?.claim_generator_info ?? [];
  return {
    state: state === 'Valid' || state === 'Trusted' ? 'VALID' : 'INVALID',
    generator: short(info === undefined ? manifest?.claim_generator : [info.name, info.version].join(' ').trim()),
    issuer: short(manifest?.signature_info?.issuer),
    signedAt: short(manifest?.signature_info?.time),
    synthetic: (manifest?.assertions ?? []).some(({ label, data }) => label.startsWith('c2pa.actions') && /trainedAlgorithmicMedia|compositeWithTrainedAlgorithmicMedia|algorithmicMedia/i.test(JSON.stringify(data))),
  };
}

function short(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : text.slice(0, 200);
}
