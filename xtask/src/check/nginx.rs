//! Tests the bundle's nginx files with `nginx -t`, in a model of EB's configuration.

use std::io;
use std::path::Path;

use flipless_settings::nginx::{
    KEEPALIVE, KEEPALIVE_SINCE, MIN_TIMEOUT, PLATFORM, Version, knows_keepalive, parse_version,
    upstream_for,
};
use flipless_settings::stock::NGINX_FILES;

use super::directives;
use super::nginx_syntax::{self, PIECES};
use super::outcome::Check;
use super::programs::Scratch;
use crate::bundle::Bundle;
use crate::tools;

const NAME: &str = "nginx";
/// The folder of the files that the agent adds to the configuration.
const OURS: &str = "nginx/";
/// The distribution's files in /etc/nginx that a bundle may include (package nginx-core of Amazon Linux 2023). One
/// line of each is enough to tell in which contexts the file is allowed.
const DISTRIBUTION: [(&str, &str); 8] = [
    ("mime.types", "types { text/html html; }\n"),
    (
        "fastcgi.conf",
        "fastcgi_param QUERY_STRING $query_string;\n",
    ),
    (
        "fastcgi_params",
        "fastcgi_param QUERY_STRING $query_string;\n",
    ),
    ("scgi_params", "scgi_param QUERY_STRING $query_string;\n"),
    ("uwsgi_params", "uwsgi_param QUERY_STRING $query_string;\n"),
    ("koi-utf", "charset_map koi8-r utf-8 { C0 D18E; }\n"),
    ("koi-win", "charset_map koi8-r windows-1251 { C0 FE; }\n"),
    ("win-utf", "charset_map windows-1251 utf-8 { C0 D090; }\n"),
];

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

/// Tests EB's configuration with the bundle's files in it.
pub fn check(bundle: &Bundle) -> Check {
    check_by(tools::installed("nginx").as_deref(), bundle)
}

/// The same, with this nginx.
pub fn check_by(program: Option<&Path>, bundle: &Bundle) -> Check {
    let texts = || bundle.entries.iter().filter(|entry| entry.text().is_some());
    let read = |name: &str| [PIECES, OURS].iter().any(|folder| name.starts_with(folder));
    let pieces = texts().filter(|entry| read(&entry.name)).count();
    let keepalive = texts().any(|entry| entry.name.strip_prefix(OURS) == Some(KEEPALIVE));
    if pieces == 0 {
        return Check::of(NAME, Vec::new(), "no nginx files in the bundle");
    }
    let Some(program) = program else {
        let hint = "install nginx; on Debian: apt-get install nginx-light";
        return Check::skipped(NAME, "nginx is not installed").with_hint(hint);
    };
    match test(program, bundle) {
        Ok((version, said)) => match judge(&said, version, pieces) {
            check if keepalive && !knows_keepalive(version) && check.ok == Some(true) => {
                let [since, here] = [KEEPALIVE_SINCE, version].map(dotted);
                let why = format!("{OURS}{KEEPALIVE} needs nginx {since}, but this is {here}");
                Check::skipped(NAME, format!("{why}; all other files are valid"))
            }
            check => check,
        },
        Err(error) => Check::skipped(NAME, format!("nginx: {error}")),
    }
}

fn test(program: &Path, bundle: &Bundle) -> io::Result<(Version, String)> {
    let folder = Scratch::new()?;
    let root = folder.path().display().to_string();
    let said = folder.run(program, &["-v"])?.text;
    let version = parse_version(&said).ok_or(io::Error::other(format!(
        "cannot read the version from {said:?}"
    )))?;
    for (path, text) in NGINX_FILES.iter().chain(&DISTRIBUTION) {
        folder.write(path, &moved(text.as_bytes(), &root))?;
    }
    let has_keepalive = knows_keepalive(version) && !sets_keepalive(bundle);
    for entry in &bundle.entries {
        let Some(text) = entry.text() else { continue };
        if let Some(path) = entry.name.strip_prefix(PIECES) {
            folder.write(path, &moved(text, &root))?;
        } else if let Some(name) = entry.name.strip_prefix(OURS)
            && (name != KEEPALIVE || has_keepalive)
        {
            let text = upstream_for(&String::from_utf8_lossy(text), version);
            folder.write(&format!("conf.d/{name}"), text.as_bytes())?;
        }
    }
    let file = format!("{root}/nginx.conf");
    let said = folder.run(program, &["-t", "-p", &root, "-c", &file, "-e", "stderr"])?;
    Ok((version, said.text.replace(&format!("{root}/"), "")))
}

