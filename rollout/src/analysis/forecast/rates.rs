//! What a plan assumes of a workload.

use crate::policy::{Axis, ErrorClass, Gate, GateId, Measure};
use crate::units::UnitClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The known or assumed rates of a workload as it runs now. Shares are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Requests a second, both arms.
    pub rps: f64,
    /// Share of permanent failures.
    pub permanent: f64,
    /// Share of transient failures.
    pub transient: f64,
    /// Share of external failures.
    pub external: f64,
    /// Share of 4xx answers.
    pub rejected: f64,
    /// Share of requests whose client leaves before any byte of the response.
    pub client_gone: f64,
    /// Share of scored responses that fail.
    pub wrong: f64,
    /// Share of the candidate's conversations that are scored.
    pub scored_candidate: f64,
    /// Share of stable's conversations that are scored.
    pub scored_stable: f64,
    /// Requests of a conversation. Scorers count one response of each.
    pub turns: f64,
    /// How much the turns of a conversation hang together (intraclass correlation, 0 to 1), for gates whose
    /// effect nobody measured.
    pub icc: f64,
    /// Dollars of a request.
    pub usd_per_request: f64,
    /// How many values of a gate carry as much as one independent value (the design effect), where the
    /// workload's conversations have shown it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<GateId, f64>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            rps: 1.0,
            permanent: 0.005,
            transient: 0.005,
            external: 0.005,
            rejected: 0.01,
            client_gone: 0.01,
            wrong: 0.05,
            scored_candidate: 0.05,
            scored_stable: 0.02,
            turns: 1.0,
            icc: 0.0,
            usd_per_request: 0.0,
            effects: BTreeMap::new(),
        }
    }
}

impl Rates {
    /// Shares of the candidate's and of stable's requests that are values of the gate. Scorers count one
    /// response of a conversation that is sampled.
    pub(super) fn counted(&self, gate: &Gate) -> (f64, f64) {
        if gate.axis != Axis::Eval {
            return (1.0, 1.0);
        }
        let turns = self.turns.max(1.0);
        (self.scored_candidate / turns, self.scored_stable / turns)
    }

    /// Values of the gate that carry as much as one independent value: as measured, or else as follows from
    /// turns and correlation (Kish 1965); none where neither is known.
    pub(super) fn effect(&self, gate: &Gate) -> Option<f64> {
        let measured = self.effects.get(&gate.id()).copied();
        let hangs = self.icc > 0.0 && self.turns > 1.0 && UnitClass::of(gate).is_some();
        let assumed = hangs.then_some(1.0 + (self.turns - 1.0) * self.icc);
        measured.or(assumed).map(|effect| effect.max(1.0))
    }

    /// The present share of bad values; for quantiles, half of what may be.
    pub(super) fn bad_share(&self, gate: &Gate) -> Option<f64> {
        match &gate.measure {
            Measure::Accuracy | Measure::LabelledAccuracy => Some(self.wrong),
            Measure::ErrorRate { class } => Some(match class {
                ErrorClass::Permanent => self.permanent,
                ErrorClass::Transient => self.transient,
                ErrorClass::External => self.external,
                ErrorClass::Rejected => self.rejected,
                ErrorClass::ClientGone => self.client_gone,
            }),
            Measure::Latency { quantile, .. } => Some(quantile.tail() / 2.0),
            _ => None,
        }
    }
}
