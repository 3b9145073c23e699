//! What a fleet looks like: one row for each replica, and what is wrong with the servers.

use crate::api::Api;
use crate::client::Outgoing;
use crate::host::Seen;
use crate::ledger::Inner;
use crate::replica::Replica;
use bytes::Bytes;
use serde_json::json;
use stagegate_control::ports::{
    FleetFinding, FleetOutcome, ReplicaOutcome, ReplicaRow, ReplicaStanding,
};
use stagegate_fleet::{Member, OnStale, ReplicaName, Standing, Summary};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long replicas are given to describe themselves.
const ANSWERS: Duration = Duration::from_millis(700);
/// How long an answer waits for acknowledgements at most: callers wait for 30 s.
const LONGEST: Duration = Duration::from_secs(20);
/// The oldest server that is known to do what is needed.
const OLDEST: (u64, u64) = (2, 11);

/// What this process says of itself when somebody asks.
pub type Describe = Arc<dyn Fn() -> ReplicaRow + Send + Sync>;

/// Looks at the fleet; cheap to clone.
#[derive(Clone)]
pub struct Health {
    pub(crate) inner: Arc<Inner>,
    seen: Arc<Mutex<Seen>>,
    on_stale: OnStale,
}

impl Replica {
    /// Looks at the fleet.
    #[must_use]
    pub fn health(&self) -> Health {
        let ledger = self.ledger();
        Health { inner: ledger.0, seen: self.seen(), on_stale: self.on_stale() }
    }
}

impl Health {
    /// The name of this replica.
    #[must_use]
    pub fn name(&self) -> &ReplicaName {
        &self.inner.name
    }

    /// What is known of this replica without asking anybody.
    #[must_use]
    pub fn own(&self, version: &str, config: &str, at_ms: u64) -> ReplicaRow {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = self.inner.now();
        let left = seen.fresh_until.and_then(|until| until.checked_sub(now));
        ReplicaRow {
            name: self.inner.name.to_string(),
            version: version.to_owned(),
            answered: true,
            epoch: seen.settled.epoch,
            entry: seen.settled.number,
            fresh_for_ms: left.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            fenced: false,
            holds: self.on_stale == OnStale::Hold,
            config: config.to_owned(),
            at_ms,
            problem: seen.problem.or_else(|| {
                (!seen.joined).then(|| "it has not found its place in the ledger yet".to_owned())
            }),
        }
    }

    /// Answers the questions of others, for as long as the process runs.
    pub async fn answer(self, describe: Describe) {
        let client = &self.inner.api.client;
        let Ok(mut asked) = client.subscribe(self.question()).await else { return };
        while let Some(question) = asked.recv().await {
            let Some(reply) = question.reply else { continue };
            let Ok(row) = serde_json::to_vec(&describe()) else { continue };
            let payload = row.into();
            let row = Outgoing { subject: reply, reply: None, headers: Vec::new(), payload };
            let _ = client.publish(row).await;
        }
    }

    fn question(&self) -> String {
        format!("{}.who", self.inner.api.names.news())
    }

