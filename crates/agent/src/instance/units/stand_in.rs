//! What systemd makes of nginx.service, whose drop-in is to be the last word.

use anyhow::{Result, bail};
use flipless_settings::{FrontMode, layout};

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Checks the effective properties of nginx.service: a drop-in that sorts after ours wins, and would
/// let EB stop the real nginx, or fail its flip.
///
/// # Errors
/// When one is not the stand-in's; the message names it, and how to find who sets it.
pub fn verify_stand_in(system: &System) -> Result<()> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(());
    }
    let systemd = Systemd::new(system);
    let nginx = |name: &str| systemd.property(layout::NGINX, name);
    let mut wrong = Vec::new();
    for (name, fits) in EXPECTED {
        if !fits(&nginx(name)?) {
            wrong.push(*name);
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "another drop-in of nginx.service overrides {} of the stand-in's: \
         `systemctl cat nginx.service` shows which; set it on {} instead",
        wrong.join(", "),
        layout::FRONT
    )
}

type Fits = fn(&str) -> bool;

/// Every command is the agent's, or there is none.
const EXPECTED: &[(&str, Fits)] = &[
    ("Type", |value| value == "notify"),
    ("PIDFile", str::is_empty),
    ("ExecStartPre", is_agents),
    ("ExecStart", |value| !value.is_empty() && is_agents(value)),
    // EB's own drop-in may add one that writes the pid; it reaches only the stand-in.
    ("ExecReload", is_agents),
    ("ExecStop", str::is_empty),
    ("ExecStopPost", str::is_empty),
];

/// `{ path=/opt/flipless/bin/flipless ; argv[]=… }`, one a command.
fn is_agents(value: &str) -> bool {
    let ours = format!("path={} ;", layout::AGENT);
    value.matches("path=").count() == value.matches(&ours).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_others_are_seen_beside_ours() {
        let ours = format!("{{ path={} ; argv[]=x ; }}", layout::AGENT);
        assert!(is_agents(""));
        assert!(is_agents(&ours));
        assert!(is_agents(&format!("{ours} {ours}")));
        assert!(!is_agents(&format!(
            "{ours} {{ path=/bin/rm ; argv[]=x ; }}"
        )));
    }
}
