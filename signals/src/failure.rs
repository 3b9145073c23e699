//! Failures that a body names although its status may say otherwise, and what they mean.
//!
//! Names and their meaning are the providers' own: OpenAI's error codes guide, Anthropic's error
//! types, Google's canonical status names, the exceptions of Bedrock's runtime API.

use crate::found::{ErrorNames, Found};

/// A failure named in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    names: ErrorNames,
    /// The protocol leaves no doubt that the answer failed, whatever the name means.
    pub(crate) certain: bool,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Transient,
    Permanent,
}

impl Failure {
    /// The failure a document names. `certain`: an event says that the answer failed.
    pub(crate) fn of(found: &Found, certain: bool) -> Option<Self> {
        if !found.has_error && !certain {
            return None;
        }
        let mut names = found.error;
        if names.code.is_empty() {
            names.code = found.code;
        }
        Some(Self { names, certain })
    }

    /// A failure known by its name alone.
    pub(crate) fn named(name: &str) -> Self {
        let mut names = ErrorNames::default();
        names.kind.set(name);
        Self { names, certain: true }
    }

    /// Its names, the most telling first; none is empty.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.names.code.get(), self.names.kind.get(), self.names.status.get()]
            .into_iter()
            .flatten()
    }

    /// What its names or its status code mean, if they are known.
    pub(crate) fn nature(&self) -> Option<Nature> {
        self.names().find_map(nature_of).or(match self.names.number {
            408 | 424 | 425 | 429 | 500..=599 => Some(Nature::Transient),
            400..=499 => Some(Nature::Permanent),
            _ => None,
        })
    }
}

fn nature_of(name: &str) -> Option<Nature> {
    match name {
        // OpenAI
        "slow_down"
        | "server_is_overloaded"
        | "rate_limit_exceeded"
        | "server_error"
        | "internal_error"
        | "engine_overloaded"
        // Anthropic
        | "rate_limit_error"
        | "api_error"
        | "overloaded_error"
        | "timeout_error"
        // Google
        | "RESOURCE_EXHAUSTED"
        | "INTERNAL"
        | "UNAVAILABLE"
        | "DEADLINE_EXCEEDED"
        // Bedrock: 429, 503, 500, 424
        | "throttlingException"
        | "ThrottlingException"
        | "modelNotReadyException"
        | "ModelNotReadyException"
        | "serviceUnavailableException"
        | "ServiceUnavailableException"
        | "internalServerException"
        | "InternalServerException"
        | "modelErrorException"
        | "ModelErrorException"
        | "modelStreamErrorException"
        | "ModelStreamErrorException"
        | "modelTimeoutException"
        | "ModelTimeoutException" => Some(Nature::Transient),
        "insufficient_quota"
        | "credit_balance_exhausted"
        | "billing_hard_limit_reached"
        | "invalid_api_key"
        | "model_not_found"
        | "context_length_exceeded"
        | "invalid_prompt"
        | "invalid_request_error"
        | "authentication_error"
        | "billing_error"
        | "permission_error"
        | "not_found_error"
        | "request_too_large"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "PERMISSION_DENIED"
        | "NOT_FOUND"
        | "UNAUTHENTICATED"
        | "validationException"
        | "ValidationException"
        | "accessDeniedException"
        | "AccessDeniedException"
        | "resourceNotFoundException"
        | "ResourceNotFoundException" => Some(Nature::Permanent),
        _ if name.ends_with("spend_limit_exceeded") => Some(Nature::Permanent),
        _ => None,
    }
}
