import { CinegraphError, type ErrorCode } from '../errors.ts';
import { allowedInstead, formatOf, type UploadKind } from '../media/media-kinds.ts';
import type { AssetKind, CreateUploadInput } from './contract.ts';
import { checkTags, checkText, LONGEST_TITLE } from './generation-input.ts';

const LONGEST_FILENAME = 255;
/** Ten years. */
export const LONGEST_TTL_SECONDS = 315_360_000;

export interface CheckedUpload {
  readonly filename: string;
  readonly contentType: string;
  readonly byteSize: number;
  readonly kind: UploadKind;
  readonly sha256: string | null;
  readonly title: string | null;
  readonly tags: readonly string[];
  readonly assetTtl: number | null;
}

/** Throws INVALID_INPUT, MEDIA_TYPE_NOT_SUPPORTED or UPLOAD_TOO_LARGE, with `field` set, first fault first. */
export function checkUpload(input: CreateUploadInput, maxBytes: number): CheckedUpload {
  const filename = (checkText(input.filename.normalize('NFC'), 'filename', LONGEST_FILENAME) ?? '').replace(/^.*[/\\]/, '');
  if (filename === '' || /\p{Cc}/u.test(filename)) refuse('INVALID_INPUT', 'filename', 'filename must be the name of a file, without a path and without control characters.');
  const format = formatOf(input.contentType);
  if (format === undefined) refuse('MEDIA_TYPE_NOT_SUPPORTED', 'contentType', `${JSON.stringify(input.contentType.slice(0, 100))} cannot be uploaded; ${allowedInstead(input.contentType)}`);
  if (!Number.isInteger(input.byteSize) || input.byteSize < 1) refuse('INVALID_INPUT', 'byteSize', 'byteSize must be the length of the file in bytes, 1 or more.');
  if (input.byteSize > maxBytes) refuse('UPLOAD_TOO_LARGE', 'byteSize', `The file has ${input.byteSize} bytes; up to ${maxBytes} are allowed.`);
  return {
    filename,
    contentType: input.contentType.trim().toLowerCase(),
    byteSize: input.byteSize,
    kind: checkKind(input.kind ?? format.kinds[0] ?? 'IMAGE', format.kinds, format.contentType),
    sha256: checkSha256(input.sha256 ?? null),
    title: checkText(input.title ?? null, 'title', LONGEST_TITLE),
    tags: checkTags(input.tags ?? []),
    assetTtl: checkTtl(input.timeToLiveSeconds ?? null),
  };
}

function checkKind(kind: AssetKind, kinds: readonly UploadKind[], contentType: string): UploadKind {
  const known = kinds.find(each => each === kind);
  if (known === undefined) refuse('MEDIA_TYPE_NOT_SUPPORTED', 'kind', `${contentType} cannot be uploaded as ${kind}; allowed: ${kinds.join(', ')}.`);
  return known;
}

function checkSha256(sha256: string | null): string | null {
  if (sha256 !== null && !/^[0-9a-f]{64}$/i.test(sha256)) refuse('INVALID_INPUT', 'sha256', 'sha256 must be 64 hexadecimal digits.');
  return sha256?.toLowerCase() ?? null;
}

/** Seconds, or null: for ever. Throws INVALID_INPUT. */
export function checkTtl(seconds: number | null): number | null {
  if (seconds !== null && (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_TTL_SECONDS)) {
    refuse('INVALID_INPUT', 'timeToLiveSeconds', `timeToLiveSeconds must be an integer from 1 to ${LONGEST_TTL_SECONDS}.`);
  }
  return seconds;
}

function refuse(code: ErrorCode, field: string, message: string): never {
  throw new CinegraphError(code, message, { field: ['input', field] });
}
