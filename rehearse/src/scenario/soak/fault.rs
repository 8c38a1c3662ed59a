//! The faults in the deployments of a soak.

use std::fmt;
use std::time::Duration;

use super::act::Act;
use super::random::Random;
use super::wanted::Wanted;

/// The process that gets SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Victim {
    /// An agent that runs any command at this moment.
    Agent,
    /// The server of the current run.
    Server,
    /// The server of the staged run, which is still held.
    Staged,
    /// The master process of nginx.
    Nginx,
}

/// A SIGKILL at a chosen moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// The process that gets the signal.
    pub victim: Victim,
    /// Which agent of the deployment is killed, counted from 1.
    pub nth: u32,
    /// The time since the start of that agent, of the staged server, or of the deployment.
    pub after: Duration,
}

/// A fault in a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process is killed.
    Kill(Kill),
    /// The engine stops before this instruction, and does not continue.
    EngineDies(&'static str),
}

/// The instructions before which the engine may stop. `GetBundle` is not in the list, because the ledger counts a
/// version as stored as soon as its deployment begins.
const INSTRUCTIONS: [&str; 9] = [
    "StageApplication",
    "configure proxy Nginx",
    "RunAppDeployPreDeployHooks",
    "stop X-Ray",
    "stop proxy",
    "FlipApplication",
    "start proxy with new configuration",
    "Track pids in healthd",
    "RunAppDeployPostDeployHooks",
];

/// The latest moment of a kill, counted from the start of an agent or of the staged server.
const AGENT: Duration = Duration::from_millis(2500);
/// The latest moment of a kill, counted from the start of the deployment.
pub(super) const DEPLOYMENT: Duration = Duration::from_secs(6);

/// Draws a fault for this act. Draws a kill of a server only if `server` is true, and a kill of nginx only if there is
/// a front. Kills of nginx are more frequent if there is a certificate.
pub(super) fn draw(random: &mut Random, act: Act, server: bool, wanted: &Wanted) -> Fault {
    let nginx = match (wanted.has_front, wanted.has_authority) {
        (false, _) => 0,
        (true, false) => 15,
        (true, true) => 90,
    };
    let deaths = if act.is_deployment() { 20 } else { 0 };
    let weights = [
        (None, deaths),
        (Some(Victim::Agent), 50),
        (Some(Victim::Server), if server { 20 } else { 0 }),
        (Some(Victim::Staged), if server { deaths / 2 } else { 0 }),
        (Some(Victim::Nginx), nginx),
    ];
    let Some(victim) = random.weighted(&weights) else {
        return Fault::EngineDies(random.one_of(&INSTRUCTIONS));
    };
    let is_agent = victim == Victim::Agent;
    let nth = 1 + random.below(if is_agent { agents(act) } else { 1 });
    let longest = match victim {
        Victim::Agent | Victim::Staged => AGENT,
        Victim::Server | Victim::Nginx => DEPLOYMENT,
    };
    Fault::Kill(Kill {
        victim,
        nth,
        after: random.delay(longest),
    })
}

/// Returns roughly how many agents run in the act. The first agent of a deployment is `stage`, and the last ones are
/// `commit` and `front-settle`.
fn agents(act: Act) -> u32 {
    match act {
        Act::Rollback | Act::LateHook => 1,
        Act::Abort => 2,
        Act::AbortedFlip => 4,
        Act::Restart => 4,
        Act::Version | Act::Property | Act::Proxy | Act::PostHook => 7,
    }
}

impl Fault {
    /// Returns whether the fault kills a server, which may have requests in flight. A staged server is held
    /// until the flip.
    pub(super) fn is_of_a_server(self) -> bool {
        self.kills(Victim::Server) || self.kills(Victim::Staged)
    }

    /// Returns whether the fault may make the flip fail: EB can't flip to a staged run that has crashed.
    pub(super) fn may_spoil_the_flip(self) -> bool {
        self.kills(Victim::Staged)
    }

    /// Returns whether the fault kills this kind of process.
    pub(super) fn kills(self, victim: Victim) -> bool {
        matches!(self, Self::Kill(kill) if kill.victim == victim)
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Agent => "agent",
            Self::Server => "server",
            Self::Staged => "the staged server",
            Self::Nginx => "nginx",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineDies(before) => write!(formatter, "the engine dies before `{before}`"),
            Self::Kill(Kill { victim, nth, after }) => {
                let after = after.as_millis();
                match victim {
                    Victim::Agent => write!(formatter, "kill -9 of agent {nth} after {after} ms"),
                    other => write!(formatter, "kill -9 of {other} at {after} ms"),
                }
            }
        }
    }
}
