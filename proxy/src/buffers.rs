//! The buffers of one client connection, kept for the next one when it ends.

use crate::http1::RequestHead;

/// Buffers larger than this are shrunk between two requests.
const KEEP_BYTES: usize = 16 * 1024;

/// The buffers of a client connection.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Bytes from the client that belong to the present request or to a later one.
    pub(crate) input: Vec<u8>,
    /// The fields of the present request's head, as places in `input`.
    pub(crate) head: RequestHead,
    /// Bytes for the endpoint.
    pub(crate) up: Vec<u8>,
    /// Bytes for the client.
    pub(crate) down: Vec<u8>,
}

/// Gives the memory of an unusually large request back.
pub(crate) fn shrink<'a>(buffers: impl IntoIterator<Item = &'a mut Vec<u8>>) {
    for buffer in buffers {
        if buffer.capacity() > KEEP_BYTES {
            buffer.shrink_to(KEEP_BYTES / 4);
        }
    }
}
