//! Writing to whatever lies below.

/// Implements `AsyncWrite`, which must be in scope, for a connection by its macro that runs an
/// expression on what lies below.
macro_rules! writes_through {
    ($conn:ty, $on:ident) => {
        impl AsyncWrite for $conn {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $on!(self, stream => std::pin::Pin::new(stream).poll_write(cx, bytes))
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $on!(self, stream => std::pin::Pin::new(stream).poll_write_vectored(cx, slices))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $on!(self, stream => std::pin::Pin::new(stream).poll_flush(cx))
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $on!(self, stream => std::pin::Pin::new(stream).poll_shutdown(cx))
            }
        }
    };
}

pub(super) use writes_through;
