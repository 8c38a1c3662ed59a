//! Finds conflicts between the addresses in nginx's configuration and systemd's sockets. `nginx -t` does not find them:
//! it ignores EADDRINUSE, and can't tell which port is public.

use flipless_settings::Settings;

use super::advice::Advice;
use super::listens::{Host, Listen};

/// Refuses a configuration that would not serve the public port, or that conflicts with a socket of systemd.
pub fn check(listens: &[Listen], settings: &Settings) -> Result<(), Advice> {
    let public = settings.front.port;
    serves(listens, public)?;
    beside_the_public_port(listens, public)?;
    beside_the_server(listens, settings.server.port)
}

/// Requires a `listen` for all IPv4 addresses on the public port. systemd's socket has this address, and nginx
/// takes over a socket only if the addresses are equal (ngx_init_cycle).
pub fn serves(listens: &[Listen], public: u16) -> Result<(), Advice> {
    let on_port = || listens.iter().filter(|listen| listen.is_on(public));
    if on_port().any(|listen| listen.host == Host::Any) {
        return Ok(());
    }
    let hint = format!("add `listen {public};` to the server that takes the requests");
    if let Some(dual) = on_port().find(|listen| listen.is_dual()) {
        return Err(dual_stack(dual, public));
    }
    let reason = match on_port().next() {
        Some(listen) => format!(
            "`{}` is the only address on the public port {public}, and nginx can't open it beside \
             0.0.0.0:{public}, which systemd holds",
            listen.text
        ),
        None => format!("no server listens on the public port {public}"),
    };
    Err(Advice { reason, hint })
}

fn dual_stack(listen: &Listen, public: u16) -> Advice {
    Advice {
        reason: format!(
            "`{}` also accepts IPv4, so nginx can't open it beside 0.0.0.0:{public}, which systemd holds",
            listen.text
        ),
        hint: format!("write `listen {public}; listen [::]:{public};` instead"),
    }
}

/// Refuses other addresses on the public port that nginx would open beside systemd's socket. If a wildcard has the
/// port, nginx opens another IPv4 address only if an option requires it (ngx_http_add_addrs).
fn beside_the_public_port(listens: &[Listen], public: u16) -> Result<(), Advice> {
    for listen in listens.iter().filter(|listen| listen.is_on(public)) {
        if listen.is_dual() {
            return Err(dual_stack(listen, public));
        }
        let is_single_ipv4 = matches!(&listen.host, Host::Single(host) if !host.starts_with('['));
        if is_single_ipv4 && listen.binds() {
            return Err(Advice {
                reason: format!(
                    "nginx can't open `{}` beside 0.0.0.0:{public}, which systemd holds",
                    listen.text
                ),
                hint: format!("move its options to `listen {public}`"),
            });
        }
    }
    Ok(())
}

/// Refuses addresses that conflict with the server's port, which systemd holds on 127.0.0.1.
fn beside_the_server(listens: &[Listen], server: u16) -> Result<(), Advice> {
    let takes = |listen: &&Listen| {
        let host = match &listen.host {
            Host::Any => true,
            Host::Single(host) => ["127.0.0.1", "localhost"].contains(&host.as_str()),
            Host::Any6 | Host::Unix(_) => listen.is_dual(),
        };
        host && listen.is_on(server)
    };
    match listens.iter().find(takes) {
        None => Ok(()),
        Some(listen) => Err(Advice {
            reason: format!(
                "nginx can't open `{}` beside 127.0.0.1:{server}, which systemd holds for the server",
                listen.text
            ),
            hint:
                "choose another port for this `listen`, or another `[server] port` in flipless.toml"
                    .into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::listens::in_dump;

    fn check_of(listens: &str) -> Result<(), String> {
        let dump = format!(
            "# configuration file /etc/nginx/nginx.conf:\nhttp {{ server {{ {listens} }} }}"
        );
        let listens = in_dump(&dump, "/etc/nginx/nginx.conf");
        check(&listens, &Settings::default()).map_err(|advice| format!("{advice}\n{}", advice.hint))
    }

    #[test]
    fn addresses_that_nginx_can_take_over_or_open_are_fine() {
        for listens in [
            "",
            "listen 80 default_server;",
            "listen *:80 reuseport; listen [::]:80;",
            "listen 0.0.0.0:80; listen [::]:80 ipv6only=on; listen 443 ssl; listen unix:/run/x;",
            // nginx serves 10.0.0.1 through the wildcard.
            "listen 80; listen 10.0.0.1:80;",
            "listen 80; listen [::1]:80 bind;",
            "listen 80; listen 127.0.0.1:8080; listen 5000 udp; listen 10.0.0.1:5000;",
        ] {
            assert_eq!(check_of(listens), Ok(()), "{listens}");
        }
    }

    #[test]
    fn addresses_that_conflict_with_systemds_are_refused_with_a_hint() {
        for (listens, said) in [
            ("listen 8080;", "no server listens on the public port 80"),
            ("listen 443 ssl;", "add `listen 80;`"),
            ("listen 80 quic;", "no server listens on the public port 80"),
            ("listen [::]:80;", "`listen [::]:80` is the only address"),
            (
                "listen 10.0.0.1:80;",
                "`listen 10.0.0.1:80` is the only address",
            ),
            (
                "listen [::]:80 ipv6only=off;",
                "write `listen 80; listen [::]:80;`",
            ),
            (
                "listen 80; listen [::]:80 ipv6only=off;",
                "`listen [::]:80 ipv6only=off` also accepts IPv4",
            ),
            (
                "listen 80; listen 10.0.0.1:80 backlog=9;",
                "move its options to `listen 80`",
            ),
            (
                "listen 80; listen 5000;",
                "127.0.0.1:5000, which systemd holds",
            ),
            ("listen 80; listen 127.0.0.1:5000;", "choose another port"),
        ] {
            let refused = check_of(listens).expect_err(listens);
            assert!(refused.contains(said), "{listens}: {refused}");
        }
    }
}
