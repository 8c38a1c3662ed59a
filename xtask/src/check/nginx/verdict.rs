//! Judges what `nginx -t` says: a message may be about the bundle, or about this machine.

use flipless_settings::nginx::{PLATFORM, Version};

use crate::check::directives;
use crate::check::outcome::Check;

pub const NAME: &str = "nginx";
const HINT: &str = "paths are relative to EB's /etc/nginx; `.platform/nginx/conf.d/*.conf` belongs to the `http` \
                    block, and `.platform/nginx/conf.d/elasticbeanstalk/*.conf` to the `server` block";

/// Messages about something that the instance has and this machine may lack. nginx stops without it.
const ELSEWHERE: [&str; 9] = [
    "cannot load certificate",
    "host not found",
    "getpwnam(",
    "getgrnam(",
    "dlopen(",
    "BIO_new_file(",
    "SSL_CTX_load_verify_locations(",
    "MMDB_open(",
    // A module that is not compiled in.
    "requires ngx_",
];

/// Messages about the limits under which `check` runs nginx.
const LIMITS: [&str; 3] = ["Cannot allocate memory", "mmap(", "malloc("];
/// Beginnings of variables whose modules this machine's nginx may lack.
const VARIABLES: [&str; 9] = [
    "geoip",
    "http2",
    "http3",
    "image",
    "quic",
    "realip",
    "secure_link",
    "slice_range",
    "ssl_",
];
/// The output of nginx.
pub struct Tested {
    pub said: String,
    pub version: Version,
    /// How many files the bundle adds.
    pub pieces: usize,
    /// Whether the bundle brings modules of nginx.
    pub modules: bool,
    /// The files below `/etc/nginx` that the bundle lacks.
    pub missing: Vec<String>,
}

impl Tested {
    /// A missing file is a finding, unless the bundle may install it.
    pub fn judge(&self, may_install: bool) -> Check {
        let check = self.judge_message();
        let missing = self.missing.iter();
        let missing: Vec<String> = missing
            .map(|path| format!("the configuration includes {path}, which is not in the bundle"))
            .collect();
        match check.ok {
            Some(true) if !missing.is_empty() && !may_install => {
                Check::of(NAME, missing, "").with_hint(HINT)
            }
            _ => check.with_warnings(&missing),
        }
    }

    /// nginx prints `syntax is ok` after it has parsed all files. A later failure is due to this machine: a port, a
    /// log or the pid file, which the user `nobody` can't open.
    fn judge_message(&self) -> Check {
        let shown = shown(self.version);
        if self.said.contains("syntax is ok") {
            let fine = format!("{} files in EB's configuration, {shown}", self.pieces);
            return Check::of(NAME, Vec::new(), fine);
        }
        let emergency = self
            .said
            .lines()
            .find_map(|line| line.split_once("[emerg] "));
        let Some((_, message)) = emergency else {
            // The last line tells, for example, that nginx has exceeded the time limit.
            let last = self.said.lines().next_back().unwrap_or("no output");
            let why = format!("{shown} reported neither success nor an error: {last}");
            return Check::skipped(NAME, why);
        };
        let message = without_numbers(message);
        let absolute = message.contains("open() \"/") || message.contains("opendir() \"/");
        if absolute || ELSEWHERE.iter().any(|text| message.contains(text)) {
            return Check::skipped(NAME, format!("only the instance may have this: {message}"));
        }
        if LIMITS.iter().any(|text| message.contains(text)) {
            return Check::skipped(NAME, format!("this machine's limits: {message}"));
        }
        if known_to_eb(message, self.version, self.modules) {
            let why = format!("{message} (this is {shown}, which may know it)");
            return Check::skipped(NAME, why);
        }
        Check::of(NAME, vec![format!("{message} ({shown})")], "").with_hint(HINT)
    }
}

/// The message without a prefix of process and thread numbers, such as `7#7: `.
fn without_numbers(message: &str) -> &str {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (numbers, rest) = message.split_once(": ").unwrap_or_default();
    match numbers.split_once('#') {
        Some((process, thread)) if number(process) && number(thread) => rest,
        _ => message,
    }
}

