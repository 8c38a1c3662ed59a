//! Finds the addresses on which nginx will listen in the output of `nginx -T`, which contains all included files.

use super::configuration::Configuration;
use super::syntax::Directive;

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
    let directives = Configuration::in_dump(dump).tree(main);
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
