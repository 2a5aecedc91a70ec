/** Opaque to clients: base64url of `Type:key`. */
export function encodeNodeId(type: string, key: string): string {
  return Buffer.from(`${type}:${key}`, 'utf8').toString('base64url');
}
