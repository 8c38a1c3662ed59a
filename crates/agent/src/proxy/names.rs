//! Finds out whether nginx looks up a host's name when it loads a configuration. nginx keeps the addresses until it
//! loads the configuration again.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use flipless_settings::nginx::TABLES;

use super::syntax::{self, Directive};

/// Returns whether nginx looks up a name when it loads this configuration.
pub fn are_looked_up(tree: &[Directive]) -> bool {
    let groups: BTreeSet<String> = syntax::all(tree)
        .into_iter()
        .filter(|directive| directive.name() == "upstream")
        .filter_map(|upstream| Some(upstream.arguments().first()?.to_lowercase()))
        .collect();
    has_name(tree, &groups)
}

fn has_name(directives: &[Directive], groups: &BTreeSet<String>) -> bool {
    let directives = directives.iter();
    let mut directives = directives.filter(|directive| !TABLES.contains(&directive.name()));
    directives.any(|directive| {
        let mut names = addresses(directive).into_iter().filter_map(host);
        names.any(|name| !groups.contains(&name.to_lowercase()))
            || has_name(&directive.block, groups)
    })
}

/// Returns the addresses that nginx looks up for a directive. The directives are those whose code calls `ngx_parse_url`
/// or `ngx_inet_resolve_host`.
fn addresses(directive: &Directive) -> Vec<&str> {
    let arguments = directive.arguments().iter().map(String::as_str);
    match directive.name() {
        // nginx itself looks up a server with `resolve` again and again.
        "server" if arguments.clone().any(|argument| argument == "resolve") => Vec::new(),
        "resolver" => arguments.filter(|word| !word.contains('=')).collect(),
        "access_log" | "error_log" => arguments
            .filter_map(|word| word.strip_prefix("syslog:"))
            .flat_map(|options| options.split(','))
            .filter_map(|option| option.strip_prefix("server="))
            .collect(),
        // `server` with an argument is in an upstream.
        "server"
        | "pass"
        | "listen"
        | "auth_http"
        | "set_real_ip_from"
        | "debug_connection"
        | "ssl_stapling_responder"
        | "ssl_ocsp_responder" => arguments.take(1).collect(),
        name if name.ends_with("_pass") => arguments.take(1).collect(),
        _ => Vec::new(),
    }
}

/// Returns the name of the host in an address. The path of a unix socket, an IP address and a bare port contain no
/// name. An address with a variable does not count, because nginx looks it up for each request. `localhost` always has
/// the same address (RFC 6761, section 6.3).
fn host(address: &str) -> Option<&str> {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    if address.starts_with("unix:") || address.contains('$') {
        return None;
    }
    let authority = address.split('/').next()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    // An IPv6 address has more than one colon.
    let is_ip = port.contains(':') || host.parse::<Ipv4Addr>().is_ok();
    let is_name = host.contains(|c: char| c.is_alphabetic()) && !host.starts_with('[');
    let is_fixed = ["localhost", "off"].contains(&host);
    (is_name && !is_ip && !is_fixed).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        are_looked_up(&syntax::parse(text))
    }

    #[test]
    fn names_are_found_in_every_directive_that_nginx_looks_up() {
        for text in [
            "location / { proxy_pass http://api.example.com; }",
            "proxy_pass\n  'https://api:8443/v1/';",
            "a; proxy_pass HTTP://api/v1; b;",
            "grpc_pass grpcs://api:443;",
            "fastcgi_pass php:9000;",
            "uwsgi_pass a-b.internal:9000;",
            "scgi_pass api;",
            "memcached_pass cache:11211;",
            "upstream app { server 10.0.0.1; server db.internal:80 backup; }",
            "upstream app { server db.internal; } server { location / { proxy_pass http://app; } }",
            "stream { server { listen 1; proxy_pass db:5432; } }",
            "stream { server { listen 1; pass db:5432; } }",
            "if ($a) { proxy_pass http://api; }",
            "resolver ns.example.com valid=30s;",
            "access_log syslog:server=logs.example.com:514,tag=a main;",
            "server { listen www.example.com:80; }",
            "set_real_ip_from proxy.internal;",
            "map $a $b { server x; } proxy_pass http://api;",
            "proxy_pass http://1.example.com;",
            "proxy_pass http://fd00.example.com:80;",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn the_lines_of_a_table_name_no_server() {
        for table in TABLES {
            assert!(
                !found(&format!("{table} $a $b {{ server db.internal; }}")),
                "{table}"
            );
        }
    }

    #[test]
    fn an_address_that_nginx_does_not_look_up_is_no_name() {
        for text in [
            "",
            "proxy_pass http://127.0.0.1:5000;",
            "proxy_pass http://localhost:5000/;",
            "proxy_pass http://[::1]:5000/a;",
            "proxy_pass http://[fd00::a];",
            "proxy_pass http://unix:/run/app.sock:/uri;",
            "fastcgi_pass unix:/run/php.sock;",
            "proxy_pass http://$host;",
            "proxy_pass http://api.example.com$request_uri;",
            "upstream App { server 10.0.0.1:80 weight=2; server unix:/run/a; } proxy_pass http://app;",
            "stream { upstream db { server 10.0.0.1:1; } server { listen 9; proxy_pass db; } }",
            "upstream app { server db.internal resolve; }",
            "# proxy_pass http://api;",
            "add_header x 'proxy_pass http://api;';",
            "proxy_pass_header Server; proxy_pass_request_body off;",
            "listen 80; listen *:80; listen [::]:80; listen unix:/x; listen 8000-8010; listen 10.0.0.1:80;",
            "server { server_name example.com; }",
            "map $a $b { server x; resolver y; }",
            "resolver 10.0.0.2 [::1]:53 valid=30s ipv6=off status_zone=a;",
            "resolver off; ssl_ocsp on;",
            "set_real_ip_from 10.0.0.0/8; set_real_ip_from fd00::/8; set_real_ip_from unix:;",
            "access_log syslog:server=10.0.0.1,tag=x; error_log syslog:server=unix:/dev/log;",
            "access_log /var/log/a.log;",
        ] {
            assert!(!found(text), "{text}");
        }
    }

    proptest::proptest! {
        /// No text makes the function panic.
        #[test]
        fn any_address_is_read(address in "[a-z0-9:/\\[\\].$é]{0,20}") {
            host(&address);
        }
    }
}