/// Returns whether the bundle itself sets the directive of the agent's keep-alive file. The agent then leaves out its
/// file.
fn sets_keepalive(bundle: &Bundle) -> bool {
    let mut directives = nginx_syntax::files(bundle).flat_map(|(_, directives)| directives);
    directives.any(|directive| directive.words[0] == MIN_TIMEOUT)
}

/// Changes absolute paths, so that they name the files in the temporary folder.
fn moved(text: &[u8], root: &str) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .replace("/etc/nginx/", &format!("{root}/"))
        .into_bytes()
}

/// Judges the output of nginx. nginx prints `syntax is ok` after it has parsed all files. A later failure is
/// due to this machine: a port, a log or the pid file, which the user `nobody` can't open.
fn judge(said: &str, version: Version, pieces: usize) -> Check {
    let shown = shown(version);
    if said.contains("syntax is ok") {
        return Check::of(
            NAME,
            Vec::new(),
            format!("{pieces} files in EB's configuration, {shown}"),
        );
    }
    let emergency = said.lines().find_map(|line| line.split_once("[emerg] "));
    let Some((_, message)) = emergency else {
        return Check::of(NAME, vec![format!("nginx failed: {}", said.trim())], "");
    };
    let message = without_numbers(message);
    let absolute = message.contains("open() \"/") || message.contains("opendir() \"/");
    if absolute || ELSEWHERE.iter().any(|text| message.contains(text)) {
        return Check::skipped(NAME, format!("only the instance may have this: {message}"));
    }
    if known_to_eb(message, version) {
        return Check::skipped(
            NAME,
            format!("{message} (this is {shown}, which may know it)"),
        );
    }
    Check::of(NAME, vec![format!("{message} ({shown})")], "").with_hint(
        "paths are relative to EB's /etc/nginx; `.platform/nginx/conf.d/*.conf` belongs to the `http` block, \
         and `.platform/nginx/conf.d/elasticbeanstalk/*.conf` to the `server` block",
    )
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

/// Whether EB's nginx may accept what this nginx refuses: EB's has every module, and may be newer.
fn known_to_eb(message: &str, version: Version) -> bool {
    let directive = message.strip_prefix("unknown directive \"");
    let name = directive.and_then(|rest| rest.split('"').next());
    let newer = [
        "unknown directive",
        "invalid parameter",
        "invalid value",
        "\" variable",
    ];
    // A flag accepts only `on` and `off` in every version.
    let may_be_newer =
        newer.iter().any(|text| message.contains(text)) && !message.contains("it must be");
    name.is_some_and(directives::is_nginx_s) || (version < PLATFORM && may_be_newer)
}

fn shown(version: Version) -> String {
    let (major, minor, _) = PLATFORM;
    match (version.0, version.1) == (major, minor) {
        true => format!("nginx {}", dotted(version)),
        false => format!("nginx {}; EB has {major}.{minor}", dotted(version)),
    }
}

fn dotted((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_nginx_is_a_finding_or_skips_the_check() {
        // As nginx writes it, with its process and thread.
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
            (emerg("open() \"conf.d/y\" failed (2: No such file or directory)"), old, Some(false)),
            (emerg("cannot load certificate \"/etc/pki/x\": BIO_new_file() failed"), old, None),
            ("".into(), old, Some(false)),
        ] {
            assert_eq!(judge(&said, version, 1).ok, ok, "{said}");
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
            assert_eq!(judge(&said, PLATFORM, 1).ok, None, "{said}");
        }
    }
}
