//! Copies of requests for another release.

use crate::read::{NonEmpty, raw};
use crate::scalar::{Int, Method, SizeIn, Wait};
use stagegate_rollout::{ReleaseName, Weight};
use stagegate_settings::SafePath;

raw! {
    /// Copies requests that stable serves to another release, body included. Its answers reach no
    /// client and no gate. Nothing is copied but what is listed here as safe to be served twice.
    pub(crate) struct RawShadow {
        /// The release that gets the copies; they carry `stagegate-shadow: 1`.
        release: ReleaseName = required,
        /// Share of targeting keys whose requests are copied.
        fraction: Weight = required,
        /// Methods that are safe to be served twice.
        methods: NonEmpty<Method> = default("[GET, HEAD]"),
        /// Paths that are safe to be served twice: `/v1/chat` is that path alone, `/v1/chat/*`
        /// everything below it.
        paths: NonEmpty<SafePath> = required,
        /// Most copies at a time; others are dropped.
        in_flight: Int<1, 10_000> = default("16"),
        /// Largest request body that is copied, up to 64MiB. Copies take at most `in_flight` times
        /// as much memory.
        body: SizeIn<1, { 64 << 20 }> = default("1MiB"),
        /// Time for a copy, from connecting to the end of its answer.
        timeout: Wait = default("60s"),
        /// True if both responses are scored by the workload's `scorers`, as a pair that is counted
        /// apart from live traffic; at most `sampling.max_rate`.
        score: bool = default("true"),
    }
}
