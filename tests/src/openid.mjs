// A provider that is not ours: oidc-provider with one client, who signs in whoever the test says, without a form.
// Tokens leave as the library makes them, or with one thing wrong that the test asked for.
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';
import { SignJWT, UnsecuredJWT, decodeJwt, exportJWK, generateKeyPair } from 'jose';

const [port, back, client, secret, certificate, key] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const made = async (kid) => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  return { kid, pair, jwk: { ...await exportJWK(pair.privateKey), kid, use: 'sig', alg: 'RS256' } };
};
const [own, next, strange] = [await made('own'), await made('next'), await made('strange')];
let person = { sub: 'nobody', name: 'nobody', groups: [] };
let wrong = 'nothing';

const provider = new Provider(issuer, {
  clients: [{ client_id: client, client_secret: secret, redirect_uris: [back], grant_types: ['authorization_code'], response_types: ['code'] }],
  jwks: { keys: [own.jwk] },
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/test/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: person.name, groups: person.groups }) }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});

const sign = (claims, by, header = {}) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: by.kid, ...header }).sign(by.pair.privateKey);
const spoilt = async (token) => {
  const claims = decodeJwt(token);
  const now = Math.floor(Date.now() / 1000);
  switch (wrong) {
    case 'nonce': return sign({ ...claims, nonce: 'another' }, own);
    case 'audience': return sign({ ...claims, aud: 'mail' }, own);
    case 'issuer': return sign({ ...claims, iss: 'https://evil.example' }, own);
    case 'expired': return sign({ ...claims, iat: now - 500, exp: now - 300 }, own);
    case 'none': return new UnsecuredJWT(claims).encode();
    case 'hmac': return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: own.kid }).sign(new TextEncoder().encode(secret));
    case 'key': return sign(claims, strange);
    case 'named': return sign(claims, strange, { kid: own.kid });
    case 'rotated': return sign(claims, next);
    default: return token;
  }
};

const handle = provider.callback();
createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/test/person') {
    person = { sub: url.searchParams.get('sub'), name: url.searchParams.get('name'), groups: url.searchParams.get('groups').split(',') };
    response.writeHead(204).end();
  } else if (url.pathname === '/test/wrong') {
    wrong = url.searchParams.get('what');
    response.writeHead(204).end();
  } else if (url.pathname.startsWith('/test/interaction/')) {
    if (wrong === 'denied') {
      await provider.interactionFinished(request, response, { error: 'access_denied' });
    } else {
      await provider.interactionFinished(request, response, { login: { accountId: person.sub } });
    }
  } else if (url.pathname === '/jwks' && wrong === 'rotated') {
    const { kty, n, e, kid, use, alg } = next.jwk;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [{ kty, n, e, kid, use, alg }] }));
  } else if (url.pathname === '/token') {
    const end = response.end.bind(response);
    response.end = (body) => {
      const text = body ? JSON.parse(body) : {};
      if (!text.id_token) return end(body);
      spoilt(text.id_token).then((token) => {
        const changed = JSON.stringify({ ...text, id_token: token });
        response.setHeader('content-length', Buffer.byteLength(changed));
        end(changed);
      });
      return response;
    };
    handle(request, response);
  } else {
    handle(request, response);
  }
}).listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify({ ready: true })));
