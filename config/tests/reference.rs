//! The reference page is the one the types make today.

#[test]
fn the_reference_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/config.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == stagegate_config::reference_markdown(),
        "docs/reference/config.md is stale: refresh it with `cargo xtask docs`"
    );
}
