//! Evaluations for programs that name the request they work on.

use super::{ALL, Lab, ONE};
use serde_json::json;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn an_evaluation_is_known_by_the_request_that_the_program_names() {
    let lab = Lab::new(|_| {});
    lab.post(ONE, &[], json!({"targetingKey": "ann"})).await;
    assert!(!lab.flags.has_remote());
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    lab.flags.listen_remote(move |call| kept.lock().expect("calls").push(call));
    let acme = json!({"tenant": "acme", "workload": "agent"});
    lab.post(ONE, &[("x-request-id", "r1")], acme.clone()).await;
    lab.post(ALL, &[], json!({"request_id": "r2"})).await;
    lab.post("/ofrep/v1/evaluate/flags/nobody", &[("x-request-id", "r1")], json!({})).await;
    let of =
        |id| lab.flags.remote_of(id).into_iter().map(|it| (it.flag, it.variant, it.decided_by));
    let one = [("new-prompt", "on", "targeting"), ("nobody", "", "error")];
    assert_eq!(of("r1").collect::<Vec<_>>(), one.map(|(a, b, c)| (a.into(), b.into(), c)));
    assert_eq!(of("r2").count(), 4);
    let told = told.lock().expect("calls");
    assert_eq!((told.len(), told[0].workload.as_str(), told[1].evaluated.len()), (3, "agent", 4));
    assert_eq!(told[2].evaluated[0].error, Some("FLAG_NOT_FOUND"));
}
