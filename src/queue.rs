//! The queue of killed workloads, joined: requests come from the workers, go back to them after the revival, and
//! settings come from the configuration.

use crate::plane::Plane;
use sha2::{Digest as _, Sha256};
use stagegate_config::Config;
use stagegate_control::Control;
use stagegate_proxy::{QueueAnswer, QueueAsk, QueueReply, Queued};
use stagegate_queue::{Backends, Kept, NewEntry, Polled, Queue, Request};
use stagegate_telemetry::{QueueGauges, Telemetry};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the configuration is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Opens the queue and lets the workers fill it.
///
/// # Errors
/// When its file cannot be read.
pub(crate) fn open(config: &Config, plane: &Plane) -> anyhow::Result<Queue> {
    let queue = Queue::open(Path::new(&config.data_dir))?;
    configure(&queue, config);
    let filled = queue.clone();
    plane.proxy().keep_in(Arc::new(move |ask| answer(&filled, ask)));
    Ok(queue)
}

fn configure(queue: &Queue, config: &Config) {
    let settings = config
        .workloads
        .iter()
        .filter_map(|it| Some((it.spec.name.to_string(), it.settings.queue.clone()?)));
    queue.configure(settings.collect());
}

/// Runs on the workers' threads: hands on and returns.
fn answer(queue: &Queue, ask: QueueAsk) {
    match ask {
        QueueAsk::Keep(queued, reply) => {
            queue.keep(
                entry(*queued),
                Box::new(move |kept| {
                    let _ = reply.send(match kept {
                        Kept::Yes(id) => QueueReply::Kept(id),
                        Kept::KeyReused => QueueReply::KeyReused,
                        Kept::Full | Kept::Failed => QueueReply::NotKept,
                    });
                }),
            );
        }
        QueueAsk::Answer(id, reply) => {
            queue.poll(
                id,
                Box::new(move |polled| {
                    let _ = reply.send(match polled {
                        Polled::Nothing => QueueAnswer::Nothing,
                        Polled::Waiting => QueueAnswer::Waiting,
                        Polled::Answered(answer) => QueueAnswer::Answered {
                            status: answer.status,
                            fields: answer.fields,
                            body: answer.body,
                        },
                        Polled::Over(state) => QueueAnswer::Over(state.label()),
                    });
                }),
            );
        }
    }
}

fn entry(queued: Queued) -> NewEntry {
    let hash = |parts: &[&[u8]]| -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    };
    let (workload, line) = (queued.workload.to_string(), queued.line);
    // Keys of different callers, workloads and paths do not meet.
    let caller = queued
        .key
        .as_ref()
        .map(|key| hash(&[workload.as_bytes(), line.as_bytes(), &queued.caller, key]));
    NewEntry {
        digest: hash(&[line.as_bytes(), &queued.body]),
        repeatable: queued.repeatable,
        caller,
        workload,
        line,
        request: Request {
            head: queued.head,
            body: queued.body,
            peer: queued.peer,
            secure: queued.secure,
            request_id: queued.request_id,
        },
    }
}

/// The way back to the workers.
struct Stable {
    control: Control,
    plane: Arc<Plane>,
}

impl Backends for Stable {
    fn is_open(&self, workload: &str) -> bool {
        let view = self.control.view();
        let live = view.find(workload).map(|(_, live)| live);
        let is_alive = live.is_some_and(|live| live.split.state().killed.is_none());
        is_alive && !self.plane.is_draining()
    }

    fn connect(&self, peer: Option<IpAddr>, secure: bool) -> std::io::Result<UnixStream> {
        self.plane.proxy().resend(peer, secure)
    }
}

/// Sends what waits, and follows the configuration. For the process that owns the data directory.
/// Ends, once it is told to, when what is being sent is answered.
pub(crate) async fn run(
    queue: Queue,
    control: Control,
    plane: Arc<Plane>,
    mut ended: watch::Receiver<bool>,
) {
    let backends = Arc::new(Stable { control: control.clone(), plane });
    let following = async {
        loop {
            configure(&queue, &control.view().config);
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = queue.clone().send_all(backends, async move {
            let _ = ended.wait_for(|ended| *ended).await;
        }) => {}
        () = following => {}
    }
}

/// Shows its figures before a scrape.
pub(crate) fn show(queue: &Queue, telemetry: &Telemetry) {
    let gauges = queue.figures().into_iter().map(|(workload, it)| QueueGauges {
        workload: workload.into(),
        waiting: it.waiting,
        bytes: it.bytes,
        oldest_ms: it.oldest_ms,
        events: [
            ("taken", it.taken),
            ("refused", it.refused),
            ("answered", it.answered),
            ("unknown", it.unknown),
            ("dropped", it.dropped),
            ("expired", it.expired),
        ],
    });
    telemetry.set_queues(&gauges.collect::<Vec<_>>());
}
