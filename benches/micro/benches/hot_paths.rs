//! `cargo bench -p stagegate-micro`: nanoseconds per operation of every case.

use divan::Bencher;
use stagegate_micro::{CASES, Case};

fn main() {
    divan::main();
}

#[divan::bench(args = CASES)]
fn hot_path(bencher: Bencher<'_, '_>, case: &Case) {
    let operation = case.prepare().expect("the inputs of the case can be made");
    bencher.bench_local(operation);
}
