//! A running process: its parts, and how they end.

use crate::conversations::Conversations;
use crate::flags;
use crate::fleet::Fleet;
use crate::handover::{self, Inherited};
use crate::journal::{self, Journal};
use crate::listen::SocketFile;
use crate::plane::Plane;
use crate::scoring;
use crate::supervise;
use crate::traces::Traces;
use stagegate_admin::{App, Doors};
use stagegate_control::Control;
use stagegate_dashboard::Site;
use stagegate_notify::Notifier;
use stagegate_otlp as otlp;
use stagegate_queue::Queue;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A running Stagegate.
pub(crate) struct Running {
    /// Where the first TCP listener accepts.
    pub(crate) proxy_addr: Option<SocketAddr>,
    pub(crate) control: Control,
    pub(crate) plane: Arc<Plane>,
    pub(crate) journal: Option<Arc<Journal>>,
    /// The listening sockets once more, by name, for a process that takes over.
    pub(crate) sockets: Vec<(String, OwnedFd)>,
    pub(super) tasks: Vec<JoinHandle<()>>,
    pub(super) owner_tasks: Option<OwnerTasks>,
    pub(super) notifier: Option<Notifier>,
    pub(crate) admin: AdminServer,
    pub(super) flags: Option<flags::Serving>,
    pub(super) otlp: Option<otlp::Server>,
    pub(super) scoring: Option<scoring::Running>,
    pub(super) traces: Arc<Traces>,
    pub(super) conversations: Arc<Conversations>,
    /// The fleet, where this process is a replica of one.
    pub(super) fleet: Option<Arc<Fleet>>,
    /// Requests of killed workloads.
    pub(super) queue: Option<Queue>,
    pub(super) _socket_files: Vec<SocketFile>,
}

/// The listener of the admin API.
pub(crate) struct AdminServer {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
    ended: bool,
}

impl AdminServer {
    /// Begins to answer.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub(super) fn begin(
        socket: TcpListener,
        local: Option<UnixListener>,
        tls: stagegate_admin::Tls,
        app: App,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(socket)?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let control = app.control.clone();
        let site = move || {
            let admin = &control.view().config.admin;
            let provider = admin.oidc.as_ref().map(|it| &it.provider);
            Site {
                asks_to_sign_in: !admin.is_open(),
                takes_tokens: !admin.tokens.is_empty(),
                has_provider: provider.is_some(),
                is_https: provider.is_some_and(|it| it.redirect.starts_with("https://")),
                speaks_tls: admin.tls.is_some(),
            }
        };
        let Site { asks_to_sign_in, speaks_tls, .. } = site();
        if !asks_to_sign_in {
            tracing::warn!(
                %address,
                "no token is configured: the admin API answers only on loopback, and everyone on this machine may change everything"
            );
        }
        let router = stagegate_dashboard::around(stagegate_admin::router(app), Arc::new(site))
            .map_err(std::io::Error::other)?;
        let doors = Doors { tcp: listener, tls, local };
        let task = tokio::spawn(stagegate_admin::serve_doors(doors, router, async {
            let _ = ended.await;
        }));
        tracing::info!(%address, tls = speaks_tls, "admin API");
        Ok(Self { address, end: Some(end), task, ended: false })
    }

    /// Takes no more calls; running ones may finish.
    pub(crate) fn close(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }

    /// Waits a moment until it has let go of its socket.
    pub(crate) async fn closed(&mut self, patience: Duration) {
        if !self.ended {
            let ended = tokio::time::timeout(patience, &mut self.task).await;
            self.ended = ended.is_ok();
        }
    }
}

/// Tasks for the process that owns the data directory.
pub(super) struct OwnerTasks {
    end_steering: watch::Sender<bool>,
    steering: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
    /// Ends when what it is sending is answered.
    sending: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

/// How long requests of a queue that are being sent may take when the tasks end. What takes longer is taken up by the
/// next owner, or answered by this process later.
const SENDING: Duration = Duration::from_secs(2);

impl Running {
    /// Begins the tasks of the owner of the data directory: steering, telling people, taking over
    /// what former processes left.
    pub(crate) fn begin_owner_tasks(&mut self) {
        let (end_steering, ended) = watch::channel(false);
        let steered = self.control.clone();
        let steering = supervise::keep("steering", move || {
            let (steered, mut ended) = (steered.clone(), ended.clone());
            async move {
                let end = async move {
                    let _ = ended.wait_for(|ended| *ended).await;
                };
                steered.steer(end).await;
            }
        });
        let notifying = self.notifier.clone();
        let notifying = notifying.map(|it| supervise::keep("notifier", move || it.clone().run()));
        let looking = self.journal.clone();
        let looking = looking
            .map(|it| supervise::keep("journal", move || journal::keep_looking(Arc::clone(&it))));
        let conversations = Arc::clone(&self.conversations);
        let remembering =
            supervise::keep("conversations", move || Arc::clone(&conversations).keep());
        let checked = self.control.clone();
        let checking = supervise::keep("checklists", move || {
            let checked = checked.clone();
            async move { checked.watch_checklists().await }
        });
        let watching = self.fleet.clone().map(|fleet| {
            fleet.run();
            supervise::keep("replicas", move || Arc::clone(&fleet).watch())
        });
        let others = notifying
            .into_iter()
            .chain(watching)
            .chain(looking)
            .chain([remembering, checking])
            .collect();
        let sending = self.queue.clone().map(|queue| {
            let (end, ended) = watch::channel(false);
            let (control, plane) = (self.control.clone(), Arc::clone(&self.plane));
            let task = supervise::keep("queue", move || {
                crate::queue::run(queue.clone(), control.clone(), Arc::clone(&plane), ended.clone())
            });
            (end, task)
        });
        self.owner_tasks = Some(OwnerTasks { end_steering, steering, others, sending });
    }

