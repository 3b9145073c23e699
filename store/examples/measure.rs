//! Measures the cost of the decision log: CPU and bytes per record, memory, and the time of a
//! lookup.
//!
//! `cargo run --release -p stagegate-store --example measure -- [RECORDS] [own|foreign] [DIR]`
//!
//! CPU is what the kernel counted for every thread of the process, without what making the records
//! took. With `foreign` the ids are the clients' own instead of time-ordered UUIDs. A log in DIR is
//! left there; if there is one already (of as many records), only lookups are measured.
#![allow(clippy::print_stdout)]

use stagegate_rollout::{Arm, KeyKind, Outcome, Reason, Record, RecordBatch};
use stagegate_store::{DecisionLog, Filter, Retention};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Records in a batch: a worker's quarter of a second at 5,000 requests a second.
const BATCH: u64 = 1250;
const PER_SECOND: u64 = 5000;
const LOOKUPS: u64 = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let records: u64 = args.next().as_deref().unwrap_or("1000000").parse()?;
    let foreign = args.next().as_deref() == Some("foreign");
    let given = args.next().map(PathBuf::from);
    let dir = given.clone().unwrap_or_else(|| std::env::temp_dir().join("stagegate-measure"));

    let keep = Retention { max_age: Duration::from_secs(30 * 86400), max_bytes: u64::MAX };
    let log = DecisionLog::open(&dir, keep)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let there = log.status().oldest_ms;
    let start_ms = there.unwrap_or(now - records * 1000 / PER_SECOND);
    let traffic = Traffic { start_ms, foreign };
    if there.is_none() {
        fill(&log, &traffic, records)?;
    }
    look_up(&log, &traffic, records)?;
    drop(log);
    let began = Instant::now();
    drop(DecisionLog::open(&dir, keep)?);
    println!("opening again: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    if given.is_none() {
        fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn fill(log: &DecisionLog, traffic: &Traffic, records: u64) -> Result<(), Box<dyn Error>> {
    let before = cpu()?;
    for first in (0..100 * BATCH).step_by(BATCH as usize) {
        std::hint::black_box(traffic.batch(first));
    }
    let making = (cpu()? - before).as_secs_f64() / (100 * BATCH) as f64;

    let writer = log.writer();
    let (before, began) = (cpu()?, Instant::now());
    for (n, first) in (1..).zip((0..records).step_by(BATCH as usize)) {
        writer.try_append(traffic.batch(first));
        // As fast as the disk takes it: the queue holds far more than this.
        if n % 50 == 0 {
            log.flush();
        }
    }
    log.flush();
    let status = log.status();
    let per_record = (cpu()? - before).as_secs_f64() / records as f64 - making;
    println!(
        "{} records in {:.1} s, {} dropped: {:.3} us CPU per record, {:.1} bytes per record, {} segments",
        status.written,
        began.elapsed().as_secs_f64(),
        status.dropped.total(),
        per_record * 1e6,
        status.bytes as f64 / status.written as f64,
        status.segments,
    );
    let memory = fs::read_to_string("/proc/self/status")?;
    let peak = memory.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "most memory at any time: {}",
        peak.unwrap_or_default().trim_start_matches("VmHWM:").trim()
    );
    Ok(())
}

fn look_up(log: &DecisionLog, traffic: &Traffic, records: u64) -> Result<(), Box<dyn Error>> {
    let mut random = Random(7);
    let there: Vec<_> = (0..LOOKUPS).map(|_| traffic.id(random.next() % records)).collect();
    timed("ids that are there", &there, |id| Ok(log.get(id)?.is_some()))?;
    let absent: Vec<_> = there.iter().map(|id| format!("{id}x")).collect();
    timed("foreign ids that are not", &absent, |id| Ok(log.get(id)?.is_none()))?;
    let tenant = Filter { tenant: Some("tenant-7".to_owned()), ..Filter::default() };
    let began = Instant::now();
    let found = log.recent(&tenant, 100)?.records.len();
    println!("newest {found} of one tenant in 200: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn timed(
    what: &str,
    ids: &[String],
    look: impl Fn(&str) -> Result<bool, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::with_capacity(ids.len());
    for id in ids {
        let began = Instant::now();
        let as_expected = look(id)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if !as_expected {
            return Err(format!("wrong answer for {id}").into());
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms", at(0.5), at(0.99), at(0.9999));
    Ok(())
}

/// CPU time of all threads there are.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let times = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += times.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Requests of 200 tenants, 100,000 users and a million conversations.
struct Traffic {
    start_ms: u64,
    foreign: bool,
}

impl Traffic {
    fn at_ms(&self, n: u64) -> u64 {
        self.start_ms + n * 1000 / PER_SECOND
    }

    fn id(&self, n: u64) -> String {
        let mut random = Random(n.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let (a, b) = (random.next(), random.next());
        if self.foreign {
            return format!("req-{a:016x}{:08x}", b as u32);
        }
        let (ms, low) = (self.at_ms(n), b & 0xffff_ffff_ffff);
        let (sub, variant) = (a & 0xfff, 0x8000 | (a >> 12 & 0x3fff));
        format!("{:08x}-{:04x}-7{sub:03x}-{variant:04x}-{low:012x}", ms >> 16, ms & 0xffff)
    }

    fn batch(&self, first: u64) -> RecordBatch {
        let mut batch = RecordBatch::with_capacity(BATCH as usize * 160);
        for n in first..first + BATCH {
            let x = Random(n).next();
            let candidate = x.is_multiple_of(10);
            batch.push(&Record {
                request_id: &self.id(n),
                at_ms: self.at_ms(n),
                workload: ["support-agent", "search-agent", "billing"][(x >> 40) as usize % 3],
                release: if candidate { "v43" } else { "v42" },
                arm: if candidate { Arm::Candidate } else { Arm::Stable },
                reason: if candidate { Reason::Weight } else { Reason::Default },
                detail: "",
                epoch: 17,
                key: KeyKind::Conversation,
                bucket: Some((x >> 12) as u32 % 100_000),
                weight: 10_000,
                tenant: &format!("tenant-{}", (x >> 8) % 200),
                user: &format!("user-{}", (x >> 16) % 100_000),
                conversation: &format!("conv_{:016x}", Random((x >> 20) % 1_000_000).next()),
                status: 200,
                outcome: Outcome::Ok,
                duration_us: 200_000 + (x >> 30) % 3_000_000,
                first_byte_us: 50_000 + (x >> 33) % 400_000,
                retries: 0,
                shadowed: false,
                spent: None,
                flags: "",
            });
        }
        batch
    }
}

/// A small generator of evenly spread numbers (splitmix64), the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
