//! Finds the addresses on which nginx will listen in the output of `nginx -T`, which contains all included files.

use std::collections::BTreeMap;
use std::path::Path;

use super::syntax::{self, Directive};

/// The maximal depth of includes. nginx itself only has the limit of its open files.
const MAX_DEPTH: usize = 32;

/// The directives of each file, by path.
type Files = BTreeMap<String, Vec<Directive>>;

/// One `listen` directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub host: Host,
    /// One port, or a range (since nginx 1.15.10).
    pub ports: std::ops::RangeInclusive<u16>,
    /// The directive as written, for messages.
    pub text: String,
    options: Vec<String>,
}

/// The address without its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// All IPv4 addresses.
    Any,
    /// All IPv6 addresses.
    Any6,
    /// One IPv4 or IPv6 address, or a name.
    Single(String),
    /// The path of a socket.
    Unix(String),
}

impl Listen {
    /// Returns whether it accepts connections on this TCP port.
    pub fn is_on(&self, port: u16) -> bool {
        let is_udp = self.has("udp") || self.has("quic");
        !matches!(self.host, Host::Unix(_)) && !is_udp && self.ports.contains(&port)
    }

    /// Returns whether it is an IPv6 address that also accepts IPv4 connections: `[::]` with `ipv6only=off`.
    pub fn is_dual(&self) -> bool {
        self.host == Host::Any6 && self.has("ipv6only=off")
    }

    /// Returns whether nginx opens a separate socket for it even if a wildcard has the same port
    /// (`ngx_http_core_listen`).
    pub fn binds(&self) -> bool {
        const BINDING: [&str; 9] = [
            "bind",
            "setfib",
            "fastopen",
            "backlog",
            "rcvbuf",
            "sndbuf",
            "deferred",
            "reuseport",
            "so_keepalive",
        ];
        let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
        let mut names = self.options.iter().map(|option| name(option));
        names.any(|name| BINDING.contains(&name.as_str()))
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|own| own == option)
    }
}

/// Returns every `listen` in the output of `nginx -T -c MAIN`.
pub fn in_dump(dump: &str, main: &str) -> Vec<Listen> {
    let files = files(dump);
    let directives = expand(&files, Path::new(main), main, MAX_DEPTH);
    let mut listens = Vec::new();
    for context in &directives {
        let is_http = context.name() == "http";
        if !is_http && !["stream", "mail"].contains(&context.name()) {
            continue;
        }
        for server in named(&context.block, "server") {
            let found: Vec<_> = named(&server.block, "listen").collect();
            // The default address of an http server (ngx_http_core_server).
            if found.is_empty() && is_http {
                listens.extend(listen(&["listen".into(), "*:80".into()]));
            }
            listens.extend(found.iter().filter_map(|found| listen(&found.words)));
        }
    }
    listens
}

fn named<'a>(directives: &'a [Directive], name: &'a str) -> impl Iterator<Item = &'a Directive> {
    directives.iter().filter(move |found| found.name() == name)
}

/// Splits a dump into files. Each file begins with a line that contains its path (ngx_dump_config in nginx.c).
fn files(dump: &str) -> Files {
    let parts = format!("\n{dump}");
    let named = parts.split("\n# configuration file ").skip(1);
    named
        .filter_map(|part| part.split_once(":\n"))
        .map(|(name, text)| (name.to_owned(), syntax::parse(text)))
        .collect()
}

/// Returns the directives of a file, with the included files in place of each `include`. Relative paths begin in
/// the folder of the main file (ngx_conf_full_name).
fn expand(files: &Files, main: &Path, name: &str, depth: usize) -> Vec<Directive> {
    let directives = files.get(name).map(Vec::as_slice).unwrap_or_default();
    expand_all(files, main, directives, depth)
}

fn expand_all(
    files: &Files,
    main: &Path,
    directives: &[Directive],
    depth: usize,
) -> Vec<Directive> {
    let Some(depth) = depth.checked_sub(1) else {
        return Vec::new();
    };
    let mut expanded = Vec::new();
    for directive in directives {
        match directive.words.as_slice() {
            [include, pattern] if include == "include" => {
                let folder = main.parent().unwrap_or(Path::new("/"));
                let pattern = folder.join(pattern);
                let names = files
                    .keys()
                    .filter(|name| matches(&pattern, Path::new(name)));
                expanded.extend(names.flat_map(|name| expand(files, main, name, depth)));
            }
            words => expanded.push(Directive {
                words: words.to_vec(),
                block: expand_all(files, main, &directive.block, depth),
            }),
        }
    }
    expanded
}

/// Returns whether a path matches a pattern of glob(7). No wildcard matches a slash.
fn matches(pattern: &Path, path: &Path) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.iter().collect(), path.iter().collect());
    let same = |(pattern, part): (&&std::ffi::OsStr, &&std::ffi::OsStr)| {
        part_matches(&pattern.to_string_lossy(), &part.to_string_lossy())
    };
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return part.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let mut ends = part.char_indices().map(|(at, _)| at).chain([part.len()]);
    let after = |part: &str| part.chars().next().map(char::len_utf8);
    match first {
        '*' => ends.any(|at| part_matches(rest, &part[at..])),
        // A set may match any character here, because the dump only contains files that nginx has included.
        '[' if rest.contains(']') => {
            let rest = rest.split_once(']').map_or("", |(_, rest)| rest);
            after(part).is_some_and(|at| part_matches(rest, &part[at..]))
        }
        '?' => after(part).is_some_and(|at| part_matches(rest, &part[at..])),
        _ => part
            .strip_prefix(first)
            .is_some_and(|part| part_matches(rest, part)),
    }
}

/// Parses the words of a `listen`.
fn listen(words: &[String]) -> Option<Listen> {
    let [_, address, options @ ..] = words else {
        return None;
    };
    let (host, ports) = split(address)?;
    Some(Listen {
        host,
        ports,
        text: words.join(" "),
        options: options.to_vec(),
    })
}

fn split(address: &str) -> Option<(Host, std::ops::RangeInclusive<u16>)> {
    if let Some(path) = address.strip_prefix("unix:") {
        return Some((Host::Unix(path.into()), 0..=0));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ if ports(address).is_some() => ("*", address),
        _ => (address, "80"),
    };
    let host = match host {
        "*" | "0.0.0.0" => Host::Any,
        "[::]" | "[::0]" | "[0::0]" => Host::Any6,
        other => Host::Single(other.into()),
    };
    Some((host, ports(port)?))
}

fn ports(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests;
