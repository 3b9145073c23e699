//! The fleet: its replicas, and what may be wrong with it.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::Segments;
use crate::describe;
use axum::Json;
use axum::extract::State;
use stagegate_api::{FleetExamination, FleetStatus, ReplicaForgotten};
use stagegate_control::ports::Replicas;
use std::sync::Arc;

/// The fleet and its replicas.
///
/// Every replica is asked; those that do not answer within 0.7 s are silent.
#[utoipa::path(get, path = "/v1/fleet", tag = "read",
    responses((status = 200, description = "One row for each replica.", body = FleetStatus)))]
pub(super) async fn fleet(State(app): State<App>) -> Result<Json<FleetStatus>, ApiError> {
    let replicas = replicas(&app)?;
    let leader = app.control.fleet_leader();
    let mut fleet = match replicas.rows().await {
        Ok(rows) => describe::fleet(&*replicas, &rows, leader),
        // Without the ledger it is as it was last seen.
        Err(error) => {
            let mut fleet = describe::fleet(&*replicas, &replicas.seen(), leader);
            fleet.warnings.insert(0, format!("the replicas cannot be asked: {error}"));
            fleet
        }
    };
    fleet.replicas.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(fleet))
}

/// What a fleet needs, each with its remedy.
///
/// Looks at the NATS servers, the stream of the ledger and the replicas.
#[utoipa::path(get, path = "/v1/fleet/doctor", tag = "read",
    responses((status = 200, description = "Everything that was looked at.", body = FleetExamination)))]
pub(super) async fn doctor(State(app): State<App>) -> Result<Json<FleetExamination>, ApiError> {
    let findings = replicas(&app)?.examine().await;
    let findings: Vec<_> = findings.into_iter().map(describe::fleet_finding).collect();
    Ok(Json(FleetExamination { ok: findings.iter().all(|it| it.ok), findings }))
}

/// Takes a replica that is gone for good out of the fleet.
///
/// It is watched for as long as freshness lasts. A replica that renews meanwhile stays, and the answer
/// is 409.
#[utoipa::path(delete, path = "/v1/fleet/replicas/{replica}", tag = "system",
    params(("replica" = String, Path, description = "Name of the replica")),
    responses((status = 200, description = "It is no member any more.", body = ReplicaForgotten)))]
pub(super) async fn forget(
    State(app): State<App>,
    Segments(replica): Segments<String>,
) -> Result<Json<ReplicaForgotten>, ApiError> {
    let forgotten = replicas(&app)?.forget(replica.clone()).await;
    forgotten.map_err(|why| ApiError::new(Kind::Refused, why))?;
    Ok(Json(ReplicaForgotten { replica }))
}

fn replicas(app: &App) -> Result<Arc<dyn Replicas>, ApiError> {
    app.control.replicas().cloned().ok_or_else(|| {
        let why = "this Stagegate is a process on its own: its configuration has no `fleet`";
        ApiError::new(Kind::NotFound, why)
    })
}