    /// Ends what [`Running::begin_owner_tasks`] began; what was gathered is saved.
    ///
    /// # Errors
    /// When the steering loop has failed.
    pub(crate) async fn end_owner_tasks(&mut self) -> anyhow::Result<()> {
        let Some(tasks) = self.owner_tasks.take() else { return Ok(()) };
        let OwnerTasks { end_steering, steering, others, sending } = tasks;
        if let Some((end, mut task)) = sending {
            let _ = end.send(true);
            if tokio::time::timeout(SENDING, &mut task).await.is_err() {
                task.abort();
            }
        }
        let _ = end_steering.send(true);
        others.iter().for_each(JoinHandle::abort);
        if let Some(fleet) = &self.fleet {
            fleet.pause();
        }
        Ok(steering.await?)
    }

    /// Takes no more calls of flag clients; running answers may finish.
    pub(crate) fn close_flags(&mut self) {
        if let Some(flags) = self.flags.take() {
            tokio::task::spawn_blocking(move || flags.stop());
        }
    }

    /// Receives no more traces of agents; what is known of requests counts.
    pub(crate) fn close_otlp(&mut self) {
        if let Some(mut otlp) = self.otlp.take() {
            tokio::task::spawn_blocking(move || otlp.stop());
        }
    }

    /// Accepts what was copied, and samples no more.
    ///
    /// # Errors
    /// When scoring has failed.
    pub(crate) async fn stop_scoring(&mut self) -> anyhow::Result<()> {
        if let Some(scoring) = self.scoring.take() {
            tokio::task::spawn_blocking(move || scoring.stop()).await?;
        }
        Ok(())
    }

    /// Goes on with the client connections of the process before.
    pub(super) fn receive_from(&self, inherited: Inherited) {
        let plane = Arc::clone(&self.plane);
        let config = Arc::clone(&self.control.view().config);
        // A thread of its own: it may be there for as long as the longest answer.
        let receiving =
            std::thread::Builder::new().name("inheritance".to_owned()).spawn(move || {
                let names: Vec<String> =
                    config.listeners.iter().map(handover::proxy_socket).collect();
                inherited.receive(
                    |name| names.iter().position(|it| it == name),
                    |leaving| plane.proxy().adopt(leaving),
                );
            });
        if let Err(error) = receiving {
            tracing::error!(%error, "connections of the former process are closed");
        }
    }

    /// Writes what is remembered of conversations, for the process that comes after.
    ///
    /// # Errors
    /// When that panicked.
    pub(crate) async fn remember(&self) -> anyhow::Result<()> {
        let conversations = Arc::clone(&self.conversations);
        Ok(tokio::task::spawn_blocking(move || conversations.save()).await?)
    }

    /// Stops accepting, lets running answers finish, and ends everything.
    ///
    /// # Errors
    /// When a part did not end as it should.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        // Nobody is to find them listening.
        self.sockets.clear();
        self.plane.begin_drain();
        let timeout = self.control.view().config.drain_timeout;
        if !self.plane.proxy().drain(timeout).await {
            tracing::warn!(?timeout, "answers that still ran were abandoned");
        }
        self.remember().await?;
        self.stop_scoring().await?;
        if let Some(mut otlp) = self.otlp.take() {
            // Before the evidence is saved.
            tokio::task::spawn_blocking(move || otlp.stop()).await?;
        }
        let traces = Arc::clone(&self.traces);
        let telling = tokio::task::spawn_blocking(move || traces.stop());
        // Gates are watched for as long as anybody is served; then the evidence is saved.
        self.end_owner_tasks().await?;
        if let Some(fleet) = &self.fleet {
            fleet.leave().await;
        }
        self.close_flags();
        self.admin.close();
        if !self.admin.ended {
            self.admin.task.await??;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        telling.await?;
        if let Some(journal) = self.journal {
            tokio::task::spawn_blocking(move || journal.flush()).await?;
        }
        Ok(())
    }
}
