// An OpenID provider on loopback for the tests: node oidc_provider.mjs NODE_MODULES PORT. Every line on standard input is
// a JSON object with what shall hold from now on (clients, jwks, people, skew in seconds); "ready" answers each.
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

globalThis.crypto ??= webcrypto; // Node 18
const [modules, port] = process.argv.slice(2);
const require = createRequire(`${modules}/here.js`);
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const right = Date.now.bind(Date);
const told = { people: {}, skew: 0 };
Date.now = () => right() + told.skew * 1000;

let answer = (_, response) => response.writeHead(503).end();
let asked = {}; // how often each path was asked for: what a flood must not raise

function provider() {
  const issuer = new Provider(`http://127.0.0.1:${port}`, {
    clients: told.clients,
    jwks: told.jwks,
    cookies: { keys: ['a key of the tests'] },
    claims: { openid: ['sub'], profile: ['name', 'family_name', 'birthdate', 'realm_access'], email: ['email', 'email_verified'], groups: ['groups'] },
    features: { backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    httpOptions: () => ({ timeout: 2500 }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: told.lasts ?? 3600, Interaction: 3600, Session: 3600 },
    findAccount: (_, id) => told.people[id] && { accountId: id, claims: () => ({ sub: id, ...told.people[id] }) },
  });
  issuer.on('server_error', (_, error) => console.error(error));
  issuer.on('backchannel.error', (_, error) => console.error(error));
  return issuer.callback();
}

createServer((request, response) => {
  const path = request.url.split('?')[0];
  asked[path] = (asked[path] ?? 0) + 1;
  if (path === '/asked') response.end(JSON.stringify(asked));
  else answer(request, response);
}).listen(Number(port), '127.0.0.1', () => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    Object.assign(told, JSON.parse(line));
    answer = provider();
    console.log('ready');
  }).on('close', () => process.exit(0));
});
