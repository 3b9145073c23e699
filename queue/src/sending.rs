//! Sends what waits: one request of a workload at a time, in order, at most so many a second.

use crate::entry::{Answer, Request};
use crate::port::Backends;
use crate::queue::Queue;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper_util::rt::TokioIo;
use stagegate_timing::Backoff;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Longest time between two looks: a workload is revived, or an entry was put back.
const LOOK: Duration = Duration::from_millis(250);
/// Pause after a look that found nothing to send.
const QUIET: Duration = Duration::from_secs(1);
/// Pauses after attempts that no backend saw.
const WAIT: Backoff = Backoff::doubling(Duration::from_millis(250), Duration::from_secs(15));
/// Largest answer that is kept.
const LARGEST: usize = 16 << 20;
/// The field by which the proxy says that no backend saw the request.
const NOT_SENT: HeaderName = HeaderName::from_static("stagegate-queue");
/// Fields that belong to the connection or frame the body.
const HOP: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// How an attempt ended.
enum Sent {
    /// A backend, or the proxy for good, has answered.
    Answered(Answer),
    /// No backend saw the request.
    Unseen,
    /// The connection ended before the end of the answer.
    CutOff,
}

impl Queue {
    /// Sends what waits, once its workload is open, until `end`; then waits for what is being sent. For the process that owns the data
    /// directory: it first takes up what a crash left.
    pub async fn send_all(self, backends: Arc<dyn Backends>, end: impl Future<Output = ()>) {
        match self.recover().await {
            Ok(0) => {}
            Ok(unknown) => tracing::warn!(
                unknown,
                "requests of a killed workload were being sent when the process died and cannot be repeated"
            ),
            Err(error) => tracing::error!(%error, "cannot take up the queue of killed workloads"),
        }
        all(self, backends, end).await;
    }
}

/// Sends until `end`, and waits for what is being sent then. Each workload has a task of its own.
async fn all(queue: Queue, backends: Arc<dyn Backends>, end: impl Future<Output = ()>) {
    let ending = Arc::<AtomicBool>::default();
    let mut end = std::pin::pin!(end);
    let busy = Arc::<Mutex<BTreeSet<String>>>::default();
    let mut tasks = JoinSet::new();
    loop {
        for (workload, figures) in queue.figures() {
            let is_new =
                || busy.lock().unwrap_or_else(PoisonError::into_inner).insert(workload.clone());
            if figures.waiting > 0 && backends.is_open(&workload) && is_new() {
                let (queue, backends) = (queue.clone(), Arc::clone(&backends));
                let (busy, ending) = (Arc::clone(&busy), Arc::clone(&ending));
                tasks.spawn(async move {
                    of_workload(&queue, &*backends, &workload, &ending).await;
                    busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&workload);
                });
            }
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = &mut end => break,
            () = queue.shared.changed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    ending.store(true, Ordering::SeqCst);
    while tasks.join_next().await.is_some() {}
}

/// Sends what waits of a workload, while it is open.
async fn of_workload(queue: &Queue, backends: &dyn Backends, workload: &str, ending: &AtomicBool) {
    let mut due = Instant::now();
    let mut failed = 0;
    while backends.is_open(workload) {
        tokio::time::sleep_until(due).await;
        if ending.load(Ordering::SeqCst) {
            return;
        }
        let Some(settings) = queue.settings(workload) else { return };
        let (id, request) = match queue.begin(workload).await {
            Ok(Some(next)) => next,
            // Nothing waits any more, or the key does not open it, which was said.
            Ok(None) => return tokio::time::sleep(QUIET).await,
            Err(error) => return tracing::error!(workload, %error, "cannot read what is queued"),
        };
        let pause = Duration::from_secs(1) / settings.rate.max(1);
        due = Instant::now().max(due) + pause;
        let done = match send(backends, &request).await {
            Sent::Answered(answer) => {
                failed = 0;
                queue.finish(workload, &id, answer).await
            }
            Sent::Unseen => {
                failed += 1;
                due += WAIT.wait(failed);
                queue.put_back(&id).await
            }
            Sent::CutOff => {
                failed += 1;
                due += WAIT.wait(failed);
                queue.cut_off(workload, &id).await.map(|_| ())
            }
        };
        if let Err(error) = done {
            // It stays as being sent, and is taken up when the process starts again.
            return tracing::error!(workload, id, %error, "cannot record what became of a queued request");
        }
    }
}

async fn send(backends: &dyn Backends, request: &Request) -> Sent {
    let Ok(stream) = backends.connect(request.peer, request.secure) else { return Sent::Unseen };
    if stream.set_nonblocking(true).is_err() {
        return Sent::Unseen;
    }
    let Ok(stream) = tokio::net::UnixStream::from_std(stream) else { return Sent::Unseen };
    let Some(request) = parsed(request) else {
        return Sent::Answered(problem(400, "the stored request cannot be read"));
    };
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.preserve_header_case(true);
    let Ok((mut sender, connection)) = builder.handshake(TokioIo::new(stream)).await else {
        return Sent::Unseen;
    };
    let serving = tokio::spawn(connection);
    let answer = answered(sender.send_request(request).await).await;
    serving.abort();
    answer
}

async fn answered(response: hyper::Result<hyper::Response<hyper::body::Incoming>>) -> Sent {
    let Ok(response) = response else { return Sent::CutOff };
    let (head, body) = response.into_parts();
    if head.headers.get(&NOT_SENT).is_some_and(|it| it == "not-sent") {
        return Sent::Unseen;
    }
    let mut fields = Vec::new();
    for (name, value) in &head.headers {
        if !HOP.contains(name) && *name != NOT_SENT {
            fields.extend_from_slice(name.as_str().as_bytes());
            fields.extend_from_slice(b": ");
            fields.extend_from_slice(value.as_bytes());
            fields.extend_from_slice(b"\r\n");
        }
    }
    match Limited::new(body, LARGEST).collect().await {
        Ok(body) => {
            let body = body.to_bytes().to_vec();
            Sent::Answered(Answer { status: head.status.as_u16(), fields, body })
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Sent::Answered(problem(502, "the answer is larger than 16 MiB and was not kept"))
        }
        Err(_) => Sent::CutOff,
    }
}

/// An answer of our own.
fn problem(status: u16, detail: &str) -> Answer {
    let body = serde_json::json!({ "status": status, "detail": detail }).to_string().into_bytes();
    Answer { status, fields: b"content-type: application/problem+json\r\n".to_vec(), body }
}

/// The stored request for the client of a connection.
fn parsed(request: &Request) -> Option<hyper::Request<Full<Bytes>>> {
    let text = &request.head;
    let end = text.windows(2).position(|it| it == b"\r\n")?;
    let line = std::str::from_utf8(&text[..end]).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut built = hyper::Request::builder().method(method).uri(target);
    for field in text[end + 2..].split(|it| *it == b'\n') {
        let field = field.strip_suffix(b"\r").unwrap_or(field);
        if field.is_empty() {
            continue;
        }
        let colon = field.iter().position(|it| *it == b':')?;
        built = built.header(&field[..colon], field[colon + 1..].trim_ascii());
    }
    built.body(Full::new(Bytes::from(request.body.clone()))).ok()
}

#[cfg(test)]
mod tests;
