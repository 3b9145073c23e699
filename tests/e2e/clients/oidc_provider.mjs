// An OpenID Connect provider for tests: `oidc-provider` with its pages for development. Every account
// exists; its groups are the part of its name behind the last dot.
//
// Usage: oidc_provider.mjs NODE_MODULES HOST PORT REDIRECT_URI

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, host, port, redirect] = process.argv.slice(2);
const require = createRequire(modules + "/x.js");
const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const provider = new Provider(`http://${host}:${port}`, {
  clients: [{
    client_id: "stagegate",
    client_secret: "a secret: with 100% odd+characters",
    redirect_uris: [redirect],
    token_endpoint_auth_method: "client_secret_basic",
  }],
  claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
  scopes: ["openid", "email", "groups"],
  // Claims of the scopes are in the ID token.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ["tests only"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.test`, groups: ["staff", id.split(".").pop()] }),
  }),
});
provider.listen(Number(port), host);
