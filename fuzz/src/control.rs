//! What testers, operators and the disk hand over.

use crate::Target;
use stagegate_config::Config;
use stagegate_rollout::{Arm, ForceKey, WorkloadName, records};
use std::path::Path;

pub(crate) const FORCE_HEADER: Target = Target {
    name: "force_header",
    run: force_header,
    seeds: &[
        b"candidate;exp=2000000000;sig=00",
        b"stable; exp=1; sig=5f0c8a3be2d0f1a3c2b1908f7e6d5c4b3a29181706f5e4d3c2b1a0918273645f",
    ],
    dictionary: &[b";", b"exp=", b"sig=", b"candidate", b"stable", b"18446744073709551616"],
};

/// Only what the key itself signed is believed, and only until it expires.
fn force_header(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let key = ForceKey::new(b"a secret of thirty-two bytes size").expect("long enough");
    let workload: WorkloadName = "agents".parse().expect("a name");
    assert!(key.verify(&workload, header, 1_000).is_err(), "believed: {header}");
    // The header's own words, signed: what is believed is what was signed.
    let expires = header.len() as u64 + 1_001;
    let signed = key.sign(&workload, Arm::Candidate, expires);
    assert!(matches!(key.verify(&workload, &signed, 1_000), Ok(Arm::Candidate)));
    assert!(key.verify(&workload, &signed, expires + 1).is_err(), "expired, yet believed");
    let longer = format!("{signed}{header}");
    assert!(header.trim().is_empty() || key.verify(&workload, &longer, 1_000).is_err());
}

pub(crate) const CONFIG: Target = Target {
    name: "config",
    run: config,
    seeds: &[
        include_bytes!("../../config/examples/full.yaml"),
        include_bytes!("../../config/examples/minimal.yaml"),
    ],
    dictionary: &[
        b"\n  ", b"\n    ", b": ", b"- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"<<: ",
        b"!!str ", b"|\n", b">-\n", b"? ", b"---\n", b"${X}", b"file:x", b"10%", b"5m", b"1e400",
        b"-1", b"\"", b"'", b"#", b"\t",
    ],
};

/// A file is taken or refused; each problem says where it is.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let nothing = |_: &str| None;
    let parsed = Config::parse(text, "stagegate.yaml", Path::new("/nonexistent"), &nothing);
    let Err(problems) = parsed else { return };
    let shown = problems.to_string();
    assert!(!shown.trim().is_empty(), "refused without a word");
}

pub(crate) const DECISION_RECORD: Target = Target {
    name: "decision_record",
    run: decision_record,
    seeds: &[b"\x05\x00abcde", b"\x00\x00", b"\xff\xff"],
    dictionary: &[b"\x00", b"\xff", b"\x80", b"\x01\x00"],
};

/// A damaged segment ends, it does not loop and does not panic.
fn decision_record(bytes: &[u8]) {
    let read = records(bytes).take(bytes.len() + 2).count();
    assert!(read <= bytes.len() + 1, "more records than bytes");
}
