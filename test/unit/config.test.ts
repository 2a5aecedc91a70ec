import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';

describe('loadConfig', () => {
  it('has a default for everything and cannot be changed', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', executionProvider: 'auto', databaseUrl: undefined });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads values', () => {
    expect(loadConfig({ PORT: '0', ALLOWED_ORIGINS: 'https://a.example, http://b.example/', LOG_LEVEL: 'silent', INFERENCE_THREADS: ' 2 ' })).toMatchObject({
      port: 0,
      allowedOrigins: ['https://a.example', 'http://b.example'],
      logLevel: 'silent',
      inferenceThreads: 2,
    });
  });

  it.each([
    ['PORT', '70000'],
    ['PORT', 'http'],
    ['PORT', '4e3'],
    ['EXECUTION_PROVIDER', 'gpu'],
    ['DATABASE_URL', 'mysql://x'],
    ['MAX_ROWS', '0'],
    ['ALLOWED_ORIGINS', 'https://a.example/path'],
    ['PUBLIC_URL', 'ftp://a.example'],
  ])('refuses %s=%s and names it', (name, value) => {
    expect(() => loadConfig({ [name]: value })).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }));
  });

  it('takes tokens only with an issuer and an audience', () => {
    const env = { JWT_JWKS_URL: 'https://idp.example/jwks', JWT_ISSUER: 'https://idp.example', JWT_AUDIENCE: 'cinegraph' };
    expect(loadConfig(env).auth.jwt).toEqual({ jwksUrl: 'https://idp.example/jwks', issuer: 'https://idp.example', audience: 'cinegraph', clockToleranceSeconds: 30, roleClaim: 'role' });
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) expect(() => loadConfig({ ...env, [name]: '' })).toThrowError(expect.objectContaining({ message: expect.stringContaining(name) }));
  });

  it('takes a bucket only with its endpoint and its key', () => {
    const env = { S3_BUCKET: 'clips', S3_ENDPOINT: 'https://s3.example/', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'a long secret' };
    expect(loadConfig(env).objectStore).toEqual({ bucket: 'clips', endpoint: 'https://s3.example', publicEndpoint: undefined, region: 'us-east-1', accessKeyId: 'id', secretAccessKey: 'a long secret', presign: true });
    for (const name of ['S3_ENDPOINT', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']) expect(() => loadConfig({ ...env, [name]: '' })).toThrowError(expect.objectContaining({ message: expect.stringContaining(name) }));
    expect(loadConfig({}).objectStore).toBeUndefined();
  });

  it('takes one NATS server or several', () => {
    expect(loadConfig({ NATS_URL: 'nats://a:4222, tls://b:4222', NATS_SUBJECT: 'films.bus' }).nats).toEqual({ url: 'nats://a:4222, tls://b:4222', subject: 'films.bus' });
    expect(loadConfig({}).nats).toBeUndefined();
  });

  it.each(['DATABASE_URL', 'NATS_URL'])('does not print a password in %s', (name) => {
    expect(() => loadConfig({ [name]: 'mysql://user:secret@h' })).toThrowError(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
  });

  it.each(['0.0.0.0', '192.168.1.5', 'box.lan', '::'])('refuses to listen on %s without a login', (host) => {
    expect(() => loadConfig({ HOST: host })).toThrowError(expect.objectContaining({ message: expect.stringContaining('CINEGRAPH_ALLOW_PUBLIC') }));
    expect(loadConfig({ HOST: host, CINEGRAPH_ALLOW_PUBLIC: '1' }).host).toBe(host);
    expect(loadConfig({ HOST: host, AUTH: 'required' }).host).toBe(host);
  });
});
