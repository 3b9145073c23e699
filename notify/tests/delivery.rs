//! Tests of delivery in spite of failures. Time is tokio's paused one: a day of retries takes
//! moments, and nothing depends on how fast the machine is.
#![allow(clippy::unwrap_used)]

mod support;

use stagegate_notify::{
    Channel, Hidden, Notice, NoticeKind, Notifier, NotifierError, NotifierSettings, Outcome,
    Severity, Target,
};
use stagegate_store::Store;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Does, FINE, Receiver, channel, plain, recovered, violated, webhook};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const BEGIN_MS: u64 = 1_700_000_000_000;
/// How long a receiver may think, in real time: only those that hang use it up.
const PATIENCE: Duration = Duration::from_secs(3);

type Outcomes = Arc<Mutex<Vec<(String, Outcome)>>>;
type Channels = Arc<Mutex<Vec<Channel>>>;

/// Delivery on a store in a directory.
struct World {
    notifier: Notifier,
    channels: Channels,
    outcomes: Outcomes,
    began: Instant,
    _store: Store,
    running: JoinHandle<()>,
}

impl World {
    fn open(dir: &Path, channels: Vec<Channel>) -> Self {
        Self::with_patience(dir, channels, Duration::from_secs(60))
    }

    fn with_patience(dir: &Path, channels: Vec<Channel>, patience: Duration) -> Self {
        let store = Store::open(dir).unwrap();
        let channels: Channels = Arc::new(Mutex::new(channels));
        let outcomes: Outcomes = Arc::default();
        let (directory, seen, began) =
            (Arc::clone(&channels), Arc::clone(&outcomes), Instant::now());
        let mut settings = NotifierSettings::new(
            Arc::new(move || directory.lock().unwrap().clone()),
            Arc::new(move |name: &str, outcome| {
                seen.lock().unwrap().push((name.to_owned(), outcome));
            }),
            Arc::new(move || BEGIN_MS + began.elapsed().as_millis() as u64),
        );
        settings.patience = patience;
        let notifier = Notifier::new(store.outbox().unwrap(), settings);
        let running = tokio::spawn(notifier.clone().run());
        Self { notifier, channels, outcomes, began, _store: store, running }
    }

    async fn notify(&self, notices: impl IntoIterator<Item = Notice>) -> usize {
        self.notifier.notify(notices.into_iter().collect()).await.unwrap()
    }

    /// Lets time pass until nothing waits any more.
    async fn settled(&self) {
        self.until("the outbox to be empty", || self.notifier.pending().unwrap() == 0).await;
    }

