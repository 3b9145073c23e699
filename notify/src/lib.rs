//! Telling people: what happened as a [`Notice`], the forms in which chat, pagers and other
//! receivers want it, and a delivery that neither loses nor repeats it.
//!
//! The pure part knows no clock and no socket: [`Notice`], [`Channel`] with its filter, [`route`],
//! and the formatters behind [`Channel::request`]. [`Notifier`] takes messages from the store's
//! outbox and sends them: at least once, each channel on its own, backing off from what fails.
//! Nothing here decides what is worth telling.

mod answer;
mod backoff;
mod channel;
mod client;
mod deliver;
mod format;
mod notice;
mod notifier;

pub use channel::{Channel, Filter, Request, Target, route};
pub use notice::{Fact, Notice, NoticeKind, Standing};
pub use notifier::{
    ChannelHealth, Directory, Notifier, NotifierError, NotifierSettings, Observer, Outcome, Tested,
};
pub use stagegate_rollout::Severity;
pub use stagegate_sealed::{Hidden, SIGNATURE_HEADER, signature};
