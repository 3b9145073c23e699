//! The section of the fleet.

use super::tls;
use crate::raw::{RawFleet, RawFleetTls};
use crate::read::{At, Context, plain};
use stagegate_settings::{Fleet, FleetLogin, FleetTls};
use std::time::Duration;

/// Shortest and longest freshness.
const FRESH: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

pub(crate) fn fleet(at: At<RawFleet>, cx: &mut Context<'_>) -> Option<Fleet> {
    let raw = at.value;
    let login = match (raw.user, raw.password) {
        (Some(user), Some(password)) => {
            if let Some(token) = &raw.token {
                cx.problem(&token.site, "is given beside a user", "remove one of the two");
                return None;
            }
            Some(FleetLogin { user: user.value.0, password: password.value.0 })
        }
        (None, None) => None,
        (Some(alone), None) => {
            cx.problem(&alone.site, "is given alone", "give `user` and `password` together");
            return None;
        }
        (None, Some(alone)) => {
            cx.problem(&alone.site, "is given alone", "give `user` and `password` together");
            return None;
        }
    };
    let tls = match raw.tls {
        Some(at) => fleet_tls(at.value, cx).map(Some),
        None => Some(None),
    };
    let (copies, fresh_for) = (raw.copies?, raw.fresh_for?);
    let copies_of: u64 = copies.value.into();
    if copies_of.is_multiple_of(2) {
        let hint =
            "write 1, 3 or 5: an even number outlives no more servers than the odd one below";
        cx.problem(&copies.site, "is no number of copies", hint);
        return None;
    }
    let fresh: Duration = fresh_for.value.into();
    if fresh < FRESH.0 || fresh > FRESH.1 {
        cx.problem(&fresh_for.site, "is out of range", "write a time from `500ms` to `60s`");
        return None;
    }
    Some(Fleet {
        name: plain(raw.name)?.0,
        replica: plain(raw.replica).map(|it| it.0),
        servers: plain(raw.servers)?.0.into_iter().map(|it| it.value.0).collect(),
        login,
        token: plain(raw.token).map(|it| it.0),
        tls: tls?,
        copies: copies_of,
        fresh_for: fresh,
        on_stale: plain(raw.on_stale)?,
    })
}

/// The paths, after every file was read.
fn fleet_tls(raw: RawFleetTls, cx: &mut Context<'_>) -> Option<FleetTls> {
    let ca = match &raw.ca {
        Some(at) => tls::authorities(at, cx).map(drop),
        None => Some(()),
    };
    tls::pair(raw.cert.as_ref(), raw.key.as_ref(), cx)?;
    ca?;
    let path = |at: Option<At<crate::scalar::FilePath>>| at.map(|at| cx.base_dir.join(&at.value.0));
    Some(FleetTls { ca: path(raw.ca), cert: path(raw.cert), key: path(raw.key) })
}
