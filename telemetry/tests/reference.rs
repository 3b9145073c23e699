//! The metrics table of the reference is the one the names give.

use std::path::Path;

const BEGIN: &str = "<!-- metrics: begin, written by STAGEGATE_WRITE_DOCS=1 cargo test -p stagegate-telemetry --test reference -->\n";
const END: &str = "<!-- metrics: end -->";

#[test]
fn the_reference_lists_every_metric_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
    let page = std::fs::read_to_string(&path).expect("docs/reference/metrics.md is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table's begin mark");
    let (table, after) = rest.split_once(END).expect("the table's end mark");
    let fresh = stagegate_telemetry::metrics_markdown();
    if std::env::var_os("STAGEGATE_WRITE_DOCS").is_some() {
        let page = format!("{before}{BEGIN}{fresh}{END}{after}");
        std::fs::write(&path, page).expect("docs/reference/metrics.md can be written");
        return;
    }
    assert!(
        table == fresh,
        "the metrics table of docs/reference/metrics.md is stale; refresh it with\n  \
         STAGEGATE_WRITE_DOCS=1 cargo test -p stagegate-telemetry --test reference"
    );
}
