//! Calls of flagd's services over gRPC.

use crate::Target;
use stagegate_flags::Bucketing;
use stagegate_ofrep::fuzz::Calls;
use stagegate_settings as settings;

pub(crate) const FLAG_CALL: Target = Target {
    name: "flag_call",
    run: flag_call,
    seeds: &[
        // `ResolveBoolean`, `ResolveString` and `ResolveAll` with contexts; `ResolveInt` with gzip.
        b"\0\0\0\0\0\0F\x0a\x02on\x12@\x0a\x15\x0a\x0ctargetingKey\x12\x05\x1a\x03ann\x0a'\x0a\x04list\x12\x1f2\x1d\x0a\x09\x11\0\0\0\0\0\0\xf0?\x0a\x03\x1a\x01x\x0a\x0b*\x09\x0a\x07\x0a\x01a\x12\x02\x08\0",
        b"\x01\0\0\0\0\0\x1b\x0a\x07variant\x12\x10\x0a\x0e\x0a\x07variant\x12\x03\x1a\x01b",
        b"\x05\0\0\0\0\0)\x0a'\x0a\x10\x0a\x09requestId\x12\x03\x1a\x01r\x0a\x13\x0a\x06weight\x12\x09\x11\0\0\0\0\0\0\xe0?",
        b"\x02\x01\x01\0\0\0\x1b\x1f\x8b\x08\0\0\0\0\0\x02\x03\xe3b-\xcf\xc8\xcfI\x05\0\xd1\xcf\xaak\x07\0\0\0",
        b"\x06\0\0\0\0\0\x03\x0a\x01p",
        b"\x08\0\0\0\0\0\0",
    ],
    dictionary: &[
        b"\0\0\0\0", b"\x01", b"\x0a", b"\x12", b"\x1a", b"\x20\x01", b"\x2a", b"\x32", b"\x11", b"\x08\0",
        b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"targetingKey", b"variant",
        b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\0\0\0\0\xf0\x7f", b"\x1f\x8b\x08",
    ],
};

/// Flags of every type, with rules that ask for what the caller says.
const FILE: &str = r#"{"flags":{
    "on":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"targetingKey"},"ann"]},"on"]}},
    "variant":{"state":"ENABLED","variants":{"a":"x","b":"y"},"defaultVariant":"a","targeting":{"var":"variant"}},
    "whole":{"state":"ENABLED","variants":{"a":3},"defaultVariant":"a"},
    "number":{"state":"ENABLED","variants":{"a":0.5},"defaultVariant":"a","targeting":{"fractional":[{"var":"list"},["a",1]]}},
    "object":{"state":"ENABLED","variants":{"a":{"b":[1,{"c":null}]}},"defaultVariant":"a"},
    "away":{"state":"DISABLED","variants":{"a":1},"defaultVariant":"a"}
}}"#;

/// Any bytes are a call with an answer, or one that fails with a code.
fn flag_call(bytes: &[u8]) {
    thread_local! {
        static CALLS: Calls = calls();
    }
    CALLS.with(|calls| calls.call(bytes));
}

fn calls() -> Calls {
    let name =
        format!("stagegate-fuzz-{}-{:?}.json", std::process::id(), std::thread::current().id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, FILE).expect("a file of flags");
    let calls = Calls::new(settings::Flags {
        listen: ([127, 0, 0, 1], 0).into(),
        grpc: None,
        files: vec![file.clone()],
        bucketing: Bucketing::V2,
        clients: Vec::new(),
        origins: Vec::new(),
        join: stagegate_settings::JoinFlags::Named,
    });
    let _ = std::fs::remove_file(file);
    calls
}
