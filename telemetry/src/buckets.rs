//! Upper bounds of the Prometheus histograms' buckets, in seconds.
//!
//! Workers count at 32 buckets an octave, which is too fine for a text format; these are what
//! agent answers need: fine around a second, reaching to the half hour a long run may take.

/// Whole responses: from a cached lookup to a long agent run.
pub(crate) const DURATION: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
    640.0, 1800.0,
];

/// Response heads: the bounds of OpenTelemetry's `gen_ai.server.time_to_first_token`, and what a
/// slow model needs above them.
pub(crate) const FIRST_BYTE: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0,
];

/// Pauses within a stream: from tokens of a fast model to a tool that takes its time.
pub(crate) const BETWEEN_CHUNKS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Stages of a response: from a cache lookup to a tool or a model call.
pub(crate) const STAGE: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0,
    320.0,
];
