//! A workload as sharing sees it.

use crate::Live;
use stagegate_rollout::{Rollout, WorkloadName};

/// Its name.
pub(crate) fn name(live: &Live) -> &WorkloadName {
    &live.split.spec().name
}

/// It and its rollout, if one is in progress.
pub(crate) fn active(live: &Live) -> Option<(&Live, &Rollout)> {
    let rollout = live.split.state().rollout.as_deref().filter(|it| it.is_active())?;
    Some((live, rollout))
}
