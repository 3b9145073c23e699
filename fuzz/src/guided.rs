//! One target under libFuzzer; `STAGEGATE_FUZZ_TARGET` names it. `cargo xtask fuzz` starts this.

#![no_main]

use stagegate_fuzz::{Target, target};
use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    let chosen = TARGET.get_or_init(|| {
        let name = std::env::var("STAGEGATE_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("STAGEGATE_FUZZ_TARGET: no target `{name}`"))
    });
    (chosen.run)(bytes);
});
