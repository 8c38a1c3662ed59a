//! Writes the environment properties of a release into a file for systemd.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use flipless_settings::layout;

/// Properties by name.
pub type Environment = BTreeMap<String, String>;

/// The variables that the units set. A property of the same name would break the server, as would a property
/// with the name of one of systemd's variables.
pub(super) const RESERVED: &[&str] = &[
    "FLIPLESS_RUN",
    "FLIPLESS_FRONT",
    "FLIPLESS_HEALTH_PATH",
    "FLIPLESS_HEALTH_STATUSES",
    "FLIPLESS_START_SECONDS",
    "FLIPLESS_DRAIN_SECONDS",
    "FLIPLESS_HEALTH_LOG",
    "FLIPLESS_HOLD",
];

/// The greatest length of a name and its value together that the kernel accepts, without `=` and NUL (MAX_ARG_STRLEN,
/// execve(2)).
pub(super) const LONGEST_PROPERTY: usize = 128 * 1024 - "=\0".len();
/// The largest file. With the usual stack limit of 8 MiB, the kernel allows 2 MiB for environment and arguments
/// together (execve(2)). This is half of that limit.
const LONGEST_FILE: usize = 1 << 20;

/// Returns the content of the file that `EnvironmentFile=` of a run reads.
///
/// # Errors
/// If systemd would silently drop a name or value, or if a name is reserved for the unit.
pub fn to_file(environment: &Environment, port: u16) -> Result<String> {
    let mut properties = environment.clone();
    if let Some(value) = properties.remove("PORT") {
        check_port(&value, port)?;
    }
    for (name, value) in &properties {
        check(name, value)?;
    }
    let file = written(&properties);
    if file.len() > LONGEST_FILE {
        bail!(
            "the environment properties have {} bytes in all, and flipless allows no more than \
             {LONGEST_FILE}: keep large values elsewhere, for example in S3 or Secrets Manager",
            file.len()
        );
    }
    Ok(file)
}

/// Writes the variables for `EnvironmentFile=`. Every value is in double quotes. Inside them a backslash escapes `"`,
/// `\`, `` ` `` and `$`, and a line break needs no escape (systemd.exec(5)).
pub(super) fn written(environment: &Environment) -> String {
    let mut file = String::new();
    for (name, value) in environment {
        file.push_str(name);
        file.push_str("=\"");
        for character in value.chars() {
            if matches!(character, '"' | '\\' | '`' | '$') {
                file.push('\\');
            }
            file.push(character);
        }
        file.push_str("\"\n");
    }
    file
}

fn check(name: &str, value: &str) -> Result<()> {
    if !is_name(name) {
        bail!(
            "systemd does not accept the name of the environment property {name:?}: use letters, digits and `_`, \
             and no digit at the beginning"
        );
    }
    if RESERVED.contains(&name) || layout::OF_SYSTEMD.contains(&name) {
        bail!(
            "the environment property {name} is reserved, because the server's unit sets this variable itself: \
             rename the property or remove it"
        );
    }
    if name.len() + value.len() > LONGEST_PROPERTY {
        bail!(
            "the value of the environment property {name} has {} bytes, and the kernel accepts no more than \
             {} with this name: keep the value elsewhere, for example in S3 or Secrets Manager",
            value.len(),
            LONGEST_PROPERTY.saturating_sub(name.len())
        );
    }
    if let Some(character) = value.chars().find(|c| is_noncharacter(*c)) {
        bail!(
            "the value of the environment property {name} contains U+{:04X}, which systemd does not accept: \
             encode the value, for example as base64",
            u32::from(character)
        );
    }
    // systemd accepts every other control character (env_value_is_valid in its env-util.c).
    if value.contains('\0') {
        bail!(
            "the value of the environment property {name} contains NUL, which no environment variable can contain: \
             encode the value, for example as base64"
        );
    }
    Ok(())
}

/// Returns whether systemd would refuse the whole file for this character (unichar_is_valid in its utf8.c).
pub(super) fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Refuses a PORT other than the one in `flipless.toml`. nginx passes requests only to the port in `flipless.toml`.
fn check_port(value: &str, port: u16) -> Result<()> {
    if value == port.to_string() {
        return Ok(());
    }
    bail!(
        "the environment property PORT is not {port}, the port that the bundle was built for: \
         remove the property, or set `port` under [server] in flipless.toml"
    )
}

/// Returns whether systemd accepts a variable of this name (env_name_is_valid in its env-util.c).
pub(super) fn is_name(name: &str) -> bool {
    let head = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    head && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
