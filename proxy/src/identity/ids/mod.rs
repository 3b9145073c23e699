//! Ids that backends issue. One table says where each kind is issued and where it is used; ids are
//! learned from responses and recognised in requests by it, while the bytes pass. A workload may name
//! places of its own beside the table.

mod documents;
mod events;
mod grpc;
mod layout;
mod learner;
mod members;
mod multipart;
mod pointers;
mod rules;
mod segments;
mod table;
#[cfg(test)]
mod tests;
mod uses;

pub(crate) use learner::{Learner, issued_in_head};
pub(crate) use rules::IdRules;
pub(crate) use uses::{BodyScan, Uses};
