//! The files that the bundle adds to EB's nginx configuration, and the versions of nginx that accept them.

use std::time::Duration;

pub mod glob;
pub mod https;
mod time;
pub mod tokens;

pub use time::parse_time;

/// The major, minor and patch number.
pub type Version = (u32, u32, u32);

/// Blocks whose lines are entries of a table, and not directives. A table may have any number of lines. `match` and
/// `geoip2` belong to other builds of nginx.
pub const TABLES: [&str; 7] = [
    "charset_map",
    "geo",
    "geoip2",
    "map",
    "match",
    "split_clients",
    "types",
];

/// EB's nginx on Amazon Linux 2023.
pub const PLATFORM: Version = (1, 28, 0);

/// The name, in the bundle's `nginx/` and in `conf.d/`, of the file that keeps idle connections open during a reload.
pub const KEEPALIVE: &str = "zz-flipless-keepalive.conf";
/// The first version of nginx that has the directive in this file, `keepalive_min_timeout` (nginx's CHANGES, 1.27.4).
pub const KEEPALIVE_SINCE: Version = (1, 27, 4);

/// Returns whether this version has the directive in [`KEEPALIVE`].
///
/// ```
/// use flipless_settings::nginx::{KEEPALIVE_SINCE, knows_keepalive};
/// assert!(knows_keepalive(KEEPALIVE_SINCE) && knows_keepalive((1, 28, 0)));
/// assert!(!knows_keepalive((1, 27, 3)));
/// ```
pub fn knows_keepalive(version: Version) -> bool {
    version >= KEEPALIVE_SINCE
}

/// The name of the directive in [`KEEPALIVE`].
pub const MIN_TIMEOUT: &str = "keepalive_min_timeout";

/// Returns the keep-alive file with this time in its directive. Without a time, the file has only its comments.
///
/// ```
/// use std::time::Duration;
///
/// let file = "# a\nkeepalive_min_timeout 75s;\n";
/// let keepalive_for = flipless_settings::nginx::keepalive_for;
/// let longer = keepalive_for(file, Some(Duration::from_secs(300)));
/// assert_eq!(longer, "# a\nkeepalive_min_timeout 300s;\n");
/// let odd = keepalive_for(file, Some(Duration::from_millis(90_500)));
/// assert_eq!(odd, "# a\nkeepalive_min_timeout 90500ms;\n");
/// assert_eq!(keepalive_for(file, None), "# a\n");
/// ```
pub fn keepalive_for(file: &str, timeout: Option<Duration>) -> String {
    let lines = file.split_inclusive('\n');
    let comments = lines
        .filter(|line| !line.starts_with(MIN_TIMEOUT))
        .collect();
    match timeout.map(|timeout| timeout.as_millis()) {
        None => comments,
        Some(time) if time % 1000 == 0 => format!("{comments}{MIN_TIMEOUT} {}s;\n", time / 1000),
        Some(time) => format!("{comments}{MIN_TIMEOUT} {time}ms;\n"),
    }
}

/// The name, in the bundle's `nginx/` and in `conf.d/`, of the file with which nginx repeats a failed request.
pub const UPSTREAM: &str = "zz-flipless-upstream.conf";
/// The line in this file that only newer versions of nginx accept.
const NO_KEEPALIVE: &str = "keepalive 0;";
/// The first version that keeps connections to an upstream by default. It is also the first version that accepts
/// `keepalive 0` (nginx's CHANGES, 1.29.7).
const NO_KEEPALIVE_SINCE: Version = (1, 29, 7);

/// Returns the upstream's file without the line that `version` does not accept.
///
/// ```
/// let file = "upstream a {\n    keepalive 0;\n}\n";
/// assert_eq!(flipless_settings::nginx::upstream_for(file, (1, 28, 0)), "upstream a {\n}\n");
/// assert_eq!(flipless_settings::nginx::upstream_for(file, (1, 29, 7)), file);
/// ```
pub fn upstream_for(file: &str, version: Version) -> String {
    let known = |line: &&str| line.trim() != NO_KEEPALIVE || version >= NO_KEEPALIVE_SINCE;
    file.split_inclusive('\n').filter(known).collect()
}

/// Returns the version in the output of `nginx -v`; `None` if the program is not nginx.
///
/// ```
/// let said = "nginx version: nginx/1.28.0 (Ubuntu)";
/// assert_eq!(flipless_settings::nginx::parse_version(said), Some((1, 28, 0)));
/// assert_eq!(flipless_settings::nginx::parse_version("openresty"), None);
/// ```
pub fn parse_version(said: &str) -> Option<Version> {
    let version = said.split("nginx/").nth(1)?;
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}
