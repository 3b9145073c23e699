//! A thread with a runtime of its own.

use std::io;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// A running server. It ends with the value.
#[derive(Debug)]
pub struct Server {
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Says when a server is to end.
#[derive(Clone, Debug)]
pub struct End(watch::Receiver<bool>);

impl End {
    /// Resolves when the server is to end.
    pub async fn come(&mut self) {
        // A sender that is gone is an end too.
        let _ = self.0.wait_for(|end| *end).await;
    }
}

impl Server {
    /// Runs what `run` gives on a thread of this name. `run` is called on the thread.
    ///
    /// # Errors
    /// When the system refuses a thread or a runtime.
    pub fn start<F: Future<Output = ()>>(
        name: &str,
        run: impl FnOnce(End) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = watch::channel(false);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || runtime.block_on(async { run(End(ended)).await }))?;
        Ok(Self { end, thread: Some(thread) })
    }

    /// Ends it, and waits for that. Blocks.
    pub fn stop(&mut self) {
        let _ = self.end.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
