//! Types that check their value while serde reads it, so that an error has its place in the file.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::checks::ALLOWABLE;
use crate::{layout, placeholder, procfile};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Number<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Number<MIN, MAX> {
    /// Creates a value from a number in the code. Panics if the number is out of range; in a constant, this is a
    /// compile error.
    pub(super) const fn literal(value: u32) -> Self {
        assert!(value >= MIN && value <= MAX);
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A TCP port.
pub type Port = Number<1, 65535>;

impl Port {
    /// The port as a `u16`, for system calls.
    pub const fn number(self) -> u16 {
        // The type's maximum is 65535.
        self.0 as u16
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        match u32::try_from(value) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(D::Error::custom(format!(
                "{value} is out of range: a whole number from {MIN} to {MAX} is allowed"
            ))),
        }
    }
}

/// Defines a checked string by its doc, name, test, and a text on the allowed values.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $check:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Creates a value from a text in the code.
            #[allow(dead_code, reason = "only the types of keys with a default need it")]
            pub(super) fn literal(text: &str) -> Self {
                debug_assert!($check(text));
                Self(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                if $check(&text) {
                    return Ok(Self(text));
                }
                Err(D::Error::custom(format!(concat!("{:?} is not allowed: ", $allowed), text)))
            }
        }
    };
}

checked_string! {
    /// A name of an app, package or binary.
    Name, is_name, "a name has 1 to 64 letters, digits, `-` and `_`, and begins with a letter or digit"
}
checked_string! {
    /// The path of a URL.
    UrlPath, is_url_path, "a URL path begins with `/` and has no spaces, quotes, backslashes or `%`"
}
checked_string! {
    /// An absolute path on the instance.
    AbsolutePath, is_absolute, "only an absolute path on the instance is allowed, with letters, digits and `/._-`, and without `..`"
}
checked_string! {
    /// A path inside the bundle or the project.
    RelativePath, is_relative, "a path relative to flipless.toml is needed, without `..`, `\\` or a leading `/`"
}

checked_string! {
    /// A path on the machine that builds.
    BuildPath, is_build_path, "a path is needed, absolute or relative to flipless.toml"
}

checked_string! {
    /// One word of a command line.
    Word, is_word, "a word of a command line has no NUL (execve(2))"
}

checked_string! {
    /// The statuses of a healthy answer: codes and ranges.
    Statuses, is_statuses, "statuses from 200 to 599 are needed, such as `200-299,401`"
}
checked_string! {
    /// A command line for a shell, in one line of a Procfile.
    CommandLine, is_command_line, "a command line is one line of text, and not empty"
}
checked_string! {
    /// The name of a process in a Procfile, which is also the name of EB's unit for it.
    ProcessName, is_process_name, "the name of a process has letters, digits, `-` and `_`; `web` is the server, and \
                                   `nginx` and names that begin with `flipless` belong to other units"
}

checked_string! {
    /// An address for mail.
    Email, is_email, "an address such as you@example.com is needed, in ASCII"
}
checked_string! {
    /// The address of an ACME directory. A client asks an authority over HTTPS only (RFC 8555, 6.1).
    Directory, is_directory, "an address that begins with `https://` is needed"
}
checked_string! {
    /// An authority's name for a profile of certificates.
    Profile, is_name, "the name of a profile has 1 to 64 letters, digits, `-` and `_`"
}
checked_string! {
    /// The key identifier of an external account binding: any text in ASCII.
    KeyId, is_key_id, "1 to 256 characters in ASCII are needed, without spaces"
}
checked_string! {
    /// The name of an environment property.
    Property, is_variable, "the name of an environment property has letters, digits and `_`, and does not begin with a digit"
}

/// A file on the instance that outlives a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastingFile(AbsolutePath);

impl std::fmt::Display for LastingFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for LastingFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = AbsolutePath::deserialize(deserializer)?;
        // This comparison ignores doubled slashes, as the kernel does.
        match std::path::Path::new(path.as_str()).starts_with("/var/app") {
            false => Ok(Self(path)),
            true => Err(D::Error::custom(format!(
                "{:?} is not allowed: EB replaces the folders in /var/app in every deployment, and a key in a bundle \
                 would also be in S3, where EB stores the bundles. Use a file elsewhere, such as one in /etc/pki",
                path.0
            ))),
        }
    }
}

