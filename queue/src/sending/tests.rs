//! Stories of the queue with a proxy that a test plays.

use crate::{Answer, Backends, Kept, NewEntry, Polled, Queue, Request, State};
use stagegate_settings::{Queue as Settings, QueueKey, SafePath};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(60);

fn settings(change: impl FnOnce(&mut Settings)) -> BTreeMap<String, Settings> {
    let mut settings = Settings {
        key: QueueKey::parse(&"ab".repeat(32)).expect("a key"),
        methods: vec!["POST".into()],
        paths: vec![SafePath::Below("/".into())],
        lasting: Duration::from_secs(3600),
        max: 1000,
        bytes: 64 << 20,
        body: 1 << 20,
        rate: 10_000,
    };
    change(&mut settings);
    BTreeMap::from([("agent".to_owned(), settings)])
}

fn queue(dir: &Path, change: impl FnOnce(&mut Settings)) -> Queue {
    let queue = Queue::open(dir).expect("opened");
    queue.configure(settings(change));
    queue
}

fn entry(number: usize, key: Option<u8>, repeatable: bool) -> NewEntry {
    let body = format!("body {number}").into_bytes();
    NewEntry {
        workload: "agent".into(),
        line: "POST /v1/tasks".into(),
        caller: key.map(|it| [it; 32]),
        digest: [number as u8; 32],
        repeatable,
        request: Request {
            head: b"POST /v1/tasks HTTP/1.1\r\nhost: agents.test\r\nX-Id: 7\r\n".to_vec(),
            body,
            peer: None,
            secure: false,
            request_id: format!("r-{number}"),
        },
    }
}

async fn keep(queue: &Queue, new: NewEntry) -> Kept {
    let (reply, kept) = tokio::sync::oneshot::channel();
    queue.keep(new, Box::new(move |it| drop(reply.send(it))));
    kept.await.expect("a reply")
}

async fn id_of(queue: &Queue, new: NewEntry) -> String {
    let Kept::Yes(id) = keep(queue, new).await else { panic!("not kept") };
    id
}

async fn poll(queue: &Queue, id: &str) -> Polled {
    let (reply, polled) = tokio::sync::oneshot::channel();
    queue.poll(id.to_owned(), Box::new(move |it| drop(reply.send(it))));
    polled.await.expect("a reply")
}

async fn answered(queue: &Queue, id: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Polled::Answered(answer) = poll(queue, id).await {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A proxy: notes the bodies that it was sent, and answers with these texts in turn; with the last one from then on.
struct Proxy {
    open: AtomicBool,
    seen: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<&'static str>>>,
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\ndone";
const NOT_SENT: &str = "HTTP/1.1 503 X\r\nstagegate-queue: not-sent\r\ncontent-length: 0\r\n\r\n";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\nhalf";

impl Proxy {
    fn new(answers: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicBool::new(true),
            seen: Arc::default(),
            answers: Arc::new(Mutex::new(answers.to_vec())),
        })
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("a list").clone()
    }
}

impl Backends for Proxy {
    fn is_open(&self, workload: &str) -> bool {
        workload == "agent" && self.open.load(Ordering::SeqCst)
    }

    fn connect(&self, _: Option<IpAddr>, _: bool) -> std::io::Result<UnixStream> {
        let (ours, mut theirs) = UnixStream::pair()?;
        let mut answers = self.answers.lock().expect("a list");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        let seen = Arc::clone(&self.seen);
        std::thread::spawn(move || {
            let (mut text, mut buffer) = (String::new(), [0; 4096]);
            while !text.contains("body ") {
                let read = theirs.read(&mut buffer).expect("read");
                assert!(read > 0, "{text}");
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            assert!(text.starts_with("POST /v1/tasks HTTP/1.1\r\n"), "{text}");
            let body = text.split("\r\n\r\n").nth(1).expect("a body").to_owned();
            seen.lock().expect("a list").push(body);
            theirs.write_all(answer.as_bytes()).expect("written");
        });
        Ok(ours)
    }
}

fn send(queue: &Queue, proxy: &Arc<Proxy>) -> JoinHandle<()> {
    tokio::spawn(queue.clone().send_all(Arc::clone(proxy) as _, std::future::pending()))
}

#[tokio::test]
async fn each_is_sent_once_and_in_order_and_its_answer_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = queue(dir.path(), |_| {});
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(id_of(&queue, entry(number, None, false)).await);
    }
    let proxy = Proxy::new(&[GOOD]);
    proxy.open.store(false, Ordering::SeqCst);
    let sending = send(&queue, &proxy);
    assert_eq!(poll(&queue, &ids[0]).await, Polled::Waiting);
    proxy.open.store(true, Ordering::SeqCst);
    for id in &ids {
        let answer = answered(&queue, id).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"done"[..]));
        assert_eq!(answer.fields, b"content-type: text/plain\r\n");
    }
    let wanted: Vec<String> = (0..20).map(|number| format!("body {number}")).collect();
    assert_eq!(proxy.seen(), wanted);
    assert_eq!(poll(&queue, "nothing").await, Polled::Nothing);
    let figures = queue.figures()["agent"];
    assert_eq!((figures.taken, figures.answered), (20, 20), "{figures:?}");
    sending.abort();
}

