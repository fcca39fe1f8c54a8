// Measures the same job with Node packages. Prints lines {"name": "peer/size", "ns": ...}.
//
// The job: verify the signature (and its timestamp, where the scheme has one), parse the JSON, and refuse an event
// whose id is known. A peer does the first part, and the second if it can; JSON.parse and lru-cache do the rest, as in
// an application.

import { readFileSync } from "node:fs";

import { verify } from "@octokit/webhooks-methods";
import { LRUCache } from "lru-cache";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const MILLISECONDS = 200; // for each benchmark
const CAPACITY = 128; // less than the number of deliveries, so each is forgotten when it comes again
const DAY = 24 * 60 * 60 * 1000;
const SIZES = [256, 1024, 4096, 65536];

// Each takes the secret and returns a judge. A judge takes headers and body, and returns the event or throws.
const PEERS = {
  stripe: {
    scheme: "puck",
    // Puck signs as Stripe does; only the name of the header is different.
    judge: (secret) => (headers, body) => Stripe.webhooks.constructEvent(body, headers["x-puck-signature"], secret),
  },
  standardwebhooks: {
    scheme: "standard",
    judge: (secret) => {
      const webhook = new Webhook(secret);
      return (headers, body) => webhook.verify(body, headers);
    },
  },
  // The package is @octokit/webhooks-methods. Its short name has no slash, which separates the name from the size.
  octokit: {
    scheme: "github",
    judge: (secret) => async (headers, body) => {
      const text = body.toString(); // the package takes only text
      if (!(await verify(secret, text, headers["x-hub-signature-256"]))) {
        throw new Error("A delivery was judged wrongly: its signature is valid.");
      }
      return JSON.parse(text);
    },
  },
};

/** A judge that also remembers events. */
function once(judge) {
  const seen = new LRUCache({ max: CAPACITY, ttl: DAY });
  const claim = ({ event_id }) => {
    if (seen.has(event_id)) throw new Error("A delivery was judged wrongly: it is new.");
    seen.set(event_id, true);
  };
  return (headers, body) => {
    const event = judge(headers, body);
    return event instanceof Promise ? event.then(claim) : claim(event);
  };
}

const read = (name) => readFileSync(`${process.env.PUCK_BENCH_DELIVERIES}/${name}`, "utf8");

/** Deliveries as Node's server has them: the names of headers in lower case, the body as bytes. */
function deliveries(scheme, size) {
  const lines = read(`${scheme}-${size}.ndjson`).trimEnd().split("\n");
  return lines.map(JSON.parse).map(({ headers, body }) => ({
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body),
  }));
}

/** Measures rounds over all deliveries. As many run first: after one round V8 has not compiled the hot code yet. */
async function measure(name, receive, all) {
  const rounds = async () => {
    const start = performance.now();
    for (let n = 1; ; ++n) {
      for (const { headers, body } of all) {
        const pending = receive(headers, body);
        if (pending) await pending; // only if needed, because await costs time
      }
      const spent = performance.now() - start;
      if (spent > MILLISECONDS) return (spent * 1e6) / n / all.length;
    }
  };
  await rounds();
  console.log(JSON.stringify({ name, ns: await rounds() }));
}

for (const [name, { scheme, judge }] of Object.entries(PEERS)) {
  const secret = read(`${scheme}.secret`);
  for (const size of SIZES) await measure(`${name}/${size}`, once(judge(secret)), deliveries(scheme, size));
}
