//! What is expected of a scenario.

/// Which release is current after a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Another one.
    Another,
    /// The same release; in the same run or in a new one.
    Same,
    /// The very same run: the deployment was refused.
    SameRun,
    /// The very same run; where EB deploys at a boot, a new run of the same release too.
    Rebooted,
    /// Whatever there is: flipless came or went.
    Any,
}

/// What is not held against a scenario. It is reported all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Nothing fails, nothing waits.
    Nothing,
    /// Idle kept connections may be closed, by an nginx before 1.27.4 alone; nothing waits.
    IdleKeepAlives,
    /// The same, and requests may wait while something starts again.
    Waiting,
    /// Requests may wait. What a killed server had begun is lost with it, but not what nginx sends
    /// again: where the bundle has it do so, a GET whose answer had not begun is not lost.
    InFlight,
    /// Failures are counted, not judged.
    Measured,
}

/// Which clients take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// All kinds, as far as the server has what they ask for.
    All,
    /// Those whose requests can be sent again: quick ones and, where the server has them, slow ones.
    Repeatable,
    /// Those that any web application can answer.
    Plain,
    /// None: a reboot ends the instance's network.
    None,
}
