//! Closed sets of the queue of a killed workload.

closed_set! {
    /// The state of a queued request.
    QueueState {
        /// It waits for the workload.
        Waiting = "waiting",
        /// It is being sent.
        Sending = "sending",
        /// Its answer is there.
        Answered = "answered",
        /// Its sending was cut off: nobody knows what the backend did.
        Unknown = "unknown",
        /// A person took it out.
        Dropped = "dropped",
        /// It waited too long.
        Expired = "expired",
    }
}
