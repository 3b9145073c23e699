//! The requests of one connection, one after the other.

use super::client::{After, Client};
use super::head::Head;
use crate::problem_answer::answer_at_once;
use crate::transport::Stream;

/// The result of serving a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// It is closed.
    Over,
    /// It begins with HTTP/2's preface, and nothing was done yet.
    Http2,
    /// Another process takes it over.
    HandedOver {
        /// It has had a request.
        used: bool,
    },
}

impl Client {
    /// Serves request after request. `first`: the connection has not had one yet.
    pub(super) async fn serve(&mut self, mut first: bool) -> Served {
        loop {
            match self.read_head(first).await {
                Ok(Head::Whole) => {}
                Ok(Head::None) => return Served::Over,
                Ok(Head::Preface) => return Served::Http2,
                Ok(Head::HandedOver) => return Served::HandedOver { used: !first },
                Err(problem) => {
                    self.worker.stats.borrow_mut().refuse(None, problem.reason());
                    if self.write(&answer_at_once(problem)).await {
                        self.linger().await;
                    }
                    return Served::Over;
                }
            }
            first = false;
            match self.request().await {
                // One request of an HTTP/2 client is all there is: bytes after it are no request.
                After::KeepAlive if matches!(self.stream, Stream::Incoming(_)) => {
                    return Served::Over;
                }
                After::KeepAlive => self.shrink(),
                After::Close => {
                    self.linger().await;
                    return Served::Over;
                }
                After::Abort => return Served::Over,
            }
        }
    }
}
