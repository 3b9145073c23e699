//! Ids that backends issue. One table says where each kind is issued and where it is used; ids are
//! learned from responses and recognised in requests by it, while the bytes pass.

mod events;
mod grpc;
mod learner;
mod members;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod uses;

pub(crate) use learner::{Learner, issued_in_head};
pub(crate) use uses::{BodyScan, Uses};
