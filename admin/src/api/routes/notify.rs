//! Routes for the status and the test of notification channels.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Body, Segments, optional_reason};
use crate::auth::Caller;
use crate::describe;
use axum::extract::State;
use axum::{Extension, Json};
use stagegate_api::{
    ChannelKind, ChannelStatus, ChannelTested, Channels, OptionalReason, Severity,
};
use stagegate_config::Config;
use stagegate_control::StoreAccessError;
use stagegate_notify::{ChannelHealth, Notifier, NotifierError};

/// Every channel, with what waits for it and how its last tries went.
#[utoipa::path(get, path = "/v1/notify", tag = "read",
    responses((status = 200, description = "In the order of the configuration.", body = Channels)))]
pub(super) async fn channels(State(app): State<App>) -> Result<Json<Channels>, ApiError> {
    let health = notifier(&app)?.health().await?;
    let config = &app.control.view().config;
    let channels = health.into_iter().map(|health| status(health, config)).collect();
    Ok(Json(Channels { channels }))
}

/// Sends a test message through a channel, at once.
///
/// The channel's filter and queue are ignored. If the message arrives, the messages that wait for
/// the channel are sent at once too. If it does not arrive, the answer says so.
#[utoipa::path(post, path = "/v1/notify/{channel}/test", tag = "system",
    params(("channel" = String, Path, description = "The channel's name")),
    request_body = Option<OptionalReason>,
    responses((status = 200, description = "The result of the test.", body = ChannelTested)))]
pub(super) async fn test_channel(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Segments(channel): Segments<String>,
    Body(body): Body<OptionalReason>,
) -> Result<Json<ChannelTested>, ApiError> {
    let reason = optional_reason(body.reason.as_deref())?;
    let tested = notifier(&app)?.test(&channel, &caller.actor).await?;
    let delivered = tested.error.is_none();
    let how = tested.error.as_deref().unwrap_or("delivered");
    app.control.note_test(&caller.actor, &reason, &format!("test of channel {channel}: {how}"));
    let (notice, took_ms) = (tested.notice, tested.took_ms);
    Ok(Json(ChannelTested { channel, delivered, error: tested.error, notice, took_ms }))
}

fn notifier(app: &App) -> Result<&Notifier, ApiError> {
    app.notifier.as_ref().ok_or_else(|| StoreAccessError::ReadOnly.into())
}

fn status(health: ChannelHealth, config: &Config) -> ChannelStatus {
    let channel = config.notify.iter().find(|channel| channel.name == health.name);
    let (last_failure_at_ms, last_failure) = health.last_failure.unzip();
    ChannelStatus {
        kind: ChannelKind::from_word(health.kind).unwrap_or(ChannelKind::Webhook),
        owners: channel.map(|it| it.owners.clone()).unwrap_or_default(),
        severity: channel.map_or(Severity::Info, |it| describe::severity(it.severity)),
        workloads: channel
            .map(|it| it.workloads.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        name: health.name,
        pending: health.pending,
        oldest_pending_at_ms: health.oldest_pending_ms,
        last_success_at_ms: health.last_success_ms,
        last_failure_at_ms,
        last_failure,
    }
}

impl From<NotifierError> for ApiError {
    fn from(error: NotifierError) -> Self {
        let kind = match error {
            NotifierError::UnknownChannel { .. } => Kind::NotFound,
            NotifierError::Store(_) => Kind::Unavailable,
            NotifierError::Lost(_) => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
