//! What judges may spend in a day.

use super::{Story, setup};
use crate::eval::{Users, agent};
use crate::harness::{Backend, Exchange, Stagegate, eventually_async};
use crate::rollout::hook::Hook;
use serde_json::json;

/// A model that passes everything for a hundredth of a cent, and counts who asks.
fn model() -> Backend {
    Backend::with("model", async |exchange: &mut Exchange| {
        exchange.body().await;
        let grade = r#"{"reason": "fine", "score": 1, "pass": true}"#;
        let answer = json!({
            "object": "chat.completion",
            "choices": [{ "index": 0, "finish_reason": "stop",
                          "message": { "role": "assistant", "content": grade } }],
            "usage": { "prompt_tokens": 0, "completion_tokens": 10 },
        });
        let fields = [("content-type", "application/json")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}

#[tokio::test]
async fn a_spent_budget_pauses_both_arms_and_stays_spent_after_a_kill() {
    let model = model();
    let rubric = |budget: &str| {
        let url = format!("http://{}/v1", model.address);
        format!(
            "[{{ name: rubric, type: llm-rubric, url: \"{url}\", model: m, rubric: good, gate: true, \
             max_tokens: 20, input_price: 0.000001, output_price: 10, budget: \"{budget}\" }}]"
        )
    };
    let arms = [agent("stable", false), agent("candidate", false)];
    let hook = Hook::start();
    let stagegate = Stagegate::start(&setup(&arms, &hook, &rubric("0.01/day"), "")).await;
    let users = Users::start(&stagegate);
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    let mut story = Story { stagegate, users, hook, _arms: arms };
    story.is_doubted("budget", "inconclusive", "budget of the day is spent").await;
    eventually_async("picked answers that are not copied", async || {
        let admin = &story.stagegate.admin;
        admin.metric("stagegate_eval_dropped_total", &["reason=\"budget\""]).await > 50.0
    })
    .await;
    // What waited for its turn has been refused by now, and nobody is asked any more.
    eventually_async("an empty queue", async || {
        story.stagegate.admin.metric("stagegate_eval_queue_items", &[]).await == 0.0
    })
    .await;
    let today = "stagegate_eval_judge_spent_today_usd";
    let (asked, spent) = (model.arrivals(), story.stagegate.admin.metric(today, &[]).await);
    assert!((spent - asked as f64 * 0.0001).abs() < 1e-6, "{spent} for {asked} answers");
    assert!((0.0098..=0.01).contains(&spent), "{spent}");
    assert!(
        (story.stagegate.admin.metric("stagegate_eval_judge_budget_usd", &[]).await - 0.01).abs()
            < 1e-9
    );
    story.stagegate.kill_hard();
    story.stagegate.restart().await;
    story.users = Users::start(&story.stagegate);
    story.is_doubted("budget", "inconclusive", "budget of the day is spent").await;
    let again = story.stagegate.admin.metric(today, &[]).await;
    assert!((again - spent).abs() < 1e-9, "{again} after the restart, {spent} before");
    assert_eq!(model.arrivals(), asked, "a kill brings no money");
    // More money, and no restart.
    story.stagegate.rewrite(&setup(&story._arms, &story.hook, &rubric("20/day"), ""));
    assert!(story.stagegate.cli(&["reload"]).status.success());
    story.recovers().await;
}
