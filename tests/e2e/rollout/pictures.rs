//! The pictures of the documentation, and the five questions that each of them answers without a click.
//!
//! `STAGEGATE_PICTURES=docs/images` writes the pictures there.

use super::World;
use crate::harness::page::page;
use crate::harness::tools::in_browser;

/// Looks at the page, checks the answers that `docs/how-to/dashboard.md` writes beside this picture, and takes it.
async fn answers(world: &World, picture: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let wanted = std::env::var("STAGEGATE_PICTURES");
    let dir = wanted.unwrap_or_else(|_| dir.path().display().to_string());
    let url = format!("http://{}", world.stagegate.admin.address);
    let documented = page("how-to/dashboard.md").display().to_string();
    let arguments = ["answers", &url, &dir, picture, &documented];
    if let Some(printed) = in_browser("dashboard.mjs", &arguments).await {
        assert!(printed.contains("ok answers"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_answers_five_questions_without_a_click() {
    let world = World::open().await;
    world.begin().await;
    world.climb(2).await;
    let pass = |it: &serde_json::Value| it["analysis"]["verdict"] == "pass";
    world.until("the gates to pass", pass).await;
    answers(&world, "workload.png").await;
    world.candidate.turn_wrong();
    world.rolled_back_on("error").await;
    answers(&world, "rolled-back.png").await;
    world.traffic.end().await;
}
