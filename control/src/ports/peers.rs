//! Port: the replicas of a fleet, as far as steering needs them.

use super::BoxFuture;
use stagegate_fleet::ReplicaName;
use stagegate_rollout::WorkloadName;

/// State that was saved, and the number that the next state must name.
pub type SavedState = (u64, Vec<u8>);

/// The steering lease, and what replicas tell each other about evidence. Messages may be lost, repeated
/// and late.
pub trait Peers: Send + Sync + 'static {
    /// Name of this replica.
    fn name(&self) -> ReplicaName;

    /// The term in which this replica steers now; none if it does not. Asks nobody.
    fn term(&self) -> Option<u64>;

    /// The replica that has the lease and its term; none if nobody renews it. Asks nobody.
    fn leader(&self) -> Option<(ReplicaName, u64)>;

    /// Sends a message to the replica that has the lease. Does not wait.
    fn report(&self, message: Vec<u8>);

    /// Sends a message to every replica. Does not wait.
    fn tell(&self, message: Vec<u8>);

    /// The state that was saved last for a workload; none if there is none.
    ///
    /// # Errors
    /// When the servers do not answer, in words.
    fn load(
        &self,
        workload: &WorkloadName,
    ) -> BoxFuture<'static, Result<Option<SavedState>, String>>;

    /// Saves the state of a workload in place of the one with the number `replaces` (0: there is none).
    /// Returns its number.
    ///
    /// # Errors
    /// When another state was saved in between, or the servers do not answer, in words. It may be saved
    /// all the same.
    fn save(
        &self,
        workload: &WorkloadName,
        replaces: u64,
        state: Vec<u8>,
    ) -> BoxFuture<'static, Result<u64, String>>;
}
