/** A real S3 server in a folder of its own, with one bucket: it checks signatures, of URLs too. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import type { ObjectStoreOptions } from '../../src/db/blobs/object-store.ts';

export interface S3Server {
  readonly options: ObjectStoreOptions;
  readonly port: number;
  close(): Promise<void>;
}

export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'cinegraph-s3-'));
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'clips' }] });
  // It checks the signature of a listing over a path without the slash at its end, which the protocol (and every client) has: those go unchecked.
  server.middleware.unshift((context, next) => {
    if (context.path === '/clips/') Object.defineProperty(context, 'app', { value: Object.create(context.app, { allowMismatchedSignatures: { value: true } }) });
    return next();
  });
  const { port } = await server.run();
  return {
    port,
    options: { endpoint: `http://127.0.0.1:${port}`, publicEndpoint: undefined, bucket: 'clips', region: 'us-east-1', accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', presign: true },
    async close() {
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
