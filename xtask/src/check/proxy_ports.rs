//! Requests that nginx would pass to a port on which no server of the bundle listens: 502 for each.

use std::collections::BTreeSet;

use super::nginx_syntax::{self, Directive};
use super::outcome::Check;
use crate::bundle::Bundle;

const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Directives whose first argument is a URL to pass requests to, and those with an address.
const PASSES: [&str; 3] = ["proxy_pass", "grpc_pass", "server"];

/// Warns of each port of this machine that is not the server's: another process may have it.
pub fn check(bundle: &Bundle, server: Option<u16>) -> Check {
    let files: Vec<_> = nginx_syntax::files(bundle).collect();
    let own = files.iter().flat_map(|(_, directives)| directives);
    let own: BTreeSet<u16> = own.filter_map(listens).chain(server).collect();
    let mut warnings = Vec::new();
    for (path, directives) in &files {
        for directive in directives {
            let (Some(port), Some(server)) = (passes_to(directive), server) else {
                continue;
            };
            if !own.contains(&port) {
                let line = directive.line;
                warnings.push(format!(
                    "{path}:{line} passes requests to port {port}, the server listens on {server}"
                ));
            }
        }
    }
    Check::of("nginx: ports", Vec::new(), "none but the server's")
        .with_warnings(&warnings)
        .with_hint("`[server] port` in flipless.toml names the server's port")
}

/// The port of a `listen` in a server block of the bundle.
fn listens(directive: &Directive) -> Option<u16> {
    let address = directive
        .words
        .get(1)
        .filter(|_| directive.words[0] == "listen")?;
    let port = address
        .rsplit_once(':')
        .map_or(address.as_str(), |(_, port)| port);
    port.parse().ok()
}

/// The port of this machine that a directive passes requests to.
fn passes_to(directive: &Directive) -> Option<u16> {
    let name = directive.words[0].as_str();
    // `server` is an upstream's address only in an upstream.
    let in_upstream = directive
        .inside
        .last()
        .is_some_and(|block| block == "upstream");
    if !PASSES.contains(&name) || (name == "server" && !in_upstream) {
        return None;
    }
    let target = directive.words.get(1)?;
    let (scheme, rest) = target.split_once("://").unwrap_or(("http", target));
    let address = rest.split('/').next()?;
    let host = LOOPBACK
        .into_iter()
        .find(|host| address.starts_with(host))?;
    match (address[host.len()..].strip_prefix(':'), scheme) {
        (Some(port), _) => port.parse().ok(),
        (None, _) if address.len() > host.len() => None,
        (None, "https" | "grpcs") => Some(443),
        (None, _) => Some(80),
    }
}
