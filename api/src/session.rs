//! Sessions of people.

use crate::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `GET /v1/sessions`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// The open sessions, newest first: all for an admin, else the caller's own.
    pub sessions: Vec<SessionDetail>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionDetail {
    /// Its id; no key.
    pub id: String,
    /// The name changes are recorded under.
    pub actor: String,
    /// What it may do for every workload.
    pub role: Role,
    /// The workloads for which it may do more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, Role>,
    /// How the person signed in.
    pub by: SignedInBy,
    /// Its beginning, in Unix milliseconds.
    pub since_ms: u64,
    /// Its end at the latest, in Unix milliseconds.
    pub until_ms: u64,
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignedInBy {
    /// By a token of `admin.tokens`.
    Token,
    /// By the provider of `admin.oidc`.
    Oidc,
}

/// The answer to `POST /v1/sessions`: a session that began.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionBegun {
    /// Its bearer key. It is shown once.
    pub key: String,
    /// The session.
    pub session: SessionDetail,
}
