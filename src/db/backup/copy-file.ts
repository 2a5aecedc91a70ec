import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface CopiedFile {
  readonly byteSize: number;
  /** Of what was written, in hex. */
  readonly sha256: string;
}

/** Copies a file and takes its digest on the way; does not wait for the disk, which a restore would notice by the digest. Throws the system's errors, ENOENT among them. */
export async function copyFile(from: string, to: string): Promise<CopiedFile> {
  const hash = createHash('sha256');
  let byteSize = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      byteSize += chunk.byteLength;
      done(null, chunk);
    },
  });
  await pipeline(createReadStream(from), count, createWriteStream(to, { mode: 0o600 }));
  return { byteSize, sha256: hash.digest('hex') };
}
