//! Stagegate's admin API: REST routes with their OpenAPI document, sign-in, and reports.
//!
//! Handlers only translate. A request's meaning is decided in [`stagegate_control`]; what only
//! routes read comes from traits in [`sources`].

pub mod api;
pub mod auth;
pub mod describe;
pub mod explain;
mod flagger;
pub mod people;
mod report;
pub mod sources;

pub use api::{App, Doors, Events, Tls, answer, router, serve, serve_doors};
