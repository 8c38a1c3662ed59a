//! Finds requests that nginx would pass to a port on which no server of the bundle listens. Each would get status
//! 502.

use std::collections::BTreeSet;

use super::nginx_syntax::{self, Directive};
use super::outcome::Check;
use crate::bundle::Bundle;

const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Directives whose first argument is the URL or the address to which nginx passes requests.
const PASSES: [&str; 3] = ["proxy_pass", "grpc_pass", "server"];

/// Warns about each local port that is not the server's. This is no failure, because another process may listen on
/// the port.
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
                    "{path}:{line} passes requests to port {port}, but the server listens on {server}"
                ));
            }
        }
    }
    Check::of("nginx: ports", Vec::new(), "only the server's port")
        .with_warnings(&warnings)
        .with_hint("set the server's port with `[server] port` in flipless.toml")
}

/// The port of a `listen` directive in a server block of the bundle.
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

/// The local port to which a directive passes requests.
fn passes_to(directive: &Directive) -> Option<u16> {
    let name = directive.words[0].as_str();
    // `server` has an address only inside an `upstream` block.
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