#[tokio::test]
async fn what_no_backend_saw_is_sent_again_and_what_was_cut_off_only_if_that_does_no_harm() {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = queue(dir.path(), |_| {});
    let first = id_of(&queue, entry(1, None, false)).await;
    let second = id_of(&queue, entry(2, None, true)).await;
    let third = id_of(&queue, entry(3, None, false)).await;
    let last = id_of(&queue, entry(4, None, false)).await;
    let proxy = Proxy::new(&[NOT_SENT, GOOD, HALF, GOOD, HALF, GOOD]);
    let sending = send(&queue, &proxy);
    for id in [&first, &second, &last] {
        assert_eq!(answered(&queue, id).await.status, 200);
    }
    assert_eq!(poll(&queue, &third).await, Polled::Over(State::Unknown));
    assert_eq!(proxy.seen(), ["body 1", "body 1", "body 2", "body 2", "body 3", "body 4"]);
    sending.abort();
}

#[tokio::test]
async fn a_crash_loses_nothing_and_repeats_only_what_may_be_repeated() {
    let dir = tempfile::tempdir().expect("a directory");
    let before = queue(dir.path(), |_| {});
    let repeated = id_of(&before, entry(1, None, true)).await;
    let (_, request) = before.begin("agent").await.expect("read").expect("an entry");
    assert_eq!(request.body, b"body 1");
    // The process dies here. Another one opens the file.
    let between = queue(dir.path(), |_| {});
    let harmful = id_of(&between, entry(2, None, false)).await;
    let waiting = id_of(&between, entry(3, None, false)).await;
    let proxy = Proxy::new(&[GOOD]);
    let sending = send(&between, &proxy);
    assert_eq!(answered(&between, &repeated).await.status, 200);
    assert_eq!(answered(&between, &harmful).await.status, 200);
    assert_eq!(answered(&between, &waiting).await.status, 200);
    proxy.open.store(false, Ordering::SeqCst);
    sending.abort();
    assert!(sending.await.is_err(), "it goes on until it is ended");
    let once = id_of(&between, entry(4, None, false)).await;
    between.begin("agent").await.expect("read").expect("an entry");
    let after = queue(dir.path(), |_| {});
    proxy.open.store(true, Ordering::SeqCst);
    let sending = send(&after, &proxy);
    let deadline = Instant::now() + PATIENCE;
    while poll(&after, &once).await != Polled::Over(State::Unknown) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(answered(&after, &waiting).await.status, 200, "answers are kept");
    assert_eq!(proxy.seen(), ["body 1", "body 2", "body 3"]);
    sending.abort();
}

#[tokio::test]
async fn it_is_bounded_in_number_bytes_and_age() {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = queue(dir.path(), |it| it.max = 2);
    id_of(&queue, entry(1, None, false)).await;
    let second = id_of(&queue, entry(2, None, false)).await;
    assert_eq!(keep(&queue, entry(3, None, false)).await, Kept::Full);
    assert!(queue.drop_one("agent", &second).await.expect("dropped"));
    assert!(!queue.drop_one("agent", &second).await.expect("asked"), "once");
    assert_eq!(poll(&queue, &second).await, Polled::Over(State::Dropped));
    let third = id_of(&queue, entry(3, None, false)).await;
    queue.configure(settings(|it| it.bytes = 100));
    assert_eq!(keep(&queue, entry(4, None, false)).await, Kept::Full);
    queue.configure(settings(|it| it.lasting = Duration::ZERO));
    let late = id_of(&queue, entry(5, None, false)).await;
    let deadline = Instant::now() + PATIENCE;
    while !matches!(poll(&queue, &late).await, Polled::Over(State::Expired) | Polled::Nothing) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(poll(&queue, &third).await, Polled::Waiting, "it came under longer times");
    queue.configure(BTreeMap::new());
    assert_eq!(keep(&queue, entry(6, None, false)).await, Kept::Failed);
}

#[tokio::test]
async fn a_key_of_the_caller_names_one_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let queue = queue(dir.path(), |_| {});
    let first = id_of(&queue, entry(1, Some(9), true)).await;
    assert_eq!(id_of(&queue, entry(1, Some(9), true)).await, first);
    assert_eq!(keep(&queue, entry(2, Some(9), true)).await, Kept::KeyReused);
    let list = queue.list("agent", 0, 10).await.expect("read");
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].line.as_str(), list[0].state), ("POST /v1/tasks", State::Waiting));
    let (_, request) = queue.show("agent", &first).await.expect("read").expect("an entry");
    assert_eq!(request.expect("a request").body, b"body 1");
    assert_eq!(queue.show("other", &first).await.expect("read"), None);
}

#[tokio::test]
async fn nothing_on_disk_can_be_read_without_the_key_and_another_key_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = queue(dir.path(), |_| {});
    let id = id_of(&first, entry(1, None, false)).await;
    for name in ["queue.db", "queue.db-wal"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|it| it == b"body 1"), "{name}");
    }
    let other = |it: &mut Settings| it.key = QueueKey::parse(&"cd".repeat(32)).expect("a key");
    first.configure(settings(other));
    let proxy = Proxy::new(&[GOOD]);
    let sending = send(&first, &proxy);
    assert_eq!(first.begin("agent").await.expect("read"), None);
    assert_eq!(poll(&first, &id).await, Polled::Waiting);
    first.configure(settings(|_| {}));
    assert_eq!(answered(&first, &id).await.status, 200);
    sending.abort();
}
