//! A client that waits for `100 Continue` before it sends the body, and an endpoint that says nothing.
//!
//! The endpoint is asked first: it may refuse the request by its head. But some servers read the body without a word
//! (those of HTTP/1.0 do), and a client may wait for ever (RFC 9110 10.1.1 lets a proxy answer for them).

use super::parts::{End, Exchange};
use std::task::Context;
use std::time::Duration;

/// The endpoint's time to say it, which is what clients usually wait themselves.
const PATIENCE: Duration = Duration::from_secs(1);
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Exchange<'_> {
    /// The client waits from now on.
    pub(in crate::serve) fn client_waits(&mut self) {
        self.patience_ms = self.watch.after(PATIENCE);
    }

    /// The worker's time at which the proxy asks for the body itself.
    pub(super) fn asks_ms(&mut self) -> u64 {
        let receiving = &self.receiving;
        if self.sending.body_bytes > 0 || receiving.interim > 0 || receiving.has_answered() {
            self.patience_ms = u64::MAX;
        }
        self.patience_ms
    }

    /// Asks the client for the body.
    pub(super) fn ask_for_body(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.patience_ms = u64::MAX;
        self.tell(CONTINUE, cx)?;
        self.set_deadline();
        Ok(())
    }
}
