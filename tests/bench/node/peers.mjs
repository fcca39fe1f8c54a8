// What the same job costs with packages of Node. Prints lines {"name": "peer/size", "ns": ...}.
//
// The job: verify the signature (and its timestamp, where the scheme has one), parse the JSON, and refuse an event
// whose id is known. A peer brings the first part, and the second if it can; JSON.parse and lru-cache do the rest, as
// they would in an application.

import { readFileSync } from "node:fs";

import { verify } from "@octokit/webhooks-methods";
import { LRUCache } from "lru-cache";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const MILLISECONDS = 200; // for each benchmark
const CAPACITY = 128; // fewer than there are deliveries: when one comes round again, it is forgotten
const DAY = 24 * 60 * 60 * 1000;
const SIZES = [256, 1024, 4096, 65536];

// Each takes the secret, and gives a judge: of a delivery's headers and body it makes the event, or throws.
const PEERS = {
  stripe: {
    scheme: "puck",
    // Puck signs as Stripe does, so only the header's name is another.
    judge: (secret) => (headers, body) => Stripe.webhooks.constructEvent(body, headers["x-puck-signature"], secret),
  },
  standardwebhooks: {
    scheme: "standard",
    judge: (secret) => {
      const webhook = new Webhook(secret);
      return (headers, body) => webhook.verify(body, headers);
    },
  },
  // Named octokit for short, and because a slash divides the name of a peer from the size.
  octokit: {
    scheme: "github",
    judge: (secret) => async (headers, body) => {
      const text = body.toString(); // the package takes nothing else
      if (!(await verify(secret, text, headers["x-hub-signature-256"]))) {
        throw new Error("A delivery was judged wrongly: its signature is valid.");
      }
      return JSON.parse(text);
    },
  },
};

/** The judge, with a memory. */
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

/** Deliveries as Node's server hands them over: the names of headers in lower case, the body as bytes. */
function deliveries(scheme, size) {
  const lines = read(`${scheme}-${size}.ndjson`).trimEnd().split("\n");
  return lines.map(JSON.parse).map(({ headers, body }) => ({
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body),
  }));
}

/** Rounds over all deliveries: first as many to warm up, since one is not enough for V8 to compile what is hot. */
async function measure(name, receive, all) {
  const rounds = async () => {
    const start = performance.now();
    for (let n = 1; ; ++n) {
      for (const { headers, body } of all) {
        const pending = receive(headers, body);
        if (pending) await pending; // only then: awaiting costs time, which the peers that do not need it are spared
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
