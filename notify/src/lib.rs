//! Notifications: a [`Notice`] of an event, the message formats of chats, pagers and other
//! receivers, and the delivery at least once.
//!
//! The pure part knows no clock and no socket: [`Notice`], [`Channel`] with its filter, [`route`],
//! and the formatters behind [`Channel::request`]. [`Notifier`] takes messages from the store's
//! outbox and sends them. Each channel is independent and backs off after a failure. The crate does
//! not decide which events become notices.

mod answer;
mod backoff;
mod channel;
mod client;
mod condition;
mod deliver;
mod format;
mod notice;
mod notifier;
mod request;

pub use channel::{Channel, Filter, Target, route};
pub use notice::{Fact, Notice, NoticeKind, Standing};
pub use notifier::{
    ChannelHealth, Directory, Notifier, NotifierError, NotifierSettings, Observer, Outcome, Tested,
};
pub use request::Request;
pub use stagegate_rollout::Severity;
pub use stagegate_sealed::{Hidden, SIGNATURE_HEADER, signature};
