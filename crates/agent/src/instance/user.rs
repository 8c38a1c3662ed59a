//! The server's user and group, which are part of EB's platform.

use anyhow::{Result, bail};

use crate::instance::system::System;

/// EB's user for applications, and the group of the same name. A run has this user, or a separate user in this group.
pub const NAME: &str = "webapp";

/// Checks that the user exists, before anything starts. systemd's own error would only be status 217/USER.
///
/// # Errors
/// If /etc/passwd has no such user (passwd(5)).
pub fn check(system: &System) -> Result<()> {
    let users = system.read("/etc/passwd")?.unwrap_or_default();
    let entry = format!("{NAME}:");
    if users
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(entry.as_bytes()))
    {
        return Ok(());
    }
    bail!(
        "the instance has no user `{NAME}`, which has to run the server: Elastic Beanstalk's platforms have this \
         user; elsewhere create it with `useradd --system --user-group {NAME}`"
    )
}

/// Returns the number of the group [`NAME`].
pub fn group(system: &System) -> Result<Option<u32>> {
    let groups = groups(system)?;
    let own = groups.iter().find(|group| group.name == NAME);
    Ok(own.map(|group| group.number))
}

/// Returns the numbers of the other groups that the user [`NAME`] is a member of.
pub fn further_groups(system: &System) -> Result<Vec<u32>> {
    let groups = groups(system)?.into_iter();
    let further = groups
        .filter(|group| group.name != NAME && group.members.iter().any(|member| member == NAME));
    Ok(further.map(|group| group.number).collect())
}

/// A line of /etc/group (group(5)).
struct Group {
    name: String,
    number: u32,
    members: Vec<String>,
}

fn groups(system: &System) -> Result<Vec<Group>> {
    let text = system.read("/etc/group")?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let group = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        let members = fields.next().unwrap_or_default().split(',');
        Some(Group {
            name: name.into(),
            number: number.parse().ok()?,
            members: members.map(|member| member.trim().into()).collect(),
        })
    };
    Ok(text.lines().filter_map(group).collect())
}
