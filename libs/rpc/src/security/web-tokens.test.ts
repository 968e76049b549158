import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair, type CryptoKey } from 'jose';
import { WebTokens } from './web-tokens.ts';

const [issuer, audience] = ['https://issuer.test', 'pemmican'];
const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-keys-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const trusted = await generateKeyPair('ES256');
const untrusted = await generateKeyPair('ES256');
const keys = path.join(folder, 'keys.json');
const publicKey = { ...(await exportJWK(trusted.publicKey)), kid: 'one', alg: 'ES256' };
writeFileSync(keys, JSON.stringify({ keys: [publicKey] }));
const tokens = await WebTokens.open({ keys, issuer, audience });

interface TokenParts {
  readonly claims?: Record<string, unknown>;
  readonly issuer?: string;
  readonly audience?: string;
  readonly expires?: string | undefined;
  readonly key?: CryptoKey;
}

function sign(parts: TokenParts = {}): Promise<string> {
  const token = new SignJWT({ sub: 'ci', scope: 'pemmican.write', ...parts.claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(parts.issuer ?? issuer)
    .setAudience(parts.audience ?? audience);
  if (!('expires' in parts) || parts.expires !== undefined) token.setExpirationTime(parts.expires ?? '5m');
  return token.sign(parts.key ?? trusted.privateKey);
}

test('WebTokens takes the name from sub and the role from the scopes, as a text or a list', async () => {
  assert.deepEqual(await tokens.authenticate(await sign()), { name: 'ci', role: 'writer' });
  const roleOf = async (claims: Record<string, unknown>): Promise<string | undefined> =>
    (await tokens.authenticate(await sign({ claims })))?.role;
  assert.equal(await roleOf({ scope: 'openid pemmican.read' }), 'reader');
  assert.equal(await roleOf({ scope: 'pemmican.read pemmican.write' }), 'writer');
  assert.equal(await roleOf({ scope: undefined, scp: ['pemmican.read'] }), 'reader');
  assert.equal(await roleOf({ scope: 'pemmican.writer' }), undefined);
  assert.equal(await roleOf({ scope: undefined }), undefined);
  assert.equal(await roleOf({ sub: '' }), undefined);
});

test('WebTokens accepts no token of another issuer, audience, key or time, and none without a signature', async () => {
  const refused: Record<string, string> = {
    issuer: await sign({ issuer: 'https://other.test' }),
    audience: await sign({ audience: 'other' }),
    key: await sign({ key: untrusted.privateKey }),
    'expired an hour ago': await sign({ expires: '-1h' }),
    'no expiry': await sign({ expires: undefined }),
    'no subject': await sign({ claims: { sub: undefined } }),
    // A key that everybody has, taken for the secret of a symmetric signature.
    symmetric: await new SignJWT({ sub: 'ci', scope: 'pemmican.write' })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode(JSON.stringify(publicKey))),
    unsigned: new UnsecuredJWT({ sub: 'ci', scope: 'pemmican.write' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .encode(),
    cut: (await sign()).slice(0, -4),
    'no token at all': 'a.b.c',
  };
  for (const [what, token] of Object.entries(refused)) assert.equal(await tokens.authenticate(token), undefined, what);
});

test('WebTokens.open names keys that it cannot use', async () => {
  const broken = path.join(folder, 'broken.json');
  writeFileSync(broken, '{"keys": 1}');
  for (const [file, message] of [
    [path.join(folder, 'none.json'), /none\.json is no JSON Web Key Set: ENOENT/],
    [broken, /broken\.json is no JSON Web Key Set/],
    ['http://issuer.test/keys', /come over https:/],
  ] as const)
    await assert.rejects(WebTokens.open({ keys: file, issuer, audience }), message);
});