/// Returns whether EB accepts the text as the command in a line of the Procfile. EB's pattern for a line is
/// `^[A-Za-z0-9_-]+:\s*[^\s].*$`.
fn is_command_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

fn is_process_name(text: &str) -> bool {
    procfile::is_name(text) && text.len() <= 64 && text != "web" && !procfile::is_taken(text)
}

/// `flipless::Statuses` reads the same form on the instance.
fn is_statuses(text: &str) -> bool {
    let code = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|code| digits && (200..=599_u16).contains(code))
    };
    text.split(',').all(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        code(first).is_some_and(|first| code(last).is_some_and(|last| first <= last))
    })
}

/// A folder on the instance that the server may write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WritablePath(AbsolutePath);

impl std::fmt::Display for WritablePath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for WritablePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = AbsolutePath::deserialize(deserializer)?;
        match crate::writable::refusal(path.as_str()) {
            None => Ok(Self(path)),
            Some(why) => Err(D::Error::custom(format!(
                "{:?} is not allowed: {why}",
                path.0
            ))),
        }
    }
}

/// A variable that tells the server its port: `NAME`, or `NAME=VALUE` with `{port}` in the value. Its text is
/// always `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortVariable(String);

impl std::fmt::Display for PortVariable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PortVariable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (name, value) = text.split_once('=').unwrap_or((&text, "{port}"));
        let fault = if !is_variable(name) {
            "a name of a variable has letters, digits and `_`, and does not begin with a digit"
        } else if is_reserved(name) {
            "flipless or systemd sets this variable"
        } else if !placeholder::is_in(value) || !is_word(value) {
            "the text after the `=` must contain `{port}`, and no NUL"
        } else {
            return Ok(Self(format!("{name}={value}")));
        };
        Err(D::Error::custom(format!(
            "{text:?} is not allowed: {fault}"
        )))
    }
}

/// Returns whether this is a valid name of a variable. systemd has the same rules (systemd.exec(5)).
fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_reserved(name: &str) -> bool {
    name == "PORT" || name.starts_with("FLIPLESS_") || layout::OF_SYSTEMD.contains(&name)
}

/// The name of a check of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckName(&'static str);

impl CheckName {
    /// The name.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for CheckName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut names = ALLOWABLE.into_iter();
        let name = names.find(|name| *name == text);
        name.map(Self).ok_or_else(|| {
            let known = ALLOWABLE.map(|name| format!("`{name}`")).join(", ");
            D::Error::custom(format!(
                "{text:?} is not the name of a check; the names are {known}"
            ))
        })
    }
}

/// Whether the text looks like an address for mail. The authority itself checks the address.
fn is_email(text: &str) -> bool {
    let (name, host) = text.rsplit_once('@').unwrap_or_default();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(',');
    plain && !name.is_empty() && host.contains('.') && text.len() <= 254
}

fn is_directory(text: &str) -> bool {
    let host = text.strip_prefix("https://").unwrap_or_default();
    let plain = |c: char| c.is_ascii_graphic() && !r#""'\"#.contains(c);
    !host.is_empty() && !host.starts_with('/') && host.chars().all(plain)
}

fn is_key_id(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_build_path(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_word(text: &str) -> bool {
    !text.contains('\0')
}

fn is_name(text: &str) -> bool {
    let first = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    first && rest && text.len() <= 64
}

fn is_url_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .chars()
            .all(|c| c.is_ascii_graphic() && !r#""'\%"#.contains(c))
}

fn is_absolute(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    text.starts_with('/') && text.chars().all(plain) && !text.split('/').any(|part| part == "..")
}

fn is_relative(text: &str) -> bool {
    let parts_fine = text.split('/').all(|part| !part.is_empty() && part != "..");
    parts_fine && !text.contains('\\') && !text.chars().any(char::is_control)
}
