//! The file of a release's environment properties, as systemd reads it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use flipless_settings::layout;

/// Properties by name.
pub type Environment = BTreeMap<String, String>;

/// What the units set: a property of the same name would break the server, as one of systemd's would.
pub(super) const RESERVED: &[&str] = &[
    "FLIPLESS_RUN",
    "FLIPLESS_FRONT",
    "FLIPLESS_HEALTH_PATH",
    "FLIPLESS_START_SECONDS",
    "FLIPLESS_DRAIN_SECONDS",
    "FLIPLESS_HEALTH_LOG",
    "FLIPLESS_HOLD",
];

/// The kernel takes no longer `NAME=VALUE`, with its NUL (MAX_ARG_STRLEN, execve(2)).
pub(super) const LONGEST_PROPERTY: usize = 128 * 1024 - "=\0".len();
/// Environment and arguments have 2 MiB together, with the usual 8 MiB of stack (execve(2)): half of it.
const LONGEST_FILE: usize = 1 << 20;

/// The file that `EnvironmentFile=` reads. Every value is written between double quotes, in which a
/// backslash escapes `"`, `\`, `` ` `` and `$`, and a line break stands for itself (systemd.exec(5)).
///
/// # Errors
/// On what systemd would silently leave out: a name or value that it does not take, or a name
/// that is the unit's own.
pub fn to_file(environment: &Environment, port: u16) -> Result<String> {
    let mut file = String::new();
    for (name, value) in environment {
        if name == "PORT" {
            check_port(value, port)?;
            continue;
        }
        check(name, value)?;
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
    if file.len() > LONGEST_FILE {
        bail!(
            "the environment properties have {} bytes in all: the kernel takes no more than \
             {LONGEST_FILE} beside the rest; keep large values elsewhere",
            file.len()
        );
    }
    Ok(file)
}

fn check(name: &str, value: &str) -> Result<()> {
    if !is_name(name) {
        bail!(
            "the environment property {name:?} has a name that systemd does not take: letters, digits and `_`, not a digit first"
        );
    }
    if RESERVED.contains(&name) || layout::OF_SYSTEMD.contains(&name) {
        bail!("the environment property {name} is reserved: rename it");
    }
    if name.len() + value.len() > LONGEST_PROPERTY {
        bail!(
            "the value of the environment property {name} has {} bytes: the kernel takes no more than \
             {} with this name; keep it elsewhere, for example in S3 or Secrets Manager",
            value.len(),
            LONGEST_PROPERTY.saturating_sub(name.len())
        );
    }
    if let Some(character) = value.chars().find(|c| is_noncharacter(*c)) {
        bail!(
            "the value of the environment property {name} has U+{:04X}, which systemd does not take: encode it, for example as base64",
            u32::from(character)
        );
    }
    // systemd takes no control characters but these (env_value_is_valid in its env-util.c).
    let control = value
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t' && !is_c1(*c));
    if let Some(control) = control {
        bail!(
            "the value of the environment property {name} has a control character ({control:?}) that systemd does not take: encode it, for example as base64"
        );
    }
    Ok(())
}

/// systemd drops a whole file for one of these (unichar_is_valid in its utf8.c).
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// U+0080 to U+009F are control characters to Unicode, not to systemd, which looks at bytes below 32
/// and at 127.
fn is_c1(character: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&character)
}

/// nginx passes requests to the port in `flipless.toml`; a server on another PORT gets none.
fn check_port(value: &str, port: u16) -> Result<()> {
    if value == port.to_string() {
        return Ok(());
    }
    bail!(
        "the environment property PORT is not {port}, which the bundle was built for: \
         remove it, or set `port` under [server] in flipless.toml"
    )
}

/// Whether systemd takes a variable of this name (env_name_is_valid in its env-util.c).
pub(super) fn is_name(name: &str) -> bool {
    let head = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    head && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
