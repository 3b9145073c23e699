//! A scripted backend: counts what arrives, and answers as its script says.
//!
//! Every backend runs on a thread of its own, so that it goes on serving whatever the test does,
//! and dropping it takes down its listener and every connection at once.

use super::free_address;
use super::message::{Body, Head};
use super::wire::Wire;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// A running backend.
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its head.
    pub(crate) head: Head,
    /// Its body, once the script has read it.
    pub(crate) body: Option<Body>,
}

#[derive(Default)]
struct Log {
    open: AtomicUsize,
    arrivals: AtomicUsize,
    newest_epoch: AtomicU64,
    counting_only: AtomicBool,
    seen: Mutex<Vec<Seen>>,
}

/// One request being answered.
pub(crate) struct Exchange {
    /// The head that arrived.
    pub(crate) request: Head,
    /// The connection, for scripts that write their own bytes.
    pub(crate) wire: Wire,
    /// The backend's name; answers carry it as `x-arm`.
    pub(crate) arm: Rc<str>,
    keep: bool,
    log: Arc<Log>,
    index: Option<usize>,
}

impl Backend {
    /// A backend that answers every request with 200 and says which arm it is.
    pub(crate) fn start(name: &str) -> Self {
        Self::with(name, plain)
    }

    /// A backend with a script.
    pub(crate) fn with(name: &str, script: impl AsyncFn(&mut Exchange) + Send + 'static) -> Self {
        Self::at(free_address(), name, script)
    }

    /// A backend with a script at a given address.
    pub(crate) fn at(
        address: SocketAddr,
        name: &str,
        script: impl AsyncFn(&mut Exchange) + Send + 'static,
    ) -> Self {
        let log = Arc::new(Log::default());
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let (name, thread_log) = (name.to_owned(), Arc::clone(&log));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let serve = async {
                let listener = listen(address);
                ready.send(()).expect("the test waits");
                tokio::select! {
                    () = accept(listener, name.into(), thread_log, Rc::new(script)) => {}
                    _ = stopped => {}
                }
            };
            // Dropping the set drops every connection's task, and with it the connection.
            LocalSet::new().block_on(&runtime, serve);
        });
        listening.recv().unwrap_or_else(|_| panic!("backend cannot listen on {address}"));
        Self { address, log, stop: Some(stop), thread: Some(thread) }
    }

    /// How many requests arrived.
    pub(crate) fn arrivals(&self) -> usize {
        self.log.arrivals.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open(&self) -> usize {
        self.log.open.load(Ordering::SeqCst)
    }

    /// The newest plan by which a request came here.
    pub(crate) fn newest_epoch(&self) -> u64 {
        self.log.newest_epoch.load(Ordering::SeqCst)
    }

    /// From now on counts requests without keeping them.
    pub(crate) fn count_only(&self) {
        self.log.counting_only.store(true, Ordering::SeqCst);
    }

    /// The requests that arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().expect("log").clone()
    }

    /// The last request that arrived.
    pub(crate) fn last(&self) -> Seen {
        self.log.seen.lock().expect("log").last().cloned().expect("a request arrived")
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Exchange {
    /// Reads the whole request body; it is kept in the log.
    pub(crate) async fn body(&mut self) -> Body {
        let body = self.wire.request_body(&self.request).await;
        if let Some(index) = self.index {
            self.log.seen.lock().expect("log")[index].body = Some(body.clone());
        }
        body
    }

    /// Answers with a sized body.
    pub(crate) async fn reply(&mut self, status: &str, fields: &[(&str, &str)], body: &[u8]) {
        let head = self.head(status, fields, &format!("content-length: {}\r\n", body.len()));
        self.send([head.as_bytes(), body].concat()).await;
    }

    /// Begins a chunked answer.
    pub(crate) async fn begin_chunked(&mut self, status: &str, fields: &[(&str, &str)]) {
        let head = self.head(status, fields, "transfer-encoding: chunked\r\n");
        self.send(head).await;
    }

    /// Sends one chunk.
    pub(crate) async fn chunk(&mut self, data: &[u8]) {
        let size = format!("{:x}\r\n", data.len());
        self.send([size.as_bytes(), data, b"\r\n"].concat()).await;
    }

    /// Ends a chunked answer.
    pub(crate) async fn end_chunked(&mut self, trailers: &[(&str, &str)]) {
        let mut text = "0\r\n".to_owned();
        for (name, value) in trailers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(text + "\r\n").await;
    }

    /// Sends raw bytes; a proxy that has gone ends the connection after the script.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if self.wire.try_send(bytes).await.is_err() {
            self.keep = false;
        }
    }

    /// Ends the connection after this exchange.
    pub(crate) fn close(&mut self) {
        self.keep = false;
    }

    fn head(&self, status: &str, fields: &[(&str, &str)], framing: &str) -> String {
        let mut head = format!("HTTP/1.1 {status}\r\nx-arm: {}\r\n", self.arm);
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + framing + "\r\n"
    }
}

/// The script that answers with 200 and the arm's name.
pub(crate) async fn plain(exchange: &mut Exchange) {
    exchange.body().await;
    let arm = Rc::clone(&exchange.arm);
    exchange.reply("200 OK", &[("content-type", "text/plain")], arm.as_bytes()).await;
}

/// The script that answers with the request's body.
pub(crate) async fn echo(exchange: &mut Exchange) {
    let body = exchange.body().await;
    exchange.reply("200 OK", &[], &body.bytes).await;
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("set SO_REUSEADDR");
    socket.bind(address).unwrap_or_else(|e| panic!("bind {address}: {e}"));
    socket.listen(1024).expect("listen")
}

async fn accept<S: AsyncFn(&mut Exchange) + 'static>(
    listener: TcpListener,
    arm: Rc<str>,
    log: Arc<Log>,
    script: Rc<S>,
) {
    loop {
        let (stream, _) = listener.accept().await.expect("accept");
        let (arm, log, script) = (Rc::clone(&arm), Arc::clone(&log), Rc::clone(&script));
        tokio::task::spawn_local(async move { serve(stream, arm, log, &*script).await });
    }
}

/// Counts a connection as open for as long as it lives.
struct Open(Arc<Log>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve<S: AsyncFn(&mut Exchange)>(
    stream: TcpStream,
    arm: Rc<str>,
    log: Arc<Log>,
    script: &S,
) {
    log.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(Arc::clone(&log));
    let mut wire = Wire::new(stream);
    // An idle pooled connection may wait for its next request for as long as the test takes.
    while wire.readable().await {
        let Ok(request) = wire.try_head().await else { return };
        let index = log.note(&request);
        let (arm, log) = (Rc::clone(&arm), Arc::clone(&log));
        let mut exchange = Exchange { request, wire, arm, keep: true, log, index };
        script(&mut exchange).await;
        if !exchange.keep {
            return;
        }
        wire = exchange.wire;
    }
}

impl Log {
    fn note(&self, head: &Head) -> Option<usize> {
        self.arrivals.fetch_add(1, Ordering::SeqCst);
        let epoch = head.get("stagegate-epoch").and_then(|epoch| epoch.parse().ok());
        self.newest_epoch.fetch_max(epoch.unwrap_or(0), Ordering::SeqCst);
        if self.counting_only.load(Ordering::SeqCst) {
            return None;
        }
        let mut seen = self.seen.lock().expect("log");
        seen.push(Seen { head: head.clone(), body: None });
        Some(seen.len() - 1)
    }
}
