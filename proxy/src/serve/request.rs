//! One request: the checks that come before it is forwarded.

use super::call::Call;
use super::client::{After, Client};
use crate::http1::{BodyLength, Known, tokens};
use crate::plan::{Plan, Workload};
use crate::problem::Problem;
use std::rc::Rc;

impl Client {
    /// Serves the request whose head is in the input.
    pub(super) async fn request(&mut self) -> After {
        let worker = Rc::clone(&self.worker);
        let mut call = Call::begin(&worker, &self.context.forwarding, &self.input, &self.head);
        if let Some(id) = self.asks_for_queued() {
            return self.answer_queued(&call, id).await;
        }
        let plan = worker.plan();
        let position = match self.route(&plan) {
            Ok(position) => position,
            Err(problem) => return self.refuse(&call, &plan, None, problem).await,
        };
        let workload = &plan.workloads[position];
        call.begin_trace(&worker, workload, &self.context.forwarding, &self.input, &self.head);
        if let Some(problem) = self.unacceptable(workload) {
            return self.refuse(&call, &plan, Some(workload), problem).await;
        }
        let mut expect = self.head.expects_continue;
        match self.identify(workload, &mut call, &mut expect).await {
            Ok(true) => {}
            Ok(false) => return After::Abort,
            Err(problem) => return self.refuse(&call, &plan, Some(workload), problem).await,
        }
        let Some(_place) = worker.admit() else {
            return self.refuse(&call, &plan, Some(workload), Problem::Busy).await;
        };
        let tenant = call.found.tenant.as_deref().unwrap_or("");
        let allowance = workload.prepared.allowance.as_ref();
        let _under_way = match allowance.map(|allowance| allowance.take(tenant)).transpose() {
            Err(problem) => return self.refuse(&call, &plan, Some(workload), problem).await,
            Ok(under_way) => under_way,
        };
        let after = self.forward(&mut call, plan, position, expect).await;
        self.watch.serving(None);
        self.watch.set_at(u64::MAX);
        after
    }

    /// The position of the request's workload in the plan.
    pub(super) fn route(&self, plan: &Plan) -> Result<usize, Problem> {
        let mode = || self.worker.shared.settings.load().path;
        plan.routes.find(&self.input, &self.head, mode)
    }

    /// The reason to refuse a request that no endpoint needs to see.
    fn unacceptable(&self, workload: &Workload) -> Option<Problem> {
        let own = self.context.forwarding.via.as_bytes();
        let is_own = |hop: &[u8]| hop.split(|&b| b == b' ').any(|part| part == own);
        let loops = self.head.known(&self.input, Known::Via).any(|via| tokens(via).any(is_own));
        let too_large = matches!(self.head.body, Some(BodyLength::Bytes(bytes)) if bytes > workload.prepared.settings.limits.body);
        match (loops, too_large) {
            (true, _) => Some(Problem::LoopDetected),
            (_, true) => Some(Problem::BodyTooLarge),
            _ => None,
        }
    }
}
