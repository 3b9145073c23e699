//! Evaluations for programs that name the request they work on.

use super::{ALL, Lab, ONE};
use serde_json::json;
use stagegate_sealed::ProofKey;
use stagegate_settings::{self as settings, JoinFlags};
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
    let of = |id| {
        lab.flags
            .remote_of(id, (0, u64::MAX))
            .into_iter()
            .map(|it| (it.flag, it.variant, it.decided_by))
    };
    let one = [("new-prompt", "on", "targeting"), ("nobody", "", "error")];
    assert_eq!(of("r1").collect::<Vec<_>>(), one.map(|(a, b, c)| (a.into(), b.into(), c)));
    assert_eq!(of("r2").count(), 4);
    let told = told.lock().expect("calls");
    assert_eq!((told.len(), told[0].workload.as_str(), told[1].evaluated.len()), (3, "agent", 4));
    assert_eq!(told[2].evaluated[0].error, Some("FLAG_NOT_FOUND"));
}

#[tokio::test]
async fn only_whoever_got_the_request_writes_into_its_record() {
    let lab = Lab::new(|settings| settings.join = JoinFlags::Proven);
    let key = ProofKey::generate().expect("randomness");
    let given = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&given);
    lab.flags.prove_by(key.clone(), move |key| kept.lock().expect("keys").push(key.is_some()));
    let named = settings::Flags { join: JoinFlags::Named, ..lab.flags.current().settings.clone() };
    lab.flags.reload(named.clone()).expect("good files");
    lab.flags.reload(settings::Flags { join: JoinFlags::Proven, ..named }).expect("good files");
    assert_eq!(*given.lock().expect("keys"), [true, false, true]);
    let (proof, other) = (key.of("r1"), key.of("r2"));
    let of = |id: &str| lab.flags.remote_of(id, (0, u64::MAX)).len();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (headers, context) in [
        (vec![("x-request-id", "r1")], json!({})),
        (vec![("traceparent", trace)], json!({})),
        (vec![("x-request-id", "r1"), ("stagegate-request-proof", &*other)], json!({})),
        (vec![("stagegate-request-proof", &*proof)], json!({"request_id": "r2"})),
        (vec![], json!({"request_id": "r1", "request_proof": "00"})),
    ] {
        lab.post(ONE, &headers, context.clone()).await;
        assert!(!lab.flags.has_remote(), "{headers:?} {context}");
    }
    let baggage = format!("a=b, stagegate.request_id=r1, stagegate.request_proof={proof}");
    for (headers, context) in [
        (vec![("x-request-id", "r1"), ("stagegate-request-proof", &*proof)], json!({})),
        (vec![("baggage", &*baggage)], json!({})),
        (vec![("traceparent", trace)], json!({"requestId": "r1", "requestProof": proof})),
    ] {
        lab.post(ONE, &headers, context).await;
        assert_eq!(of("r1"), 1);
        assert_eq!(lab.flags.take_remote("r1", None, 0).len(), 1);
        let by_trace = lab.flags.take_remote("r3", Some("4bf92f3577b34da6a3ce929d0e0e4736"), 0);
        assert!(by_trace.is_empty(), "a trace is no proof");
    }
}
