// Runs every audit of the npm package graphql-http against a running server.
//
//   node audit.mjs URL [bearer token]
//
// Prints each audit that is not "ok" with the reason. Exits 0 only if all 61 are, 1 if not, and 2
// if it was called wrongly. The audits use __typename and __type, so introspection has to be open
// to the caller.

import { serverAudits } from "graphql-http";

const EXPECTED = 61;

const [url, token, ...rest] = process.argv.slice(2);
if (!url || rest.length > 0 || !URL.canParse(url)) {
  console.error("usage: node audit.mjs URL [bearer token]");
  process.exit(2);
}

/** Sends a request, with the token if there is one. */
function request(input, init = {}) {
  const headers = new Headers(init.headers);
  if (token) {
    headers.set("authorization", `Bearer ${token}`);
  }
  return fetch(input, { ...init, headers });
}

const audits = serverAudits({ url, fetchFn: request });
const results = [];
for (const audit of audits) {
  try {
    results.push(await audit.fn());
  } catch (error) {
    const reason = error.cause?.message ?? error.message;
    results.push({ id: audit.id, name: audit.name, status: "error", reason });
  }
}

const failed = results.filter((result) => result.status !== "ok");
for (const { id, name, status, reason } of failed) {
  console.log(`${status} ${id} ${name}: ${reason}`);
}
console.log(`${results.length - failed.length} of ${results.length} audits are ok`);
if (results.length !== EXPECTED) {
  console.log(`expected ${EXPECTED} audits: the package has changed`);
}
process.exit(failed.length === 0 && results.length === EXPECTED ? 0 : 1);
