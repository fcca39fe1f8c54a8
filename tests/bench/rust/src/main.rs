//! Measures the same job with Rust crates. Prints lines {"name": "peer/size", "ns": ...}.
//!
//! The job: verify the signature and its timestamp, parse the JSON, and refuse an event whose id is known.
//! standardwebhooks does the first part; serde_json and lru do the rest, as in an application.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs};

use http::{HeaderMap, HeaderName, HeaderValue};
use lru::LruCache;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use standardwebhooks::Webhook;

const ENOUGH: Duration = Duration::from_millis(200); // for each benchmark
const CAPACITY: NonZeroUsize = NonZeroUsize::new(128).unwrap(); // less than the deliveries: each is new again
const SIZES: [usize; 4] = [256, 1024, 4096, 65536];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Delivery {
    headers: HeaderMap,
    body: Vec<u8>,
}

#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "an application reads these fields; here they are only parsed"
)]
struct Envelope {
    event_id: String,
    event_type: String,
    emitted_at: String,
    api_version: String,
    data: Box<RawValue>, // raw, because only the handler of an event knows its fields
}

/// The store is from lru and not from moka, although lru has no time to live. moka limits its size only later and in
/// batches, and by default it may keep an old entry instead of a new one. So a delivery that comes again might not be
/// forgotten yet, and a wrong verdict would look like a right one.
struct Receiver {
    webhook: Webhook,
    seen: Mutex<LruCache<String, ()>>,
}

impl Receiver {
    fn new(secret: &str) -> Result<Self> {
        Ok(Self {
            webhook: Webhook::new(secret)?,
            seen: Mutex::new(LruCache::new(CAPACITY)),
        })
    }

    fn receive(&self, one: &Delivery) -> Result<Envelope> {
        self.webhook.verify(&one.body, &one.headers)?;
        let event: Envelope = serde_json::from_slice(&one.body)?;
        let mut seen = self.seen.lock().expect("nobody panics while it is locked");
        match seen.put(event.event_id.clone(), ()) {
            None => Ok(event),
            Some(()) => Err("a duplicate, though it is new".into()),
        }
    }
}

/// The headers are put into a map here, outside of the measured time, because a server already has them as a map.
fn deliveries(folder: &Path, scheme: &str, size: usize) -> Result<Vec<Delivery>> {
    #[derive(Deserialize)]
    struct Line {
        headers: HashMap<String, String>,
        body: String,
    }

    let mut all = Vec::new();
    for line in fs::read_to_string(folder.join(format!("{scheme}-{size}.ndjson")))?.lines() {
        let line: Line = serde_json::from_str(line)?;
        let mut headers = HeaderMap::new();
        for (name, value) in line.headers {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        all.push(Delivery {
            headers,
            body: line.body.into_bytes(),
        });
    }
    Ok(all)
}

/// Measures rounds over all deliveries. The first round is a warm-up and does not count.
fn measure(name: &str, receiver: &Receiver, all: &[Delivery]) -> Result<()> {
    let mut spent = Duration::ZERO;
    let mut judged = 0;
    for round in 0.. {
        let start = Instant::now();
        for one in all {
            black_box(
                receiver
                    .receive(one)
                    .map_err(|why| format!("A delivery was judged wrongly: {why}"))?,
            );
        }
        if round > 0 {
            spent += start.elapsed();
            judged += all.len();
        }
        if spent > ENOUGH {
            break;
        }
    }
    let ns = spent.as_nanos() as f64 / judged as f64;
    println!("{}", json!({"name": name, "ns": ns}));
    Ok(())
}

fn main() -> Result<()> {
    let folder = env::var("PUCK_BENCH_DELIVERIES")?;
    let folder = Path::new(&folder);
    let secret = fs::read_to_string(folder.join("standard.secret"))?;
    for size in SIZES {
        let all = deliveries(folder, "standard", size)?;
        measure(
            &format!("standardwebhooks/{size}"),
            &Receiver::new(&secret)?,
            &all,
        )?;
    }
    Ok(())
}
