//! The ports of the nginx configuration: the ports to which nginx passes requests, and the ports on which it
//! listens.

use std::collections::{BTreeMap, BTreeSet};

use flipless_settings::{FrontMode, Settings};

use super::nginx_syntax::{Configuration, Directive};
use super::outcome::Check;

/// Names and addresses of the instance itself.
const LOCAL: [&str; 4] = ["localhost", "[::1]", "0.0.0.0", "127."];
/// Directives whose first argument is the URL or the address to which nginx passes requests.
const PASSES: [&str; 3] = ["proxy_pass", "grpc_pass", "server"];

/// Warns if nginx passes requests to a local port on which no server of the bundle listens. Such requests get
/// status 502. This is only a warning, because another process may listen on the port.
pub fn check(configuration: &Configuration, settings: Option<&Settings>) -> Check {
    let server = settings.map(|all| all.server.port);
    let own = listeners(configuration, configuration.of_bundle());
    let own = own.into_iter().map(|(port, _)| port);
    let own: BTreeSet<u16> = own.chain(server).collect();
    let passed = configuration.of_bundle();
    let passed = passed.filter_map(|directive| Some((directive.place(), passes_to(directive)?)));
    let warnings = passed.filter_map(|(place, port)| {
        let server = server.filter(|_| !own.contains(&port))?;
        Some(format!(
            "{place} passes requests to port {port}, but the server listens on {server}"
        ))
    });
    Check::of("nginx: ports", Vec::new(), "only the server's port")
        .with_warnings(&warnings.collect::<Vec<_>>())
        .with_hint("set the server's port with `[server] port` in flipless.toml")
}

/// Warns if nginx does not listen on the public port. This is only a warning, because the load balancer may use
/// another port.
pub fn public(configuration: &Configuration, settings: Option<&Settings>) -> Check {
    let front = settings.map(|all| all.front.clone()).unwrap_or_default();
    let listeners = listeners(configuration, configuration.directives.iter());
    let open = |(port, public): &(u16, bool)| *port == front.port && *public;
    let fine = front.mode == FrontMode::Direct || listeners.iter().any(open);
    let warning = format!(
        "nginx listens on {}, but not on the public port {}",
        shown(&listeners),
        front.port
    );
    let warnings: Vec<String> = (!fine).then_some(warning).into_iter().collect();
    Check::of("nginx: public port", Vec::new(), format!("{}", front.port))
        .with_warnings(&warnings)
        .with_hint(format!(
            "write `listen {};` into a server block, or set `[front] port` in flipless.toml and the \
             instance port of the load balancer",
            front.port
        ))
}

fn shown(listeners: &BTreeSet<(u16, bool)>) -> String {
    let ports: BTreeSet<u16> = listeners.iter().map(|(port, _)| *port).collect();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    match ports.is_empty() {
        true => "no port".into(),
        false => format!("port {}", ports.join(", ")),
    }
}

/// The ports of the server blocks among these directives, and whether other machines reach them. A block without
/// `listen` is on port 80 (ngx_http_core_module).
fn listeners<'a>(
    configuration: &Configuration,
    directives: impl Iterator<Item = &'a Directive>,
) -> BTreeSet<(u16, bool)> {
    let mut of_block: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for listen in configuration
        .directives
        .iter()
        .filter(|one| one.name() == "listen")
    {
        let block = listen.inside.last().map_or(0, |(_, block)| *block);
        of_block.entry(block).or_default().push(listens(listen));
    }
    let is_server =
        |one: &&Directive| one.opens > 0 && one.name() == "server" && one.block() != "upstream";
    let ports = directives.filter(is_server).flat_map(|server| {
        let default = vec![Some((80, true))];
        of_block.get(&server.opens).cloned().unwrap_or(default)
    });
    ports.flatten().collect()
}

/// The port of a `listen` directive, and whether other machines reach it.
fn listens(directive: &Directive) -> Option<(u16, bool)> {
    let address = directive.words.get(1)?;
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => match address.parse() {
            Ok(port) => ("*", port),
            Err(_) => (address.as_str(), 80),
        },
    };
    let local = LOCAL.iter().any(|name| host.starts_with(name)) && host != "0.0.0.0";
    (host != "unix").then_some((port, !local))
}

/// The local port to which a directive passes requests.
fn passes_to(directive: &Directive) -> Option<u16> {
    let name = directive.name();
    // `server` has an address only inside an `upstream` block.
    if !PASSES.contains(&name) || (name == "server" && directive.block() != "upstream") {
        return None;
    }
    let target = directive.words.get(1)?;
    let (scheme, rest) = target.split_once("://").unwrap_or(("http", target));
    let address = rest.split(['/', '$', '?']).next()?;
    let host = LOCAL.iter().find(|host| address.starts_with(**host))?;
    let rest = address[host.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    match (rest.strip_prefix(':'), scheme) {
        (Some(port), _) => port.parse().ok(),
        // The host has a longer name, or the port is a variable.
        (None, _) if !rest.is_empty() || address.len() < target_host(target).len() => None,
        (None, "https" | "grpcs") => Some(443),
        (None, _) => Some(80),
    }
}

/// The host and port of a URL, with its variables.
fn target_host(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directive(words: &[&str]) -> Directive {
        Directive {
            file: "a.conf".into(),
            words: words.iter().map(|&word| word.to_owned()).collect(),
            line: 1,
            opens: 0,
            inside: vec![("server".into(), 1)],
        }
    }

    #[test]
    fn the_port_of_a_listen() {
        for (address, expected) in [
            ("80", Some((80, true))),
            ("*:80", Some((80, true))),
            ("0.0.0.0:8080", Some((8080, true))),
            ("[::]:80", Some((80, true))),
            ("[::]", Some((80, true))),
            ("10.0.0.1", Some((80, true))),
            ("127.0.0.1:80", Some((80, false))),
            ("127.0.0.1", Some((80, false))),
            ("[::1]:81", Some((81, false))),
            ("localhost:81", Some((81, false))),
            ("unix:/run/x", None),
        ] {
            assert_eq!(
                listens(&directive(&["listen", address])),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn the_local_port_of_a_target() {
        for (target, expected) in [
            ("http://127.0.0.1:8080", Some(8080)),
            ("http://127.0.0.1:8080$request_uri", Some(8080)),
            ("http://127.1.2.3:8080/a", Some(8080)),
            ("http://localhost:8080/a", Some(8080)),
            ("http://localhost", Some(80)),
            ("https://[::1]/x", Some(443)),
            ("http://0.0.0.0:3000", Some(3000)),
            ("http://127.0.0.1:$port", None),
            ("http://localhost$port", None),
            ("http://localhosts:80", None),
            ("http://localhost.example.org:80", None),
            ("http://backend", None),
            ("http://unix:/run/x", None),
        ] {
            assert_eq!(
                passes_to(&directive(&["proxy_pass", target])),
                expected,
                "{target}"
            );
        }
    }
}
