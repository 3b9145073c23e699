//! A replica finds its place in the fleet's ledger.

use crate::api::{Api, ApiError, Stored};
use crate::record::{Record, RecordError, mark};
use stagegate_control::StoreAccessError;
use stagegate_control::ports::LocalLedger;
use stagegate_fleet::{Place, ReplicaName};
use stagegate_store::Head;

/// The reason why this replica cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The ledger cannot be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// An entry cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The local copy cannot be read or written.
    #[error(transparent)]
    Local(#[from] StoreAccessError),
    /// The history of this process is another one than the fleet's.
    #[error(
        "the history in data_dir is not the fleet's: {why}; move data_dir away to take the fleet's history, or give the fleet another name"
    )]
    Foreign {
        /// The difference.
        why: String,
    },
    /// The fleet began with the history of another process, which this one does not have.
    #[error(
        "the fleet's ledger begins with the history of another process up to entry {0}: stop Stagegate here, copy all files state.db* and witness.json from the data_dir of a replica that is stopped, and start again"
    )]
    NeedsCopy(u64),
}

impl JoinError {
    /// Returns true if trying again may help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Api(_) | Self::Local(_))
    }
}

/// The place before the first entry.
pub(crate) const BEGINNING: Place = Place { number: 0, position: 0, epoch: 0, mark: 0 };

fn local(head: &Head, position: u64) -> Place {
    Place { number: head.entries, position, epoch: head.epoch, mark: mark(&head.hash) }
}

/// The place of the local history in the ledger. A new ledger begins with it.
pub(crate) async fn find(
    api: &Api,
    copy: &dyn LocalLedger,
    name: &ReplicaName,
    copies: u64,
) -> Result<Place, JoinError> {
    api.ensure_stream(copies).await?;
    let head = copy.head().await?;
    let Some(last) = api.last_entry().await? else {
        return begin(api, name, &head).await;
    };
    let newest = Record::decode(&last.payload)?;
    if newest.number < head.entries {
        let why = format!("it has {} entries, the fleet's has {}", head.entries, newest.number);
        return Err(JoinError::Foreign { why });
    }
    if newest.number == head.entries {
        return same(&head, &newest, last.position);
    }
    let Some(first) = api.next_entry(0).await? else {
        return Err(ApiError::Silent("the ledger's first entry is gone".to_owned()).into());
    };
    let oldest = Record::decode(&first.payload)?;
    let is_first = oldest.change.is_some();
    if head.entries + 1 == oldest.number && is_first {
        return if mark(&oldest.prev_hash) == mark(&head.hash) {
            Ok(Place { position: first.position - 1, ..local(&head, 0) })
        } else {
            Err(JoinError::Foreign { why: format!("entry {} differs", head.entries) })
        };
    }
    if head.entries < oldest.number {
        return Err(JoinError::NeedsCopy(oldest.number));
    }
    let (position, record) = search(api, head.entries, first, last).await?;
    same(&head, &record, position)
}

fn same(head: &Head, record: &Record, position: u64) -> Result<Place, JoinError> {
    if record.hash == head.hash && record.epoch == head.epoch {
        return Ok(local(head, position));
    }
    Err(JoinError::Foreign { why: format!("entry {} differs", head.entries) })
}

/// A ledger without entries: it goes on from the history of this process.
async fn begin(api: &Api, name: &ReplicaName, head: &Head) -> Result<Place, JoinError> {
    if head.entries == 0 {
        return Ok(BEGINNING);
    }
    let record = Record::beginning(head.entries, head.epoch, &head.hash, name.as_str());
    let written = api.write(&api.names.ledger, record.encode()?, (&api.names.ledger, 0), false);
    let position = written.await?;
    tracing::info!(entries = head.entries, "the fleet begins with the history of this process");
    Ok(local(head, position))
}

/// The entry of this number. Positions have gaps, numbers have none, and both grow.
async fn search(
    api: &Api,
    number: u64,
    first: Stored,
    last: Stored,
) -> Result<(u64, Record), JoinError> {
    let (mut low, mut high) = (first.position, last.position);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(found) = api.next_entry(middle - 1).await? else { break };
        let record = Record::decode(&found.payload)?;
        if record.number < number {
            low = found.position + 1;
        } else {
            // No entry is between the middle and the one that was found.
            high = middle;
        }
    }
    let found = api.next_entry(low - 1).await?;
    let Some(found) = found else {
        return Err(ApiError::Silent(format!("entry {number} is gone")).into());
    };
    Ok((found.position, Record::decode(&found.payload)?))
}
