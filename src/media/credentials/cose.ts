import { createPrivateKey, sign } from 'node:crypto';

/** COSE algorithm and header numbers: RFC 9052, RFC 9053 section 2.1 (ES256), RFC 9360 (x5chain). */
const ALGORITHM = 1;
const ES256 = 6; // CBOR argument of the negative integer -7.
const X5CHAIN = 33;
const COSE_SIGN1 = 0xd2;
const NULL = 0xf6;

export interface SigningIdentity {
  /** DER, the signer's own first. */
  readonly chain: readonly Buffer[];
  /** P-256, PEM. */
  readonly privateKey: string;
}

/**
 * COSE_Sign1 over detached bytes, as C2PA 2.2 section 13.2 wants it: ES256, the certificates protected, padded to exactly `size` bytes, since the
 * place in the file was measured out before.
 */
export function signDetached(payload: Uint8Array, { chain, privateKey }: SigningIdentity, size: number): Buffer {
  const header = Buffer.concat([head(5, 2), head(0, ALGORITHM), head(1, ES256), head(0, X5CHAIN), array(...chain.map(bytes))]);
  const signed = array(text('Signature1'), bytes(header), bytes(Buffer.alloc(0)), bytes(payload));
  const signature = sign('sha256', signed, { key: createPrivateKey(privateKey), dsaEncoding: 'ieee-p1363' });
  const padded = (padding: number): Buffer =>
    Buffer.concat([Buffer.of(COSE_SIGN1), array(bytes(header), Buffer.concat([head(5, 1), text('pad'), bytes(Buffer.alloc(padding))]), Buffer.of(NULL), bytes(signature))]);
  // 256 and more bytes of padding have a length of one size, so that the rest is known.
  const least = padded(256).byteLength;
  if (least > size) throw new Error(`a signature of ${least} bytes does not fit into ${size}: the certificates are too long`);
  return padded(256 + size - least);
}

/** What {@link signDetached} needs for these certificates, with room to spare. */
export function signatureSize({ chain }: SigningIdentity): number {
  return chain.reduce((sum, { byteLength }) => sum + byteLength, 0) + 2048;
}

/** The first bytes of a CBOR item (RFC 8949, section 3): major type and argument. */
function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument);
  if (argument < 0x100) return Buffer.of((major << 5) | 24, argument);
  const long = Buffer.alloc(argument < 0x10000 ? 3 : 5);
  long[0] = (major << 5) | (argument < 0x10000 ? 25 : 26);
  long.writeUIntBE(argument, 1, long.byteLength - 1);
  return long;
}

function bytes(content: Uint8Array): Buffer {
  return Buffer.concat([head(2, content.byteLength), content]);
}

function text(content: string): Buffer {
  return Buffer.concat([head(3, Buffer.byteLength(content)), Buffer.from(content)]);
}

function array(...items: readonly Buffer[]): Buffer {
  return Buffer.concat([head(4, items.length), ...items]);
}
