//! Requests of a killed workload that wait until it is revived.

use crate::read::{NonEmpty, raw};
use crate::scalar::{Body, HeaderValue, Int, Method, QueueSecret, SizeIn, Wait};
use stagegate_settings::SafePath;

raw! {
    /// Requests that are stored while the workload is killed. They are answered 202 with a `Location`, sent to the
    /// stable release after `stagegate revive`, once and in order, and their answers are kept for the caller.
    pub(crate) struct RawQueue {
        /// The key that requests and answers are encrypted with: 64 hex digits, as `openssl rand -hex 32` prints them.
        key: QueueSecret = required,
        /// Paths whose requests are stored: `/v1/tasks` is that path alone, `/v1/tasks/*` everything below it.
        paths: NonEmpty<SafePath> = required,
        /// Methods whose requests are stored.
        methods: NonEmpty<Method> = default("[POST, PUT, PATCH, DELETE]"),
        /// How long a request waits, and how long its answer is kept afterwards.
        r#for: Wait = default("24h"),
        /// Most requests that wait.
        max: Int<1, 1_000_000> = default("10000"),
        /// Most bytes of requests and answers on disk.
        bytes: SizeIn<{ 1 << 20 }, { 1 << 40 }> = default("256MiB"),
        /// Largest request body that is stored.
        body: SizeIn<1, { 16 << 20 }> = default("1MiB"),
        /// Most requests that are sent a second after the workload was revived.
        rate: Int<1, 10_000> = default("10"),
        /// Sent as `Retry-After`, in whole seconds.
        retry_after: Wait = default("60s"),
        /// `Content-Type` of the answer to requests that are not stored.
        content_type: HeaderValue = default("text/plain; charset=utf-8"),
        /// The answer to requests that are not stored, with status 503. Without one they get problem details.
        text: Body = default("''"),
    }
}
