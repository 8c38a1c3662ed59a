//! Finds, in the output of `nginx -T`, the addresses on which nginx will listen. The output contains all included
//! files.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::configuration::Configuration;
use super::sockets::Address;
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
    /// Returns whether this `listen` accepts connections on this TCP port.
    pub fn is_on(&self, port: u16) -> bool {
        !matches!(self.host, Host::Unix(_)) && !self.is_udp() && self.ports.contains(&port)
    }

    /// Returns whether this is an IPv6 address that also accepts IPv4 connections: `[::]` with `ipv6only=off`.
    pub fn is_dual(&self) -> bool {
        self.host == Host::Any6 && self.has("ipv6only=off")
    }

    /// Returns whether nginx opens a separate socket for this address, even if a wildcard has the same port
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

    /// Returns whether nginx opens this address because of the directive. A host name counts as every address, because
    /// only nginx looks names up.
    pub fn opens(&self, address: &Address) -> bool {
        let (address, is_udp) = match address {
            Address::Tcp(address) => (address, false),
            Address::Udp(address) => (address, true),
            Address::Unix(path) => return self.host == Host::Unix(path.clone()),
        };
        let is_host = match &self.host {
            Host::Any => address.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Host::Any6 => address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED),
            Host::Single(host) => {
                let host = host.trim_matches(['[', ']']).parse::<IpAddr>();
                host.map_or(true, |host| host == address.ip())
            }
            Host::Unix(_) => false,
        };
        is_host && self.is_udp() == is_udp && self.ports.contains(&address.port())
    }

    /// Returns whether an open socket with the address `other` keeps nginx from opening this `listen` (bind(2)). This
    /// is the case if both have the same port, and one of the two addresses is a wildcard. Does not compare the
    /// families, because `[::]` may include IPv4.
    fn conflicts(&self, other: &Address) -> bool {
        let (address, is_udp) = match other {
            Address::Tcp(address) => (address, false),
            Address::Udp(address) => (address, true),
            Address::Unix(_) => return false,
        };
        let is_wild = address.ip().is_unspecified() || matches!(self.host, Host::Any | Host::Any6);
        let is_on_port = self.is_udp() == is_udp && self.ports.contains(&address.port());
        is_wild && is_on_port && !matches!(self.host, Host::Unix(_)) && !self.opens(other)
    }

    fn is_udp(&self) -> bool {
        self.has("udp") || self.has("quic")
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|own| own == option)
    }
}

/// Returns every `listen` in the output of `nginx -T -c MAIN`.
pub fn in_dump(dump: &str, main: &str) -> Vec<Listen> {
    of(&Configuration::in_dump(dump).tree(main))
}

/// Returns the open addresses that these `listen` directives no longer use, and that keep nginx from opening a new
/// address.
pub fn blocking(listens: &[Listen], open: &BTreeSet<Address>) -> BTreeSet<Address> {
    let is_used = |address: &Address| listens.iter().any(|listen| listen.opens(address));
    let is_open = |listen: &Listen| open.iter().any(|address| listen.opens(address));
    let new: Vec<_> = listens.iter().filter(|listen| !is_open(listen)).collect();
    let blocks = |address: &&Address| {
        !is_used(address) && new.iter().any(|listen| listen.conflicts(address))
    };
    open.iter().filter(blocks).cloned().collect()
}

/// Returns the path of every `listen` on a Unix socket.
pub fn unix_paths(listens: &[Listen]) -> impl Iterator<Item = String> {
    listens.iter().filter_map(|listen| match &listen.host {
        Host::Unix(path) => Some(path.clone()),
        _ => None,
    })
}

/// Returns every `listen` in these directives of a main file.
pub fn of(directives: &[Directive]) -> Vec<Listen> {
    let mut listens = Vec::new();
    // Other modules, such as stream, mail and rtmp, have contexts with servers, too.
    for context in directives {
        let is_http = context.name() == "http";
        for server in named(&context.block, "server") {
            let has_address = named(&server.block, "listen").next().is_some();
            if has_address || is_http {
                listens.extend(of_server(server));
            }
        }
    }
    listens
}

/// Returns the addresses of one http server. Its default is port 80 (ngx_http_core_server).
pub fn of_server(server: &Directive) -> impl Iterator<Item = Listen> {
    let mut found: Vec<_> = named(&server.block, "listen")
        .map(|found| found.words.clone())
        .collect();
    if found.is_empty() {
        found.push(vec!["listen".into(), "*:80".into()]);
    }
    found.into_iter().filter_map(|words| listen(&words))
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
