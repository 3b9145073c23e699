//! Recorded streams, put together by us and by the official SDKs: the message must be the same.

use crate::harness::tools::script;
use serde_json::Value;
use stagegate_eval::{Message, Protocol, assembled};
use std::collections::BTreeMap;
use std::path::Path;

#[tokio::test]
async fn streams_become_what_the_official_sdks_make_of_them() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("eval/tests/corpus");
    let printed = script("sdk_assembles.py", &[&corpus.display().to_string()]).await;
    let theirs: BTreeMap<String, Value> = serde_json::from_str(&printed).expect("JSON");
    assert!(theirs.len() >= 30, "{}", theirs.len());
    let (mut whole, mut raised) = (0, 0);
    for (name, theirs) in theirs {
        let (folder, _) = name.split_once('/').expect("a folder");
        let protocol = Protocol::from_label(folder).expect("a protocol");
        let stream = std::fs::read(corpus.join(&name)).expect("a recorded stream");
        let ours = assembled(protocol, &stream).expect("something");
        // Where the SDK raises, the stream named an error; it is not complete for us either.
        if !theirs["raised"].is_null() {
            raised += 1;
            assert!(ours.error.is_some() && !ours.complete, "{name}");
        }
        whole += usize::from(ours.complete);
        let mut theirs = Message::of_body(protocol, &theirs["final"]);
        let mut ours = Message::of_body(protocol, &ours.body);
        // The SDK takes the last word only from `response.completed`; its snapshot of any other end
        // still has the status, the usage and the error of the beginning.
        let ended = ours.choices.first().and_then(|choice| choice.finish_reason.clone());
        if protocol == Protocol::OpenAiResponses && ended.as_deref() != Some("completed") {
            for message in [&mut theirs, &mut ours] {
                (message.usage, message.error) = (None, None);
                message.choices.iter_mut().for_each(|choice| choice.finish_reason = None);
            }
        }
        for message in [&mut theirs, &mut ours] {
            message.usage = message.usage.take().map(without_nulls);
        }
        assert_eq!(ours, theirs, "{name}");
    }
    println!("{whole} whole streams, {raised} with errors");
    assert!(whole >= 20 && raised >= 2);
}

/// The SDKs write down what was not said as null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        other => other,
    }
}
