//! The stream of the status, and figures over time.

use super::world::World;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// The next event of a stream: its id and its data.
async fn next(body: &mut axum::body::Body) -> (String, Value) {
    loop {
        let frame = body.frame().await.expect("another event").expect("a frame");
        let text = String::from_utf8(frame.into_data().expect("data").to_vec()).expect("UTF-8");
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        // A heartbeat is a comment.
        let (Some(id), Some(data)) = (field("id: "), field("data: ")) else { continue };
        assert_eq!(field("event: "), Some("status"));
        return (id.to_owned(), serde_json::from_str(data).expect("JSON"));
    }
}

async fn stream(world: &World, seen: &str) -> axum::body::Body {
    let request = http::Request::get("/v1/events")
        .header("host", "localhost:9900")
        .header("last-event-id", seen)
        .body(axum::body::Body::empty())
        .expect("a request");
    let response = world.router.clone().oneshot(request).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

#[tokio::test]
async fn a_change_comes_as_an_event_and_what_was_seen_does_not_come_again() {
    let world = World::open().await;
    let mut first = stream(&world, "").await;
    let (id, status) = next(&mut first).await;
    assert_eq!(status["workloads"][0]["name"], "agent");
    // Who has seen the newest state waits for the next one.
    let mut second = stream(&world, &id).await;
    world.set_weight("20%").await.ok();
    for body in [&mut first, &mut second] {
        let (newer, status) = next(body).await;
        assert_ne!(newer, id);
        assert_eq!(status["workloads"][0]["weight"], "20%");
    }
}

#[tokio::test]
async fn a_span_that_makes_no_sense_is_refused_with_the_field() {
    let world = World::open().await;
    for (query, field) in [
        ("points=0", "points"),
        ("points=501", "points"),
        ("since_ms=5&until_ms=5", "since_ms"),
        ("since_ms=0&until_ms=9000000000000", "since_ms"),
        ("since_ms=18446744073709551615", "since_ms"),
        ("until_ms=9223372036854775808", "until_ms"),
    ] {
        let reply = world.get(&format!("/v1/workloads/agent/series?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text);
        assert_eq!(reply.json()["fields"][0]["field"], field, "{query}");
    }
    let empty = world.get("/v1/workloads/agent/series?points=10").await.ok();
    assert_eq!(empty["points"], serde_json::json!([]));
    assert_eq!(empty["every_ms"], 3 * 3_600_000 / 10);
}