    /// One row for each replica of the roster. Those that do not answer have a row without contents.
    ///
    /// # Errors
    /// When the roster cannot be read, in words.
    pub async fn rows(&self) -> Result<Vec<ReplicaRow>, String> {
        let (_, roster) = self.inner.api.roster().await.map_err(|error| error.to_string())?;
        let client = &self.inner.api.client;
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|it| it.to_string())?;
        let (subject, payload) = (self.question(), Bytes::new());
        let question = Outgoing { subject, reply: Some(inbox), headers: Vec::new(), payload };
        client.publish(question).await.map_err(|error| error.to_string())?;
        let mut rows: BTreeMap<String, ReplicaRow> =
            roster.iter().map(|(name, member)| (name.to_string(), silent(name, *member))).collect();
        let deadline = tokio::time::Instant::now() + ANSWERS;
        while rows.values().any(|row| !row.answered) {
            let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.recv()).await else {
                break;
            };
            if let Ok(row) = serde_json::from_slice::<ReplicaRow>(&answer.payload) {
                rows.insert(row.name.clone(), row);
            }
        }
        Ok(rows.into_values().collect())
    }

    /// What became of an own change on each replica. Waits until no replica is unknown, or waiting
    /// makes no sense. None if the change is not one of this replica's last ones.
    pub async fn settled(&self, number: u64) -> Option<Summary> {
        let mut changed = self.inner.changed.subscribe();
        let mut asked_at = None::<Instant>;
        let began = self.inner.now();
        loop {
            let now = self.inner.now();
            let completion = self.inner.completions().get(&number).cloned()?;
            let summary = completion.summary(now);
            let last = completion.ends_at() + self.inner.rules.patience * 2;
            let is_over = now >= last.min(began + LONGEST);
            if summary.complete || is_over {
                return Some(summary);
            }
            let due = asked_at.is_none_or(|at| at.elapsed() > self.inner.rules.patience);
            if due && (summary.replicas.is_empty() || !completion.has_roster()) {
                asked_at = Some(Instant::now());
                if let Ok((as_of, members)) = self.inner.api.roster().await
                    && let Some(known) = self.inner.completions().get_mut(&number)
                {
                    known.roster(as_of, members);
                }
                continue;
            }
            let wait = completion.ends_at().saturating_sub(now).clamp(MOMENT, MOMENT * 10);
            let _ = tokio::time::timeout(wait, changed.changed()).await;
        }
    }

    /// The same, as answers say it.
    pub async fn outcome(&self, number: u64) -> Option<FleetOutcome> {
        let Summary { replicas, complete } = self.settled(number).await?;
        let outcome = |(name, standing): (ReplicaName, Standing)| ReplicaOutcome {
            replica: name.to_string(),
            standing: match standing {
                Standing::Acked(_) => ReplicaStanding::Acked,
                Standing::Fenced => ReplicaStanding::Fenced,
                Standing::Unknown => ReplicaStanding::Unknown,
            },
            acked_ms: match standing {
                Standing::Acked(after) => Some(after.as_secs_f64() * 1e3),
                _ => None,
            },
        };
        Some(FleetOutcome { replicas: replicas.into_iter().map(outcome).collect(), complete })
    }

    /// Takes a replica that is gone for good out of the roster. Watches it for as long as freshness
    /// lasts: whoever renews meanwhile stays.
    ///
    /// # Errors
    /// When it is no member, still renews, or the ledger does not answer, in words.
    pub async fn forget(&self, name: &str) -> Result<(), String> {
        let api = &self.inner.api;
        let name: ReplicaName = name.parse().map_err(|error| format!("{error}"))?;
        let renewed = api.renewed(&name).await.map_err(|error| error.to_string())?;
        let Some(before) = renewed else {
            return Err(format!("{name} is no replica of this fleet"));
        };
        tokio::time::sleep(self.inner.rules.fresh_for).await;
        let renewed = api.renewed(&name).await.map_err(|error| error.to_string())?;
        if renewed != Some(before) {
            return Err(format!("{name} is alive and renews: stop it first"));
        }
        api.forget(&name, Some(before)).await.map(drop).map_err(|error| error.to_string())
    }

    /// Looks at what a fleet needs: servers, stream, replicas.
    pub async fn examine(&self) -> Vec<FleetFinding> {
        let mut findings = vec![self.servers()];
        findings.extend(stream(&self.inner.api).await);
        findings.push(match self.inner.api.client.last_error() {
            None => good("permissions", "no server has refused anything".to_owned()),
            Some(error) => bad(
                "permissions",
                error,
                "let the user publish and subscribe to stagegate.>, stagegate-news.>, stagegate-acks.>, _INBOX.> and $JS.API.>",
            ),
        });
        findings.push(FleetFinding {
            ok: true,
            what: "sync to disk".to_owned(),
            found: "cannot be seen from here".to_owned(),
            remedy: "check that nats.conf has `jetstream { sync_interval: always }` on every server: otherwise a server that loses power may forget what it has acknowledged".to_owned(),
        });
        match self.rows().await {
            Ok(rows) => findings.extend(replicas(&rows)),
            Err(error) => findings.push(bad("replicas", error, "see the findings above")),
        }
        findings
    }

    fn servers(&self) -> FleetFinding {
        let client = &self.inner.api.client;
        let Some(info) = client.server() else {
            return bad(
                "connection",
                "no server is connected".to_owned(),
                "check fleet.servers, and that port 4222 is open",
            );
        };
        let found = format!("{} ({})", info.version, info.server_name);
        let mut numbers = info.version.split('.').map(|it| it.parse::<u64>().unwrap_or(0));
        if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST {
            good("server version", found)
        } else {
            bad("server version", found, "update nats-server to 2.11 or later")
        }
    }
}

