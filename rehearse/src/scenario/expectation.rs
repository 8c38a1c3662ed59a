//! The expected result of a scenario.

/// Which release is current after a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Another release.
    Another,
    /// The same release, in the same run or in a new run.
    Same,
    /// The same run, because the deployment was refused.
    SameRun,
    /// The same run. If EB deploys at a boot, a new run of the same release is accepted too.
    Rebooted,
    /// Any release: the scenario installs or removes flipless.
    Any,
}

/// Failures and delays that do not fail a scenario. The report shows them anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// No request may fail, and no request may wait.
    Nothing,
    /// nginx before 1.27.4 may close idle kept connections. No request may wait.
    IdleKeepAlives,
    /// Like [`Self::IdleKeepAlives`], but requests may wait while a process starts again.
    Waiting,
    /// Requests may wait. Requests that a killed server has begun to handle may fail. If the bundle makes nginx
    /// repeat failed requests, a GET whose answer has not begun must not fail.
    InFlight,
    /// Failures are counted and do not fail the scenario.
    Measured,
}

/// Which clients take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// All kinds for which the server has an endpoint.
    All,
    /// Clients whose requests nginx can repeat: quick requests, and slow requests if the server has an endpoint.
    Repeatable,
    /// Clients whose requests any web application can answer.
    Plain,
    /// No clients: a reboot ends the instance's network.
    None,
}
