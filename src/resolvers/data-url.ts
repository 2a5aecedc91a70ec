/** Longest picture or sound that travels inside the event, in bytes. */
const MAX_INLINE_BYTES = 32 * 1024;

/** Null for bytes that are gone, or too many. */
export function dataUrl(contentType: string, bytes: Buffer | null): string | null {
  return bytes === null || bytes.byteLength > MAX_INLINE_BYTES ? null : `data:${contentType};base64,${bytes.toString('base64')}`;
}