const MOMENT: Duration = Duration::from_millis(50);

fn silent(name: &ReplicaName, member: Member) -> ReplicaRow {
    ReplicaRow {
        name: name.to_string(),
        version: String::new(),
        answered: false,
        epoch: 0,
        entry: 0,
        fresh_for_ms: None,
        fenced: false,
        holds: member.on_stale == OnStale::Hold,
        config: String::new(),
        at_ms: 0,
        problem: Some("it does not answer".to_owned()),
    }
}

async fn stream(api: &Api) -> Vec<FleetFinding> {
    let described = match api.describe(&json!({})).await {
        Ok(described) => described,
        Err(error) => {
            return vec![bad(
                "ledger",
                error.to_string(),
                "check that JetStream is on, that a majority of the servers runs, and that the user may use $JS.API.> and stagegate.>",
            )];
        }
    };
    let mut findings = Vec::new();
    if let Some(config) = described.config {
        let found = format!("{} copies, {} storage", config.num_replicas, config.storage);
        findings.push(if config.num_replicas >= 3 && config.storage == "file" {
            good("ledger", found)
        } else {
            bad(
                "ledger",
                found,
                "three copies outlive the loss of a server: `nats stream edit --replicas 3`",
            )
        });
    }
    if let Some(cluster) = described.cluster {
        let behind: Vec<&str> = cluster
            .replicas
            .iter()
            .filter(|peer| !peer.current || peer.offline)
            .map(|peer| peer.name.as_str())
            .collect();
        findings.push(if behind.is_empty() {
            good("servers of the ledger", format!("leader {}, all current", cluster.leader))
        } else {
            bad(
                "servers of the ledger",
                format!("not current: {}", behind.join(", ")),
                "start these servers, or look into their logs",
            )
        });
    }
    findings
}

fn replicas(rows: &[ReplicaRow]) -> Vec<FleetFinding> {
    let mut findings = Vec::new();
    let silent: Vec<&str> =
        rows.iter().filter(|it| !it.answered).map(|it| it.name.as_str()).collect();
    findings.push(if silent.is_empty() {
        good("replicas", format!("{} answer", rows.len()))
    } else {
        bad("replicas", format!("no answer from {}", silent.join(", ")), "start them, or take those that are gone for good out with `stagegate fleet forget NAME`")
    });
    for row in rows.iter().filter(|it| it.answered) {
        if let Some(problem) = &row.problem {
            findings.push(bad(&row.name, problem.clone(), "see the log of this replica"));
        }
    }
    let live: Vec<&ReplicaRow> = rows.iter().filter(|it| it.answered).collect();
    let digests: std::collections::BTreeSet<&str> =
        live.iter().map(|it| it.config.as_str()).collect();
    findings.push(if digests.len() <= 1 {
        good("configuration files", "the same on all replicas".to_owned())
    } else {
        let which = live
            .iter()
            .map(|it| format!("{} {}", it.name, it.config.get(..12).unwrap_or(&it.config)));
        bad(
            "configuration files",
            which.collect::<Vec<_>>().join(", "),
            "give all replicas the same file, and reload",
        )
    });
    let clocks = live.iter().map(|it| it.at_ms);
    if let (Some(first), Some(last)) = (clocks.clone().min(), clocks.max()) {
        let found = format!("within {} ms", last - first);
        findings.push(if last - first <= 2000 {
            good("clocks", found)
        } else {
            bad(
                "clocks",
                found,
                "synchronise the clocks: the times of entries are those of their authors",
            )
        });
    }
    findings
}

fn good(what: &str, found: String) -> FleetFinding {
    FleetFinding { ok: true, what: what.to_owned(), found, remedy: String::new() }
}

fn bad(what: &str, found: String, remedy: &str) -> FleetFinding {
    FleetFinding { ok: false, what: what.to_owned(), found, remedy: remedy.to_owned() }
}
