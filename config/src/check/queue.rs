//! The queue of a killed workload.

use crate::raw::RawQueue;
use crate::read::{At, plain};
use stagegate_rollout::FixedResponse;
use stagegate_settings::Queue;

/// The queue, and the answer to what is not kept.
pub(crate) fn queue(raw: RawQueue) -> Option<(Queue, FixedResponse)> {
    let fixed = FixedResponse {
        status: 503,
        retry_after: Some(plain(raw.retry_after)?.0),
        content_type: plain(raw.content_type)?.into(),
        body: plain(raw.text)?.into(),
    };
    let queue = Queue {
        key: plain(raw.key)?.0,
        methods: plain(raw.methods)?.0.into_iter().map(|At { value, .. }| value.0).collect(),
        paths: plain(raw.paths)?.0.into_iter().map(|At { value, .. }| value).collect(),
        lasting: plain(raw.r#for)?.0,
        max: plain(raw.max)?.into(),
        bytes: plain(raw.bytes)?.into(),
        body: plain(raw.body)?.into(),
        rate: plain(raw.rate)?.into(),
    };
    Some((queue, fixed))
}
