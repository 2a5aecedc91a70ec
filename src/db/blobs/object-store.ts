import { S3Client, AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command, NotFound, PutObjectCommand, S3ServiceException, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { CinegraphError } from '../../errors.ts';

/** One request may take this long, its body and its second try included. */
const DEADLINE_MS = 30_000;
const CONNECT_DEADLINE_MS = 5_000;
/** A request is tried again this often before it counts as failed. */
const TRIES = 2;
/** Names of one page of a listing; the protocol's own limit. */
const PAGE = 1000;
const BINARY = 'application/octet-stream';

export interface ObjectStoreOptions {
  /** e.g. https://s3.eu-central-1.amazonaws.com; buckets are addressed by path. */
  readonly endpoint: string;
  /** Where clients reach the same store; undefined: at {@link endpoint}. */
  readonly publicEndpoint: string | undefined;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** False: clients cannot reach it, and every byte passes through the server. */
  readonly presign: boolean;
}

export interface StoredObject {
  readonly key: string;
  readonly byteSize: number;
  readonly modifiedAt: Date;
}

/**
 * One bucket of an S3-compatible store. Throws STORAGE_UNAVAILABLE when it does not answer in time, STORAGE_FULL when it has no room.
 * Owner: the database, which closes it.
 */
export class ObjectStore {
  readonly #bucket: string;
  readonly #client: S3Client;
  /** Signs for the address that clients use: a signature covers the host. Undefined: nothing is signed for clients. */
  readonly #signer: S3Client | undefined;

  constructor({ endpoint, publicEndpoint, bucket, region, accessKeyId, secretAccessKey, presign }: ObjectStoreOptions) {
    this.#bucket = bucket;
    // Checksums that only Amazon's store knows are left out; ours goes with every object.
    const at = (base: string): S3Client => new S3Client({
      endpoint: base, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true, maxAttempts: TRIES,
      requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED', requestHandler: { connectionTimeout: CONNECT_DEADLINE_MS },
    });
    this.#client = at(endpoint);
    this.#signer = presign ? at(publicEndpoint ?? endpoint) : undefined;
  }

  /** Whether the bucket is there and lets us in; throws what says why not. */
  async probe(): Promise<void> {
    await this.#call(signal => this.#client.send(new HeadBucketCommand(this.#at()), { abortSignal: signal }));
  }

  /** `sha256` of the bytes, in hex: the store refuses them when they do not arrive as they were sent. */
  async put(key: string, bytes: Uint8Array, sha256: string): Promise<void> {
    const command = new PutObjectCommand({ ...this.#at(key), Body: bytes, ContentLength: bytes.byteLength, ContentType: BINARY, ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') });
    await this.#call(signal => this.#client.send(command, { abortSignal: signal }));
  }

  /** One object of many parts, of which all but the last have 5 MiB or more; one is held in memory at a time. It appears when all are there, or not at all. */
  async putParts(key: string, parts: AsyncIterable<Buffer>): Promise<void> {
    const { UploadId } = await this.#call(signal => this.#client.send(new CreateMultipartUploadCommand({ ...this.#at(key), ContentType: BINARY }), { abortSignal: signal }));
    const stored: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
    try {
      for await (const part of parts) {
        const PartNumber = stored.length + 1;
        const command = new UploadPartCommand({ ...this.#at(key), UploadId, PartNumber, Body: part, ContentLength: part.byteLength });
        const { ETag } = await this.#call(signal => this.#client.send(command, { abortSignal: signal }));
        stored.push({ ETag, PartNumber });
      }
      const command = new CompleteMultipartUploadCommand({ ...this.#at(key), UploadId, MultipartUpload: { Parts: stored } });
      await this.#call(signal => this.#client.send(command, { abortSignal: signal }));
    } catch (error) {
      // What cannot be taken back now is taken by the bucket's own rule for unfinished uploads.
      await this.#call(signal => this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(key), UploadId }), { abortSignal: signal })).catch(() => undefined);
      throw error;
    }
  }

  /** Bytes start to end, both inclusive. */
  get(key: string, start: number, end: number): Promise<Buffer> {
    return this.#call(async signal => {
      const { Body, ContentRange } = await this.#client.send(new GetObjectCommand({ ...this.#at(key), Range: `bytes=${start}-${end}` }), { abortSignal: signal });
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      // A server may answer with the whole object (RFC 9110, section 14.2), or with more than was asked for.
      const from = ContentRange === undefined ? 0 : Number(/^bytes (\d+)-/.exec(ContentRange)?.[1] ?? start);
      return bytes.subarray(start - from, end + 1 - from);
    });
  }

  /** Null when there is no such object. */
  byteSize(key: string): Promise<number | null> {
    return this.#call(signal => this.#client.send(new HeadObjectCommand(this.#at(key)), { abortSignal: signal }).then(
      ({ ContentLength = 0 }) => ContentLength,
      (error: unknown) => (error instanceof NotFound ? null : Promise.reject(error as Error)),
    ));
  }

  async copy(from: string, to: string): Promise<void> {
    await this.#call(signal => this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: `${this.#bucket}/${from}` }), { abortSignal: signal }));
  }

  /** No fault when there is none. */
  async delete(key: string): Promise<void> {
    await this.#call(signal => this.#client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal: signal }));
  }

  /** Pages of everything whose name begins so. */
  async *list(prefix: string): AsyncGenerator<readonly StoredObject[], void, undefined> {
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({ ...this.#at(), Prefix: prefix, MaxKeys: PAGE, ContinuationToken: token });
      const { Contents = [], NextContinuationToken } = await this.#call(signal => this.#client.send(command, { abortSignal: signal }));
      yield Contents.map(({ Key = '', Size = 0, LastModified = new Date() }) => ({ key: Key, byteSize: Size, modifiedAt: LastModified }));
      token = NextContinuationToken;
    } while (token !== undefined);
  }

  /** A URL that gives the object to whoever has it; null when clients cannot reach the store. `answer`: headers of the answer. */
  async readUrl(key: string, seconds: number, answer: { readonly contentType: string; readonly disposition: string; readonly cacheControl: string }): Promise<string | null> {
    if (this.#signer === undefined) return null;
    const command = new GetObjectCommand({ ...this.#at(key), ResponseContentType: answer.contentType, ResponseContentDisposition: answer.disposition, ResponseCacheControl: answer.cacheControl });
    return getSignedUrl(this.#signer, command, { expiresIn: seconds });
  }

  /** A URL that takes exactly so many bytes by PUT; null when clients cannot reach the store. */
  async writeUrl(key: string, seconds: number, byteSize: number): Promise<string | null> {
    if (this.#signer === undefined) return null;
    return getSignedUrl(this.#signer, new PutObjectCommand({ ...this.#at(key), ContentLength: byteSize }), { expiresIn: seconds, unhoistableHeaders: new Set(['content-length']), signableHeaders: new Set(['host', 'content-length']) });
  }

  close(): void {
    this.#client.destroy();
    this.#signer?.destroy();
  }

  #at(): { readonly Bucket: string };
  #at(key: string): { readonly Bucket: string; readonly Key: string };
  #at(key?: string) {
    return { Bucket: this.#bucket, ...(key === undefined ? {} : { Key: key }) };
  }

  async #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(AbortSignal.timeout(DEADLINE_MS));
    } catch (error) {
      throw seen(error);
    }
  }
}

/** The store's own answer of a fault that time does not heal passes as it is; everything else means that it is not there. */
function seen(error: unknown): unknown {
  if (!(error instanceof S3ServiceException)) return new CinegraphError('STORAGE_UNAVAILABLE', undefined, { cause: error });
  const status = error.$metadata.httpStatusCode ?? 500;
  if (status === 507) return new CinegraphError('STORAGE_FULL', undefined, { cause: error });
  return status >= 500 || status === 429 ? new CinegraphError('STORAGE_UNAVAILABLE', undefined, { cause: error }) : error;
}