/// Whether EB's nginx may accept what this nginx refuses: EB's nginx has every module, and may be newer. If the bundle
/// brings modules, any directive or variable may be one of a module.
fn known_to_eb(message: &str, version: Version, modules: bool) -> bool {
    let quoted = message.split('"').nth(1).unwrap_or_default();
    let directive = message.starts_with("unknown directive");
    let variable = message.contains("\" variable");
    let of_a_module = (directive && directives::is_nginx_s(quoted))
        || (variable && VARIABLES.iter().any(|start| quoted.starts_with(start)))
        || (modules && (directive || variable));
    let newer = ["invalid parameter", "invalid value"];
    // A flag accepts only `on` and `off` in every version.
    let may_be_newer = (directive || variable || newer.iter().any(|text| message.contains(text)))
        && !message.contains("it must be");
    of_a_module || (version < PLATFORM && may_be_newer)
}

fn shown(version: Version) -> String {
    let (major, minor, _) = PLATFORM;
    match (version.0, version.1) == (major, minor) {
        true => format!("nginx {}", dotted(version)),
        false => format!("nginx {}; EB has {major}.{minor}", dotted(version)),
    }
}

/// A version as nginx writes it.
pub fn dotted((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(said: &str, version: Version, modules: bool) -> Check {
        let tested = Tested {
            said: said.into(),
            version,
            pieces: 1,
            modules,
            missing: Vec::new(),
        };
        tested.judge(false)
    }

    #[test]
    fn with_a_module_an_unknown_name_may_be_the_module_s() {
        for message in [
            "unknown directive \"more_set_headers\"",
            "unknown \"brotli_ratio\" variable",
        ] {
            let said = format!("nginx: [emerg] {message} in conf.d/a.conf:1\n");
            assert_eq!(judged(&said, PLATFORM, true).ok, None);
            assert_eq!(judged(&said, PLATFORM, false).ok, Some(false));
        }
    }

    #[test]
    fn an_error_of_nginx_is_a_finding_or_skips_the_check() {
        // A line of nginx, with the numbers of its process and thread.
        let emerg = |message: &str| {
            format!("2026/11/26 13:00:00 [emerg] 7#7: {message} in conf.d/a.conf:1\n")
        };
        let old = (1, 22, 1);
        for (said, version, ok) in [
            ("nginx: the configuration file x syntax is ok\nnginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)".into(), old, Some(true)),
            (emerg("unknown directive \"gzp\""), old, None),
            (emerg("unknown directive \"gzp\""), PLATFORM, Some(false)),
            (emerg("unknown directive \"http3\""), PLATFORM, None),
            (emerg("invalid parameter \"quic\""), old, None),
            (emerg("invalid parameter \"quic\""), PLATFORM, Some(false)),
            (emerg("unknown \"http3\" variable"), old, None),
            (emerg("invalid value \"x\""), old, None),
            (emerg("invalid value \"x\" in \"gzip\" directive, it must be \"on\" or \"off\""), old, Some(false)),
            (emerg("the \"quic\" parameter requires ngx_http_v3_module"), PLATFORM, None),
            (emerg("unexpected \"}\""), old, Some(false)),
            (emerg("open() \"/opt/x\" failed (2: No such file or directory)"), old, None),
            (emerg("cannot load certificate \"/etc/pki/x\": BIO_new_file() failed"), old, None),
            (emerg("unknown \"ssl_alpn_protocol\" variable"), PLATFORM, None),
            (emerg("unknown \"requst\" variable"), PLATFORM, Some(false)),
            (emerg("malloc(16777216) failed (12: Cannot allocate memory)"), PLATFORM, None),
            ("the program did not end within 30s".into(), PLATFORM, None),
            ("".into(), old, None),
        ] {
            assert_eq!(judged(&said, version, false).ok, ok, "{said}");
        }
    }

    #[test]
    fn files_that_only_the_instance_has_are_no_finding() {
        for message in [
            "cannot load certificate \"/etc/pki/x\": PEM_read_bio_X509_AUX() failed",
            "host not found in upstream \"db.internal\"",
            "getpwnam(\"webapp\") failed",
            "getgrnam(\"webapp\") failed",
            "dlopen() \"modules/x.so\" failed",
            "BIO_new_file(\"/etc/pki/dhparam\") failed",
            "SSL_CTX_load_verify_locations(\"/etc/pki/ca\") failed",
            "MMDB_open(\"/usr/share/GeoIP/x\") failed",
            "open() \"/opt/x\" failed",
            "opendir() \"/opt/x\" failed",
        ] {
            let said = format!("nginx: [emerg] {message} in conf.d/a.conf:1\n");
            assert_eq!(judged(&said, PLATFORM, false).ok, None, "{said}");
        }
    }
}
