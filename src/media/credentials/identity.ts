import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CinegraphError } from '../../errors.ts';
import type { SigningIdentity } from './cose.ts';

const FOLDER = 'credentials';
const YEARS_MS = 10 * 365 * 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** What C2PA asks of a signer's certificate (2.2, section 14.5): signing of documents; e-mail protection is what older readers look for. */
const PURPOSES = ['1.3.6.1.5.5.7.3.36', '1.3.6.1.5.5.7.3.4'];
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

export interface IdentityFiles {
  /** PEM: the signer's certificate first, then those above it. */
  readonly certificates: string;
  /** PEM, PKCS #8, P-256. */
  readonly privateKey: string;
}

/** Reads the given files. Throws CONFIG_INVALID when they do not belong together. */
export async function readIdentity({ certificates, privateKey }: IdentityFiles): Promise<SigningIdentity> {
  try {
    const chain = [...(await readFile(certificates, 'utf8')).matchAll(CERTIFICATE)].map(([pem]) => new X509Certificate(pem));
    const key = await readFile(privateKey, 'utf8');
    const parsed = createPrivateKey(key);
    if (parsed.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('the key is not one of P-256');
    if (chain[0]?.checkPrivateKey(parsed) !== true) throw new Error('the key is not that of the first certificate');
    return { chain: chain.map(({ raw }) => raw), privateKey: key };
  } catch (cause) {
    throw new CinegraphError('CONFIG_INVALID', `The certificate ${certificates} cannot sign: ${(cause as Error).message}.`, { cause });
  }
}

/** The identity of a data folder, made at the first call: a root of its own and a certificate below it. Nobody else vouches for it. */
export async function ownIdentity(dataDir: string): Promise<SigningIdentity> {
  const files = { certificates: join(dataDir, FOLDER, 'certificates.pem'), privateKey: join(dataDir, FOLDER, 'key.pem') };
  const there = await readFile(files.certificates).then(() => true, () => false);
  if (!there) await makeIdentity(dataDir);
  return readIdentity(files);
}

async function makeIdentity(dataDir: string): Promise<void> {
  const { certificates, privateKey } = await newIdentity();
  const draft = join(dataDir, `${FOLDER}.${randomBytes(4).toString('hex')}`);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await writeFile(join(draft, 'key.pem'), privateKey, { mode: 0o600 });
  await writeFile(join(draft, 'certificates.pem'), certificates);
  await rename(draft, join(dataDir, FOLDER)).catch((error: NodeJS.ErrnoException) => {
    // Another process was faster; its identity is as good as ours.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

async function newIdentity(): Promise<IdentityFiles> {
  // Loaded late: it is needed once in the life of a data folder.
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(crypto);
  const { subtle } = crypto;
  const [rootKeys, keys] = await Promise.all([subtle.generateKey(ALGORITHM, true, ['sign', 'verify']), subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])]);
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + YEARS_MS), signingAlgorithm: ALGORITHM };
  const number = (): string => `01${randomBytes(15).toString('hex')}`;
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity, serialNumber: number(), name: 'CN=Cinegraph installation, O=Cinegraph', keys: rootKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(rootKeys.publicKey),
    ],
  });
  const own = await x509.X509CertificateGenerator.create({
    ...validity, serialNumber: number(), subject: 'CN=Cinegraph, O=Cinegraph', issuer: root.subject, publicKey: keys.publicKey, signingKey: rootKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(PURPOSES, false),
      await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
  return { certificates: `${own.toString('pem')}\n${root.toString('pem')}\n`, privateKey };
}
