//! Checks that nginx.service is the stand-in: no other drop-in may override flipless's drop-in.

use anyhow::{Result, bail};
use flipless_settings::{FrontMode, layout};

use crate::instance::system::System;
use crate::instance::systemd::Systemd;

/// Checks the effective properties of nginx.service. A drop-in with a later name overrides flipless's drop-in. EB could
/// then stop the real nginx, or EB's flip could fail.
///
/// # Errors
/// If a property is not the stand-in's. The message names the property, and says how to find the drop-in.
pub fn verify_stand_in(system: &System) -> Result<()> {
    if system.settings()?.front.mode != FrontMode::Nginx {
        return Ok(());
    }
    let names = EXPECTED.map(|(name, _)| name);
    let values = Systemd::new(system).properties(layout::NGINX, names)?;
    let pairs = EXPECTED.iter().zip(&values);
    let wrong: Vec<_> = pairs
        .filter(|((_, fits), value)| !fits(value))
        .map(|((name, _), _)| *name)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "another drop-in of nginx.service overrides {}, which the stand-in needs: \
         find the drop-in with `systemctl cat nginx.service`, and move its settings to {}",
        wrong.join(", "),
        layout::FRONT
    )
}

type Fits = fn(&str) -> bool;

/// The properties of the stand-in. Every command in them must be the agent's.
const EXPECTED: [(&str, Fits); 7] = [
    ("Type", |value| value == "notify"),
    ("PIDFile", str::is_empty),
    ("ExecStartPre", is_agents),
    ("ExecStart", |value| !value.is_empty() && is_agents(value)),
    // EB's own drop-in may add an ExecStartPost= that writes the pid. So ExecStartPost= is not checked: it only
    // affects the stand-in.
    ("ExecReload", is_agents),
    ("ExecStop", str::is_empty),
    ("ExecStopPost", str::is_empty),
];

/// Returns whether every command in the value is the agent's. systemd prints one
/// `{ path=/opt/flipless/bin/flipless ; argv[]=… }` per command.
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
