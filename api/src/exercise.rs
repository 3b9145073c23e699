//! Exercises: an incident on a sandbox copy, and the capacity to go back.

use super::ExerciseKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/workloads/{workload}/exercises`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldExercise {
    /// What is exercised.
    pub exercise: ExerciseKind,
    /// The reason, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// The result of an exercise. It is filed even if it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExerciseReport {
    /// The workload.
    pub workload: String,
    /// True if everything went as it should, and a person acknowledged where that is asked for.
    pub passed: bool,
    /// True if it waits for the acknowledgement of a person.
    pub waiting: bool,
    /// When it began, in Unix milliseconds.
    pub at_ms: u64,
    /// The result in a few words.
    pub seen: String,
    /// The timed parts, in order.
    pub steps: Vec<ExerciseStep>,
    /// The actor.
    pub actor: String,
    /// Number of the audit record.
    pub audit_seq: u64,
}

/// One timed part of an exercise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExerciseStep {
    /// The part.
    pub step: String,
    /// True if it went as it should.
    pub passed: bool,
    /// Its duration in milliseconds; of a simulation, in made-up time.
    pub took_ms: u64,
    /// The observation.
    pub seen: String,
}