    /// Lets time pass until the condition holds; three days are too long for anything here.
    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        while !condition() {
            let days = self.began.elapsed().as_secs() / 86_400;
            assert!(days < 3, "gave up waiting for {what}: {:?}", self.outcomes);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Returns the results of a channel's attempts.
    fn outcomes(&self, name: &str) -> Vec<Outcome> {
        let outcomes = self.outcomes.lock().unwrap();
        outcomes.iter().filter(|(of, _)| of == name).map(|(_, outcome)| *outcome).collect()
    }

    async fn health(&self, name: &str) -> stagegate_notify::ChannelHealth {
        let all = self.notifier.health().await.unwrap();
        all.into_iter().find(|it| it.name == name).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_channel_gets_its_form_over_the_wire() {
    let receivers = [(); 4].map(|()| Receiver::start([FINE]));
    let url = |n: usize| Hidden::new(receivers[n].url.as_str());
    let key = Hidden::new("R0UT1NG");
    let channels = vec![
        webhook("hook", &receivers[0].url),
        channel("chat", Target::Slack { url: url(1) }),
        channel("pager", Target::PagerDuty { url: url(2), key }),
        channel("alerts", Target::Alertmanager { url: url(3) }),
    ];
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), channels.clone());
    assert_eq!(world.notify([violated(), recovered()]).await, 8);
    world.settled().await;
    for (receiver, channel) in receivers.iter().zip(&channels) {
        let got = receiver.got();
        assert_eq!(got.len(), 2);
        for (got, notice) in got.iter().zip([violated(), recovered()]) {
            assert_eq!(got.line, "POST /hook HTTP/1.1");
            assert_eq!(got.header("content-type"), "application/json");
            assert!(got.header("user-agent").starts_with("stagegate/"));
            assert_eq!(got.header("idempotency-key"), format!("{}:{}", notice.id, channel.name));
            assert_eq!(got.body, channel.request(&notice, 0).body);
        }
        assert_eq!(world.outcomes(&channel.name), [Outcome::Delivered; 2]);
    }
    let hook = &receivers[0].got()[0];
    let signed = hook.header("stagegate-signature");
    let at = signed.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    let secret = stagegate_notify::Hidden::new("a secret of ours");
    let expected = stagegate_notify::signature(&secret, at, hook.body.as_bytes());
    assert_eq!(signed, expected);
    assert!(at >= BEGIN_MS / 1000, "signed when it was sent");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_until_it_arrives() {
    let script = [
        Does::Says("500 Internal Server Error", "", "rollup_error"),
        Does::Closes,
        Does::Says("404 Not Found", "", "no_service"),
        Does::Says("302 Found", "location: http://127.0.0.1:1/\r\n", ""),
        FINE,
    ];
    let receiver = Receiver::start(script);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    world.notify([plain("n-1")]).await;
    world.settled().await;
    assert_eq!(receiver.keys(), ["n-1:hook"; 5], "the same key every time");
    let outcomes = world.outcomes("hook");
    assert_eq!(outcomes[..4], [Outcome::Failed; 4]);
    assert_eq!(outcomes[4..], [Outcome::Delivered]);
    let health = world.health("hook").await;
    assert!(health.last_success_ms > Some(BEGIN_MS + 3000), "it had to wait in between");
    assert!(health.last_failure.unwrap().1.starts_with("it answered 302"));
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_be_left_alone_is_granted() {
    let busy = Does::Says("429 Too Many Requests", "retry-after: 3600\r\n", "slow down");
    let receiver = Receiver::start([busy, FINE]);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    world.notify([plain("n-1")]).await;
    world.until("the first try", || world.outcomes("hook") == [Outcome::Failed]).await;
    world.notify([plain("n-2")]).await;
    world.settled().await;
    assert!(world.began.elapsed() >= Duration::from_secs(3600), "for the other message too");
    assert_eq!(receiver.got().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_sent_again_and_keeps_nobody() {
    let wrong = Does::Says("400 Bad Request", "", "invalid_payload");
    let receiver = Receiver::start([wrong, FINE]);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    world.notify([plain("n-1"), plain("n-2")]).await;
    world.settled().await;
    assert_eq!(receiver.keys(), ["n-1:hook", "n-2:hook"]);
    assert_eq!(world.outcomes("hook"), [Outcome::Refused, Outcome::Delivered]);
    let failure = world.health("hook").await.last_failure.unwrap();
    assert_eq!(failure.1, "it answered 400: invalid_payload");
    assert!(world.began.elapsed() < Duration::from_secs(5), "the channel did not rest");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_works_is_given_up_after_a_day_having_been_asked_seldom() {
    let receiver = Receiver::start([Does::Says("503 Service Unavailable", "", "")]);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    world.notify([plain("n-1")]).await;
    world.settled().await;
    let waited = world.began.elapsed().as_secs();
    assert!((86_400..86_700).contains(&waited), "{waited}");
    assert_eq!(world.outcomes("hook").last(), Some(&Outcome::Expired));
    let tries = receiver.got().len();
    assert!((145..320).contains(&tries), "about every five to ten minutes: {tries}");
}

#[tokio::test(start_paused = true)]
async fn dead_channels_keep_nobody_else_from_hearing() {
    let (hanging, fine) = (Receiver::start([Does::Hangs]), Receiver::start([FINE]));
    let plaintext = Receiver::start([FINE]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let dir = TempDir::new().unwrap();
    let channels = vec![
        webhook("hanging", &hanging.url),
        webhook("nobody", &nobody),
        webhook("nonsense", "http://no such host/"),
        webhook("plaintext", &plaintext.url.replace("http:", "https:")),
        webhook("fine", &fine.url),
    ];
    let world = World::with_patience(dir.path(), channels, PATIENCE);
    world.notify((0..20).map(|n| plain(&format!("n-{n}")))).await;
    world.until("all to arrive", || world.outcomes("fine").len() == 20).await;
    assert_eq!(fine.keys().len(), 20);
    world
        .until("all to have been tried", || {
            ["hanging", "nobody", "nonsense", "plaintext"]
                .iter()
                .all(|it| !world.outcomes(it).is_empty())
        })
        .await;
    let why = |health: stagegate_notify::ChannelHealth| health.last_failure.unwrap().1;
    assert_eq!(why(world.health("hanging").await), "no answer in time");
    assert!(why(world.health("nobody").await).contains("connect"));
    assert!(!why(world.health("plaintext").await).is_empty(), "TLS is not spoken there");
    assert_eq!(why(world.health("nonsense").await), "its URL cannot be used");
    assert_eq!(world.health("hanging").await.pending, 20);
    world.until("the figure to follow", || world.notifier.waiting() == 80).await;
    // Twenty messages wait, but the dead channel is asked about once, not twenty times.
    assert!(hanging.got().len() < 15, "{}", hanging.got().len());
}

#[tokio::test(start_paused = true)]
async fn a_message_its_receiver_chokes_on_does_not_keep_the_others() {
    let receiver = Receiver::start([Does::ChokesOn("\"id\":\"bad\"")]);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    world.notify([plain("bad"), plain("n-1"), plain("n-2")]).await;
    let arrived = || world.outcomes("hook").iter().filter(|it| **it == Outcome::Delivered).count();
    world.until("the others to arrive", || arrived() == 2).await;
    assert!(world.began.elapsed() < Duration::from_secs(60));
    let keys = receiver.keys();
    assert_eq!(keys[0], "bad:hook");
    assert!(keys.contains(&"n-1:hook".to_owned()) && keys.contains(&"n-2:hook".to_owned()));
    assert_eq!(world.notifier.pending().unwrap(), 1, "it is still tried");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_problem_never_overtakes_its_beginning() {
    let receiver = Receiver::start([Does::Says("500 Oops", "", ""), FINE]);
    let target =
        Target::PagerDuty { url: Hidden::new(receiver.url.as_str()), key: Hidden::new("k") };
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![channel("pager", target)]);
    world.notify([violated(), recovered()]).await;
    world.settled().await;
    let actions: Vec<String> = receiver
        .got()
        .iter()
        .map(|got| got.json()["event_action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions, ["trigger", "trigger", "resolve"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_notice_is_told_once_even_after_a_restart() {
    let receiver = Receiver::start([FINE]);
    let dir = TempDir::new().unwrap();
    {
        let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
        assert_eq!(world.notify([plain("n-1"), plain("n-1")]).await, 1);
        world.settled().await;
        assert_eq!(world.notify([plain("n-1")]).await, 0);
    }
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    assert_eq!(world.notify([plain("n-1"), plain("n-2")]).await, 1);
    world.settled().await;
    assert_eq!(receiver.keys(), ["n-1:hook", "n-2:hook"]);
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_a_dead_channel_stays_small_and_keeps_what_matters() {
    let receiver = Receiver::start([Does::Says("503 Gone Home", "", "")]);
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &receiver.url)]);
    let mut page = plain("page");
    (page.kind, page.severity) = (NoticeKind::CandidateDown, Severity::Critical);
    world.notify([page]).await;
    world.notify((0..1500).map(|n| plain(&format!("n-{n}")))).await;
    world.until("the queue to be trimmed", || world.notifier.pending().unwrap() <= 1000).await;
    let dropped = world.outcomes("hook").iter().filter(|it| **it == Outcome::Dropped).count();
    assert_eq!(dropped, 501);
    *world.channels.lock().unwrap() = vec![webhook("hook", &Receiver::start([FINE]).url)];
    let tested = world.notifier.test("hook", "ann").await.unwrap();
    assert_eq!(tested.error, None);
    world.settled().await;
    assert!(world.outcomes("hook").iter().filter(|it| **it == Outcome::Delivered).count() == 1001);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_put_right_gets_what_waited_with_the_test() {
    let (broken, right) =
        (Receiver::start([Does::Says("403 Forbidden", "", "no")]), Receiver::start([FINE]));
    let dir = TempDir::new().unwrap();
    let world = World::open(dir.path(), vec![webhook("hook", &broken.url)]);
    world.notify([plain("n-1")]).await;
    world.until("some tries", || broken.got().len() > 12).await;
    let failed = world.notifier.test("hook", "ann").await.unwrap();
    assert_eq!(failed.error.as_deref(), Some("it answered 403: no"));
    *world.channels.lock().unwrap() = vec![webhook("hook", &right.url)];
    let before = Instant::now();
    assert_eq!(world.notifier.test("hook", "ann").await.unwrap().error, None);
    world.settled().await;
    assert!(before.elapsed() < Duration::from_secs(5), "it did not wait for its turn");
    assert_eq!(right.got()[0].json()["kind"], "test");
    assert_eq!(right.keys()[1], "n-1:hook");

    let unknown = world.notifier.test("nobody", "ann").await.unwrap_err();
    assert!(matches!(unknown, NotifierError::UnknownChannel { .. }));
    assert_eq!(unknown.to_string(), "there is no channel `nobody`; there are: hook");
}

#[test]
fn what_a_killed_process_was_sending_is_sent_by_the_next_with_the_same_key() {
    let hanging = Receiver::start([Does::Hangs]);
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "notify_and_hang", "--ignored"])
        .env("NOTIFY_TEST_DIR", dir.path())
        .env("NOTIFY_TEST_URL", &hanging.url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    hanging.await_requests(1);
    child.kill().unwrap();
    child.wait().unwrap();

    let fine = Receiver::start([FINE]);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::open(dir.path(), vec![webhook("hook", &fine.url)]);
        world.settled().await;
        drop(world);
        let world = World::open(dir.path(), vec![webhook("hook", &fine.url)]);
        world.settled().await;
    });
    assert_eq!(hanging.keys(), ["n-1:hook"]);
    assert_eq!(fine.keys(), ["n-1:hook", "n-2:hook"], "once, though the outbox was opened twice");
}

#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn notify_and_hang() {
    let (dir, url) = (std::env::var("NOTIFY_TEST_DIR").unwrap(), std::env::var("NOTIFY_TEST_URL"));
    let world = World::open(Path::new(&dir), vec![webhook("hook", &url.unwrap())]);
    world.notify([plain("n-1"), plain("n-2")]).await;
    std::future::pending::<()>().await;
}
